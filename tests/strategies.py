"""Random expressions for property tests, and a reference evaluation that needs no compiled machine."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.expression import Expression, Node
from nesymres_sk.expressions.operators import OPERATORS, Operator

_UNARY = [v.operator_token(row.name) for row in OPERATORS if row.arity == 1]
_BINARY = [v.operator_token(row.name) for row in OPERATORS if row.arity == 2]
#: Sums and products are where an algebra goes wrong: they come up more often than the other operators.
_COMMON_BINARY = [v.operator_token(name) for name in ("add", "sub", "mul", "div", "add", "mul")]
_NUMBERS = st.one_of(
    st.sampled_from([-3.0, -1.0, 0.5, 1.0, 2.0, 2.5, 0.1]),
    st.integers(-10_000, 10_000).map(lambda thousandths: thousandths / 1000),
)

Rounding = Callable[[Operator, NDArray[np.float64]], NDArray[np.float64]]


def _leaves(n_variables: int, constants: st.SearchStrategy[float]) -> st.SearchStrategy[Node]:
    return st.one_of(
        st.integers(0, n_variables - 1).map(lambda i: (v.variable(i),)),
        constants.map(lambda value: (v.CONSTANT, value)),
        st.integers(1, v.MAX_INTEGER).map(lambda i: (v.integer(i),)),
    )


def _branch(children: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    return st.one_of(
        st.tuples(st.sampled_from(_COMMON_BINARY), children, children),
        st.tuples(st.sampled_from(_UNARY), children),
        st.tuples(st.sampled_from(_BINARY), children, children),
    )


def expressions(
    *, free: bool | None = None, n_variables: int = 3, max_leaves: int = 8, max_length: int = 40
) -> st.SearchStrategy[Expression]:
    """Random valid expressions.

    Parameters
    ----------
    free : bool, optional
        True: every constant is free; False: every constant has a value; by default both occur in one expression.
    n_variables, max_leaves, max_length : int
        Limits of the columns used, of the leaves, and of the tokens.
    """
    constants = {True: st.just(math.nan), False: _NUMBERS, None: st.one_of(st.just(math.nan), _NUMBERS)}[free]
    trees = st.recursive(_leaves(n_variables, constants), _branch, max_leaves=max_leaves)
    return trees.map(Expression.from_tree).filter(lambda expression: expression.complexity <= max_length)


def reference_values(
    expression: Expression, X: NDArray[np.float64], rounded: Rounding = lambda _, values: values
) -> NDArray[np.float64]:
    """Values ``[n]`` on points ``X[n, d]`` by the reference functions of the operator table.

    ``rounded`` may move what each operator gives, as another library might.
    """
    with np.errstate(all="ignore"):
        return _values(expression.to_tree(), X, rounded)


def _values(node: Node, X: NDArray[np.float64], rounded: Rounding) -> NDArray[np.float64]:
    token = node[0]
    if token == v.CONSTANT:
        return np.full(len(X), node[1])
    if v.is_variable(token):
        return X[:, token - v.FIRST_VARIABLE]
    if v.is_integer(token):
        return np.full(len(X), float(token - v.FIRST_INTEGER + 1))
    row = v.operator_of(token)
    return rounded(row, row.value(*(_values(child, X, rounded) for child in node[1:])))


def points(n: int = 60, d: int = 3, seed: int = 0) -> NDArray[np.float64]:
    """Fixed points ``[n, d]`` of both signs and a wide range of sizes."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) * np.exp(rng.normal(size=(n, d)))


def same_values(expected: Expression, actual: Expression, X: NDArray[np.float64] | None = None) -> bool:
    """Whether two fitted expressions agree at nearly all points where the first is defined and well conditioned.

    Ill-conditioned points (``sin(exp(x)**5)``) are recognised by moving the inputs and the numbers of the first
    expression a little, and judged accordingly.
    """
    X = points() if X is None else X
    wanted = reference_values(expected, X)
    found = reference_values(actual, X)
    tolerance = 1e-9 + 1e-7 * np.abs(wanted)
    known = np.isfinite(wanted)
    with np.errstate(all="ignore"):
        for relative in (1e-12, -1e-12):
            moved_constants = expected.with_constants([c * (1 - relative) for c in expected.constants])
            for moved in (
                reference_values(expected, X * (1 + relative)),
                reference_values(moved_constants, X),
            ):
                known &= np.isfinite(moved)
                tolerance += 1e4 * np.abs(moved - wanted)
        known &= (np.abs(wanted) < 1e100) & (tolerance < 1e-3 * np.abs(wanted) + 1e-3)
        return bool(known.sum() < 5 or np.mean(np.abs(found - wanted)[known] <= tolerance[known]) > 0.9)
