"""Functions with the constants of customary units: powers of ten, decibels, and angles in degrees."""

from __future__ import annotations

import math
from itertools import permutations

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.search.grammar import Grammar

#: Columns up to which differences of two are listed.
_FEW_COLUMNS = 5
#: Rates of exponentials: of pH and the like, of decibels, and of decibels of an amplitude.
_RATES = (math.log(10.0), math.log(10.0) / 10.0, math.log(10.0) / 20.0)
_DEGREE = math.pi / 180.0


def customary_terms(grammar: Grammar) -> list[Expression]:
    """``10**x1``, ``10**(x1 - x2)``, ``10**(x1/10)``, ``sin(x1)`` in degrees, and the like.

    Parameters
    ----------
    grammar : Grammar
        Columns and operators.

    Returns
    -------
    list of Expression
        With the values of their constants.
    """
    if not grammar.allow_constants or not grammar.tokens[v.operator_token("mul")]:
        return []
    columns: list[tuple[int, ...]] = [(v.variable(i),) for i in range(grammar.n_variables)]
    exponents = [*columns]
    if "sub" in grammar.operators and len(columns) <= _FEW_COLUMNS:
        exponents += [(v.operator_token("sub"), *a, *b) for a, b in permutations(columns, 2)]
    terms = [
        _scaled("exp", sign * rate, inner)
        for inner in exponents
        for rate in _RATES
        for sign in ((1.0, -1.0) if len(inner) == 1 else (1.0,))
        if "exp" in grammar.operators
    ]
    functions = [name for name in ("sin", "cos", "tan") if name in grammar.operators]
    angles = [_scaled(name, _DEGREE, column) for column in columns for name in functions]
    squares = [(v.operator_token("square"), *angle.tokens) for angle in angles if "square" in grammar.operators]
    return [*terms, *angles, *(Expression(tokens, (_DEGREE,)) for tokens in squares)]


def _scaled(name: str, factor: float, inner: tuple[int, ...]) -> Expression:
    return Expression((v.operator_token(name), v.operator_token("mul"), v.CONSTANT, *inner), (factor,))
