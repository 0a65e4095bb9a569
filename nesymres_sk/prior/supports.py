"""Where the points lie: every column's support is drawn first, and independently of the equation.

If points were redrawn until an equation is defined, the range of a column would give the operator away: columns on
[-1, 1] would nearly always belong to asin. Here a support, once drawn, is never changed for the sake of an equation;
equations that do not fit it are dropped instead, so the distribution of supports is exactly the one below.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nesymres_sk.compilation import kernel
from nesymres_sk.prior.trees import choose

#: Names of the families of supports, in the order of the codes in :func:`_draw_family`.
FAMILIES = (
    "positive", "symmetric", "unit interval", "minus one to one", "one to five", "zero to a", "interval",
    "log-uniform", "integers", "gaussian", "clusters", "grid", "heavy-tailed", "narrow", "negative",
)  # fmt: skip
_WEIGHTS = np.array([13.0, 9.0, 6.0, 6.0, 12.0, 9.0, 9.0, 8.0, 5.0, 5.0, 4.0, 6.0, 4.0, 3.0, 1.5])
_ALL_POSITIVE = np.array([16.0, 0.0, 8.0, 0.0, 16.0, 12.0, 0.0, 11.0, 5.0, 0.0, 0.0, 7.0, 5.0, 0.0, 0.0])
_N_PARAMETERS = 6


@kernel
def _draw_family(rng: Any, family: int, parameters: Any) -> None:
    """Parameters of a support: lowest, highest value and what else the family needs."""
    u = rng.random()
    w = rng.random()
    parameters[2] = rng.random()
    parameters[3] = 10.0 ** (-2.0 + 1.5 * rng.random())
    parameters[4] = rng.random()
    parameters[5] = 2.0 + int(rng.random() * 4.0)
    if family == 0:  # positive
        low = 3.0 * u * u + 0.05
        parameters[0] = low
        parameters[1] = low + 10.0 ** (-0.3 + 1.6 * w)
    elif family == 1:  # symmetric
        half = 10.0 ** (-0.3 + 1.5 * u)
        parameters[0] = -half
        parameters[1] = half
    elif family == 2:
        parameters[0] = 0.0
        parameters[1] = 1.0
    elif family == 3:
        parameters[0] = -1.0
        parameters[1] = 1.0
    elif family == 4:
        parameters[0] = 1.0
        parameters[1] = 5.0 if w < 0.7 else 2.0 + int(8.0 * u)
    elif family == 5 or family == 11:  # zero to a; grids like a time axis
        parameters[0] = 0.0
        parameters[1] = 10.0 ** (-0.5 + 2.2 * w)
        if family == 11 and u < 0.4:
            parameters[0] = -parameters[1] if u < 0.2 else 0.1 * parameters[1]
    elif family == 6:  # sub-interval of [-10, 10], at least 0.5 long
        low = -10.0 + 20.0 * u
        high = -10.0 + 20.0 * w
        parameters[0] = min(low, high)
        parameters[1] = max(max(low, high), min(low, high) + 0.5)
    elif family == 7:  # log-uniform, base ten exponents
        parameters[0] = -3.0 + 4.0 * u
        parameters[1] = parameters[0] + 0.8 + 2.7 * w
    elif family == 8:  # integers
        low = float(int(3.0 * u)) if parameters[2] < 0.75 else -1.0 - float(int(9.0 * u))
        parameters[0] = low
        parameters[1] = low + 3.0 + int(17.0 * w * w)
    elif family == 9:  # gaussian: mean, deviation
        parameters[0] = 0.0 if u < 0.5 else -4.0 + 8.0 * rng.random()
        parameters[1] = 10.0 ** (-0.5 + 1.0 * w)
    elif family == 10:  # clusters
        half = 10.0 ** (0.0 + 0.9 * u)
        parameters[0] = -half if w < 0.5 else 0.05 * half
        parameters[1] = half
    elif family == 12:  # heavy-tailed positive: log-normal or exponential, scale and shape
        parameters[0] = 10.0 ** (-0.7 + 1.4 * u)
        parameters[1] = 0.4 + 0.9 * w
    elif family == 13:  # narrow: a little round a centre
        parameters[0] = (1.0 if u < 0.8 else -1.0) * 10.0 ** (-0.5 + 2.0 * w)
        parameters[1] = abs(parameters[0]) * 10.0 ** (-1.7 + 1.3 * parameters[2])
    else:  # negative
        parameters[1] = -0.05 - 2.0 * u * u
        parameters[0] = parameters[1] - 10.0 ** (-0.3 + 1.3 * w)


@kernel
def _fill(rng: Any, family: int, p: Any, out: Any) -> None:
    """Values of one column."""
    n = out.size
    if family == 7:
        for i in range(n):
            out[i] = 10.0 ** (p[0] + (p[1] - p[0]) * rng.random())
    elif family == 8:
        span = p[1] - p[0] + 1.0
        for i in range(n):
            out[i] = p[0] + float(int(rng.random() * span))
    elif family == 9:
        for i in range(n):
            out[i] = p[0] + p[1] * rng.standard_normal()
    elif family == 10:
        centres = np.empty(int(p[5]))
        for k in range(centres.size):
            centres[k] = p[0] + (p[1] - p[0]) * rng.random()
        width = p[3] * (p[1] - p[0])
        for i in range(n):
            value = centres[int(rng.random() * centres.size)] + width * (2.0 * rng.random() - 1.0)
            out[i] = abs(value) if p[0] > 0.0 else value
    elif family == 11:
        step = (p[1] - p[0]) / n
        first = p[0] if p[4] < 0.3 else p[0] + step  # with or without the left end, where 1/x and log end
        for i in range(n):
            out[i] = first + step * i
    elif family == 12:
        for i in range(n):
            if p[4] < 0.6:
                out[i] = p[0] * np.exp(p[1] * rng.standard_normal())
            else:
                out[i] = -p[0] * np.log(1.0 - rng.random())
    elif family == 13:
        for i in range(n):
            out[i] = p[0] + p[1] * (2.0 * rng.random() - 1.0)
    else:
        for i in range(n):
            out[i] = p[0] + (p[1] - p[0]) * rng.random()
    first = out[0]
    for i in range(n):
        if out[i] != first:
            return
    out[0] += 1.0  # a handful of integers may all be the same


@kernel
def draw_points(rng: Any, n_columns: Any, n_points: Any, wide: bool, XT: Any, families: Any) -> None:
    """Points of many problems, ``XT[B, 10, N]``, and the family code of every column, ``families[B, 10]``."""
    parameters = np.zeros(_N_PARAMETERS)
    for b in range(n_columns.size):
        u = rng.random()
        alike = wide and u < 0.4  # benchmarks and surveys: one support for all columns
        positive = wide and rng.random() < 0.35  # physics: quantities that have no sign
        gridded = False
        family = 6
        for j in range(n_columns[b]):
            if wide and (j == 0 or not alike):
                family = choose(rng, _ALL_POSITIVE if positive else _WEIGHTS)
                if family == 11 and (gridded or alike):
                    family = 5  # two columns on sorted grids would be copies of each other
                gridded = gridded or family == 11
            if not wide or j == 0 or not alike:
                _draw_family(rng, family, parameters)
            families[b, j] = family
            _fill(rng, family, parameters, XT[b, j, : n_points[b]])


def shape_of(x: NDArray[np.float64]) -> str:
    """Coarse shape of a column, what the network can see of its support (for the report)."""
    low, high = float(x.min()), float(x.max())
    if low >= 0.0 and high <= 1.0:
        return "in [0, 1]"
    if low >= -1.0 and high <= 1.0:
        return "in [-1, 1]"
    if low >= 0.0:
        return "positive, narrow" if high < 2.0 * low else ("positive" if high < 100.0 else "positive, large")
    if high <= 0.0:
        return "negative"
    return "both signs"
