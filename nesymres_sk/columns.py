"""Which columns a target depends on, in tables of any width.

The network reads ten columns, so wide tables are screened. A column may act by itself, by the spread that it gives the
target (``x1 * x2`` with both centred has no effect on average), or only together with another one. Three tests look for
these, all on ranks, so that no units and no outliers matter, and all as matrix products, so that 10,000 columns take
seconds:

- the target's mean over bins of the column (correlation ratio),
- the joint histogram of column and target (chi-squared), which sees any dependence on one column,
- the product of two columns, for all pairs.

The evidence of a column is the smallest of the three probabilities of chance, corrected for their number.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from nesymres_sk.table import Table

#: Numbers of the sample that is looked at, rows times columns; and rows, at least and at most.
_SAMPLE_SIZE, _FEWEST_ROWS, _MOST_ROWS = 10_000_000, 1000, 10_000
_MOST_BINS = 8
#: Columns of one block of the products of pairs: bounds the memory.
_BLOCK = 512
#: Number of columns by chance up to which one of such evidence counts as useful.
USEFUL = 1e-3
#: Where more columns than this are useful, which may be because they resemble each other, so many of the best compete
#: in a forest.
_FEW, _COMPETITORS = 10, 40


class Sample(NamedTuple):
    """Rows of a table on which columns are compared."""

    X: NDArray[np.float64]
    y: NDArray[np.float64]
    weight: NDArray[np.float64]
    n_effective: float


def draw_sample(
    X: NDArray[np.float64],
    y: NDArray[np.float64],
    sample_weight: NDArray[np.float64] | None,
    columns: NDArray[np.intp],
    rng: np.random.Generator,
    most_rows: int = _MOST_ROWS,
) -> Sample:
    """Rows to compare columns on, equal ones merged, so that weights and repetitions are the same.

    Parameters
    ----------
    X : array of shape (n, d)
    y : array of shape (n,)
    sample_weight : array of shape (n,), optional
    columns : array of int
        Columns to compare.
    rng : numpy.random.Generator
    most_rows : int
        Fewer are drawn where columns are many.
    """
    n_rows = min(max(_SAMPLE_SIZE // len(columns), _FEWEST_ROWS), most_rows)
    rows = np.arange(len(y)) if sample_weight is None else np.flatnonzero(sample_weight > 0)
    if len(rows) > n_rows:
        rows = np.sort(rng.choice(rows, n_rows, replace=False))
    weight = None if sample_weight is None else sample_weight[rows]
    table = Table.prepare(X[np.ix_(rows, columns)], y[rows], weight)
    weight = np.ones(table.n_rows) if table.weight is None else table.weight
    return Sample(table.X, table.y, weight, table.n_effective)


class Screen(Protocol):
    """Tells on which columns of a sample a target depends."""

    sample: Sample

    def evidence(self, target: NDArray[np.float64]) -> NDArray[np.float64]:
        """Negative decimal logarithm of the probability that the target is independent of each column."""


class ColumnScreen:
    """Evidence that targets depend on the columns of one sample.

    Parameters
    ----------
    sample : Sample
    """

    def __init__(self, sample: Sample) -> None:
        self.sample = sample
        n = len(sample.y)
        self._n_bins = int(np.clip(np.sqrt(n / 5), 2, _MOST_BINS))
        first = np.empty(sample.X.shape, dtype=np.float32)  # number of smaller values: equal values share it
        for start in range(0, sample.X.shape[1], _BLOCK):
            block = slice(start, start + _BLOCK)
            first[:, block] = ranks_of(sample.X[:, block])
        self._codes = np.floor(first * (self._n_bins / n)).astype(np.uint8)
        self._scores = standardised(first, sample.weight)

    def evidence(self, target: NDArray[np.float64]) -> NDArray[np.float64]:
        """Negative decimal logarithm of the probability that the target is independent of each column.

        Parameters
        ----------
        target : array of shape (rows of the sample,)
            Finite values.

        Returns
        -------
        array of shape (d,)
            0 for constant columns, and for all columns if the target is constant.
        """
        ranks = ranks_of(target[:, None])
        scores = standardised(ranks, self.sample.weight)[:, 0]
        if not scores.any():
            return np.zeros(self._codes.shape[1])
        codes = np.floor(ranks[:, 0] * (self._n_bins / len(target))).astype(np.uint8)
        mean, joint = self._histograms(scores, codes)
        pairs = self._pairs(scores) - np.log10(self._codes.shape[1])
        evidence = np.maximum(np.maximum(mean, joint), pairs) - np.log10(3.0)
        evidence[~self._scores.any(axis=0)] = 0.0
        return np.maximum(evidence, 0.0)

    def _histograms(
        self, scores: NDArray[np.float32], codes: NDArray[np.uint8]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Evidence by the target's mean in bins of each column, and by the counts in bins of both."""
        weight = self.sample.weight.astype(np.float32)
        share = weight / weight.sum()
        bins = (codes[None, :] == np.arange(self._n_bins)[:, None]) * share  # (bins of the target, n)
        rows = np.vstack((share * scores, bins))
        counts = np.array([rows @ (self._codes == code) for code in range(self._n_bins)])  # (bins, 1 + bins, d)
        below = counts[:, 1:].sum(axis=1)  # share of each bin of the column
        filled = np.maximum(below, 1e-12)
        n = self.sample.n_effective
        ratio = (np.square(counts[:, 0]) / filled).sum(axis=0)
        n_filled = (below > 0).sum(axis=0)
        mean = _chi_squared_evidence(-n * np.log(np.maximum(1.0 - ratio, 1e-12)), n_filled - 1)
        expected = filled[:, None] * bins.sum(axis=1)[None, :, None]
        cells = np.where(expected > 0, np.square(counts[:, 1:] - expected) / np.maximum(expected, 1e-12), 0.0)
        freedom = (n_filled - 1) * (int((bins.sum(axis=1) > 0).sum()) - 1)
        return mean, _chi_squared_evidence(n * cells.sum(axis=(0, 1)), freedom)

    def _pairs(self, scores: NDArray[np.float32]) -> NDArray[np.float64]:
        """Evidence of the best pair of each column: the mean of target times column times column."""
        share = (self.sample.weight / self.sample.weight.sum()).astype(np.float32)
        weighted = (share * scores)[:, None]
        d = self._scores.shape[1]
        # under independence of one column the product varies as the target times the other
        spread = np.sqrt(np.maximum((share * np.square(scores)) @ np.square(self._scores), 1e-12))
        best = np.zeros(d, dtype=np.float32)
        for start in range(0, d, _BLOCK):
            block = slice(start, start + _BLOCK)
            means = np.abs((self._scores[:, block] * weighted).T @ self._scores[:, start:])
            means /= np.maximum(spread[block, None], spread[start:])
            np.fill_diagonal(means, 0.0)
            best[block] = np.maximum(best[block], means.max(axis=1))
            best[start:] = np.maximum(best[start:], means.max(axis=0))
        return _normal_evidence(np.sqrt(self.sample.n_effective) * best.astype(np.float64))


def rank_columns(
    screen: Screen, targets: Sequence[NDArray[np.float64]], rng: np.random.Generator
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """All columns, the most useful first.

    Parameters
    ----------
    screen : Screen
    targets : sequence of arrays of shape (rows of the sample,)
        A column is useful if one of these depends on it.
    rng : numpy.random.Generator
        Draws the trees that order the useful columns, if they are many.

    Returns
    -------
    order : array of int of shape (d,)
    n_by_chance : array of float of shape (d,)
        In this order, how many columns of such evidence there would be if the targets depended on none.
    """
    evidence = np.max([screen.evidence(target) for target in targets], axis=0) - np.log10(len(targets))
    order = np.argsort(-evidence, kind="stable")
    n_by_chance = len(evidence) * 10.0**-evidence
    n_useful = int((n_by_chance < USEFUL).sum())
    if n_useful > _FEW:
        some = order[: min(n_useful, _COMPETITORS)]
        score = evidence[some] / evidence[some].max() + _importances(screen, targets[0], some, rng)
        order[: len(some)] = some[np.argsort(-score, kind="stable")]
    return order, n_by_chance[order]


def _importances(
    screen: Screen, target: NDArray[np.float64], columns: NDArray[np.intp], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Importance of columns in a forest of extremely randomised trees, over the largest."""
    from sklearn.ensemble import ExtraTreesRegressor

    sample = screen.sample
    rows = slice(None) if len(sample.y) <= 2000 else np.sort(rng.choice(len(sample.y), 2000, replace=False))
    # The trees compare in single precision: ranks keep columns of any magnitude apart.
    ranked = ranks_of(sample.X[rows][:, columns])
    forest = ExtraTreesRegressor(
        n_estimators=50, min_samples_leaf=3, max_features=0.5, random_state=int(rng.integers(2**31))
    )
    forest.fit(ranked, ranks_of(target[rows][:, None])[:, 0], sample_weight=sample.weight[rows])
    return np.asarray(forest.feature_importances_ / max(forest.feature_importances_.max(), 1e-12))


def ranks_of(values: NDArray[np.float64]) -> NDArray[np.float32]:
    """Number of smaller values in each column."""
    rows = np.ascontiguousarray(values.T)  # sorting is quick along memory
    order = rows.argsort(axis=1)
    ordered = np.take_along_axis(rows, order, axis=1)
    index = np.broadcast_to(np.arange(rows.shape[1], dtype=np.float32), rows.shape).copy()
    index[:, 1:][ordered[:, 1:] == ordered[:, :-1]] = 0.0
    ranks = np.empty(rows.shape, dtype=np.float32)
    np.put_along_axis(ranks, order, np.maximum.accumulate(index, axis=1), axis=1)
    return ranks.T


def standardised(ranks: NDArray[np.float32], weight: NDArray[np.float64]) -> NDArray[np.float32]:
    """Ranks with weighted mean 0 and variance 1; zeros where all are equal."""
    share = (weight / weight.sum()).astype(np.float32)
    centred = ranks - share @ ranks
    spread = np.sqrt(share @ np.square(centred))
    centred[:, spread < 1e-3] = 0.0
    return centred / np.maximum(spread, 1e-3)


def _chi_squared_evidence(statistic: NDArray[np.float64], freedom: NDArray[np.int64]) -> NDArray[np.float64]:
    """Evidence of a chi-squared statistic by the cube root of Wilson and Hilferty, good far out in the tail."""
    k = np.maximum(freedom, 1)
    with np.errstate(invalid="ignore"):
        normal = (np.cbrt(np.maximum(statistic, 0.0) / k) - (1.0 - 2.0 / (9.0 * k))) / np.sqrt(2.0 / (9.0 * k))
    return np.where(freedom > 0, _normal_evidence(normal, two_sided=False), 0.0)


def _normal_evidence(z: NDArray[np.float64], two_sided: bool = True) -> NDArray[np.float64]:
    """Negative decimal logarithm of the tail probability of a normal variable."""
    from scipy.special import log_ndtr

    return np.asarray(-(log_ndtr(-z) + (np.log(2.0) if two_sided else 0.0)) / np.log(10.0))
