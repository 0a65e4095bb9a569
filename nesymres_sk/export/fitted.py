"""What every export reads off a fitted estimator: an equation, and which columns of the table it speaks of."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, NamedTuple

from sklearn.utils.validation import check_is_fitted

if TYPE_CHECKING:
    from nesymres_sk.expressions.expression import Expression
    from nesymres_sk.regressor import NeuralSymbolicRegressor


class Fitted(NamedTuple):
    """One equation of a fitted estimator.

    Attributes
    ----------
    expression : Expression
        Its variable ``x{i+1}`` is the column ``columns[i]`` of the table.
    columns : tuple of int
        Columns of the table that the search was given.
    n_features : int
        Number of columns of the table.
    names : tuple of str or None
        Names of all columns of the table, if the estimator was given any.
    """

    expression: Expression
    columns: tuple[int, ...]
    n_features: int
    names: tuple[str, ...] | None

    @property
    def column_names(self) -> list[str]:
        """Names of ``columns``, ``x1``, ``x2``, … by position in the table where there are none."""
        return [f"x{i + 1}" if self.names is None else self.names[i] for i in self.columns]


def fitted_equation(estimator: NeuralSymbolicRegressor, index: int | None = None) -> Fitted:
    """Equation of a fitted estimator.

    Parameters
    ----------
    estimator : NeuralSymbolicRegressor
    index : int, optional
        Row of ``equations_``; the chosen equation by default.

    Raises
    ------
    NotFittedError
        If the estimator has no equations yet.
    IndexError
        If there is no such row.
    TypeError
        If ``index`` is no integer.
    """
    check_is_fitted(estimator)
    expressions = estimator.expressions_
    try:
        row = operator.index(estimator.best_index_ if index is None else index)
    except TypeError:
        row = None
    if row is None or isinstance(index, bool):
        raise TypeError(f"index must be a row of equations_, an integer, or None for the chosen one, got {index!r}")
    if not -len(expressions) <= row < len(expressions):
        raise IndexError(f"index must be a row of equations_, 0 to {len(expressions) - 1}, got {row}")
    names = getattr(estimator, "feature_names_in_", None)
    return Fitted(
        expressions[row],
        tuple(int(column) for column in estimator.columns_),
        int(estimator.n_features_in_),
        None if names is None else tuple(str(name) for name in names),
    )
