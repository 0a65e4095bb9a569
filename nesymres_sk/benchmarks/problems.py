"""A problem: a known law, the rows it is fitted to, and the fresh points it is judged on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import ClassVar
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from nesymres_sk.expressions.expression import Expression
from nesymres_sk.expressions.machine import evaluate
from nesymres_sk.expressions.parser import parse

Table = tuple[NDArray[np.float64], NDArray[np.float64]]

#: Fresh points inside and outside the support.
N_FRESH = 4096


@dataclass(frozen=True)
class Problem:
    """One law with the box that its points are drawn from.

    Parameters
    ----------
    name : str
        Name in its suite, ``"I.6.2a"``.
    formula : str
        The law as infix text in the names below.
    variables : tuple of str
        Names of the columns.
    low, high : tuple of float
        Ends of the range of each column.
    """

    name: str
    formula: str
    variables: tuple[str, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]

    #: Rows of the training table, unless told otherwise.
    default_points: ClassVar[int] = 128

    @property
    def expression(self) -> Expression:
        """The law, its columns in the order of :attr:`variables`."""
        return _parsed(self.formula, self.variables)

    def training(self, n: int, rng: np.random.Generator) -> Table:
        """Rows to fit to, without noise.

        Parameters
        ----------
        n : int
            Number of rows.
        rng : numpy.random.Generator
            Source of randomness.

        Returns
        -------
        X : float64[n, d]
        y : float64[n]
        """
        return self.draw(n, rng)

    def inside(self, seed: int) -> Table:
        """Fresh points where the training table comes from: ``X`` of shape (n, d), ``y`` of shape (n,)."""
        return self.draw(N_FRESH, self.generator(seed, "inside"))

    def draw(self, n: int, rng: np.random.Generator, widen: float = 0.0, keep_signs: bool = False) -> Table:
        """Points drawn uniformly where the law is defined.

        Parameters
        ----------
        n : int
            Number of points.
        rng : numpy.random.Generator
            Source of randomness.
        widen : float
            How far the box is widened on both sides of each column, as a multiple of its length. 1 is the
            out-of-distribution support of Biggio et al. 2021.
        keep_signs : bool
            Whether the widened box stops at zero where the box does not cross it.

        Returns
        -------
        X : float64[n, d]
        y : float64[n]
        """
        rows: list[NDArray[np.float64]] = []
        values: list[NDArray[np.float64]] = []
        missing = n
        while missing > 0:  # the law is defined in the whole unwidened box, so this ends
            X = self.place(2 * n, rng, widen, keep_signs)
            y = evaluate(self.expression, X)
            defined = np.isfinite(y)
            rows.append(X[defined])
            values.append(y[defined])
            missing -= int(defined.sum())
        return np.concatenate(rows)[:n], np.concatenate(values)[:n]

    def place(self, n: int, rng: np.random.Generator, widen: float, keep_signs: bool) -> NDArray[np.float64]:
        """Points ``float64[n, d]`` of the box, widened as :meth:`draw` says, defined or not."""
        low, high = np.array(self.low), np.array(self.high)
        wide_low, wide_high = low - widen * (high - low), high + widen * (high - low)
        if keep_signs:
            wide_low = np.where(low >= 0.0, np.maximum(wide_low, 0.0), wide_low)
            wide_high = np.where(high <= 0.0, np.minimum(wide_high, 0.0), wide_high)
        return rng.uniform(wide_low, wide_high, size=(n, len(low)))

    def generator(self, seed: int, purpose: str) -> np.random.Generator:
        """Random generator that depends on the problem and the purpose, not on the order of the runs."""
        return np.random.default_rng([seed, crc32(self.name.encode()), crc32(purpose.encode())])


@cache
def _parsed(formula: str, variables: tuple[str, ...]) -> Expression:
    return parse(formula, names=variables)
