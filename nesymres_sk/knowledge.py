"""What the user says about the equation, checked and in terms of columns: rules and starting equations."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nesymres_sk.deadline import Deadline
from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.canonical import canonical
from nesymres_sk.expressions.constraints import Constraints, NestedConstraints
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.expressions.machine import evaluate
from nesymres_sk.expressions.parser import parse
from nesymres_sk.fitting.constants import fit_skeletons
from nesymres_sk.search.candidate import Candidate

if TYPE_CHECKING:
    from nesymres_sk.regressor import NeuralSymbolicRegressor
    from nesymres_sk.rescreening import Stage

_WORD = re.compile(r"[^\W\d]\w*")
#: Rows, at most, on which it is tried whether a starting equation is defined.
_TRIED_ROWS = 256
#: Factor of a column that gives an equation other values if the column plays a part in it.
_FACTOR = 1.37


@dataclass(frozen=True)
class Guess:
    """A starting equation: its ``text``, and ``expression`` whose ``x1``, ``x2``, … are ``columns`` of ``X``."""

    text: str
    expression: Expression
    columns: tuple[int, ...]


@dataclass(frozen=True)
class Knowledge:
    """Rules and starting equations of one table.

    Attributes
    ----------
    operators, excluded_operators, nested_constraints, max_complexity
        See :class:`nesymres_sk.expressions.constraints.Constraints`.
    required : tuple of int
        Columns of ``X`` that every equation contains.
    allowed : ndarray of int
        Columns of ``X`` that are not excluded, ascending.
    starts : tuple of Guess
    """

    operators: Sequence[str] | None
    excluded_operators: Sequence[str] | None
    nested_constraints: NestedConstraints | None
    max_complexity: int | None
    required: tuple[int, ...]
    allowed: NDArray[np.intp]
    starts: tuple[Guess, ...]

    @classmethod
    def of(cls, estimator: NeuralSymbolicRegressor, names: Sequence[str]) -> Knowledge:
        """Check the parameters of an estimator against a table.

        Parameters
        ----------
        estimator : NeuralSymbolicRegressor
        names : sequence of str
            Names of the columns of ``X``.

        Raises
        ------
        ValueError
            If an operator or a column is unknown, no column is left, more columns are named than an equation can
            have, or a starting equation cannot be read or breaks the rules.
        TypeError
            If a name is no string (or a column no integer), or a limit no integer.
        """
        required = column_indices(estimator.required_variables, names, "required_variables")
        excluded = column_indices(estimator.excluded_variables, names, "excluded_variables")
        both = sorted(set(required) & set(excluded))
        if both:
            raise ValueError(f"column {names[both[0]]!r} is both required and excluded")
        allowed = np.setdiff1d(np.arange(len(names)), excluded).astype(np.intp)
        if not len(allowed):
            raise ValueError("excluded_variables leave no column")
        starts = tuple(_read(text, names) for text in estimator.guesses or ())
        knowledge = cls(
            estimator.operators,
            estimator.excluded_operators,
            estimator.nested_constraints,
            estimator.max_complexity,
            required,
            allowed,
            starts,
        )
        if len(knowledge.named) > v.MAX_VARIABLES:
            raise ValueError(
                f"required_variables and guesses name {len(knowledge.named)} columns; "
                f"an equation has at most {v.MAX_VARIABLES}"
            )
        knowledge.constraints(np.array(required, dtype=np.intp))
        for start in starts:
            knowledge._check(start, names)
        return knowledge

    @property
    def named(self) -> tuple[int, ...]:
        """Columns that a search cannot do without: required ones and those of the starting equations."""
        return tuple(dict.fromkeys([*self.required, *(column for start in self.starts for column in start.columns)]))

    def constraints(self, columns: NDArray[np.intp]) -> Constraints:
        """The rules for equations whose ``x1``, ``x2``, … are these columns of ``X``, all required ones included."""
        return Constraints(
            self.operators,
            self.excluded_operators,
            self.nested_constraints,
            np.searchsorted(columns, self.required).tolist(),
            self.max_complexity,
        )

    def candidates(self, columns: NDArray[np.intp]) -> list[Candidate]:
        """The starting equations in terms of ``x1``, ``x2``, …, with their numbers as first starts of the fit."""
        found = []
        for start in self.starts:
            places = np.searchsorted(columns, start.columns).tolist()
            expression = start.expression.of_columns(dict(enumerate(places)))
            values = expression.constants
            known = not all(math.isnan(value) for value in values)
            initial = tuple(1.0 if math.isnan(value) else value for value in values) if known else None
            found.append(Candidate(expression.skeleton(), math.nan, initial))
        return found

    def undefined(self, stage: Stage, deadline: Deadline) -> list[str]:
        """A message for each starting equation that is undefined on some row, whatever its constants are."""
        known, table = self.candidates(stage.columns), stage.table
        if not known or not table.natural:
            return []
        some = slice(None, None, -(-table.n_rows // _TRIED_ROWS))
        losses = fit_skeletons(
            [candidate.skeleton for candidate in known],
            table.X[some],
            table.y[some],
            deadline=deadline,
            rng=np.random.default_rng(0),
            initial=[candidate.initial for candidate in known],
        ).losses
        if deadline.passed:
            return []
        return [
            f"the guess {start.text!r} cannot be used as it stands: it is undefined on some rows of X"
            for start, loss in zip(self.starts, losses.tolist(), strict=True)
            if math.isinf(loss)
        ]

    def lacking(self, stage: Stage, equations: Sequence[Expression], chosen: int, names: Sequence[str]) -> list[str]:
        """Messages about required columns that the equations of a search lack.

        A column is not required for its name: one on which the chosen equation depends by no more than rounding is
        lacking, too.
        """
        failure = "no equation with all of required_variables was found; "
        if self.required and not equations[-1].variables:
            return [failure + "what remains is a constant"]
        equation, table = equations[chosen], stage.table
        if not equation.variables:
            return []
        messages = []
        for column in self.required:
            moved = table.X.copy()
            moved[:, np.searchsorted(stage.columns, column)] *= _FACTOR
            with np.errstate(all="ignore"):
                change = (evaluate(equation, moved) - evaluate(equation, table.X)) / table.y_scale
                if np.mean(np.square(change)) <= table.floor:
                    messages.append(f"{failure}{names[column]!r} does not change the values of the chosen one")
        return messages

    def _check(self, start: Guess, names: Sequence[str]) -> None:
        text = start.text
        excluded = [names[column] for column in start.columns if column not in self.allowed]
        if excluded:
            raise ValueError(f"the guess {text!r} contains the excluded column {excluded[0]!r}")
        lacking = [names[column] for column in self.required if column not in start.columns]
        if lacking:
            raise ValueError(f"the guess {text!r} lacks the required column {lacking[0]!r}")
        form = canonical(start.expression)
        if form is None or not form.variables:
            raise ValueError(f"the guess {text!r} is constant or undefined")
        rules = Constraints(
            self.operators, self.excluded_operators, self.nested_constraints, max_complexity=self.max_complexity
        )
        breach = rules.breach(form.tokens)
        if breach is not None:
            raise ValueError(f"the guess {text!r} {breach}, which the other parameters forbid")


def column_indices(columns: Iterable[str | int] | None, names: Sequence[str], parameter: str) -> tuple[int, ...]:
    """Indices of columns that are given by name or by index.

    Parameters
    ----------
    columns : iterable of str or int, optional
    names : sequence of str
        Names of all columns.
    parameter : str
        Name that messages use.

    Raises
    ------
    ValueError
        If there is no such column.
    TypeError
        If a column is neither a string nor an integer.
    """
    places = {name: index for index, name in enumerate(names)}
    found = []
    for column in () if columns is None else columns:
        if isinstance(column, str):
            if column not in places:
                shown = ", ".join(list(names)[:10]) + (", …" if len(names) > 10 else "")
                raise ValueError(f"no column {column!r} of {parameter}; the columns are {shown}")
            found.append(places[column])
        elif isinstance(column, Integral) and not isinstance(column, bool):
            if not 0 <= column < len(names):
                raise ValueError(f"no column {column} of {parameter}; there are {len(names)}, counted from 0")
            found.append(int(column))
        else:
            raise TypeError(f"{parameter} must be names or indices of columns, got {column!r}")
    return tuple(sorted(set(found)))


def _read(text: str, names: Sequence[str]) -> Guess:
    """Parse a starting equation; the parser knows ten columns, so those that the text may name come first."""
    if not isinstance(text, str):
        raise TypeError(f"guesses must be texts of equations, got {text!r}")
    words = set(_WORD.findall(text))
    used = list(range(len(names)))
    if len(names) > v.MAX_VARIABLES:
        used = [i for i, name in enumerate(names) if name in words or (not name.isidentifier() and name in text)]
    first = {names[i] for i in used}
    expression = parse(text, [*(names[i] for i in used), *(name for name in names if name not in first)])
    columns = [used[index] for index in expression.variables]
    places = {index: place for place, index in enumerate(expression.variables)}
    return Guess(text, expression.of_columns(places), tuple(columns))
