"""Token ids, derived from the operator table.

The same ids serve the network's output, the prefix form of an expression and the compiled machine's programs.
:data:`TOKENS` is stored in every checkpoint, so that weights and language cannot drift apart unnoticed.
"""

from __future__ import annotations

import numpy as np

from nesymres_sk.expressions.operators import BY_NAME, OPERATORS, Operator

MAX_VARIABLES = 10
MAX_INTEGER = 5

PAD, START, END = 0, 1, 2
CONSTANT = 3
FIRST_VARIABLE = 4
FIRST_INTEGER = FIRST_VARIABLE + MAX_VARIABLES
FIRST_OPERATOR = FIRST_INTEGER + MAX_INTEGER

TOKENS: tuple[str, ...] = (
    "<pad>",
    "<start>",
    "<end>",
    "C",
    *(f"x{i + 1}" for i in range(MAX_VARIABLES)),
    *(str(i + 1) for i in range(MAX_INTEGER)),
    *(operator.name for operator in OPERATORS),
)
SIZE = len(TOKENS)
ID: dict[str, int] = {token: index for index, token in enumerate(TOKENS)}

#: Number of operands of each token; leaves 0, the three special tokens -1.
ARITY = np.array(
    [-1, -1, -1] + [0] * (FIRST_OPERATOR - CONSTANT) + [operator.arity for operator in OPERATORS], dtype=np.int8
)


def operator_of(token: int) -> Operator:
    """Row of the operator table of a token id that is an operator."""
    return OPERATORS[token - FIRST_OPERATOR]


def operator_token(name: str) -> int:
    """Token id of an operator name; ``KeyError`` if the table has no such row."""
    return FIRST_OPERATOR + OPERATORS.index(BY_NAME[name])


def is_variable(token: int) -> bool:
    """Whether a token is one of ``x1`` … ``x10``."""
    return FIRST_VARIABLE <= token < FIRST_INTEGER


def is_integer(token: int) -> bool:
    """Whether a token is one of the integers 1 … 5."""
    return FIRST_INTEGER <= token < FIRST_OPERATOR


def variable(index: int) -> int:
    """Token id of the variable with a zero-based column index."""
    if not 0 <= index < MAX_VARIABLES:
        raise ValueError(f"variables are x1 to x{MAX_VARIABLES}, got column index {index}")
    return FIRST_VARIABLE + index


def integer(value: int) -> int:
    """Token id of a small integer leaf."""
    if not 1 <= value <= MAX_INTEGER:
        raise ValueError(f"integer leaves are 1 to {MAX_INTEGER}, got {value}")
    return FIRST_INTEGER + value - 1
