"""All equations found so far, the best few of each complexity."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from nesymres_sk.expressions.constraints import Constraints
from nesymres_sk.expressions.expression import Expression

if TYPE_CHECKING:
    import pandas as pd

    from nesymres_sk.table import Table

_KEPT_PER_COMPLEXITY = 4


@dataclass(frozen=True)
class Entry:
    """One equation of the archive.

    Attributes
    ----------
    expression : Expression
        Fitted, canonical, in the user's units.
    error : float
        Mean squared error on all rows over the square of the table's ``y_scale``.
    log_prob : float
        Log-probability of its skeleton under the proposer, NaN for equations that no proposer made.
    snapped : bool
        Whether its constants have been tried for simple values.
    """

    expression: Expression
    error: float
    log_prob: float = np.nan
    snapped: bool = False

    @property
    def complexity(self) -> int:
        """Number of nodes."""
        return self.expression.complexity


class Archive:
    """Best equations by complexity; whatever has been added is a valid answer at any moment.

    Parameters
    ----------
    floor : float
        Errors below this are rounding and count as equal.
    constraints : Constraints, optional
        Equations that break one of these rules are refused, whatever proposed them.
    """

    def __init__(self, floor: float, constraints: Constraints | None = None) -> None:
        self.floor = floor
        self.constraints = Constraints() if constraints is None else constraints
        self._by_complexity: dict[int, list[Entry]] = {}

    def __iter__(self) -> Iterator[Entry]:
        for complexity in sorted(self._by_complexity):
            yield from self._by_complexity[complexity]

    def __len__(self) -> int:
        return sum(len(entries) for entries in self._by_complexity.values())

    def add(self, entry: Entry) -> bool:
        """Keep an equation if it is among the best of its complexity; returns whether it was kept."""
        if not np.isfinite(entry.error) or not self.constraints.allows(entry.expression):
            return False
        entries = self._by_complexity.get(entry.complexity, [])
        twin = next((other for other in entries if other.expression.tokens == entry.expression.tokens), None)
        if twin is not None:
            if not _replaces(entry, twin):
                return False
            entries = [other for other in entries if other is not twin]
            if np.isnan(entry.log_prob):
                entry = replace(entry, log_prob=twin.log_prob)
        entries = sorted([*entries, entry], key=self._clipped)[:_KEPT_PER_COMPLEXITY]
        # One assignment: an exception raised from a signal handler leaves the archive whole.
        self._by_complexity[entry.complexity] = entries
        return any(other is entry for other in entries)

    def swap(self, old: Entry, new: Entry) -> None:
        """Put the snapped form of an equation, whose error may be larger within the noise, in its place.

        Where the snapped form breaks a rule, the equation itself stays, as if simple constants had not been found.
        """
        if not self.constraints.allows(new.expression):
            new = replace(old, snapped=True)
        self.add(new)
        if new.expression.tokens != old.expression.tokens:
            rest = [other for other in self._by_complexity[old.complexity] if other is not old]
            self._by_complexity[old.complexity] = rest

    def front(self) -> list[Entry]:
        """Pareto front: sorted by complexity, each equation better than every shorter one beyond rounding."""
        front: list[Entry] = []
        best = np.inf
        for complexity in sorted(self._by_complexity):
            entries = self._by_complexity[complexity]
            if entries and self._clipped(entries[0]) < best:
                front.append(entries[0])
                best = self._clipped(entries[0])
        return front

    def limit(self, complexity: int) -> float:
        """Largest error with which a new equation of this complexity is kept."""
        entries = self._by_complexity.get(complexity, [])
        return max(entries[-1].error, self.floor) if len(entries) == _KEPT_PER_COMPLEXITY else np.inf

    @property
    def best_error(self) -> float:
        """Smallest error so far, infinite if the archive is empty."""
        return min((entry.error for entry in self), default=np.inf)

    def _clipped(self, entry: Entry) -> float:
        return max(entry.error, self.floor)


def _replaces(entry: Entry, twin: Entry) -> bool:
    """Whether an equation is preferred to one with the same tokens."""
    if twin.snapped and not entry.snapped:
        return entry.error < 0.5 * twin.error  # simple constants are worth more than the last digits of the error
    return entry.error < twin.error or (entry.snapped and not twin.snapped)


def pareto_table(front: list[Entry], table: Table, names: list[str]) -> pd.DataFrame:
    """The front as it is shown: ``complexity``, ``loss``, ``r2``, ``score``, ``log_prob`` and ``equation``.

    Parameters
    ----------
    front : list of Entry
        In order of complexity.
    table : Table
        Training data.
    names : list of str
        Names of the columns.
    """
    import pandas as pd

    from nesymres_sk.expressions.infix import to_infix
    from nesymres_sk.fitting.selection import scores

    errors = np.array([entry.error for entry in front])
    complexities = [entry.complexity for entry in front]
    with np.errstate(over="ignore", under="ignore"):
        losses = errors * table.y_scale * table.y_scale
    return pd.DataFrame(
        {
            "complexity": complexities,
            "loss": losses,
            "r2": table.r2(errors),
            "score": scores(np.maximum(errors, table.floor).tolist(), complexities),
            "log_prob": [entry.log_prob for entry in front],
            "equation": [to_infix(entry.expression, names) for entry in front],
        }
    )
