"""The operator table: every function that an equation may contain, one row each.

Vocabulary, parser, printer, grammar and the weights of the prior are derived from :data:`OPERATORS`. A new operator
needs more than its row: a branch for its value and one for its derivatives in the kernels of
:mod:`nesymres_sk.expressions.machine`, and entries in :mod:`nesymres_sk.expressions.canonical`,
:mod:`nesymres_sk.search.inverses` and :mod:`nesymres_sk.export`. A test compares all of these with the row.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Operator:
    """One row of the table.

    Attributes
    ----------
    name : str
        Token name; also the function name in infix text.
    arity : int
        Number of operands, 1 or 2.
    weight : float
        Relative frequency in the ``base`` prior, among operators of the same arity.
    value : callable
        Reference value in NumPy, undefined results are NaN or infinite.
    partials : callable
        Reference partial derivatives, one array per operand.
    infix : str
        Format of the infix text, operands as ``{0}`` and ``{1}``.
    latex : str
        Format of the LaTeX text, operands as ``<0>`` and ``<1>``.
    precedence : int
        Binding strength of the infix text: 1 sums, 2 products, 3 sign, 4 powers, 5 calls.
    sympy : str
        Format of an equivalent in SymPy's functions, operands as ``{0}`` and ``{1}``.
    commutative : bool
        Whether the operands may be exchanged.
    """

    name: str
    arity: int
    weight: float
    value: Callable[..., Array]
    partials: Callable[..., tuple[Array, ...]]
    infix: str
    latex: str
    precedence: int
    sympy: str
    commutative: bool = False


def _ones(a: Array) -> Array:
    return np.ones_like(a)


def _power_partials(a: Array, b: Array) -> tuple[Array, ...]:
    return b * np.power(a, b - 1.0), np.power(a, b) * np.log(a)


OPERATORS: tuple[Operator, ...] = (
    # binary
    Operator("add", 2, 10, np.add, lambda a, b: (_ones(a), _ones(b)),
             "{0} + {1}", "<0> + <1>", 1, "{0} + {1}", commutative=True),
    Operator("sub", 2, 5, np.subtract, lambda a, b: (_ones(a), -_ones(b)),
             "{0} - {1}", "<0> - <1>", 1, "{0} - {1}"),
    Operator("mul", 2, 10, np.multiply, lambda a, b: (b, a),
             "{0} * {1}", r"<0> \cdot <1>", 2, "{0} * {1}", commutative=True),
    Operator("div", 2, 6, np.divide, lambda a, b: (1.0 / b, -a / (b * b)),
             "{0} / {1}", r"\frac{<0>}{<1>}", 2, "{0} / {1}"),
    Operator("pow", 2, 1, np.power, _power_partials,
             "{0} ** {1}", "<0>^{<1>}", 4, "{0} ** {1}"),
    # unary
    Operator("neg", 1, 1, np.negative, lambda a: (-_ones(a),),
             "-{0}", "-<0>", 3, "-{0}"),
    Operator("inv", 1, 2, lambda a: 1.0 / a, lambda a: (-1.0 / (a * a),),
             "1 / {0}", r"\frac{1}{<0>}", 2, "1 / {0}"),
    Operator("sqrt", 1, 4, np.sqrt, lambda a: (0.5 / np.sqrt(a),),
             "sqrt({0})", r"\sqrt{<0>}", 5, "sqrt({0})"),
    Operator("square", 1, 6, np.square, lambda a: (2.0 * a,),
             "{0} ** 2", "<0>^{2}", 4, "{0} ** 2"),
    Operator("cube", 1, 2, lambda a: a * a * a, lambda a: (3.0 * a * a,),
             "{0} ** 3", "<0>^{3}", 4, "{0} ** 3"),
    Operator("pow4", 1, 0.7, lambda a: a**4, lambda a: (4.0 * a**3,),
             "{0} ** 4", "<0>^{4}", 4, "{0} ** 4"),
    Operator("pow5", 1, 0.5, lambda a: a**5, lambda a: (5.0 * a**4,),
             "{0} ** 5", "<0>^{5}", 4, "{0} ** 5"),
    Operator("exp", 1, 4, np.exp, lambda a: (np.exp(a),),
             "exp({0})", "e^{<0>}", 5, "exp({0})"),
    Operator("log", 1, 3, np.log, lambda a: (1.0 / a,),
             "log({0})", r"\log\left(<0>\right)", 5, "log({0})"),
    Operator("sin", 1, 3.5, np.sin, lambda a: (np.cos(a),),
             "sin({0})", r"\sin\left(<0>\right)", 5, "sin({0})"),
    Operator("cos", 1, 3.5, np.cos, lambda a: (-np.sin(a),),
             "cos({0})", r"\cos\left(<0>\right)", 5, "cos({0})"),
    Operator("tan", 1, 0.7, np.tan, lambda a: (1.0 + np.tan(a) ** 2,),
             "tan({0})", r"\tan\left(<0>\right)", 5, "tan({0})"),
    Operator("asin", 1, 0.5, np.arcsin, lambda a: (1.0 / np.sqrt(1.0 - a * a),),
             "asin({0})", r"\arcsin\left(<0>\right)", 5, "asin({0})"),
    Operator("acos", 1, 0.3, np.arccos, lambda a: (-1.0 / np.sqrt(1.0 - a * a),),
             "acos({0})", r"\arccos\left(<0>\right)", 5, "acos({0})"),
    Operator("atan", 1, 0.5, np.arctan, lambda a: (1.0 / (1.0 + a * a),),
             "atan({0})", r"\arctan\left(<0>\right)", 5, "atan({0})"),
    Operator("tanh", 1, 0.8, np.tanh, lambda a: (1.0 - np.tanh(a) ** 2,),
             "tanh({0})", r"\tanh\left(<0>\right)", 5, "tanh({0})"),
    Operator("abs", 1, 0.5, np.abs, lambda a: (np.sign(a),),
             "abs({0})", r"\left|<0>\right|", 5, "Abs({0})"),
)  # fmt: skip

BY_NAME: dict[str, Operator] = {operator.name: operator for operator in OPERATORS}
