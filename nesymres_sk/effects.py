"""Which of a few columns a target depends on, alone or given the others.

Among columns that are no more than a search can use, it is the irrelevant ones that matter: each multiplies the
equations that there are, and fits the noise, or what an unfinished equation leaves over. A regression on powers and
products of all columns explains most of a smooth law, so that weak effects stand out from what is left. Columns that
it can do without are dropped one by one, which makes room for higher powers of the others. All columns enter by their
ranks, so that neither units nor outliers matter. Waves that are too fast for powers are seen in the periodogram of what
the regression leaves.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc

from nesymres_sk.columns import ColumnScreen, Sample, ranks_of, standardised

Array = NDArray[np.float64]

#: Rows that are looked at, at most: with more of them the regression's own error passes for an effect.
MOST_ROWS = 500
#: Rows, at least, and features, at most, as a part of the rows.
_FEWEST_ROWS, _SHARE = 50, 0.6
#: Degree of the powers of single columns, and degrees of the factors of products: the richest that the rows allow.
_PRODUCTS = ((1, 1),), ((1, 1), (1, 2), (2, 1)), ((1, 1), (1, 2), (2, 1), (2, 2))
_LEVELS = ((2, _PRODUCTS[0]), (3, _PRODUCTS[0]), (3, _PRODUCTS[1]), (4, _PRODUCTS[2]))
#: Probability of chance above which a column is dropped from the regression.
_NO_EFFECT = 0.03
#: Added to the variance of each feature, so that those that depend on others do no harm; error that is rounding.
_RIDGE, _ROUNDING = 1e-6, 1e-14
#: Added to sizes before their logarithms are taken, as a part of the typical size.
_NEXT_TO_NOTHING = 1e-3
#: Ratio of a deviation to the typical one that is a number.
_LARGEST_RATIO = 1e300
#: Periods over the data up to which waves are looked for, and frequencies for each period.
_PERIODS, _PER_PERIOD = 48, 3
#: Smallest probability: smaller ones are the same.
_LEAST = 1e-300


class EffectScreen:
    """Evidence that targets depend on each of a few columns of one sample, alone or given the others.

    Parameters
    ----------
    sample : Sample
        About :data:`MOST_ROWS` rows at most.
    """

    def __init__(self, sample: Sample) -> None:
        self.sample = sample
        self._share = sample.weight / sample.weight.sum()
        scores = standardised(ranks_of(sample.X), sample.weight).T.astype(np.float64)
        # orthogonal for uniform scores
        square = np.square(scores)
        self._powers = np.stack((scores, square - 1.0, scores * (square - 1.8), square * (square - 18 / 7) + 27 / 35))
        self._varying = np.flatnonzero(scores.any(axis=1)).tolist()
        self._alone = ColumnScreen(sample)
        self._waves = [self._waves_along(column) for column in sample.X.T]

    @property
    def has_power(self) -> bool:
        """Whether there are rows enough to see a column that acts only together with another one."""
        rows = self.sample.n_effective
        return rows >= _FEWEST_ROWS and _n_features(len(self._varying), *_LEVELS[0]) <= _SHARE * rows

    def evidence(self, target: Array) -> Array:
        """Negative decimal logarithm of the probability that the target does not depend on each column.

        Parameters
        ----------
        target : array of shape (rows of the sample,)
            Finite values.

        Returns
        -------
        array of shape (d,)
            By the strongest of all tests, those of :class:`~nesymres_sk.columns.ColumnScreen` among them; 0 for
            constant columns, and for all columns if the target is constant.
        """
        found = [self._tests(view) for view in self._views(target)]
        given_others = np.max(found, axis=0) - np.log10(2.0 * len(found))
        # a column that resembles another one has no effect beside it, and may be the right one of the two
        alone = self._alone.evidence(target)
        return np.maximum(np.maximum(given_others, alone) - np.log10(2.0), 0.0)

    def explained(self, target: Array) -> float:
        """Share of the target's variance that a regression on all columns explains, corrected for chance."""
        if not self._varying:
            return 0.0
        features, _ = self._features(self._varying)
        chance = self.sample.n_effective / max(self.sample.n_effective - 1.0 - len(features), 1.0)
        views = [view for view in self._views(target) if view.any()]
        left = [float(self._share @ np.square(self._solved(features, view)[2])) for view in views]
        return max(1.0 - chance * min(left, default=1.0), 0.0)

    def _views(self, target: Array) -> list[Array]:
        """The target in scales on which outliers matter little, and sums or products are simple."""
        ranks = ranks_of(target[:, None])[:, 0].astype(np.float64)
        sizes = np.abs(target)
        typical = float(np.median(sizes)) or float(sizes.max()) or 1.0
        views = [ranks, np.log(sizes + _NEXT_TO_NOTHING * typical)]
        if target.min() < 0.0 < target.max():
            deviation = target - np.median(target)
            scale = float(np.median(np.abs(deviation))) or typical
            if float(np.abs(deviation).max()) < _LARGEST_RATIO * scale:
                views.append(np.arcsinh(deviation / scale))  # a logarithm on both sides
        return [self._scaled(view) for view in views]

    def _scaled(self, values: Array) -> Array:
        """Weighted mean 0 and variance 1; zeros if all are equal."""
        centred = values - self._share @ values
        spread = np.sqrt(self._share @ np.square(centred))
        return centred / spread if spread > 1e-9 * np.abs(values).max(initial=0.0) else np.zeros_like(values)

    def _tests(self, target: Array) -> Array:
        """The stronger evidence of regression and periodogram."""
        evidence, residual = self._regression(target)
        power = float(self._share @ np.square(residual))
        if power > _ROUNDING:
            for k in self._varying:
                evidence[k] = max(evidence[k], self._periodogram(self._waves[k], residual / np.sqrt(power)))
        return evidence

    def _regression(self, target: Array) -> tuple[Array, Array]:
        """Evidence by backward elimination, and what the columns that are kept leave over."""
        evidence = np.zeros(self.sample.X.shape[1])
        residual = target
        columns = list(self._varying)
        while columns and target.any():
            features, owners = self._features(columns)
            freedom = self.sample.n_effective - 1.0 - len(features)
            if freedom < 1.0:
                break
            coefficients, inverse, residual = self._solved(features, target)
            variance = max(float(self._share @ np.square(residual)), _ROUNDING) / freedom
            chances = []
            for own in owners:
                chosen = coefficients[own]
                explained = float(chosen @ np.linalg.solve(inverse[np.ix_(own, own)], chosen))
                chances.append(_chance(explained / variance, len(chosen), freedom))
            evidence[columns] = -np.log10(np.maximum(chances, _LEAST))
            weakest = int(np.argmax(chances))
            if chances[weakest] <= _NO_EFFECT:
                break
            del columns[weakest]
        return evidence, residual

    def _solved(self, features: Array, target: Array) -> tuple[Array, Array, Array]:
        """Coefficients, the inverse of their matrix, and what is left over."""
        inverse = np.linalg.inv((features * self._share) @ features.T + _RIDGE * np.eye(len(features)))
        coefficients = inverse @ (features @ (self._share * target))
        return coefficients, inverse, target - coefficients @ features

    def _features(self, columns: Sequence[int]) -> tuple[Array, list[NDArray[np.intp]]]:
        """Standardised features, one in a row, and those that have each of the columns in them."""
        room = _SHARE * self.sample.n_effective
        affordable = [level for level in _LEVELS if _n_features(len(columns), *level) <= room]
        degree, products = (affordable or _LEVELS)[-1 if affordable else 0]
        rows = [self._powers[power, k] for power in range(degree) for k in columns]
        names: list[tuple[int, ...]] = [(k,) for _ in range(degree) for k in columns]
        for a, b in combinations(columns, 2):
            rows += [self._powers[i - 1, a] * self._powers[j - 1, b] for i, j in products]
            names += [(a, b)] * len(products)
        features = np.array(rows)
        features -= (features @ self._share)[:, None]
        spread = np.sqrt(np.square(features) @ self._share)
        features /= np.where(spread > 1e-9, spread, 1.0)[:, None]
        return features, [np.array([i for i, name in enumerate(names) if k in name]) for k in columns]

    def _waves_along(self, column: Array) -> Array:
        """Cosines and sines of a column, shape (2, frequencies, rows)."""
        span = float(np.ptp(column))
        place = (column - column.min()) / (span if span > 0.0 else 1.0)
        # more frequencies than rows would be the same ones again
        rates = np.arange(_PER_PERIOD, _PER_PERIOD * min(_PERIODS, len(column) // 3)) / _PER_PERIOD
        phases = 2.0 * np.pi * rates[:, None] * place
        return np.stack((np.cos(phases), np.sin(phases)))

    def _periodogram(self, waves: Array, residual: Array) -> float:
        """Evidence of the highest peak, given how many there are."""
        heights = np.square(waves @ (self._share * residual)).sum(axis=0) * self.sample.n_effective
        return (float(heights.max(initial=0.0)) - np.log(max(len(heights), 1))) / np.log(10.0)


def _n_features(n_columns: int, degree: int, products: Sequence[tuple[int, int]]) -> int:
    return n_columns * degree + n_columns * (n_columns - 1) // 2 * len(products)


def _chance(ratio: float, n_features: int, freedom: float) -> float:
    """Probability that chance explains as much: the upper tail of the F distribution."""
    return float(betainc(0.5 * freedom, 0.5 * n_features, freedom / (freedom + ratio)))
