"""Operators solved for an operand: which values a subtree should have, given those its parent should have.

Walking from the root to a node with these inverses turns the target of the whole equation into a target of the subtree
(semantic backpropagation: Pawlak, Wieloch and Krawiec, IEEE TEC 2015). Where an operator is not one to one, the
solution nearest to the operand's present value is taken; where there is none the result is not finite.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from nesymres_sk.expressions import vocabulary as v

Array = NDArray[np.float64]

_TURN = 2.0 * np.pi


def _nearest_sine(wanted: Array, present: Array) -> Array:
    rising = np.arcsin(wanted)
    first, second = _nearest(rising, present, _TURN), _nearest(np.pi - rising, present, _TURN)
    return np.where(np.abs(first - present) <= np.abs(second - present), first, second)


def _nearest_cosine(wanted: Array, present: Array) -> Array:
    angle = np.arccos(wanted)
    first, second = _nearest(angle, present, _TURN), _nearest(-angle, present, _TURN)
    return np.where(np.abs(first - present) <= np.abs(second - present), first, second)


def _nearest(angle: Array, present: Array, period: float) -> Array:
    return angle + period * np.round((present - angle) / period)


def _signed_root(exponent: float) -> Callable[[Array, Array], Array]:
    return lambda wanted, present: np.copysign(np.power(wanted, exponent), present)


#: ``inverse(wanted, present)``: operand that gives ``wanted``; ``present`` chooses among several.
_UNARY: dict[str, Callable[[Array, Array], Array]] = {
    "neg": lambda wanted, _: -wanted,
    "inv": lambda wanted, _: 1.0 / wanted,
    "sqrt": lambda wanted, _: np.where(wanted >= 0.0, np.square(wanted), np.nan),
    "square": _signed_root(0.5),
    "cube": lambda wanted, _: np.cbrt(wanted),
    "pow4": _signed_root(0.25),
    "pow5": lambda wanted, _: np.copysign(np.abs(wanted) ** 0.2, wanted),
    "exp": lambda wanted, _: np.log(wanted),
    "log": lambda wanted, _: np.exp(wanted),
    "sin": _nearest_sine,
    "cos": _nearest_cosine,
    "tan": lambda wanted, present: _nearest(np.arctan(wanted), present, np.pi),
    "asin": lambda wanted, _: np.sin(wanted),
    "acos": lambda wanted, _: np.cos(wanted),
    "atan": lambda wanted, _: np.tan(wanted),
    "tanh": lambda wanted, _: np.arctanh(wanted),
    "abs": lambda wanted, present: np.where(wanted >= 0.0, np.copysign(wanted, present), np.nan),
}
#: ``inverse(wanted, other)`` for the first and for the second operand, given the other one.
_BINARY: dict[str, tuple[Callable[[Array, Array], Array], Callable[[Array, Array], Array]]] = {
    "add": (lambda wanted, b: wanted - b, lambda wanted, a: wanted - a),
    "sub": (lambda wanted, b: wanted + b, lambda wanted, a: a - wanted),
    "mul": (lambda wanted, b: wanted / b, lambda wanted, a: wanted / a),
    "div": (lambda wanted, b: wanted * b, lambda wanted, a: a / wanted),
    "pow": (lambda wanted, b: np.power(wanted, 1.0 / b), lambda wanted, a: np.log(wanted) / np.log(a)),
}


def wanted_operands(token: int, wanted: Array, operands: list[Array]) -> list[Array]:
    """Values that each operand of an operator should have, the others being as they are.

    Parameters
    ----------
    token : int
        Operator.
    wanted : array of shape (n,)
        Values that the result should have; NaN where nothing is known.
    operands : list of arrays of shape (n,)
        Present values.

    Returns
    -------
    list of arrays of shape (n,)
        Not finite where no value of the operand gives what is wanted.
    """
    name = v.TOKENS[token]
    if len(operands) == 1:
        return [_UNARY[name](wanted, operands[0])]
    first, second = _BINARY[name]
    return [first(wanted, operands[1]), second(wanted, operands[0])]
