"""The data of one fit: rows merged and weighted, scales, and the error of an equation on all rows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.expressions.machine import evaluate
from nesymres_sk.rounding import is_single, rounding_error
from nesymres_sk.scaling import column_scales, generic, scale_of

#: Tables up to this size are sorted and equal rows merged, so that neither the order of the rows nor the choice
#: between a weight of 2 and a repeated row changes the result. Sorting more takes longer than it is worth.
_MERGE_LIMIT = 100_000
#: Rows per call of the machine: bounds the memory of an evaluation, whatever the size of the table.
_CHUNK = 65_536
#: Magnitudes of columns and target whose fifth powers are within the limits of float64, so that candidates may be
#: fitted in the user's own units.
_NATURAL_RANGE = (1e-60, 1e60)
#: Relative errors (mean squared error over variance) below this are rounding: all such equations are exact.
EXACT = 1e-24
#: Share of the variance up to which rounding to decimals is like that of the arithmetic: about six digits.
_FINE = 1e-10
#: Part of the error by rounding below which an equation shows that nothing was rounded.
_UNROUNDED = 0.01
#: Weights from this power of two on are whole numbers whether they count anything or not.
_LARGEST_COUNT = 53
#: Relative precision of a target in double precision, and in single precision, to which it may have been rounded.
_DOUBLE, _SINGLE = 1e-15, 2.0**-23

T = TypeVar("T", float, NDArray[np.float64])


@dataclass(frozen=True)
class Table:
    """Checked data in the form in which the solver uses it.

    Attributes
    ----------
    X : float64 array of shape (n, d), Fortran order
        Columns in the user's units.
    y : float64 array of shape (n,)
        Target in the user's units.
    weight : float64 array of shape (n,) or None
        Positive weights of mean 1.
    n_effective : float
        Number of observations that the weights stand for.
    x_scales, y_scale : float64 array of shape (d,), float
        Near the root mean squares, but no simple numbers.
    """

    X: NDArray[np.float64]
    y: NDArray[np.float64]
    weight: NDArray[np.float64] | None
    n_effective: float
    x_scales: NDArray[np.float64]
    y_scale: float

    @classmethod
    def prepare(
        cls, X: NDArray[np.float64], y: NDArray[np.float64], sample_weight: NDArray[np.float64] | None = None
    ) -> Table:
        """Drop rows without weight, merge equal rows, and take the scales.

        Parameters
        ----------
        X : array of shape (n, d)
        y : array of shape (n,)
        sample_weight : array of shape (n,), optional
            Non-negative, not all zero. Whole numbers count as repetitions of their row.
        """
        weight = np.ones(len(y)) if sample_weight is None else sample_weight
        unit = int(np.frexp(weight.max())[1])
        weight = np.ldexp(weight, -unit)  # exact; sums and squares of weights of any size stay in range
        kept = weight > 0
        if not kept.all():
            X, y, weight = X[kept], y[kept], weight[kept]
        if len(y) <= _MERGE_LIMIT:
            X, y, weight = _merge(X, y, weight)
        total = float(weight.sum())
        counts = np.ldexp(weight, unit)
        if unit <= _LARGEST_COUNT and np.all(counts == np.round(counts)):
            n_effective = float(counts.sum())
        else:  # Kish's effective number of observations, which does not depend on the unit of the weights
            n_effective = total * total / float(np.square(weight).sum())
        uniform = bool(np.all(weight == weight[0]))
        return cls(
            X=np.asfortranarray(X),
            y=np.ascontiguousarray(y),
            weight=None if uniform else weight * (len(weight) / total),
            n_effective=n_effective,
            x_scales=np.array([generic(scale) for scale in column_scales(X)]),
            y_scale=generic(scale_of(y)),
        )

    @property
    def n_rows(self) -> int:
        """Number of distinct rows."""
        return len(self.y)

    @cached_property
    def natural(self) -> bool:
        """Whether all magnitudes are such that equations can be fitted in the user's own units."""
        scales = np.append(self.x_scales, self.y_scale)
        return bool(np.all((scales > _NATURAL_RANGE[0]) & (scales < _NATURAL_RANGE[1])))

    @property
    def scaled_X(self) -> NDArray[np.float64]:
        """Columns divided by their scales."""
        return self.X / self.x_scales

    @property
    def scaled_y(self) -> NDArray[np.float64]:
        """Target divided by its scale."""
        return self.y / self.y_scale

    @cached_property
    def mean(self) -> float:
        """Weighted mean of the target in the user's units; rounding never takes it out of the target's range."""
        mean = np.average(self.scaled_y, weights=self.weight) * self.y_scale
        return float(np.clip(mean, self.y.min(), self.y.max()))

    @cached_property
    def variance(self) -> float:
        """Weighted variance of the scaled target: the error of the mean as an equation, to the last digit."""
        return self.error(Expression((v.CONSTANT,), (self.mean,)))

    @cached_property
    def floor(self) -> float:
        """Mean squared error of the scaled target below which only rounding is left.

        The second term is the rounding of the target itself, which dominates if its mean is far from zero, or if all
        its values are numbers of single precision or of few decimals. The rounding errors of those are functions of
        the target, so that taken for noise they would speak against the simple constants of the law.
        """
        with np.errstate(over="ignore", under="ignore"):
            precision = _SINGLE if is_single(self.y) else _DOUBLE
        errors = [EXACT * self.variance, precision**2 * float(np.mean(np.square(self.scaled_y))), 1e-300]
        if self.rounding <= _FINE * self.variance and not np.array_equal(self.y, np.rint(self.y)):
            errors.append(self.rounding)  # what comes as near as this to so many digits is the law
        return max(errors)

    @cached_property
    def rounding(self) -> float:
        """Mean squared error of the scaled target that rounding to decimals may have made, 0 if there was none."""
        return float((np.sqrt(rounding_error(self.y)) / self.y_scale) ** 2)

    def floor_beside(self, error: float) -> float:
        """Mean squared error below which equations are equal, where the most accurate one has this error.

        That is what rounding to decimals may have made, unless the most accurate equation shows that there was none:
        whole numbers of a law are as few digits.
        """
        return max(self.floor, self.rounding) if error > _UNROUNDED * self.rounding else self.floor

    def subset(self, n_rows: int, rng: np.random.Generator) -> Table:
        """Table of at most ``n_rows`` rows, drawn without replacement, with the same scales."""
        if self.n_rows <= n_rows:
            return self
        rows = np.sort(rng.choice(self.n_rows, n_rows, replace=False))
        weight = None if self.weight is None else self.weight[rows] / self.weight[rows].mean()
        share = n_rows / self.n_rows
        return Table(
            np.asfortranarray(self.X[rows]), self.y[rows], weight, self.n_effective * share, self.x_scales, self.y_scale
        )

    def error(self, expression: Expression, limit: float = np.inf) -> float:
        """Weighted mean squared error of an equation in user's units, over ``y_scale`` squared.

        Infinite where the equation is undefined in any row, since such an equation is no answer, and where the error
        is larger than ``limit``, which often shows after a part of the rows.
        """
        total = 0.0
        for start in range(0, self.n_rows, _CHUNK):
            rows = slice(start, start + _CHUNK)
            with np.errstate(all="ignore"):
                differences = evaluate(expression, self.X[rows])
                differences *= 0.5  # which is exact: two numbers near opposite ends of the range have a difference, too
                differences -= 0.5 * self.y[rows]
                differences /= 0.5 * self.y_scale
                squares = np.square(differences)
                if self.weight is not None:
                    squares *= self.weight[rows]
                total += float(squares.sum())
            if not total <= limit * self.n_rows:
                return np.inf
        return total / self.n_rows if np.isfinite(total) else np.inf

    def r2(self, error: T) -> T:
        """Coefficient of determination of an equation, or of several, with this error; 1 if the target is constant."""
        return 1.0 - error / (self.variance or np.inf)


def _merge(
    X: NDArray[np.float64], y: NDArray[np.float64], weight: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Sorted distinct rows of (X, y) with the sums of their weights."""
    # zeros of both signs are equal, but one over them is not
    keys = np.hstack((X, np.signbit(X))) if np.any(np.signbit(X) & (X == 0.0)) else X
    order = np.lexsort((y, *keys.T[::-1]))
    X, y, weight, keys = X[order], y[order], weight[order], keys[order]
    new = np.ones(len(y), dtype=bool)
    new[1:] = (y[1:] != y[:-1]) | np.any(keys[1:] != keys[:-1], axis=1)
    starts = np.flatnonzero(new)
    return X[starts], y[starts], np.add.reduceat(weight, starts)
