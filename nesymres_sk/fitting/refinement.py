"""Gauss–Newton from a good fit, in the user's own units and on all rows, and the standard errors of its constants."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nesymres_sk.deadline import Deadline
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.expressions.machine import evaluate_many, evaluate_with_gradient
from nesymres_sk.fitting.linear import compress

#: Rows per block of a long table, and rows up to which a table is not compressed.
_BLOCK, _SHORT = 16_384, 1024


@dataclass(frozen=True)
class Target:
    """What an equation is fitted to.

    Attributes
    ----------
    X : float64 array of shape (n, d)
    y : float64 array of shape (n,)
    scale : float
        Residuals are divided by it before they are squared.
    weight : float64 array of shape (n,) or None
        Weights of mean 1.
    n_effective : float
        Number of observations.
    floor : float
        Error (over ``scale`` squared) below which only rounding is left.
    """

    X: NDArray[np.float64]
    y: NDArray[np.float64]
    scale: float
    weight: NDArray[np.float64] | None
    n_effective: float
    floor: float

    def linearise(self, expression: Expression) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
        """Mean squared error, residuals (m,) and their derivatives (m, k) with respect to the constants.

        Residuals are weighted and scaled. Long tables are compressed to ``m = k + 1`` rows with the same inner
        products, so that memory does not grow with the table.
        """
        n = len(self.y)
        if n <= _SHORT:
            system = self._block(expression, slice(None))
        else:
            system = compress(self._block(expression, slice(i, i + _BLOCK)) for i in range(0, n, _BLOCK))
        with np.errstate(all="ignore"):
            error = float(np.sum(np.square(system[:, -1]))) / n
        return (error if math.isfinite(error) else math.inf), system[:, -1], system[:, :-1]

    def errors(self, expressions: Sequence[Expression]) -> NDArray[np.float64]:
        """Mean squared error of each expression, as in :meth:`linearise`; infinite where it is undefined."""
        n = len(self.y)
        totals = np.zeros(len(expressions))
        with np.errstate(all="ignore"):
            for i in range(0, n, _BLOCK):
                rows = slice(i, i + _BLOCK)
                squares = np.square((evaluate_many(expressions, self.X[rows]) - self.y[rows]) / self.scale)
                totals += (squares if self.weight is None else squares * self.weight[rows]).sum(axis=1)
        return np.where(np.isfinite(totals), totals / n, np.inf)

    def _block(self, expression: Expression, rows: slice) -> NDArray[np.float64]:
        values, jacobian = evaluate_with_gradient(expression, self.X[rows])
        with np.errstate(all="ignore"):
            system = np.column_stack((jacobian, values - self.y[rows])) / self.scale
            if self.weight is not None:
                system *= np.sqrt(self.weight[rows])[:, None]
        # Undefined values must stay visible after compression, whose sums could otherwise fail.
        return system if np.isfinite(system[:, -1]).all() else np.full((1, system.shape[1]), np.inf)


def refine(
    expression: Expression,
    target: Target,
    free: NDArray[np.bool_] | None = None,
    max_steps: int = 12,
    deadline: Deadline | None = None,
) -> tuple[Expression, float]:
    """Gauss–Newton steps from a good fit, in the units of the expression itself.

    Parameters
    ----------
    expression : Expression
        Fitted equation.
    target : Target
    free : bool array of shape (k,), optional
        Constants that may move; all by default.
    max_steps : int
        Most steps; usually two or three are enough.
    deadline : Deadline, optional
        No further step is begun when it has passed.

    Returns
    -------
    Expression, float
        The best constants seen and their error, never worse than the start.
    """
    free = np.ones(len(expression.constants), dtype=bool) if free is None else free
    error, residuals, jacobian = target.linearise(expression)
    if not free.any() or not math.isfinite(error):
        return expression, error
    for _ in range(max_steps):
        if deadline is not None and deadline.passed:
            break
        step = _solve(jacobian[:, free], residuals)
        if step is None:
            break
        shrink, better = 1.0, False
        for _ in range(4):
            constants = np.array(expression.constants)
            with np.errstate(over="ignore"):
                constants[free] -= shrink * step
            trial = expression.with_constants(constants.tolist())
            trial_error, trial_residuals, trial_jacobian = target.linearise(trial)
            if trial_error < error and np.isfinite(constants).all():  # some functions of infinity are finite
                better = True
                break
            shrink *= 0.25
        if not better:
            break
        gain = error - trial_error
        expression, error, residuals, jacobian = trial, trial_error, trial_residuals, trial_jacobian
        if error < 1e-4 * target.floor or gain < 1e-9 * error:
            break
    return expression, error


def _solve(jacobian: NDArray[np.float64], residuals: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Least squares step with columns brought to one length, so that units play no part; None without one."""
    unit, lengths = _unit_columns(jacobian)
    if not np.isfinite(unit).all():
        return None
    with np.errstate(over="ignore"):
        step: NDArray[np.float64] = np.linalg.lstsq(unit, residuals, rcond=1e-13)[0] / lengths
    return step


def _unit_columns(jacobian: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Columns of length one and their lengths, whatever their magnitude; columns of zeros stay."""
    largest = np.abs(jacobian).max(axis=0, initial=0.0)
    largest[largest == 0.0] = 1.0
    with np.errstate(invalid="ignore"):
        unit = jacobian / largest
    lengths = np.sqrt(np.sum(np.square(unit), axis=0))
    lengths[lengths == 0.0] = 1.0
    with np.errstate(over="ignore"):
        return unit / lengths, lengths * largest


def standard_errors(
    jacobian: NDArray[np.float64], error: float, n_rows: int, n_effective: float
) -> NDArray[np.float64]:
    """Standard errors of the constants at an optimum.

    Parameters
    ----------
    jacobian : array of shape (m, k)
        Derivatives of the residuals, weights of mean 1 included, compressed or not.
    error : float
        Mean squared error there.
    n_rows : int
        Number of rows that the derivatives stand for.
    n_effective : float
        Number of observations that the rows stand for.

    Returns
    -------
    array of shape (k,)
        Infinite for constants that the data do not determine.
    """
    k = jacobian.shape[1]
    out = np.full(k, np.inf)
    unit, lengths = _unit_columns(jacobian)
    usable = np.isfinite(unit).all(axis=0) & (unit != 0.0).any(axis=0)
    if not usable.any() or n_effective <= k:
        return out
    _, singular, rotation = np.linalg.svd(unit[:, usable], full_matrices=False)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        inverse = np.sum(np.square(rotation / singular[:, None]), axis=0)
        out[usable] = np.sqrt(inverse * error * n_rows / (n_effective - k)) / lengths[usable]
    return np.where(np.isnan(out), np.inf, out)
