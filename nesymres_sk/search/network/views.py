"""Views: ways to show a table to the network, and its answers in terms of the table.

A network that has read a table ranks skeletons once and for all; shown the same law in another way, it has other
ideas. A view may show some of the rows, jittered targets or other units (Meidani et al. 2024 seed a search so), or the
values that belong in the hole of an equation (:mod:`nesymres_sk.search.network.frames`); answers are then parts of
equations.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nesymres_sk.archive import Archive
from nesymres_sk.model.inputs import POINT_WIDTH, Batch, table_to_batch
from nesymres_sk.search.candidate import Candidate
from nesymres_sk.search.grammar import Grammar
from nesymres_sk.search.network.frames import HOLE, Frame, frames_of, transforms
from nesymres_sk.table import Table

#: Rows that the network is shown at most, and at least.
MAX_ROWS, _FEWEST_ROWS = 256, 6
#: Share of the rows in which the target of a hole must be defined.
_DEFINED = 0.5
#: Values larger than the median by this factor, near a pole of the inverse, are not shown.
_LARGEST_RATIO = 1e3
#: Values of a target beyond which differences and means could overflow, and what may be shown at all.
_LARGEST_TARGET, _LARGEST_NUMBER = 1e300, float(np.finfo(np.float64).max)
#: Smaller variation of a target, relative to its size, is rounding.
_SMALLEST_VARIATION = 1e-6
#: Tokens that must be left for an answer.
_SHORTEST_ANSWER = 3
#: Longer equations are made no frames: their parts are rarely parts of the law.
_LONGEST_FRAME = 16
#: Standard deviation of the jitter, relative to the target's scale.
_LARGEST_JITTER = 0.03
#: Decades of the units that are told instead of the true ones.
_DECADES = 3.0

#: The frame of whole equations.
WHOLE = Frame(HOLE)


@dataclass(frozen=True)
class View:
    """What the network is shown, and what its answers mean.

    Attributes
    ----------
    batch : Batch
        One problem.
    grammar : Grammar
        Rules for the answers.
    frame : Frame
        Where the answers belong.
    """

    batch: Batch
    grammar: Grammar
    frame: Frame = WHOLE


class Views:
    """Makes views of one table.

    Parameters
    ----------
    table : Table
    archive : Archive
        Of the search: its best short equations are the frames of holes.
    grammar : Grammar
        Rules for whole equations.
    rng : numpy.random.Generator

    Attributes
    ----------
    kinds : dict of str to callable
        A random view of each kind, or ``None`` where the data allow none: ``rows`` and ``jitter`` show fewer rows and
        noise, ``units`` tells other units, ``transform`` shows a function of the target or what is left of it beside
        one column, and ``hole`` what belongs in a hole of a known equation.
    """

    def __init__(self, table: Table, archive: Archive, grammar: Grammar, rng: np.random.Generator) -> None:
        self._table = table
        self._archive = archive
        self._grammar = grammar
        self._parts = grammar.for_parts()
        self._rng = rng
        self._transforms = transforms(grammar.n_variables)
        self.kinds: dict[str, Callable[[], View | None]] = {
            "rows": self._rows,
            "jitter": self._jitter,
            "units": self._units,
            "transform": self._transform,
            "hole": self._hole,
        }

    def plain(self) -> View:
        """The table as it is; a random bag of its rows if there are more than the network reads."""
        return self._whole(self._table.X, self._table.y)

    def translate(self, view: View, answer: Candidate) -> Candidate | None:
        """What an answer to a view says about the table; ``None`` if it is no equation of the grammar.

        The constants of a frame become free and keep their values as the first start.
        """
        if view.frame == WHOLE:
            return answer
        equation = view.frame.fill(answer.skeleton)
        if equation is None or not equation.variables or not self._grammar.allows(equation):
            return None
        return Candidate(equation.skeleton(), answer.log_prob, equation.constants)

    def _rows(self) -> View:
        n_rows = self._table.n_rows
        most = min(MAX_ROWS, n_rows)
        n = int(self._rng.integers(min(_FEWEST_ROWS, most), most + 1))
        rows = self._rng.choice(n_rows, n, replace=False)
        return self._whole(self._table.X[rows], self._table.y[rows])

    def _jitter(self) -> View:
        size = _LARGEST_JITTER * self._table.y_scale * self._rng.random()
        with np.errstate(over="ignore"):
            moved = self._table.y + size * self._rng.standard_normal(self._table.n_rows)
        return self._whole(self._table.X, np.clip(moved, -_LARGEST_NUMBER, _LARGEST_NUMBER))

    def _units(self) -> View:
        batch = self.plain().batch
        decades = _DECADES * self._rng.integers(2) * self._rng.uniform(-1.0, 1.0, POINT_WIDTH)
        told = np.where(batch.present, np.log(10.0) * decades, 0.0).astype(np.float32)
        return View(batch._replace(log_scales=told), self._grammar)

    def _transform(self) -> View | None:
        return self._framed(self._transforms[self._rng.integers(len(self._transforms))])

    def _hole(self) -> View | None:
        known = [entry.expression for entry in self._archive.front() if 1 < entry.complexity <= _LONGEST_FRAME]
        if not known:
            return None
        frames = frames_of(known[self._rng.integers(len(known))])
        return self._framed(frames[self._rng.integers(len(frames))])

    def _whole(self, X: NDArray[np.float64], y: NDArray[np.float64]) -> View:
        return View(show(X, y, self._grammar, self._rng), self._grammar)

    def _framed(self, frame: Frame) -> View | None:
        """What belongs in the hole of a frame, in the rows where anything does."""
        left = self._grammar.max_length - frame.size
        if left < _SHORTEST_ANSWER:
            return None
        target = frame.target(self._table.X, self._table.y)
        size = np.abs(target)
        shown = size < _LARGEST_TARGET  # false for NaN
        if shown.any():
            shown &= size <= _LARGEST_RATIO * np.median(size[shown])
        if shown.sum() < max(_FEWEST_ROWS, _DEFINED * len(target)):
            return None
        if np.ptp(target[shown]) <= _SMALLEST_VARIATION * size[shown].max():
            return None  # a constant belongs there, and the fit has found it
        rules = copy(self._parts)
        rules.max_length = left
        return View(show(self._table.X[shown], target[shown], rules, self._rng), rules, frame)


def show(X: NDArray[np.float64], y: NDArray[np.float64], grammar: Grammar, rng: np.random.Generator) -> Batch:
    """Rows as the network reads them: the columns that the grammar knows, and at most :data:`MAX_ROWS` rows."""
    return table_to_batch(X[:, : grammar.n_variables], y, max_points=MAX_ROWS, rng=rng)
