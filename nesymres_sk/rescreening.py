"""Which columns of a table a search is given, and when it is given others.

The search reads ten columns. It starts with those on which the target depends: a column that does nothing costs time
and fits noise. What the best equation leaves over shows what it lacks: a column whose effect a stronger one hides in
the target is seen in the residual. So from time to time the columns are screened again, and where others than the
present ones are useful, the search goes on with the columns of its best equation and these. Equations that these
columns suffice for are carried over, so that at any moment there is one archive, in the columns of the present stage.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nesymres_sk.archive import Archive, Entry
from nesymres_sk.columns import USEFUL, ColumnScreen, Screen, draw_sample, rank_columns
from nesymres_sk.deadline import Deadline
from nesymres_sk.effects import MOST_ROWS, EffectScreen
from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.machine import evaluate
from nesymres_sk.fitting.selection import Descriptions, choose
from nesymres_sk.knowledge import Knowledge
from nesymres_sk.search.pursuit.groups import columns_of_law
from nesymres_sk.table import Table

_MAX_COLUMNS = v.MAX_VARIABLES
#: Parts of the time after which the columns are looked at again.
_LOOKS = (0.1, 0.2, 0.35, 0.5, 0.7)
#: Part of the time after which columns without evidence get their chance, if there is evidence of none; and all of
#: them, if all can be used: most laws without them are found by then.
_WIDEN_AFTER, _ALL_AFTER = 0.5, 0.2
#: Least time between two looks, in multiples of what the first one took.
_PAUSE = 10.0
#: Columns by chance up to which one of such evidence is taken along where there is room for it.
_POSSIBLE = 0.3
#: Fewest columns of which some may be left out though all could be used, and the part of the target that a regression
#: must explain before: a law that it does not see through may hide any column.
_FEWEST_COLUMNS, _SEEN_THROUGH = 3, 0.95
#: Stages of a search without a time limit.
_MAX_STAGES = 4


@dataclass(frozen=True)
class Stage:
    """One search with certain columns.

    Attributes
    ----------
    columns : ndarray of int
        Columns of ``X``, ascending; ``x1`` of the equations is the first.
    table : Table
        Of these columns.
    archive : Archive
        What was found, carried over or new.
    n_columns : int
        Number of columns that could have been chosen; naming one of them takes the more information, the more there
        are.
    """

    columns: NDArray[np.intp]
    table: Table
    archive: Archive
    n_columns: int

    def choice(self, rule: str) -> tuple[list[Entry], int]:
        """The Pareto front, and which equation of it a rule of :mod:`nesymres_sk.fitting.selection` chooses."""
        front = self.archive.front()
        floor = self.table.floor_beside(front[-1].error)
        describe = self._descriptions.setdefault(floor, Descriptions(self.table, self.n_columns, floor))
        return front, choose([(entry.expression, entry.error) for entry in front], rule, floor=floor, describe=describe)

    @cached_property
    def _descriptions(self) -> dict[float, Descriptions]:
        """By the error that is rounding."""
        return {}


class Rescreening:
    """The stages of a search over a table of any width.

    Parameters
    ----------
    X : array of shape (n, d)
    y : array of shape (n,)
    sample_weight : array of shape (n,), optional
    knowledge : Knowledge
        Which columns are allowed, required, and named in starting equations.
    deadline : Deadline
    rng : numpy.random.Generator

    Attributes
    ----------
    stage : Stage
        The present one, replaced as a whole, so that it is valid whenever an exception ends the search.
    """

    def __init__(
        self,
        X: NDArray[np.float64],
        y: NDArray[np.float64],
        sample_weight: NDArray[np.float64] | None,
        knowledge: Knowledge,
        deadline: Deadline,
        rng: np.random.Generator,
    ) -> None:
        self._data = X, y, sample_weight
        self._knowledge = knowledge
        self._deadline = deadline
        self._rng = rng
        self._n_looks = 0
        self._next: NDArray[np.intp] | None = None
        columns = knowledge.allowed
        self._screen: Screen | None = self._screen_of(columns)
        if self._screen is not None:
            started = deadline.elapsed
            self._by_target, _, n_possible = self._ranking([self._screen.sample.y])
            self._pause = _PAUSE * (deadline.elapsed - started)
            self._looked = deadline.elapsed
            self._by_target = self._by_target[: n_possible or _MAX_COLUMNS]
            columns = _first([*knowledge.named, *self._by_target])
            if len(columns) < len(knowledge.allowed) <= _MAX_COLUMNS:
                # however weak an effect is, in an exact law it is there
                of_law = knowledge.allowed[columns_of_law(*self._screen.sample[:2])]
                columns = _first([*columns, *of_law]) if len(of_law) else columns
            if len(columns) == len(knowledge.allowed):
                self._screen = None  # there are no others
        self._tried = {tuple(columns.tolist())}
        self.stage = self._open(columns)

    def should_change(self) -> bool:
        """Whether the search should stop because other columns have become more useful; quick if it is not time."""
        if self._screen is None or self._n_looks == len(_LOOKS) or not np.isfinite(self._deadline.at):
            return False
        total = self._deadline.at - self._deadline.started
        if self._deadline.elapsed < max(_LOOKS[self._n_looks] * total, self._looked + self._pause):
            return False
        while self._n_looks < len(_LOOKS) and self._deadline.elapsed >= _LOOKS[self._n_looks] * total:
            self._n_looks += 1
        self._looked = self._deadline.elapsed
        after = _ALL_AFTER if len(self._knowledge.allowed) <= _MAX_COLUMNS else _WIDEN_AFTER
        self._next = self._look(widen=self._deadline.elapsed >= after * total)
        return self._next is not None

    def advance(self) -> bool:
        """Open the next stage, if there are other columns and time for it."""
        if self._screen is None or self._deadline.passed:
            return False
        limited = np.isfinite(self._deadline.at)
        columns = self._look(widen=bool(limited)) if self._next is None else self._next
        self._next = None
        if columns is None or (not limited and len(self._tried) >= _MAX_STAGES):
            return False
        self._tried.add(tuple(columns.tolist()))
        stage = self._open(columns)
        _carry_over(self.stage, stage)
        self.stage = stage
        return True

    def _screen_of(self, columns: NDArray[np.intp]) -> Screen | None:
        """What tells useful columns from others, ``None`` if all are to be used."""
        X, y, sample_weight = self._data
        if len(columns) > _MAX_COLUMNS:
            return ColumnScreen(draw_sample(X, y, sample_weight, columns, self._rng))
        if len(columns) < _FEWEST_COLUMNS:
            return None
        screen = EffectScreen(draw_sample(X, y, sample_weight, columns, self._rng, MOST_ROWS))
        seen = screen.has_power and screen.explained(screen.sample.y) > _SEEN_THROUGH
        return screen if seen else None

    def _open(self, columns: NDArray[np.intp]) -> Stage:
        X, y, sample_weight = self._data
        table = Table.prepare(X[:, columns], y, sample_weight)
        archive = Archive(table.floor, self._knowledge.constraints(columns))
        return Stage(columns, table, archive, len(self._knowledge.allowed))

    def _ranking(self, targets: Sequence[NDArray[np.float64]]) -> tuple[list[int], int, int]:
        """Columns of ``X``, the most useful first, and how many of them are useful, and possibly so."""
        assert self._screen is not None
        order, n_by_chance = rank_columns(self._screen, targets, self._rng)
        n_useful, n_possible = (int((n_by_chance < level).sum()) for level in (USEFUL, _POSSIBLE))
        return self._knowledge.allowed[order].tolist(), n_useful, n_possible

    def _look(self, widen: bool) -> NDArray[np.intp] | None:
        """Other columns that are worth a search, given the best equation so far."""
        assert self._screen is not None
        stage = self.stage
        front, best = stage.choice("mdl")
        if front[best].error <= stage.table.floor:
            return None
        sample, equation = self._screen.sample, front[best].expression
        here = np.searchsorted(self._knowledge.allowed, stage.columns)
        with np.errstate(all="ignore"):
            values = evaluate(equation, sample.X[:, here])
            residual = sample.y - values
            # a missing factor is seen where the equation is large
            targets = [residual, residual * (values / stage.table.y_scale)]
        if not np.isfinite(targets).all():
            return None
        kept = [*self._knowledge.required, *stage.columns[list(equation.variables)]]
        by_residual, n_useful, n_possible = self._ranking(targets)
        present = set(stage.columns.tolist())
        all_fit = len(self._knowledge.allowed) <= _MAX_COLUMNS
        if not present.issuperset(_first([*kept, *by_residual[:n_useful]]).tolist()):
            # where there is room for all there need not be a third search
            columns = _first([*kept, *by_residual[: None if all_fit else n_possible], *self._by_target])
            if tuple(columns.tolist()) not in self._tried:
                return columns
        if (n_useful == 0 or all_fit) and (widen or not equation.variables):
            columns = _first([*kept, *self._by_target, *by_residual])
            if tuple(columns.tolist()) not in self._tried:
                return columns
        return None


def _first(columns: Sequence[int]) -> NDArray[np.intp]:
    """The first different columns, as many as an equation can name, in ascending order."""
    return np.sort(np.array(list(dict.fromkeys(int(column) for column in columns))[:_MAX_COLUMNS], dtype=np.intp))


def _carry_over(old: Stage, new: Stage) -> None:
    """Put the equations of one stage into the archive of another that has their columns."""
    places = {int(column): place for place, column in enumerate(new.columns)}
    for entry in old.archive:
        moves = {index: places.get(int(old.columns[index]), -1) for index in entry.expression.variables}
        if min(moves.values(), default=0) >= 0:
            expression = entry.expression.of_columns(moves)
            new.archive.add(replace(entry, expression=expression, error=new.table.error(expression)))
