"""How many nats describe what an equation leaves over, whatever the shape of the noise.

The residual of a row is the one that it would have if the constants were fitted to the other rows, so that constants
that fit noise do not pay, and least of all those that serve a single row. The code of the residuals is that of normal
noise or of Student's t, whichever is shorter: measurements have outliers, and an equation that reaches for a few of
them explains less than its squared error says.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from nesymres_sk.expressions.expression import Expression
from nesymres_sk.expressions.machine import evaluate_with_gradient
from nesymres_sk.fitting.numbers import simple_number_cost
from nesymres_sk.table import Table

Array = NDArray[np.float64]

#: Degrees of freedom that are tried beside normal noise, and nats that name one of them.
_DEGREES = np.array([1.5, 2.0, 3.0, 5.0, 10.0])
_NAME = 1.0
#: Newton steps for the scale of the noise.
_STEPS = 12
#: Rows that the shape of the noise is taken from; the squared error is always that of all rows.
_MOST_ROWS = 4096
#: Part of a row that at least is left over when the others predict it.
_LEAST_REST = 1e-6
#: Singular values of the normalised derivatives below this, as parts of the largest, are zero.
_RANK = 1e-8
#: Logarithm of the gamma function's ratio in the density, and of the density's factor, for each of the degrees.
_FACTORS = np.array(
    [math.lgamma(0.5 * (d + 1.0)) - math.lgamma(0.5 * d) - 0.5 * math.log(math.pi * d) for d in _DEGREES]
)
_NORMAL = 0.5 * math.log(2.0 * math.pi * math.e)


def residuals_length(expression: Expression, error: float, table: Table, floor: float) -> float:
    """Nats that describe the target of a table when the values of an equation are known.

    Parameters
    ----------
    expression : Expression
        Fitted equation.
    error : float
        Its mean squared error on all rows, in units of the square of the table's ``y_scale``.
    table : Table
    floor : float
        Error below which only rounding is left.

    Returns
    -------
    float
        For normal noise and many rows, half of the number of rows times the logarithm of ``error``.
    """
    n = table.n_effective
    least = 0.5 * n * math.log(floor)
    free = np.array([not math.isfinite(simple_number_cost(value)) for value in expression.constants], dtype=bool)
    if n - free.sum() < 1.0:
        return 0.5 * n * math.log(max(error, table.variance, floor))  # an interpolation explains nothing
    if error <= floor:
        return least
    plain = 0.5 * n * math.log(error)
    rows = slice(None, None, -(-table.n_rows // _MOST_ROWS))
    values, jacobian = evaluate_with_gradient(expression, table.X[rows])
    with np.errstate(all="ignore"):
        residuals = (0.5 * values - 0.5 * table.y[rows]) / (0.5 * table.y_scale)
        weight = np.ones(len(residuals)) if table.weight is None else table.weight[rows]
        weight = weight / weight.sum()
        of_rows = float(weight @ np.square(residuals))
        if not 0.0 < of_rows < math.inf:
            return plain
        residuals = residuals / math.sqrt(of_rows)
        residuals /= np.maximum(1.0 - _leverages(jacobian[:, free], weight) / n, _LEAST_REST)
        normal, students = _codes(residuals, weight)
    return max(plain + min(n * normal, n * students + _NAME), least)


def _leverages(jacobian: Array, weight: Array) -> Array:
    """How much the value of each row follows its own target, times the number of observations."""
    largest = np.abs(jacobian).max(axis=0, initial=0.0)
    jacobian = jacobian[:, (largest > 0.0) & np.isfinite(largest)]
    if not jacobian.size:
        return np.zeros(len(weight))
    jacobian = jacobian / np.abs(jacobian).max(axis=0)
    jacobian /= np.sqrt(weight @ np.square(jacobian))
    left, values, _ = np.linalg.svd(jacobian * np.sqrt(weight)[:, None], full_matrices=False)
    return np.asarray(np.square(left[:, values > _RANK * values[0]]).sum(axis=1) / weight)


def _codes(residuals: Array, weight: Array) -> tuple[float, float]:
    """Nats per row with normal noise and with the best of Student's t, without the constant of the normal one."""
    squares = np.square(residuals)
    mean = float(weight @ squares)
    # the scale of Student's t by maximum likelihood, for all degrees of freedom at once
    degrees = _DEGREES[:, None]
    log_scale = np.full(len(_DEGREES), math.log(mean) - 1.0)
    for _ in range(_STEPS):
        ratios = squares / (degrees * np.exp(log_scale)[:, None])
        shares = ratios / (1.0 + ratios)
        excess = (_DEGREES + 1.0) * (shares @ weight) - 1.0
        slope = (_DEGREES + 1.0) * ((shares * (1.0 - shares)) @ weight)
        log_scale += np.clip(excess / np.maximum(slope, 1e-3), -3.0, 3.0)
    ratios = squares / (degrees * np.exp(log_scale)[:, None])
    lengths = 0.5 * log_scale - _FACTORS + 0.5 * (_DEGREES + 1.0) * (np.log1p(ratios) @ weight) - _NORMAL
    return 0.5 * math.log(mean), float(lengths.min())
