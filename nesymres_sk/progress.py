"""What a running search shows: a bar, lines, and calls of the user's own function."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from nesymres_sk.archive import Entry
    from nesymres_sk.deadline import Deadline
    from nesymres_sk.rescreening import Stage
    from nesymres_sk.solver import Progress

#: Characters of an equation in the bar, which shares its line with the figures.
_SHOWN = 60


@dataclass(frozen=True)
class FoundEquation:
    """The best equation of a running search, as callbacks get it.

    Attributes
    ----------
    equation : str
        In the names of the columns.
    complexity : int
        Number of nodes.
    loss : float
        Mean squared error on the training data.
    r2 : float
    elapsed : float
        Seconds since ``fit`` began.
    n_fitted : int
        Equations that have been fitted so far.
    """

    equation: str
    complexity: int
    loss: float
    r2: float
    elapsed: float
    n_fitted: int


Callback = Callable[[FoundEquation], object]


class Reporter:
    """Tells the user about a search; used as a context manager, which closes the bar.

    Parameters
    ----------
    verbose : int
        0 shows nothing, 1 a bar on the standard error output, 2 also prints a line for each equation that joins the
        Pareto front.
    callback : callable, optional
        Called with a :class:`FoundEquation` whenever the equation that would be chosen has changed.
    rule : str
        Which equation of the front would be chosen.
    names : sequence of str
        Names of the columns of ``X``.
    deadline : Deadline

    Attributes
    ----------
    stopped : bool
        Whether the callback has asked for the end of the search by returning ``True``.
    history : list of dict
        The most accurate equation each time that there was a more accurate one: ``elapsed``, ``loss``, ``complexity``,
        ``n_fitted``.
    """

    def __init__(
        self, verbose: int, callback: Callback | None, rule: str, names: Sequence[str], deadline: Deadline
    ) -> None:
        self._verbose = verbose
        self._callback = callback
        self._rule = rule
        self._names = names
        self._deadline = deadline
        self._bar: Any = None
        self._last: tuple[tuple[int, ...], tuple[float, ...]] | None = None
        self._front: set[str] = set()
        self._n_before = 0  # fits of earlier stages
        self._n_here = 0
        self._stage: Stage | None = None
        self.stopped = False
        self.history: list[dict[str, float]] = []

    @property
    def n_fitted(self) -> int:
        """Skeletons fitted so far, in all stages."""
        return self._n_before + self._n_here

    def __enter__(self) -> Reporter:
        if sys.stderr is None:  # a program without a console
            self._verbose = 0
        if self._verbose:
            from tqdm import tqdm

            total = self._deadline.at - self._deadline.started
            if np.isfinite(total):
                shape = "{l_bar}{bar}| {n:.1f}/{total:.1f} s{postfix}"
                self._bar = tqdm(total=round(total, 3), bar_format=shape, file=sys.stderr)
            else:
                self._bar = tqdm(unit=" rounds", bar_format="{n} rounds, {elapsed}{postfix}", file=sys.stderr)
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def report(self, progress: Progress, stage: Stage) -> bool:
        """Take note of a round; returns whether the search is to stop."""
        if stage is not self._stage:
            self._n_before += self._n_here
            self._stage = stage
        self._n_here = progress.n_fitted
        self._record(stage)
        if not self._verbose and self._callback is None:
            return False
        front, index = stage.choice(self._rule)
        best = front[index]
        if self._bar is not None:
            self._show(self._describe(best, stage))
        if self._verbose > 1:
            self._print_new(front, stage)
        key = (tuple(stage.columns.tolist()) + best.expression.tokens, best.expression.constants)
        if self._callback is not None and key != self._last:
            self._last = key
            self.stopped = self._callback(self._describe(best, stage)) is True
        return self.stopped

    def _record(self, stage: Stage) -> None:
        best = stage.archive.front()[-1]
        with np.errstate(over="ignore", under="ignore"):
            loss = float(best.error * stage.table.y_scale * stage.table.y_scale)
        if not self.history or loss < self.history[-1]["loss"]:
            self.history.append(
                {
                    "elapsed": self._deadline.elapsed,
                    "loss": loss,
                    "complexity": best.complexity,
                    "n_fitted": self.n_fitted,
                }
            )

    def _show(self, found: FoundEquation) -> None:
        text = found.equation if len(found.equation) <= _SHOWN else found.equation[: _SHOWN - 1] + "…"
        self._bar.set_postfix_str(f"loss {found.loss:.3g}, complexity {found.complexity}: {text}", refresh=False)
        if self._bar.total is None:
            self._bar.update(1)
        else:
            self._bar.update(max(0.0, min(found.elapsed, self._bar.total) - self._bar.n))

    def _print_new(self, front: Sequence[Entry], stage: Stage) -> None:
        for entry in front:
            found = self._describe(entry, stage)
            if found.equation not in self._front:
                self._front.add(found.equation)
                self._bar.write(
                    f"{found.elapsed:8.1f} s  complexity {found.complexity:2d}  loss {found.loss:.3e}  {found.equation}"
                )

    def _describe(self, entry: Entry, stage: Stage) -> FoundEquation:
        from nesymres_sk.expressions.infix import to_infix

        with np.errstate(over="ignore", under="ignore"):
            loss = float(entry.error * stage.table.y_scale * stage.table.y_scale)
        return FoundEquation(
            equation=to_infix(entry.expression, [self._names[column] for column in stage.columns.tolist()]),
            complexity=entry.complexity,
            loss=loss,
            r2=stage.table.r2(entry.error),
            elapsed=self._deadline.elapsed,
            n_fitted=self.n_fitted,
        )
