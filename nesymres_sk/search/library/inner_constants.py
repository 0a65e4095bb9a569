"""Random functions with inner constants: ``cos(w*u)``, ``exp(-a*u)``, ``1/(u + a)``, ``sqrt(u + a*u')``.

The constants are drawn relative to the values of the operands, so that frequencies span the data, denominators keep
their sign, and roots and logarithms are defined. They need only be near the truth: whoever fits the constants of a
match starts from them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.search.grammar import Grammar

_ADD, _SUB, _MUL, _POW = (v.operator_token(name) for name in ("add", "sub", "mul", "pow"))
_PERIODIC = tuple(v.operator_token(name) for name in ("sin", "cos", "tan"))
_GROWING = tuple(v.operator_token(name) for name in ("exp", "tanh", "atan"))
_ONE_SIDED = tuple(v.operator_token(name) for name in ("inv", "log", "sqrt"))
_TANGENT, _INVERSE = v.operator_token("tan"), v.operator_token("inv")
#: Operators that are also drawn around the sum of two operands in any proportion.
_OF_SUMS = (*_ONE_SIDED, v.operator_token("exp"), v.operator_token("sin"), v.operator_token("cos"))
_PERIODS = 3.0


def draw_terms(
    operands: list[Expression], values: NDArray[np.float64], n: int, grammar: Grammar, rng: np.random.Generator
) -> list[Expression]:
    """Random functions of given operands, with the values of their constants.

    Parameters
    ----------
    operands : list of Expression
        Inner functions, without free constants.
    values : float64 array of shape (len(operands), rows)
        Their values, finite.
    n : int
        Number of draws; fewer terms come back where the grammar forbids operators.
    grammar : Grammar
        Operators that may be used.
    rng : numpy.random.Generator

    Returns
    -------
    list of Expression
    """
    kinds = [token for token in (*_PERIODIC, *_GROWING, *_ONE_SIDED, _POW) if grammar.tokens[token]]
    if not kinds or not operands:
        return []
    low, high = values.min(axis=1), values.max(axis=1)
    size = np.sqrt(np.mean(np.square(values), axis=1))
    usable = np.flatnonzero((high > low) & (size > 0))
    if not len(usable):
        return []
    chosen = rng.choice(usable, n)
    others = rng.choice(usable, n)
    tokens = rng.choice(kinds, n)
    terms = []
    for i, j, token in zip(chosen.tolist(), others.tolist(), tokens.tolist(), strict=True):
        u = operands[i]
        bottom, top = float(low[i]), float(high[i])
        if token in _OF_SUMS and i != j and grammar.tokens[_ADD] and rng.random() < 0.4:
            ratio = float(_sign(rng) * 10.0 ** rng.uniform(-1.0, 1.0) * size[i] / size[j])
            summed = values[i] + ratio * values[j]
            bottom, top = float(summed.min()), float(summed.max())
            scaled = Expression((_MUL, v.CONSTANT, *operands[j].tokens), (ratio, *operands[j].constants))
            u = Expression((_ADD, *u.tokens, *scaled.tokens), (*u.constants, *scaled.constants))
            if token in _ONE_SIDED and (bottom > 0 or (top < 0 and token == _INVERSE)) and rng.random() < 0.5:
                terms.append(Expression((token, *u.tokens), u.constants))
                continue
        term = _around(token, u, bottom, top, rng)
        if term is not None:
            terms.append(term)
    return terms


def _around(token: int, u: Expression, low: float, high: float, rng: np.random.Generator) -> Expression | None:
    """A function of ``u``, whose values go from ``low`` to ``high``, with one or two constants drawn."""
    span, size = high - low, max(abs(low), abs(high))
    if not span > 0.0:
        return None
    if token == _POW:
        if low <= 0.0:
            return None
        return Expression((_POW, *u.tokens, v.CONSTANT), (*u.constants, float(rng.uniform(-3.0, 4.0))))
    if token in _ONE_SIDED:
        gap = span * 10.0 ** rng.uniform(-2.0, 1.0)
        if rng.random() < 0.35 or token == _INVERSE and rng.random() < 0.3:  # a - u
            return Expression((token, _SUB, v.CONSTANT, *u.tokens), (high + gap, *u.constants))
        return Expression((token, _ADD, v.CONSTANT, *u.tokens), (gap - low, *u.constants))
    if token in _PERIODIC:
        if token == _TANGENT:
            factor = rng.uniform(0.1, 1.0) * 1.5 / size
        elif rng.random() < 0.6:
            factor = 2.0 * np.pi * rng.uniform(0.05, _PERIODS) / span
        else:
            factor = 10.0 ** rng.uniform(-1.0, 1.0) / size
        if rng.random() < 0.3:
            phase = float(rng.uniform(-np.pi, np.pi))
            return Expression((token, _ADD, v.CONSTANT, _MUL, v.CONSTANT, *u.tokens), (phase, factor, *u.constants))
    else:
        factor = _sign(rng) * 10.0 ** rng.uniform(-1.0, 1.0) / size
    return Expression((token, _MUL, v.CONSTANT, *u.tokens), (float(factor), *u.constants))


def _sign(rng: np.random.Generator) -> float:
    """One of -1 and 1; ``rng.choice`` would take ten times as long."""
    return 1.0 if rng.random() < 0.5 else -1.0
