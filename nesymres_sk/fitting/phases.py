"""Phases of fitted sines and cosines: whole turns are taken off, and quarter turns where that makes them plainer.

``sin(x1 - 10.6)`` and ``cos(x1 + 0.4)`` are one function. A fit ends at any of its phases; a reader expects the one
that is nothing or a simple number, or else the one within half a turn.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.expression import Expression, subtree_end
from nesymres_sk.fitting.numbers import nearest_simple

_ADD, _SUB, _MUL, _DIV, _NEG = (v.operator_token(name) for name in ("add", "sub", "mul", "div", "neg"))
_SIN, _COS = v.operator_token("sin"), v.operator_token("cos")
#: What a function becomes, and its sign, when so many quarter turns are taken off its phase.
_TURNED = {
    _SIN: ((_SIN, 1), (_COS, 1), (_SIN, -1), (_COS, -1)),
    _COS: ((_COS, 1), (_SIN, -1), (_COS, -1), (_SIN, 1)),
}
#: Functions that have a phase.
PERIODIC = tuple(_TURNED)
#: Standard errors within which a phase may be nothing, and what is nothing or a simple number in any case, in radians.
_MAX_DEVIATION, _ROUNDING = 3.0, 1e-9


def turn_phases(expression: Expression, errors: Sequence[float]) -> Expression:
    """The same function with plainer phases.

    Parameters
    ----------
    expression : Expression
        Fitted equation. A phase is a constant that is added to the argument of a sine or cosine, or to a factor of it.
    errors : sequence of float
        Standard errors of its constants.

    Returns
    -------
    Expression
        The expression itself if there is nothing to gain; otherwise not canonical.
    """
    tokens, constants = list(expression.tokens), list(expression.constants)
    # from the last to the first: a sign that is put in moves nothing that is still to come
    for place in range(len(tokens) - 1, -1, -1):
        found = _phase(tokens, constants, place + 1) if tokens[place] in PERIODIC else None
        if found is None:
            continue
        number, factor = found
        phase = constants[number] * factor
        if not math.isfinite(phase) or not factor:  # beyond the range of float64
            continue
        turns, turned = _plainest(phase, errors[number] * abs(factor))
        if turned != phase:
            constants[number] = turned / factor
            tokens[place], sign = _TURNED[tokens[place]][turns]
            if sign < 0:
                tokens.insert(place, _NEG)
    return expression if constants == list(expression.constants) else Expression(tuple(tokens), tuple(constants))


def _phase(tokens: list[int], constants: list[float], start: int) -> tuple[int, float] | None:
    """Which constant is the phase of an argument, and the factor before it."""
    factor = 1.0
    while tokens[start] in (_ADD, _SUB, _MUL, _DIV, _NEG):
        if tokens[start] == _NEG:
            factor, start = -factor, start + 1
            continue
        first, second = start + 1, subtree_end(tokens, start + 1)
        if tokens[start] in (_ADD, _SUB):
            sign = 1.0 if tokens[start] == _ADD else -1.0
            if tokens[first] == v.CONSTANT:
                return tokens[:first].count(v.CONSTANT), factor
            if tokens[second] == v.CONSTANT:
                return tokens[:second].count(v.CONSTANT), sign * factor
            # a sum of more than two is a chain to the left
            start = first
            continue
        scale = _number(tokens, constants, first if tokens[start] == _MUL else second)
        if not scale:
            return None
        factor = factor * scale if tokens[start] == _MUL else factor / scale
        start = second if tokens[start] == _MUL else first
    return None


def _number(tokens: list[int], constants: list[float], place: int) -> float:
    """The number at a place, 0 if there is none."""
    if tokens[place] == v.CONSTANT:
        return constants[tokens[:place].count(v.CONSTANT)]
    return tokens[place] - v.FIRST_INTEGER + 1.0 if v.is_integer(tokens[place]) else 0.0


def _plainest(phase: float, error: float) -> tuple[int, float]:
    """Quarter turns to take off a phase, and what is left of it."""
    rests = [math.remainder(phase - turns * 0.5 * math.pi, 2.0 * math.pi) for turns in range(4)]
    for turns, rest in enumerate(rests):
        if abs(rest) <= max(_MAX_DEVIATION * error, _ROUNDING):
            return turns, rest
    within = phase if abs(phase) <= math.pi else rests[0]
    choices = [(0, phase), (0, within), *list(enumerate(rests))[1:]]
    simple = [(near[0], choice) for choice in choices if (near := nearest_simple(choice[1], error, _ROUNDING))]
    return min(simple)[1] if simple else (0, within)
