"""Random sums of functions with inner constants, as an engineer writes them down: no two constants are the same.

Laws of physics in natural units hardly have constants within their functions, and the prior has few of them in one
equation. Empirical formulas are sums of two to four terms such as ``a*log(x + b)`` or ``a*x*exp(-b*z)``, of some of the
columns of a table.
"""

from __future__ import annotations

import numpy as np

from nesymres_sk.benchmarks.problems import Problem

_FEWEST_COLUMNS, _MOST_COLUMNS = 4, 8
_FEWEST_TERMS, _MOST_TERMS = 2, 4
_RANGES = ((0.0, 1.0), (1.0, 5.0), (-2.0, 2.0), (0.1, 3.0))
#: Terms of one column ``x`` and another one ``z``; ``shift`` keeps arguments positive.
_TERMS = (
    "{a}*{x}",
    "{a}*{x}*{z}",
    "{a}*({x} - {c})**2",
    "{a}*sin({b}*{x} + {c})",
    "{a}*sin({b}*{x}*{z})",
    "{a}*exp(-{b}*{x})",
    "{a}*{x}*exp(-{b}*{z})",
    "{a}*{x}/({z} + {shift})",
    "{a}*sqrt({x} + {shift})",
    "{a}*log({x} + {shift})",
    "{a}*exp(-({x} - {c})**2)",
    "{a}*tanh({b}*{x})",
    "{a}*cos({x} - {z})",
)


def draw_sums(n: int, seed: int) -> list[Problem]:
    """Random sums, each with the table that its terms name some columns of.

    Parameters
    ----------
    n : int
        Number of problems.
    seed : int
        Seed of the problems.

    Returns
    -------
    list of Problem
    """
    rng = np.random.default_rng([seed, 0x50F5])
    problems = []
    for index in range(n):
        names = [f"x{i + 1}" for i in range(rng.integers(_FEWEST_COLUMNS, _MOST_COLUMNS + 1))]
        low, high = _RANGES[rng.integers(len(_RANGES))]
        terms = []
        for term in rng.choice(_TERMS, rng.integers(_FEWEST_TERMS, _MOST_TERMS + 1), replace=False):
            x, z = rng.choice(names, 2, replace=False)
            a, b, c = rng.uniform((1.0, 0.3, 0.2), (6.0, 2.0, 2.0)).round(2)
            shift = round(float(rng.uniform(0.2, 2.0)) - min(low, 0.0), 2)
            terms.append(term.format(a=a if rng.random() < 0.7 else f"(-{a})", b=b, c=c, x=x, z=z, shift=shift))
        d = len(names)
        problems.append(Problem(f"{index:03d}", " + ".join(terms), tuple(names), (low,) * d, (high,) * d))
    return problems
