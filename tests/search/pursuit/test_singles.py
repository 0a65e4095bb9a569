"""The best single functions are those of a regression on each function of the library."""

from __future__ import annotations

import numpy as np

from nesymres_sk.expressions.machine import evaluate
from nesymres_sk.search.grammar import Grammar
from nesymres_sk.search.library.library import Library
from nesymres_sk.search.pursuit.singles import singles


def test_singles_are_the_best_regressions_of_each_length() -> None:
    rng = np.random.default_rng(0)
    X = rng.uniform(0.5, 3.0, (60, 2))
    weight = rng.uniform(0.5, 1.5, 60)
    y = 0.3 * np.cos(X[:, 0]) ** 2 + 0.1 * X[:, 1] + rng.normal(0.0, 0.1, 60)
    library = Library(X, Grammar(20, 2), rng)
    library.renew()
    found = singles(library, y, weight)
    errors = {e: float(np.sum(np.square((evaluate(e, X) - y) * weight))) for e in found}
    for with_offset in (False, True):
        for size in (1, 2, 3, 5):
            best = np.inf
            for values in library.values[library.sizes == size]:
                system = np.column_stack([values, np.ones(60)] if with_offset else [values]) * weight[:, None]
                coefficients = np.linalg.lstsq(system, y * weight, rcond=None)[0]
                best = min(best, float(np.sum(np.square(system @ coefficients - y * weight))))
            # a factor and its product, an offset and its sum
            length = size + 2 + 2 * with_offset
            assert min(error for e, error in errors.items() if e.complexity == length) <= best * (1.0 + 1e-9)
