"""Compiled sampling of the shapes and operators of equations: random trees, and trees built like laws.

Sequences come out in prefix order, parents before children, so that the context of a node (what it stands in) is
known when its token is chosen. Leaves are marked 0 and filled in by :mod:`nesymres_sk.prior.raw`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nesymres_sk.compilation import kernel
from nesymres_sk.expressions import vocabulary as v

MAX_OPERATORS = 14

#: Arguments that are numbers in the source are given as these: numba compiles a function anew for each literal.
_ZERO, _ONE = np.int64(0), np.int64(1)

_TOKEN_OF_ONE = v.FIRST_INTEGER
_FIRST_OPERATOR = v.FIRST_OPERATOR
ADD, SUB, MUL, DIV, POW = (v.operator_token(name) for name in ("add", "sub", "mul", "div", "pow"))
NEG, INV, SQRT, SQUARE = (v.operator_token(name) for name in ("neg", "inv", "sqrt", "square"))
CUBE, POW5 = v.operator_token("cube"), v.operator_token("pow5")
EXP, LOG, SIN, COS = (v.operator_token(name) for name in ("exp", "log", "sin", "cos"))
_BY_NAME = set("exp log sin cos tan asin acos atan tanh".split())
#: Functions that users rarely nest in each other.
TRANSCENDENTAL = np.array([name in _BY_NAME for name in v.TOKENS])


def tree_counts(max_operators: int, unary_share: float) -> NDArray[np.float64]:
    """Weighted number of trees, ``[open slots, operators left]`` (Lample and Charton 2020, appendix C)."""
    slots = 2 * max_operators + 2
    counts = np.zeros((slots, max_operators + 1))
    counts[:, 0] = 1.0
    for n in range(1, max_operators + 1):
        for e in range(1, slots - n):
            counts[e, n] = counts[e - 1, n] + unary_share * counts[e, n - 1] + counts[e + 1, n - 1]
    return counts


@kernel
def choose(rng: Any, weights: Any) -> int:
    """Index drawn in proportion to non-negative weights."""
    target = rng.random() * weights.sum()
    last = 0
    for i in range(weights.size):
        if weights[i] > 0.0:
            last = i
            target -= weights[i]
            if target < 0.0:
                break
    return last


@kernel
def _unary_token(rng: Any, weights: Any, parent: int, depth: int, nesting: float) -> int:
    """Unary operator below ``parent`` with ``depth`` transcendental functions above it."""
    local = weights.copy()
    for token in range(_FIRST_OPERATOR, local.size):
        if TRANSCENDENTAL[token]:
            local[token] *= nesting**depth
    if SQUARE <= parent <= POW5 or parent == SQRT or parent == INV or parent == NEG:
        for token in range(NEG, POW5 + 1):  # powers of powers fold into one
            local[token] *= nesting
    if parent == EXP:
        local[LOG] = 0.0
        local[NEG] *= 6.0  # decay is the usual exponential
    if parent == LOG:
        local[EXP] = 0.0
    if local.sum() <= 0.0:
        return choose(rng, weights)
    return choose(rng, local)


@kernel
def random_tree(
    rng: Any, n_operators: int, counts: Any, unary_share: float, unary: Any, binary: Any, nesting: float, out: Any
) -> int:
    """Tree with exactly ``n_operators`` operators and leaves marked 0, uniform over shapes; returns its length."""
    parents = np.zeros(2 * MAX_OPERATORS + 4, np.int64)
    depths = np.zeros(2 * MAX_OPERATORS + 4, np.int64)
    slots = 1
    size = 0
    left = n_operators
    while slots > 0:
        parent = parents[slots - 1]
        depth = depths[slots - 1]
        slots -= 1
        weight_leaf = counts[slots, left]
        weight_unary = 0.0
        weight_binary = 0.0
        if left > 0:
            weight_unary = unary_share * counts[slots + 1, left - 1]
            weight_binary = counts[slots + 2, left - 1]
        u = rng.random() * (weight_leaf + weight_unary + weight_binary)
        if u < weight_leaf:
            out[size] = 0
            size += 1
            continue
        left -= 1
        if u < weight_leaf + weight_unary:
            token = _unary_token(rng, unary, parent, depth, nesting)
            n_children = 1
        else:
            token = choose(rng, binary)
            n_children = 2
        out[size] = token
        size += 1
        for _ in range(n_children):
            parents[slots] = token
            depths[slots] = depth + (1 if TRANSCENDENTAL[token] else 0)
            slots += 1
    return size


@kernel
def _factor(rng: Any, slots: int, unary: Any, out: Any, size: int) -> int:
    """One factor of a term, with one or two leaves: a variable, a power, a function, a difference."""
    u = rng.random()
    if slots == 2:
        inner = MUL if rng.random() < 0.4 else (SUB if rng.random() < 0.5 else ADD)
        if rng.random() < 0.15:
            inner = DIV
        if u < 0.3:
            token = SQUARE
        elif u < 0.7:
            token = choose(rng, unary)
        else:
            token = 0
        if token > 0:
            out[size] = token
            size += 1
            if token == EXP and rng.random() < 0.6:
                out[size] = NEG
                size += 1
        out[size] = inner
        size += 1
        for _ in range(2):
            if inner != MUL and inner != DIV and rng.random() < 0.25:
                out[size] = SQUARE
                size += 1
            out[size] = 0
            size += 1
        return size
    if u < 0.18:
        out[size] = SQUARE
        size += 1
    elif u < 0.24:
        out[size] = CUBE
        size += 1
    elif u < 0.42:
        token = choose(rng, unary)
        out[size] = token
        size += 1
        if token == EXP and rng.random() < 0.5:
            out[size] = NEG
            size += 1
            if rng.random() < 0.4:
                out[size] = SQUARE
                size += 1
    elif u < 0.49:  # 1 ± x, 1 ± x**2 or 1 ± f(x), as a factor or a denominator
        if rng.random() < 0.4:
            out[size] = INV
            size += 1
        out[size] = ADD if rng.random() < 0.5 else SUB
        out[size + 1] = _TOKEN_OF_ONE
        size += 2
        kind = rng.random()
        if kind < 0.35:
            out[size] = SQUARE
            size += 1
        elif kind < 0.7:
            token = EXP if rng.random() < 0.4 else choose(rng, unary)
            out[size] = token
            size += 1
            if token == EXP and rng.random() < 0.6:
                out[size] = NEG
                size += 1
    out[size] = 0
    return size + 1


@kernel
def _sum_of_products(rng: Any, leaves: int, unary: Any, out: Any, size: int) -> int:
    """Sum of terms, each a product or quotient of factors, with so many leaves in all."""
    n_terms = 1
    while n_terms < leaves and n_terms < 5 and rng.random() < 0.42:
        n_terms += 1
    for _ in range(n_terms - 1):
        out[size] = ADD if rng.random() < 0.7 else SUB
        size += 1
    sizes = np.ones(n_terms, np.int64)
    for _ in range(leaves - n_terms):
        sizes[int(rng.random() * n_terms)] += 1
    for t in range(n_terms):
        parts = np.zeros(sizes[t], np.int64)
        n_parts = 0
        rest = sizes[t]
        while rest > 0:
            part = 2 if rest >= 2 and rng.random() < 0.22 else 1
            parts[n_parts] = part
            n_parts += 1
            rest -= part
        for _ in range(n_parts - 1):
            out[size] = MUL if rng.random() < 0.68 else DIV
            size += 1
        for j in range(n_parts):
            size = _factor(rng, parts[j], unary, out, size)
    return size


@kernel
def structured_tree(rng: Any, leaves: int, unary: Any, out: Any) -> int:
    """Tree put together like a law: sums of products, their quotients, or a function of one; leaves marked 0."""
    u = rng.random()
    if u < 0.16 and leaves >= 2:
        out[0] = DIV
        above = 1 + int(rng.random() * (leaves - 1))
        size = _sum_of_products(rng, above, unary, out, _ONE)
        return _sum_of_products(rng, leaves - above, unary, out, size)
    if u < 0.30:
        token = choose(rng, unary)
        out[0] = token
        size = 1
        if token == EXP and rng.random() < 0.5:
            out[1] = NEG
            size = 2
        return _sum_of_products(rng, leaves, unary, out, size)
    if u < 0.36 and leaves >= 2:  # length of a vector
        out[0] = SQRT
        size = 1
        for _ in range(leaves - 1):
            out[size] = ADD
            size += 1
        for _ in range(leaves):
            out[size] = SQUARE
            out[size + 1] = 0
            size += 2
        return size
    if u < 0.44 and leaves >= 2:  # a factor times a sum
        out[0] = MUL
        size = _factor(rng, _ONE, unary, out, _ONE)
        return _sum_of_products(rng, leaves - 1, unary, out, size)
    if u < 0.52 and leaves >= 2:  # polynomial, most often with consecutive degrees
        size = 0
        for _ in range(leaves - 1):
            out[size] = ADD if rng.random() < 0.8 else SUB
            size += 1
        degree = leaves if leaves <= 5 and rng.random() < 0.7 else 1 + int(rng.random() * 5.0)
        for _ in range(leaves):
            if degree > 1:
                out[size] = SQUARE + degree - 2
                size += 1
            out[size] = 0
            size += 1
            degree = max(degree - 1, 1) if rng.random() < 0.85 else 1 + int(rng.random() * 5.0)
        return size
    return _sum_of_products(rng, leaves, unary, out, _ZERO)
