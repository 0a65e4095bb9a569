"""The problems: known laws and the ranges in which their variables are measured."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib import resources
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from nesymres_sk.expressions.expression import Expression
from nesymres_sk.expressions.machine import evaluate
from nesymres_sk.expressions.parser import parse

#: ``nguyen``: Uy et al. 2011 with the supports of Petersen et al. 2021. ``feynman``: all equations with at most
#: three inputs of the Feynman Symbolic Regression Database (Udrescu and Tegmark 2020), with its own ranges. ``oos-nc``,
#: ``oos-wc``, ``oos-fc``: long equations kept out of training, see :mod:`nesymres_sk.benchmarks.out_of_sample`.
SUITES = ("nguyen", "feynman", "oos-nc", "oos-wc", "oos-fc")


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

    @property
    def expression(self) -> Expression:
        """The law, its columns in the order of :attr:`variables`."""
        return _parsed(self.formula, self.variables)

    def draw(
        self, n: int, rng: np.random.Generator, widen: float = 0.0
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
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

        Returns
        -------
        X : float64[n, d]
        y : float64[n]
        """
        low, high = np.array(self.low), np.array(self.high)
        margin = widen * (high - low)
        rows: list[NDArray[np.float64]] = []
        values: list[NDArray[np.float64]] = []
        missing = n
        while missing > 0:  # the law is defined in the whole unwidened box, so this ends
            X = rng.uniform(low - margin, high + margin, size=(2 * n, len(low)))
            y = evaluate(self.expression, X)
            defined = np.isfinite(y)
            rows.append(X[defined])
            values.append(y[defined])
            missing -= int(defined.sum())
        return np.concatenate(rows)[:n], np.concatenate(values)[:n]

    def generator(self, seed: int, purpose: str) -> np.random.Generator:
        """Random generator that depends on the problem and the purpose, not on the order of the runs."""
        return np.random.default_rng([seed, crc32(self.name.encode()), crc32(purpose.encode())])


@cache
def _parsed(formula: str, variables: tuple[str, ...]) -> Expression:
    return parse(formula, names=variables)


def load_suite(suite: str, containing: str | None = None) -> list[Problem]:
    """Problems of a suite.

    Parameters
    ----------
    suite : str
        One of :data:`SUITES`.
    containing : str, optional
        Keep the problems whose name contains one of these comma-separated texts.

    Raises
    ------
    ValueError
        If there is no such suite, or no problem is left.
    """
    if suite not in SUITES:
        raise ValueError(f"unknown suite {suite!r}; there are {', '.join(SUITES)}")
    table = resources.files("nesymres_sk.benchmarks") / "data" / f"{suite}.csv"
    problems = []
    for row in csv.DictReader(table.read_text(encoding="utf-8").splitlines()):
        variables = [entry.split() for entry in row["variables"].split(";")]
        problems.append(
            Problem(
                name=row["name"],
                formula=row["formula"],
                variables=tuple(variable for variable, _, _ in variables),
                low=tuple(float(low) for _, low, _ in variables),
                high=tuple(float(high) for _, _, high in variables),
            )
        )
    if containing is not None:
        problems = [p for p in problems if any(part.strip() in p.name for part in containing.split(","))]
        if not problems:
            raise ValueError(f"no problem of suite {suite!r} has {containing!r} in its name")
    return problems
