"""Sines of sums of two functions, all pairs at once.

``sin(f + g)`` is no sum of a function of ``f`` and one of ``g``, and its inverse has many branches. But its products
with anything are bilinear in the sines and cosines of ``f`` and ``g`` (addition theorem), so that the regression of
a target on ``1, sin(f + g), cos(f + g)`` for all pairs of functions takes nine matrix products.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

#: Waves with more radians than this over the data are noise.
_MOST_RADIANS = 300.0
#: Share of the plane of sine and cosine that must be left by their correlation.
_LEFT = 1e-9


@dataclass(frozen=True)
class Wave:
    """``target = c + a*sin(f + s*g) + b*cos(f + s*g)``.

    Attributes
    ----------
    first, second : int
        Rows of ``f`` and ``g``.
    sign : float
        ``s``, 1 or -1.
    offset, sine, cosine : float
        ``c``, ``a`` and ``b``.
    error : float
        Squared residual over the squared length of the target.
    """

    first: int
    second: int
    sign: float
    offset: float
    sine: float
    cosine: float
    error: float


def waves(functions: Array, target: Array, weight: Array, n: int) -> list[Wave]:
    """The best waves of all pairs of functions, for each function the best partner.

    Parameters
    ----------
    functions : array of shape (m, n_rows)
    target, weight : array of shape (n_rows,)
        Weights multiply residuals.
    n : int
        Greatest number.
    """
    rows = np.flatnonzero(np.ptp(functions, axis=1) < _MOST_RADIANS)
    largest = float(np.abs(target).max())
    if not len(rows) or not 1e-100 < largest < 1e100:
        return []
    f = functions[rows]
    square = np.square(weight / weight.max())  # their unit does not matter, and squares of squares could overflow
    total = float(square.sum())
    power = float(square @ np.square(target)) or 1.0
    y = target - float(square @ target) / total
    spread = float(square @ np.square(y))
    of_target = _Products(np.sin(f), np.cos(f), square * y)
    of_one = _Products(np.sin(f), np.cos(f), square)
    doubled = _Products(np.sin(2.0 * f), np.cos(2.0 * f), square)
    found: dict[tuple[int, int, float], Wave] = {}
    for sign in (1.0, -1.0):
        sine, cosine = of_one.sine(sign), of_one.cosine(sign)
        double_sine, double_cosine = doubled.sine(sign), doubled.cosine(sign)
        ss = 0.5 * (total - double_cosine) - np.square(sine) / total
        cc = 0.5 * (total + double_cosine) - np.square(cosine) / total
        sc = 0.5 * double_sine - sine * cosine / total
        ys, yc = of_target.sine(sign), of_target.cosine(sign)
        with np.errstate(all="ignore"):
            determinant = ss * cc - np.square(sc)
            usable = determinant > _LEFT * total * total
            gains = np.where(usable, (np.square(ys) * cc - 2.0 * ys * yc * sc + np.square(yc) * ss) / determinant, 0.0)
        partner = gains.argmax(axis=1)
        for i in np.argsort(-gains[np.arange(len(f)), partner], kind="stable")[: 2 * n].tolist():
            i, j = sorted((i, int(partner[i])))  # most pairs are named by both partners
            if not usable[i, j] or (i, j, sign) in found:
                continue
            a = (ys[i, j] * cc[i, j] - yc[i, j] * sc[i, j]) / determinant[i, j]
            b = (yc[i, j] * ss[i, j] - ys[i, j] * sc[i, j]) / determinant[i, j]
            offset = (float(square @ target) - a * sine[i, j] - b * cosine[i, j]) / total
            error = max(spread - float(gains[i, j]), 0.0) / power
            found[i, j, sign] = Wave(int(rows[i]), int(rows[j]), sign, float(offset), float(a), float(b), error)
    return sorted(found.values(), key=lambda wave: wave.error)[:n]


class _Products:
    """Weighted sums over the rows of ``sin(f + s*g)`` and ``cos(f + s*g)`` for all pairs."""

    def __init__(self, sines: Array, cosines: Array, weight: Array) -> None:
        self._mixed = (sines * weight) @ cosines.T
        self._sines = (sines * weight) @ sines.T
        self._cosines = (cosines * weight) @ cosines.T

    def sine(self, sign: float) -> Array:
        return self._mixed + sign * self._mixed.T

    def cosine(self, sign: float) -> Array:
        return self._cosines - sign * self._sines
