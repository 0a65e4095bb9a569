"""Compiled sampling of raw prefix sequences: a tree, its leaves, and where the constants go."""

from __future__ import annotations

from typing import Any

import numpy as np

from nesymres_sk.compilation import kernel
from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.prior.trees import (
    ADD,
    DIV,
    EXP,
    INV,
    MUL,
    POW,
    POW5,
    SQRT,
    SQUARE,
    SUB,
    TRANSCENDENTAL,
    choose,
    random_tree,
    structured_tree,
)

#: Longest raw sequence that is kept; canonical forms are shorter than raw ones as a rule.
MAX_RAW = 96

#: Trees of a draw after which there is none for it.
_TRIES = 100_000
_C = v.CONSTANT
_X = v.FIRST_VARIABLE
_ONE = v.FIRST_INTEGER
_FIRST_OPERATOR = v.FIRST_OPERATOR
_ARITY = v.ARITY.astype(np.int64)


@kernel
def fill_leaves(rng: Any, tokens: Any, size: int, used: Any, integers: float) -> bool:
    """Put every used variable into at least one leaf and anything into the others; False if there are too few."""
    places = np.empty(size, np.int64)
    n = 0
    for i in range(size):
        if tokens[i] == 0:
            places[n] = i
            n += 1
    if n < used.size:
        return False
    for i in range(n - 1, 0, -1):
        j = int(rng.random() * (i + 1))
        places[i], places[j] = places[j], places[i]
    for i in range(n):
        if i < used.size:
            tokens[places[i]] = _X + used[i]
        elif rng.random() < integers:
            u = rng.random()
            tokens[places[i]] = _ONE + (0 if u < 0.45 else (1 if u < 0.8 else 2 + int(rng.random() * 3)))
        else:
            tokens[places[i]] = _X + used[int(rng.random() * used.size)]
    return True


@kernel
def insert_constants(rng: Any, tokens: Any, size: int, n_constants: int, out: Any) -> int:
    """Copy with constants as factors of terms and arguments, as summands, rarely as exponents; 0 if too long."""
    weights = np.zeros(3 * size)  # factor, summand, exponent of node i
    ends = np.zeros(size + 1, np.int64)  # constants to write after node i - 1
    parents = np.zeros(size, np.int64)
    stack = np.zeros(size + 1, np.int64)
    missing = np.zeros(size + 1, np.int64)
    depth = 0
    for i in range(size):
        parent = stack[depth - 1] if depth > 0 else 0
        parents[i] = parent
        token = tokens[i]
        is_leaf = token < _FIRST_OPERATOR
        if token < _ONE or not is_leaf:
            if parent == 0:
                weights[3 * i] = 2.0
                weights[3 * i + 1] = 1.2
            elif parent == ADD or parent == SUB:
                weights[3 * i] = 1.5
            elif TRANSCENDENTAL[parent]:
                weights[3 * i] = 1.5
                weights[3 * i + 1] = 0.8 if parent != EXP else 0.1
            elif parent == MUL or parent == DIV:
                weights[3 * i + 1] = 0.5
            elif parent == SQRT or parent == INV:
                weights[3 * i] = 0.5
                weights[3 * i + 1] = 0.9
            elif SQUARE <= parent <= POW5:
                weights[3 * i + 1] = 0.6
            else:
                weights[3 * i] = 0.7
            if is_leaf and parent != POW and not (SQUARE <= parent <= POW5):
                weights[3 * i + 2] = 0.05
        if is_leaf:
            while depth > 0:
                missing[depth - 1] -= 1
                if missing[depth - 1] > 0:
                    break
                depth -= 1
        else:
            stack[depth] = token
            missing[depth] = _ARITY[token]
            depth += 1
    chosen = np.zeros(3 * size, np.bool_)
    for _ in range(n_constants):
        if weights.sum() <= 0.0:
            break
        site = choose(rng, weights)
        chosen[site] = True
        weights[site] = 0.0
    length = 0
    for i in range(size):
        if length + 8 + ends[i] > out.size:
            return 0
        for _ in range(ends[i]):
            out[length] = _C
            length += 1
        if chosen[3 * i + 1]:
            out[length] = ADD if parents[i] == 0 or rng.random() < 0.8 else SUB
            out[length + 1] = _C
            length += 2
        if chosen[3 * i]:
            out[length] = MUL
            out[length + 1] = _C
            length += 2
        if chosen[3 * i + 2]:  # sites of exponents are leaves, so the constant follows at once
            out[length] = POW
            length += 1
            ends[i + 1] += 1
        out[length] = tokens[i]
        length += 1
    for _ in range(ends[size]):
        out[length] = _C
        length += 1
    return length


@kernel
def draw_raw(
    rng: Any, n_columns: int, irrelevant: float, operators: Any, counts: Any, unary_share: float, unary: Any,
    binary: Any, nesting: float, structured: float, integers: float, constants: Any, out: Any, used_mask: Any,
) -> int:  # fmt: skip
    """One raw prefix sequence in ``out`` for a table of so many columns; ``used_mask`` tells its variables.

    Returns its length, 0 if no tree had room for the variables and space for its constants.
    """
    tokens = np.zeros(MAX_RAW + 32, np.int64)
    columns = np.arange(n_columns)
    n_used = n_columns
    if n_columns > 1 and rng.random() < irrelevant:
        n_used = n_columns - 1
        while n_used > 1 and rng.random() < 0.4:
            n_used -= 1
    for i in range(n_used):
        j = i + int(rng.random() * (n_columns - i))
        columns[i], columns[j] = columns[j], columns[i]
    used = columns[:n_used]
    used_mask[:] = False
    for i in range(n_used):
        used_mask[used[i]] = True
    possible = operators.copy()
    for n in range(min(n_used - 2, possible.size - 1)):
        possible[n] = 0.0  # operators[n] is the weight of n + 1 operators, and n_used variables need n_used - 1
    for _ in range(_TRIES):
        n_operators = 1 + choose(rng, possible)
        if rng.random() < structured:
            leaves = min(max(n_used, 1 + int(rng.random() * (0.4 + 0.6 * n_operators))), n_used + 5)
            size = structured_tree(rng, leaves, unary, tokens)
        else:
            size = random_tree(rng, n_operators, counts, unary_share, unary, binary, nesting, tokens)
        if not fill_leaves(rng, tokens, size, used, integers):
            continue
        n_constants = choose(rng, constants)
        length = insert_constants(rng, tokens, size, n_constants, out)
        if length > 0:
            return length
    return 0
