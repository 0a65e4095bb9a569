"""Random problems of the prior: the suite on which the search is tuned, so that no known law is."""

from __future__ import annotations

import numpy as np

from nesymres_sk.benchmarks.problems import Problem
from nesymres_sk.expressions.infix import to_infix
from nesymres_sk.expressions.machine import evaluate
from nesymres_sk.prior.problems import sample_problems
from nesymres_sk.prior.recipes import RECIPES
from nesymres_sk.scaling import unscale

_CHECKED = 4096
#: Decades of the random units of rescaled problems.
_DECADES = 3.0


def draw_suite(n: int, seed: int) -> list[Problem]:
    """Problems of the ``base`` prior, the half of them in random units as in training.

    A problem keeps the box around its points and leaves their distribution behind; equations that are not defined in
    the whole box, or that need more digits than a float has, are left out.

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
    rng = np.random.default_rng([seed, 0x5EED])
    problems: list[Problem] = []
    while len(problems) < n:
        for drawn in sample_problems(RECIPES["base"], n, rng):
            low, high = drawn.X.min(axis=0), drawn.X.max(axis=0)
            y = evaluate(drawn.expression, rng.uniform(low, high, (_CHECKED, low.size)))
            if not np.isfinite(y).all() or np.std(y) <= 1e-6 * np.max(np.abs(y)):
                continue
            units = np.ones(low.size + 1)
            if drawn.rescaled:
                units = 10.0 ** rng.uniform(-_DECADES, _DECADES, low.size + 1)
            law = unscale(drawn.expression, units[:-1], float(units[-1]))
            if law is None:
                continue  # the units are beyond what its powers can carry
            names = tuple(f"x{column + 1}" for column in range(low.size))
            name = f"{len(problems):03d}-{'rescaled' if drawn.rescaled else 'natural'}"
            problems.append(
                Problem(
                    name, to_infix(law), names, tuple((low * units[:-1]).tolist()), tuple((high * units[:-1]).tolist())
                )
            )
    return problems[:n]
