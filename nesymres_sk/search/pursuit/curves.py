"""Curves with asymptotes over one sum: saturation, growth, logistic functions, bells on a background.

In ``y = a + exp(s)`` and ``y = a + b / (1 + exp(-s))`` the sum ``s`` is linear in its coefficients once the asymptotes
are known. These are found by variable projection (Golub and Pereyra, SIAM J. Numer. Anal. 1973): Gauss-Newton steps for
the logarithms of their distances from the target, the coefficients being optimal at every step.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product as combinations

import numpy as np
from numpy.typing import NDArray

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.expression import Node
from nesymres_sk.search.pursuit.links import Link
from nesymres_sk.search.pursuit.parts import Part
from nesymres_sk.search.pursuit.regression import solve_many
from nesymres_sk.search.pursuit.trees import ONE, constant, exponential, quotient, scaled, total

Array = NDArray[np.float64]

#: Shares of the rows that are as near to the nearest target as the asymptotes are at the start of a fit.
_STARTS = (0.03, 0.3, 1.0)
_STEPS = 12
#: Largest change of the logarithm of a distance in a step, and the one that is the last.
_LONGEST_STEP, _SHORTEST_STEP = 2.5, 1e-9
#: Logarithms of the distances stay within these bounds: beyond them the curve is a straight line, or the target a step.
_LEAST, _MOST = -35.0, 7.0
#: Importance of a function below which it is left out: of the error, and of rounding.
_PER_ROW, _ROUNDING = 4.0, 1e-24
_ADD = v.operator_token("add")


class Curves:
    """Fits curves to one target.

    Parameters
    ----------
    link : Link
        Function of the target that has the asymptotes.
    target, slope : array of shape (n,)
        Transformed target, and the weights of its residuals.
    """

    def __init__(self, link: Link, target: Array, slope: Array) -> None:
        self.link = link
        self.target = target
        self.slope = slope
        self.low, self.high = float(target.min()), float(target.max())
        self.range = self.high - self.low

    def fit(self, base: Sequence[Part], below: bool, above: bool) -> Node | None:
        """Tree of the best curve with one asymptote or two, the link undone.

        Parameters
        ----------
        base : sequence of Part
            Functions that the sum is made of.
        below, above : bool
            Whether there is an asymptote below the target, and above it; one at least.

        Returns
        -------
        Node or None
            ``None`` if there is nothing to fit.
        """
        sides = [sign for sign, there in ((-1.0, below), (1.0, above)) if there]
        values = np.array([part.values for part in base])
        if not (0.0 < self.range < np.inf) or len(values) + len(sides) >= len(self.target):
            return None
        starts = np.array(list(combinations(*(self._starts(side) for side in sides))))
        best, distances = np.inf, starts[0]
        with np.errstate(all="ignore"):
            for _ in range(_STEPS):
                sums, weights, turns = self._solved(starts, sides)
                functions = np.concatenate((np.broadcast_to(values, (len(starts), *values.shape)), -turns), axis=1)
                steps, errors = _project(functions * weights[:, None], sums * weights, len(values))
                if errors.min() < best:
                    best, distances = float(errors.min()), starts[errors.argmin()]
                if not np.abs(steps).max() > _SHORTEST_STEP:
                    break
                starts = np.clip(starts + np.clip(steps, -_LONGEST_STEP, _LONGEST_STEP), _LEAST, _MOST)
            return self._curve(base, values, distances, sides) if np.isfinite(best) else None

    def _starts(self, side: float) -> Array:
        """Logarithms of distances from one end, as parts of the range."""
        gaps = (self.high - self.target if side > 0.0 else self.target - self.low) / self.range
        return np.clip(np.log(np.maximum(np.quantile(gaps, _STARTS), 1e-300)), _LEAST, _MOST)

    def _solved(self, distances: Array, sides: Sequence[float]) -> tuple[Array, Array, Array]:
        """The sum that would give the target, weights of its residuals, and its derivatives by the log-distances."""
        sums = np.zeros((len(distances), len(self.target)))
        steepness = np.zeros_like(sums)
        turns = []
        for side, column in zip(sides, distances.T, strict=True):
            distance = np.exp(column)[:, None] * self.range
            gap = (self.high - self.target if side > 0.0 else self.target - self.low) + distance
            sums -= side * np.log(gap)
            steepness += 1.0 / gap
            turns.append(-side * distance / gap)
        return sums, self.slope / steepness, np.stack(turns, axis=1)

    def _curve(self, base: Sequence[Part], values: Array, distances: Array, sides: Sequence[float]) -> Node | None:
        """Tree of the curve with some distances, functions of no importance left out."""
        sums, weights, _ = self._solved(distances[None], sides)
        weighted = sums[0] * weights[0]
        coefficients, importance, errors = (a[0] for a in solve_many((values * weights[0])[None], weighted))
        keep = importance > max(_PER_ROW * float(errors) / len(weighted), _ROUNDING)
        asymptotes = [
            (self.high if side > 0.0 else self.low) + side * float(np.exp(distance)) * self.range
            for side, distance in zip(sides, distances, strict=True)
        ]
        # one asymptote: y = a ± exp(±s); two: y = a + (b - a) / (1 + exp(-s))
        sign = -1.0 if len(sides) == 2 or sides[0] > 0.0 else 1.0
        nodes = [scaled(sign * c, part.node) for part, c, k in zip(base, coefficients.tolist(), keep, strict=True) if k]
        if not nodes or not np.isfinite(coefficients).all():
            return None
        grown = exponential(total(nodes))
        if len(sides) == 2:
            curve = quotient(constant(asymptotes[1] - asymptotes[0]), total([ONE, grown]))
        else:
            curve = scaled(-sides[0], grown)
        return self.link.undone((_ADD, constant(asymptotes[0]), curve))


def _project(functions: Array, target: Array, n_linear: int) -> tuple[Array, Array]:
    """Steps of the last coefficients, and squared residuals with the first ``n_linear`` functions alone."""
    lengths = np.sqrt(np.einsum("gkn,gkn->gk", functions, functions))
    lengths[~(lengths > 0.0)] = 1.0
    q, r = np.linalg.qr((functions / lengths[:, :, None]).transpose(0, 2, 1))
    projections = np.einsum("gn,gnk->gk", target, q)
    residuals = target - np.einsum("gnk,gk->gn", q[:, :, :n_linear], projections[:, :n_linear])
    errors = np.einsum("gn,gn->g", residuals, residuals)
    last = r[:, n_linear:, n_linear:]
    # a distance that changes nothing stays
    singular = (np.abs(np.einsum("gkk->gk", last)) < 1e-12).any(axis=1) | ~np.isfinite(errors)
    last = np.where(singular[:, None, None], np.eye(last.shape[1]), last)
    wanted = np.where(singular[:, None], 0.0, projections[:, n_linear:])
    steps = np.linalg.solve(last, wanted[:, :, None])[:, :, 0] / lengths[:, n_linear:]
    return np.where(np.isfinite(steps), steps, 0.0), np.where(np.isfinite(errors), errors, np.inf)
