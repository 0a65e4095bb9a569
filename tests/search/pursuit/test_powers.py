"""Powers whose exponents are columns are found from their logarithms."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from nesymres_sk.expressions.expression import Expression
from nesymres_sk.expressions.machine import evaluate
from nesymres_sk.expressions.parser import parse
from nesymres_sk.search.grammar import Grammar
from nesymres_sk.search.library.library import Library
from nesymres_sk.search.pursuit.matcher import Matcher
from nesymres_sk.search.pursuit.powers import power_views
from nesymres_sk.search.pursuit.views import Views

Array = NDArray[np.float64]


def powers(X: Array, y: Array, forbidden: tuple[str, ...] = ()) -> list[Expression]:
    library = Library(X, Grammar(30, X.shape[1]), np.random.default_rng(0))
    library.renew()
    views = Views(X, y, np.ones(len(y)))
    matcher = Matcher(library, views)
    return [e for view in power_views(library, views, lambda op: op not in forbidden) for e in matcher.of_base(view)]


LAWS = [
    "x1*(1 + x2)**x3",
    "-3.5*(x1/x2)**x3",
    "x1**(x2 - 1)*(x3 + 1)**x2",
    "x1**x2*(x3 - x1)**2*exp(x2)",
    "(x1 + x2)**(-1/x3)",
]


@pytest.mark.parametrize("text", LAWS)
def test_powers_are_found(text: str) -> None:
    X, fresh = np.random.default_rng(1).uniform(0.5, 2.0, (2, 120, 3))
    for table in (X, fresh):
        table[:, 2] += 2.0 * ("x3 - x1" in text)
    found = powers(X, evaluate(parse(text), X))
    truth = evaluate(parse(text), fresh)
    assert min(np.abs(evaluate(e, fresh) - truth).max() for e in found) < 1e-9 * np.abs(truth).max()


def test_targets_without_logarithm_few_rows_and_rules() -> None:
    X = np.random.default_rng(2).uniform(0.5, 2.0, (120, 3))
    y = X[:, 0] * (1.0 + X[:, 1]) ** X[:, 2]
    assert powers(X, np.where(np.arange(120) == 3, 0.0, y)) == []
    assert powers(-X, y) == []
    assert powers(X[:20], y[:20]) == []
    without = powers(X, y, ("add",))
    assert all(np.mean(np.square(evaluate(e, X) - y)) > 1e-9 for e in without)
