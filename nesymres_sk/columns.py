"""Choice of the most useful columns of a table that is wider than the network."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_MAX_ROWS = 2_000
_N_BINS = 8


def select_columns(
    X: NDArray[np.float64],
    y: NDArray[np.float64],
    n_columns: int,
    *,
    sample_weight: NDArray[np.float64] | None = None,
    rng: np.random.Generator,
) -> NDArray[np.intp]:
    """Indices of the columns on which the target depends most, in their order.

    Two scores are added, each over its largest value: the correlation ratio of the target's ranks over bins of
    the column, which sees any dependence on one column alone, and the importance of the column in a forest of
    extremely randomised trees, which also sees columns that matter only together.

    Parameters
    ----------
    X : array of shape (n, d)
    y : array of shape (n,)
    n_columns : int
        Number of columns to keep; all are kept if there are no more.
    sample_weight : array of shape (n,), optional
    rng : numpy.random.Generator
        Draws the rows (at most 2000 are looked at) and the trees.

    Returns
    -------
    array of int of shape (min(n_columns, d),)
    """
    if X.shape[1] <= n_columns:
        return np.arange(X.shape[1])
    from sklearn.ensemble import ExtraTreesRegressor

    if len(y) > _MAX_ROWS:
        rows = np.sort(rng.choice(len(y), _MAX_ROWS, replace=False))
        X, y = X[rows], y[rows]
        sample_weight = None if sample_weight is None else sample_weight[rows]
    ranks = _ranks(y)
    binned = np.array([_correlation_ratio(X[:, j], ranks, sample_weight) for j in range(X.shape[1])])
    # The trees compare in single precision: ranks keep columns of any magnitude apart.
    ranked = np.column_stack([_ranks(X[:, j]) for j in range(X.shape[1])])
    forest = ExtraTreesRegressor(
        n_estimators=50, min_samples_leaf=3, max_features=0.5, random_state=int(rng.integers(2**31))
    )
    importances = forest.fit(ranked, ranks, sample_weight=sample_weight).feature_importances_
    score = binned / max(binned.max(), 1e-12) + importances / max(importances.max(), 1e-12)
    return np.sort(np.argsort(-score, kind="stable")[:n_columns])


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks in [0, 1], equal values share theirs."""
    _, inverse = np.unique(values, return_inverse=True)
    return inverse / max(int(inverse.max()), 1)


def _correlation_ratio(
    column: NDArray[np.float64], target: NDArray[np.float64], weight: NDArray[np.float64] | None
) -> float:
    """Share of the target's variance between bins of the column, less what chance would give."""
    weight = np.ones(len(target)) if weight is None else weight
    edges = np.quantile(column, np.linspace(0, 1, _N_BINS + 1)[1:-1])
    bins = np.searchsorted(np.unique(edges), column)
    weights = np.bincount(bins, weights=weight)
    filled = weights > 0
    means = np.bincount(bins, weights=weight * target)[filled] / weights[filled]
    centred = target - np.average(target, weights=weight)
    total = float(np.sum(weight * np.square(centred)))
    if total == 0.0:
        return 0.0
    between = float(np.sum(weights[filled] * np.square(means - np.average(target, weights=weight))))
    chance = (filled.sum() - 1) / max(len(target) - 1, 1)
    return max(between / total - chance, 0.0)
