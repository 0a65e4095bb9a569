"""Fitting constants by BFGS, as in the paper (Biggio et al. 2021, section 3)."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nesymres_sk.deadline import Deadline
from nesymres_sk.expressions._derivatives import run_gradients
from nesymres_sk.expressions._kernels import BLOCK, run_values
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.expressions.machine import Programs, check_variables, compile_programs
from nesymres_sk.fitting.constants import FitResult, Table, first_starts, prepare_table


class _TimeUp(Exception):
    pass


class Objective:
    """Mean squared error of one program as a function of its free constants; remembers the best point it has seen.

    Parameters
    ----------
    programs : Programs
    index : int
        Which program.
    constants : tuple of float
        NaN where free.
    table : Table
    deadline : Deadline
    """

    def __init__(
        self, programs: Programs, index: int, constants: Sequence[float], table: Table, deadline: Deadline
    ) -> None:
        self._code = programs.codes[index]
        self._length = int(programs.lengths[index])
        self._table = table
        self._deadline = deadline
        self.best = np.array(constants, dtype=np.float64).reshape(-1)
        self._all = self.best.copy()
        self.free = np.isnan(self.best)
        self.loss = math.inf
        n = table.y.size
        self._rows, self._adjoints = np.empty((self._length, BLOCK)), np.empty((self._length, BLOCK))
        self._values, self._jacobian = np.empty(n), np.empty((self.best.size, n))

    def residuals(self, free: NDArray[np.float64]) -> NDArray[np.float64]:
        """Prediction minus target at the given free constants.

        Raises
        ------
        _TimeUp
            If the deadline has passed and a point has been seen already.
        """
        if self._deadline.passed and self.loss < math.inf:
            raise _TimeUp
        self._all[self.free] = free
        columns = self._table.XT
        if self.free.any():
            run_gradients(
                self._code, self._length, columns, self._all, self._rows, self._adjoints, self._values, self._jacobian
            )
        else:
            run_values(self._code, self._length, columns, self._all, self._rows, self._values)
        return self._values - self._table.y

    def jacobian(self, free: NDArray[np.float64]) -> NDArray[np.float64]:
        """Derivatives of :meth:`residuals` at its last point, one column a free constant."""
        return np.nan_to_num(self._jacobian[self.free].T)

    def __call__(self, free: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """Loss and gradient; infinite with no gradient where the expression is undefined."""
        residuals = self.residuals(free)
        with np.errstate(all="ignore"):
            weighted = self._table.weights * residuals
            loss = float(weighted @ residuals)
        if not math.isfinite(loss):
            return math.inf, np.zeros(len(free))
        if loss < self.loss:
            self.loss = loss
            self.best[:] = self._all
        return loss, np.nan_to_num(2.0 * self._jacobian[self.free] @ weighted)


def fit_skeletons_bfgs(
    skeletons: Sequence[Expression],
    X: ArrayLike,
    y: ArrayLike,
    *,
    n_restarts: int = 4,
    deadline: Deadline | None = None,
    rng: np.random.Generator,
    n_threads: int = 1,
    sample_weight: ArrayLike | None = None,
    initial: Sequence[Sequence[float] | None] | None = None,
) -> FitResult:
    """Fit the free constants of many expressions by BFGS from standard normal starts.

    Parameters, result and errors are those of :func:`~nesymres_sk.fitting.constants.fit_skeletons`. ``initial``
    replaces the first start; ``n_threads`` is not used, since scipy's loop holds the GIL. Unlike the published
    code the best point seen is returned rather than the last probe, and a deadline ends the fit, not the run.
    """
    if n_restarts < 1:
        raise ValueError(f"n_restarts must be at least 1, got {n_restarts}")
    deadline = Deadline() if deadline is None else deadline
    table = prepare_table(X, y, sample_weight, None)
    programs = compile_programs(skeletons)
    check_variables(programs, len(table.XT))
    starts = None if initial is None else first_starts(skeletons, initial)
    constants: list[tuple[float, ...]] = []
    losses = np.full(len(skeletons), np.inf)
    for index, skeleton in enumerate(skeletons):
        objective = Objective(programs, index, skeleton.constants, table, deadline)
        draws = rng.standard_normal((n_restarts, int(objective.free.sum())))
        if starts is not None:
            draws[0] = starts[index, : len(skeleton.constants)][objective.free]
        if not deadline.passed:
            _minimise(objective, draws)
        constants.append(tuple(objective.best.tolist()))
        losses[index] = objective.loss
    return FitResult(constants, losses)


def _minimise(objective: Objective, starts: NDArray[np.float64]) -> None:
    from scipy.optimize import minimize

    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for start in starts:
                if start.size == 0:
                    objective(start)
                    return
                if math.isfinite(objective(start)[0]):
                    minimize(objective, start, jac=True, method="BFGS")
    except _TimeUp:
        return
