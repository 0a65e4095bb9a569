"""Power laws times a function of one group of columns, ``y = c * x**p * f(b * x**a)**q``, whatever the exponents.

Laws of physics are of this form where one dimensionless group decides: Planck's law, the Lorentz factor, Hill's
equation, sums and differences of two power laws, saturation of any kind. In logarithms such a law is linear but for a
function of one direction ``a`` (a partially linear single-index model), so that the matrix of its second derivatives
is of rank one. A quadratic regression shows the direction however many columns there are (principal Hessian
directions: Li, J. Am. Stat. Assoc. 1992), Gauss-Newton steps make it precise with a polynomial in the place of
``f``, and then all functions of the table are tried along it. All linear coefficients are optimal at every step
(variable projection: Golub and Pereyra, SIAM J. Numer. Anal. 1973).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nesymres_sk.search.pursuit.group_functions import EXPONENTIAL, GROUP_FUNCTIONS
from nesymres_sk.search.pursuit.regression import orthonormal, outside
from nesymres_sk.search.pursuit.simple_groups import GroupLaw, LogTable, simple_laws

Array = NDArray[np.float64]

#: Directions that are made precise, and the steps and the degree of the polynomial for it.
_DIRECTIONS, _DIRECTION_STEPS, _DEGREE = 2, 8, 5
#: Factor between the errors of two directions from which on only the better one is tried.
_CLEARLY_BETTER = 0.3
#: Greatest exponents within a group at the start.
_SCALES = np.array((0.5, 1.0, 1.5, 2.0, 3.0, 4.0))
#: Starts of each function; steps of all, of the best of each function and of a few, and how many these are.
_STARTS = 2
_STEPS, _MORE_STEPS, _LAST_STEPS = 8, 12, 40
_FEW = 8
#: Laws that are returned if none is exact, and their greatest error; laws with simple exponents.
_RETURNED, _CLOSE, _RETURNED_SIMPLE = 2, 0.01, 14
#: Greatest error of a law that is near, as a part of the target's square, and in multiples of what a quadratic
#: function of the logarithms leaves.
_NOISY, _FACTOR = 0.5, 2.0
#: Damping at first, after success and after failure, and its bounds.
_DAMPING, _EASED, _STIFFENED, _LEAST_DAMPING, _STIFFEST = 1e-3, 0.2, 8.0, 1e-12, 1e6
#: Share of a function's squared length outside of the power law, below which it is rounding.
_LEFT = 1e-12
#: Ridge of the quadratic regression where rows are many, and where they are few for the coefficients.
_RIDGE, _STIFF_RIDGE = 1e-6, 1e-2
#: Least weight of a row, as a part of the largest: where the target is near zero its logarithm is steep.
_LEAST_WEIGHT = 1e-3
#: Squared errors that are rounding, as parts of the target's: where steps end, and of a power law.
_EXACT, _POWER_LAW = 1e-26, 1e-20
#: Error of a law from which on it is exact.
EXACT = 1e-18
#: Range of a logarithm below which it is a constant.
LEAST_RANGE = 1e-9
#: Rows that tell whether there is such a law, and change of a logarithm below which a column has no part in it.
_ROWS, _NO_EFFECT = 128, 1e-6
#: Largest logarithm of a group: a larger one is a step that went astray.
_LARGEST = 300.0


class _Fits(NamedTuple):
    """Fits in progress: which functions, exponents within the groups and offsets (last), squared errors."""

    functions: NDArray[np.intp]
    inner: Array
    errors: Array


class GroupSearch:
    """Finds laws of one group.

    Parameters
    ----------
    logs : array of shape (k, n)
        Logarithms of the absolute values of the columns.
    target : array of shape (n,)
        Logarithm of the absolute value of the target.
    weight : array of shape (n,)
        Weights of the residuals of this logarithm.
    allowed : callable
        Whether an operator may be used.
    signs : array of shape (n,), optional
        Signs of the group, 1 or -1; positive by default.
    """

    def __init__(
        self, logs: Array, target: Array, weight: Array, allowed: Callable[[str], bool], signs: Array | None = None
    ) -> None:
        self._signs = np.ones(len(target)) if signs is None else signs
        self._weight = np.maximum(weight / weight.max(), _LEAST_WEIGHT)
        self._centres = logs.mean(axis=1)
        self._logs = logs - self._centres[:, None]
        one = self._weight / np.sqrt(self._weight @ self._weight)
        self._target = target
        weighted = target * self._weight
        self._weighted = weighted - (one @ weighted) * one
        self._power = float(self._weighted @ self._weighted)
        self._base = np.vstack((self._weight, self._logs * self._weight))
        self._basis = orthonormal(self._base)
        self._rest = outside(self._weighted, self._basis)
        self._near: list[Array] = []  # directions of a law that is near
        self._functions = [
            i for i, function in enumerate(GROUP_FUNCTIONS) if all(allowed(name) for name in function.operators)
        ]

    def laws(self) -> list[GroupLaw]:
        """The best laws, those with the least error first; one of power zero if the target is a product of powers."""
        left = float(self._rest @ self._rest)
        if not self._power > 0.0 or len(self._rest) < 2 * len(self._base) + 2:
            return []
        if left <= _POWER_LAW * self._power:
            return [self._law(0, np.zeros(len(self._base)), 0.0, left)]
        with np.errstate(all="ignore"):
            directions = self._directions()
            fits = self._starts(directions)
            for n_steps, n_kept in ((_STEPS, len(GROUP_FUNCTIONS)), (_MORE_STEPS, _FEW), (_LAST_STEPS, _FEW)):
                if len(fits.errors):
                    fits = _best(self._refined(fits, n_steps), n_kept)
                if not len(fits.errors) or fits.errors[0] <= _EXACT * self._power:
                    break
            # beside an exact law, or where none fits well, the others would only be long
            exact = int((fits.errors <= EXACT * self._power).sum())
            bar = min(_NOISY, _FACTOR * self.quadratic_error()) * self._power
            if not exact and len(fits.errors) and fits.errors[0] <= bar:
                self._near = [direction for _, direction in directions]
            fits = _best(fits, exact or min(_RETURNED, int((fits.errors <= _CLOSE * self._power).sum())))
            powers = self._linearised(fits.functions, fits.inner)[3].tolist()
            return [
                self._law(*fit)
                for fit in zip(fits.functions.tolist(), fits.inner, powers, fits.errors.tolist(), strict=True)
            ]

    def simple(self) -> list[GroupLaw]:
        """Laws with simple exponents after :meth:`laws` has found one that is near, but not exact."""
        if not self._near:
            return []
        table = LogTable(self._logs, self._centres, self._weighted, self._weight, self._signs, self._base, self._basis)
        with np.errstate(all="ignore"):
            return simple_laws(table, self._functions, self._near, _RETURNED_SIMPLE)

    def quadratic_error(self) -> float:
        """Part of the target's square that a quadratic function of the logarithms leaves: small for one group."""
        rows = outside(self._products() * self._weight, self._basis)
        rest = outside(self._rest, orthonormal(rows))
        return float(rest @ rest) / (self._power or np.inf)

    def _products(self) -> Array:
        first, second = np.triu_indices(len(self._logs))
        return self._logs[first] * self._logs[second]

    def _directions(self) -> list[tuple[float, Array]]:
        """Errors and directions, from rows whose groups have one sign: of the others it is another function."""
        rows = self._signs > 0.0 if self._signs.sum() >= 0.0 else self._signs < 0.0
        if rows.all():
            return [self._refined_direction(direction) for direction in self._curved()]
        if rows.sum() < 2 * len(self._base) + 2:
            return []
        part = GroupSearch(self._logs[:, rows], self._target[rows], self._weight[rows], lambda _: True)
        return part._directions()

    def _curved(self) -> list[Array]:
        """Directions in which the logarithm of the target is curved most, from a quadratic regression."""
        k, n = self._logs.shape
        rows = outside(self._products() * self._weight, self._basis)
        lengths = np.sqrt(np.einsum("mn,mn->m", rows, rows))
        rows = rows / np.where(lengths > 0.0, lengths, 1.0)[:, None]
        ridge = _RIDGE if len(rows) + k < n // 2 else _STIFF_RIDGE
        coefficients = np.linalg.solve(rows @ rows.T + ridge * np.eye(len(rows)), rows @ self._rest)
        coefficients /= np.where(lengths > 0.0, lengths, np.inf)
        hessian = np.zeros((k, k))
        hessian[np.triu_indices(k)] = coefficients
        spread = self._logs.std(axis=1)
        varies = np.ptp(self._logs, axis=1) > LEAST_RANGE  # a column may be constant on the rows of one sign
        values, vectors = np.linalg.eigh((hessian + hessian.T) * spread[:, None] * spread)
        order = np.argsort(-np.abs(values))[:_DIRECTIONS]
        directions = [np.where(varies, vectors[:, i] / np.where(varies, spread, 1.0), 0.0) for i in order]
        return [direction for direction in directions if direction.any()]

    def _refined_direction(self, direction: Array) -> tuple[float, Array]:
        """Error and direction after Gauss-Newton steps with a polynomial as the function of the group."""
        error, residual, jacobian = self._with_polynomial(direction)
        damping = _DAMPING
        for _ in range(_DIRECTION_STEPS):
            system = jacobian @ jacobian.T
            system[np.diag_indices_from(system)] *= 1.0 + damping
            # the length of the direction means nothing: the system is singular
            step = np.linalg.lstsq(system, jacobian @ residual, rcond=1e-10)[0]
            if not np.isfinite(step).all():
                break
            new = self._with_polynomial(direction + step)
            if new[0] < error:
                gain = 1.0 - new[0] / error
                direction, (error, residual, jacobian) = direction + step, new
                damping *= _EASED
                if gain < 1e-3:
                    break
            else:
                damping *= _STIFFENED
        return error, direction / np.abs(direction).max()

    def _with_polynomial(self, direction: Array) -> tuple[float, Array, Array]:
        u = direction @ self._logs
        unit = float(np.abs(u).max()) or 1.0
        chebyshev = np.polynomial.chebyshev
        u = u / unit
        rows = chebyshev.chebvander(u, _DEGREE)[:, 2:].T
        slopes = np.array([chebyshev.chebval(u, chebyshev.chebder(row)) for row in np.eye(_DEGREE + 1)[2:]]) / unit
        span = outside(rows * self._weight, self._basis)
        basis, triangle = np.linalg.qr(span.T)
        coefficients = np.linalg.lstsq(triangle, basis.T @ self._rest, rcond=1e-10)[0]
        residual = self._rest - coefficients @ span
        jacobian = outside((coefficients @ slopes) * self._weight * self._logs, self._basis)
        return float(residual @ residual), residual, jacobian - (jacobian @ basis) @ basis.T

    def _starts(self, directions: Sequence[tuple[float, Array]]) -> _Fits:
        """The best places of every function along the directions."""
        directions = sorted(directions, key=lambda pair: pair[0])
        if directions and directions[0][0] < _CLEARLY_BETTER * directions[-1][0]:
            directions = directions[:1]
        functions, inner, errors = [], [], []
        power = float(self._rest @ self._rest)
        for _, direction in directions:
            for i in self._functions:
                function = GROUP_FUNCTIONS[i]
                scales = _SCALES if function.symmetric else np.concatenate((_SCALES, -_SCALES))
                u = scales[:, None] * (direction @ self._logs)
                offsets = function.starts(u)
                values = function.linearised(u[:, None] + offsets[:, :, None], self._signs)[0] * self._weight
                lengths = np.einsum("son,son->so", values, values)
                values = outside(values, self._basis)
                left = np.einsum("son,son->so", values, values)
                gains = np.square(values @ self._rest) / left
                gains[~((left > _LEFT * lengths) & np.isfinite(gains))] = 0.0
                for place in np.argsort(-gains, axis=None)[:_STARTS].tolist():
                    row, column = divmod(place, gains.shape[1])
                    if gains[row, column] > 0.0:
                        functions.append(i)
                        inner.append(np.append(scales[row] * direction, offsets[row, column]))
                        errors.append(power - gains[row, column])
        shape = (-1, len(self._logs) + 1)
        return _Fits(np.array(functions, dtype=np.intp), np.array(inner).reshape(shape), np.array(errors))

    def _refined(self, fits: _Fits, n_steps: int) -> _Fits:
        """Fits after damped Gauss-Newton steps for the exponents and offsets within the groups."""
        functions, inner = fits.functions, fits.inner.copy()
        errors, residuals, jacobians, _ = self._linearised(functions, inner)
        damping = np.full(len(errors), _DAMPING)
        diagonal = np.arange(inner.shape[1])
        for _ in range(n_steps):
            system = jacobians @ jacobians.transpose(0, 2, 1)
            right = (jacobians @ residuals[:, :, None])[:, :, 0]
            lengths = system[:, diagonal, diagonal]
            moves = lengths > 1e-14 * lengths.max(axis=1, keepdims=True)
            units = np.where(moves, 1.0 / np.sqrt(np.where(moves, lengths, 1.0)), 0.0)
            system *= units[:, :, None] * units[:, None]
            system[:, diagonal, diagonal] = 1.0 + damping[:, None]
            steps = units * np.linalg.solve(system, (units * right)[:, :, None])[:, :, 0]
            new = inner + np.nan_to_num(steps, posinf=0.0, neginf=0.0)
            new_errors, new_residuals, new_jacobians, _ = self._linearised(functions, new)
            better = new_errors < errors
            inner[better], residuals[better], jacobians[better] = (
                new[better],
                new_residuals[better],
                new_jacobians[better],
            )
            errors = np.where(better, new_errors, errors)
            damping = np.maximum(damping * np.where(better, _EASED, _STIFFENED), _LEAST_DAMPING)
            if errors.min() <= _EXACT * self._power or damping.min() > _STIFFEST:
                break
        return _Fits(functions, inner, errors)

    def _linearised(self, functions: NDArray[np.intp], inner: Array) -> tuple[Array, Array, Array, Array]:
        """Squared errors, residuals, what exponents and offset change of these, and the powers of the functions."""
        u = inner[:, :-1] @ self._logs + inner[:, -1:]
        values, slopes = np.empty_like(u), np.empty_like(u)
        for i in np.unique(functions).tolist():
            rows = functions == i
            values[rows], slopes[rows] = GROUP_FUNCTIONS[i].linearised(u[rows], self._signs)
        broken = ~(np.isfinite(values).all(axis=1) & np.isfinite(slopes).all(axis=1)) | (
            np.abs(u).max(axis=1) > _LARGEST
        )
        values[broken], slopes[broken] = 0.0, 0.0
        values *= self._weight
        lengths = np.einsum("mn,mn->m", values, values)
        values = outside(values, self._basis)
        left = np.einsum("mn,mn->m", values, values)
        broken |= ~(left > _LEFT * lengths)
        left[broken] = 1.0
        powers = values @ self._rest / left
        residuals = self._rest - powers[:, None] * values
        moves = np.concatenate(
            (np.broadcast_to(self._logs, (len(u), *self._logs.shape)), np.ones((len(u), 1, u.shape[1]))), 1
        )
        moves[functions == EXPONENTIAL, -1] = 0.0  # its coefficient is the power
        jacobians = outside((powers[:, None] * slopes * self._weight)[:, None] * moves, self._basis)
        jacobians -= (np.einsum("mkn,mn->mk", jacobians, values) / left[:, None])[:, :, None] * values[:, None]
        errors = np.einsum("mn,mn->m", residuals, residuals)
        errors[broken | ~np.isfinite(errors)] = np.inf
        return errors, residuals, jacobians, powers

    def _law(self, function: int, inner: Array, power: float, error: float) -> GroupLaw:
        """The law of a fit, with the exponents of the power law."""
        rest = self._weighted
        if power:
            u = inner[:-1] @ self._logs + inner[-1]
            rest = rest - power * GROUP_FUNCTIONS[function].linearised(u, self._signs)[0] * self._weight
        outer = np.linalg.lstsq(self._base.T, rest, rcond=1e-12)[0][1:]
        offset = float(inner[-1] - inner[:-1] @ self._centres)
        return GroupLaw(function, inner[:-1], offset, power, outer, error / self._power)


def columns_of_law(X: Array, y: Array) -> list[int]:
    """Columns that a target depends on if it is a law of one group, up to rounding; none if it is no such law.

    Parameters
    ----------
    X : array of shape (n, d)
    y : array of shape (n,)
    """
    rows = np.linspace(0, len(y) - 1, min(_ROWS, len(y))).astype(np.intp)
    with np.errstate(divide="ignore"):
        logs, target = np.log(np.abs(X[rows])).T, np.log(np.abs(y[rows]))
    usable = np.array([i for i, row in enumerate(logs) if np.isfinite(row).all() and np.ptp(row) > LEAST_RANGE])
    if not len(usable) or not np.isfinite(target).all():
        return []
    logs = logs[usable]
    laws = GroupSearch(logs, target, np.abs(y[rows]), lambda _: True).laws()
    if not laws or laws[0].error > EXACT:
        return []
    law = laws[0]
    effects = np.maximum(np.abs(law.outer), np.abs(law.inner * law.power)) * np.ptp(logs, axis=1)
    return [int(column) for column in usable[effects > _NO_EFFECT]]


def _best(fits: _Fits, n: int) -> _Fits:
    """The best of each function, the one with the least error first, without those that failed."""
    order = np.argsort(fits.errors, kind="stable")
    order = order[np.isfinite(fits.errors[order])]
    order = order[np.sort(np.unique(fits.functions[order], return_index=True)[1])][:n]
    return _Fits(fits.functions[order], fits.inner[order], fits.errors[order])
