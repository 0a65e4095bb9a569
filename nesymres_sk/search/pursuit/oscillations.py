"""Oscillations on a trend: seasons, beats, damped vibrations, waves whose height depends on a column.

``g(y) = trend + m * exp(-d*x) * (a * sin(w*x) + b * cos(w*x))`` along one column ``x``: for every frequency the
regression on sine and cosine, what the trend explains being projected out of both (the periodogram of Lomb 1976, with a
floating trend). From its peak, frequency and damping are refined by variable projection (Golub and Pereyra, SIAM J.
Numer. Anal. 1973). Slow waves, of up to a few periods, are in the library already.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nesymres_sk.expressions.expression import Node
from nesymres_sk.search.pursuit.parts import Part
from nesymres_sk.search.pursuit.regression import orthonormal, outside, solve_many
from nesymres_sk.search.pursuit.trees import exponential, product, scaled, sine_of, total

Array = NDArray[np.float64]

#: Periods over the data from which frequencies are tried, and frequencies for each further period.
_FEWEST_PERIODS, _PER_PERIOD = 2.5, 4
#: Waves of an equation.
_MOST_WAVES = 3
#: Starts of the refinement, its steps, and the longest and shortest of them: radians, or powers of e, over the data.
_STARTS, _STEPS, _LONGEST_STEP, _SHORTEST_STEP = 2, 12, 1.0, 1e-12
#: Factor of the error that is worth another step.
_BETTER = 0.9999
#: Largest damping over the data, and logarithm of a number.
_LARGEST_DAMPING, _LARGEST_EXPONENT = 30.0, 700.0
#: Share of the squared residual that a wave must explain, and the nats beyond chance.
_LEAST_SHARE, _BEYOND_CHANCE = 0.1, 10.0
#: Part of both that a peak must reach before it is refined: between two frequencies, or damped, it is lower.
_OF_A_PEAK = 0.5
#: Nats that a damping must be worth.
_WORTH_OF_DAMPING = 6.0
#: Share of the target below which a residual is rounding.
_EXACT = 1e-24
#: Part of a function, beside those before it, that is rounding.
_DEPENDENT = 1e-10
#: Importance of a function below which it is left out, of the error and of rounding.
_PER_ROW, _ROUNDING = 4.0, 1e-24


@dataclass(frozen=True)
class _Wave:
    """``modulator * exp(-damping * t)`` times a sine and a cosine of ``rate * t``; ``t`` is centred, of span 1."""

    modulator: Part
    rate: float
    damping: float = 0.0
    damped: bool = False

    def functions(self, t: Array) -> Array:
        """Sine and cosine, shape (2, n)."""
        with np.errstate(over="ignore", invalid="ignore"):
            height = self.modulator.values * np.exp(-self.damping * t)
            return np.stack((height * np.sin(self.rate * t), height * np.cos(self.rate * t)))


class Oscillations:
    """Finds oscillations of targets along one column.

    Parameters
    ----------
    column : Part
        Not constant.
    """

    def __init__(self, column: Part) -> None:
        self._column = column
        low, high = float(column.values.min()), float(column.values.max())
        self._middle, self._span = 0.5 * low + 0.5 * high, high - low
        self._t = (column.values - self._middle) / self._span
        gaps = np.diff(np.unique(self._t))
        # of values at equal distances, faster waves look like slower ones
        fastest = min(0.5 / float(gaps.min(initial=1.0)), float(len(gaps)))
        n = max(int(_PER_PERIOD * (fastest - _FEWEST_PERIODS)) + 1, 0)
        self._rates = 2.0 * np.pi * (_FEWEST_PERIODS + np.arange(n) / _PER_PERIOD)
        phases = self._rates[:, None] * self._t
        self._sine, self._cosine = np.sin(phases), np.cos(phases)
        self._products = np.square(self._sine), np.square(self._cosine), self._sine * self._cosine

    def trees(
        self, target: Array, slope: Array, trend: Sequence[Part], modulators: Sequence[Part]
    ) -> list[tuple[float, Node]]:
        """Trees with one oscillation, two and so on, each with its squared error.

        Parameters
        ----------
        target, slope : array of shape (n,)
            What oscillates, and the weights of its residuals.
        trend : sequence of Part
            Functions that may be added.
        modulators : sequence of Part
            Functions that an oscillation may be multiplied by.

        Returns
        -------
        list of (float, Node)
            Empty if nothing oscillates.
        """
        rows = np.array([part.values for part in trend]) * slope
        weighted = target * slope
        if not len(self._rates) or not np.isfinite(rows).all():
            return []
        independent = _independent(rows)
        trend, rows = [trend[i] for i in independent], rows[independent]
        basis = orthonormal(rows)
        alone = outside(weighted, basis)
        waves: list[_Wave] = []
        trees: list[tuple[float, Node]] = []
        for _ in range(_MOST_WAVES):
            if len(rows) + 3 * len(waves) + 4 >= len(weighted):
                break
            explained = orthonormal(np.concatenate((basis, *(wave.functions(self._t) * slope for wave in waves))))
            residual = outside(weighted, explained)
            if not residual @ residual > _EXACT * (weighted @ weighted):
                break
            wave = self._wave(explained, residual, slope, modulators)
            if wave is None:
                break
            # together: a wave that was found while another was in the residual is a little off
            waves = self._best([*waves, wave], basis, alone, slope)[1] if waves else [wave]
            tree = self._tree(target, slope, trend, waves)
            if tree is None:
                break
            trees.append(tree)
        return trees

    def _wave(self, basis: Array, residual: Array, slope: Array, modulators: Sequence[Part]) -> _Wave | None:
        """The wave that explains most of the residual, ``None`` if that is little."""
        freedom, before = len(residual) - len(basis) - 2, float(residual @ residual)
        bar = 2.0 * math.log(len(self._rates) * len(modulators)) + _BEYOND_CHANCE
        most = 1.0 - min(math.exp(-bar / freedom), 1.0 - _LEAST_SHARE)  # share that the wave must explain
        gains = self._periodograms(basis, residual, slope, np.array([part.values for part in modulators])) / before
        rates, highest = gains.argmax(axis=1), gains.max(axis=1)
        peaks = [int(i) for i in np.argsort(-highest)[:_STARTS] if highest[i] > _OF_A_PEAK * most]
        refined = [
            self._refined([_Wave(modulators[i], float(self._rates[rates[i]]))], basis, residual, slope) for i in peaks
        ]
        if not refined:
            return None
        _, (wave,) = min(refined, key=lambda result: result[0])
        error, (wave,) = self._best([replace(wave, damped=True)], basis, residual, slope)
        return wave if error < (1.0 - most) * before else None

    def _best(self, waves: list[_Wave], basis: Array, residual: Array, slope: Array) -> tuple[float, list[_Wave]]:
        """Error and refined waves, damped only if that is worth it."""
        free = [replace(wave, damping=0.0, damped=False) for wave in waves]
        undamped = self._refined(free, basis, residual, slope)
        if not any(wave.damped for wave in waves):
            return undamped
        damped = self._refined(waves, basis, residual, slope)
        if not damped[0] < undamped[0]:
            return undamped
        least = _EXACT * float(residual @ residual)
        gain = len(residual) * math.log(max(undamped[0], least) / max(damped[0], least))
        return damped if gain > _WORTH_OF_DAMPING else undamped

    def _periodograms(self, basis: Array, residual: Array, slope: Array, heights: Array) -> Array:
        """What a wave of each height and frequency would explain of the squared residual, shape (heights, rates)."""
        heights = heights * slope
        # products of the functions with the basis and the residual: they themselves never have to be projected
        others = (heights[:, None] * np.concatenate((basis, residual[None]))).reshape(-1, len(residual))
        shape = (len(self._rates), len(heights), len(basis) + 1)
        along_sine, along_cosine = (self._sine @ others.T).reshape(shape), (self._cosine @ others.T).reshape(shape)
        ss, cc, sc = (product_ @ np.square(heights).T for product_ in self._products)
        p, q = along_sine[:, :, :-1], along_cosine[:, :, :-1]
        left_ss, left_cc = ss - np.einsum("kmb,kmb->km", p, p), cc - np.einsum("kmb,kmb->km", q, q)
        left_sc = sc - np.einsum("kmb,kmb->km", p, q)
        rs, rc = along_sine[:, :, -1], along_cosine[:, :, -1]
        with np.errstate(all="ignore"):
            determinant = left_ss * left_cc - left_sc * left_sc
            gains = (rs * rs * left_cc - 2.0 * rs * rc * left_sc + rc * rc * left_ss) / determinant
            usable = (determinant > 1e-6 * ss * cc) & np.isfinite(gains)
        return np.where(usable, gains, 0.0).T

    def _refined(self, waves: list[_Wave], basis: Array, residual: Array, slope: Array) -> tuple[float, list[_Wave]]:
        """Error, and waves after Gauss-Newton steps for their frequencies and dampings, all at once."""
        best = (np.inf, waves)
        for _ in range(_STEPS):
            functions = np.stack([wave.functions(self._t) for wave in waves]) * slope
            if not np.isfinite(functions).all():
                break
            apart = outside(functions.reshape(2 * len(waves), -1), basis)
            heights = np.linalg.lstsq(apart.T, residual, rcond=None)[0]
            left = residual - heights @ apart
            error = float(left @ left)
            if not error < _BETTER * best[0]:
                break
            best = error, waves
            turns = []
            for wave, (sine, cosine), (a, b) in zip(waves, functions, heights.reshape(-1, 2).tolist(), strict=True):
                turns.append(self._t * (a * cosine - b * sine))
                if wave.damped:
                    turns.append(-self._t * (a * sine + b * cosine))
            system = np.concatenate((apart, outside(np.array(turns), basis)))
            steps = np.linalg.lstsq(system.T, left, rcond=None)[0][len(apart) :]
            if not np.isfinite(steps).all() or not np.abs(steps).max() > _SHORTEST_STEP:
                break
            waves = _moved(waves, np.clip(steps, -_LONGEST_STEP, _LONGEST_STEP).tolist())
        return best

    def _tree(
        self, target: Array, slope: Array, trend: Sequence[Part], waves: Sequence[_Wave]
    ) -> tuple[float, Node] | None:
        """Error and tree of trend and waves, functions of no importance left out."""
        values = np.array([part.values for part in trend])
        rows = np.concatenate((values, *(wave.functions(self._t) for wave in waves)))
        weighted = target * slope
        coefficients, importance, errors = (a[0] for a in solve_many((rows * slope)[None], weighted))
        if not np.isfinite(coefficients).all():
            return None
        keep = importance > max(_PER_ROW * float(errors) / len(weighted), _ROUNDING)
        nodes = [scaled(c, part.node) for part, c, k in zip(trend, coefficients.tolist(), keep, strict=False) if k]
        for wave, (a, b) in zip(waves, coefficients[len(trend) :].reshape(-1, 2).tolist(), strict=True):
            nodes.append(self._wave_tree(wave, a, b))
        return float(errors), total(nodes)

    def _wave_tree(self, wave: _Wave, sine: float, cosine: float) -> Node:
        rate, damping = wave.rate / self._span, wave.damping / self._span
        # t = (x - middle) / span
        phase = math.remainder(math.atan2(cosine, sine) - rate * self._middle, 2.0 * math.pi)
        factors = [wave.modulator.node, sine_of(rate, self._column.node, phase)]
        height = math.hypot(sine, cosine)
        if wave.damped:
            height *= math.exp(min(damping * self._middle, _LARGEST_EXPONENT))
            factors.append(exponential(scaled(-damping, self._column.node)))
        return scaled(height, product(factors))


def _moved(waves: Sequence[_Wave], steps: list[float]) -> list[_Wave]:
    """Waves with other frequencies and, where they are damped, dampings."""
    left = iter(steps)
    moved = []
    for wave in waves:
        rate, damping = wave.rate + next(left), wave.damping + (next(left) if wave.damped else 0.0)
        moved.append(replace(wave, rate=rate, damping=min(max(damping, -_LARGEST_DAMPING), _LARGEST_DAMPING)))
    return moved


def _independent(rows: Array) -> NDArray[np.intp]:
    """Which rows are no combination of those before them, as copies of columns are."""
    lengths = np.sqrt(np.einsum("kn,kn->k", rows, rows))
    kept = np.flatnonzero(lengths > 0.0)
    r = np.linalg.qr((rows[kept] / lengths[kept, None]).T, mode="r")
    return kept[: len(r)][np.abs(np.diagonal(r)) > _DEPENDENT]
