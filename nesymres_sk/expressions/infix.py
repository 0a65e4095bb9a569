"""Expressions as text for people: infix, LaTeX, and SymPy objects."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Sequence
from numbers import Integral
from typing import Any, NamedTuple

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.expression import Expression, Node
from nesymres_sk.expressions.operators import OPERATORS, Operator

_SUM, _PRODUCT, _POWER, _CALL = 1, 2, 4, 5
_PI_DENOMINATORS = (1, 2, 3, 4, 6)
_MAX_PI_NUMERATOR = 12
_OPENERS = ("{", "(", "|")  # an operand that its row encloses in one of these needs no parentheses


class _Text(NamedTuple):
    """Text of a subtree and how strongly its outermost operator binds."""

    text: str
    precedence: int


class _Style(NamedTuple):
    """What differs between infix text and LaTeX."""

    pattern: Callable[[Operator], list[str]]
    parentheses: tuple[str, str]
    number: Callable[[float], _Text]
    variables: Sequence[str]


def to_infix(expression: Expression, names: Sequence[str] | None = None, digits: int | None = None) -> str:
    """Infix text that :func:`nesymres_sk.expressions.parser.parse` and Python read.

    Parameters
    ----------
    expression : Expression
    names : sequence of str, optional
        Names of the columns, and perhaps of others in the same table; ``x1``, ``x2``, … by default.
    digits : int, optional
        Significant digits of the constants; the shortest text that gives the same float by default. Without
        ``digits`` a constant that is exactly a simple multiple of π is written with ``pi``, unless a column is.

    Raises
    ------
    TypeError, ValueError
        If ``digits`` is no positive integer.

    Examples
    --------
    >>> to_infix(Expression.from_names("sub x1 mul C exp neg x2"))
    'x1 - C * exp(-x2)'
    """
    check_digits(digits)
    columns = _columns(names)
    with_pi = digits is None and "pi" not in columns
    style = _Style(_infix_pattern, ("(", ")"), lambda number: _infix_number(number, digits, with_pi), columns)
    return _render(expression.to_tree(), style).text


def to_latex(expression: Expression, names: Sequence[str] | None = None, digits: int | None = 4) -> str:
    """LaTeX of an expression (mathematics only, without delimiters); parameters as in :func:`to_infix`."""
    check_digits(digits)
    columns = [_latex_name(name) for name in _columns(names)]
    style = _Style(_latex_pattern, (r"\left(", r"\right)"), lambda number: _latex_number(number, digits), columns)
    return _render(expression.to_tree(), style).text


def check_digits(digits: int | None) -> None:
    """Raise an error if a number of significant digits is none."""
    if digits is None:
        return
    if not isinstance(digits, Integral) or isinstance(digits, bool):
        raise TypeError(f"digits must be an integer or None, got {digits!r}")
    if digits < 1:
        raise ValueError(f"digits must be at least 1, got {digits}")


def to_sympy(expression: Expression, names: Sequence[str] | None = None) -> Any:
    """SymPy expression; free constants become the symbols ``C1``, ``C2``, … in prefix order.

    Returns
    -------
    sympy.Expr
    """
    import sympy

    columns = _columns(names)
    templates = _sympy_templates()
    first, second = sympy.symbols("first second")
    n_free = sum(math.isnan(value) for value in expression.constants)
    values = list(expression.constants)
    stack: list[Any] = []
    for token in reversed(expression.tokens):
        if token == v.CONSTANT:
            value = values.pop()
            if math.isnan(value):
                stack.append(sympy.Symbol(f"C{n_free}"))
                n_free -= 1
            else:
                # with a column of that name the text would have two things called pi
                multiple = None if "pi" in columns else _multiple_of_pi(value)
                stack.append(sympy.Rational(*multiple) * sympy.pi if multiple else sympy.Float(value))
        elif v.is_variable(token):
            stack.append(sympy.Symbol(columns[token - v.FIRST_VARIABLE]))
        elif v.is_integer(token):
            stack.append(sympy.Integer(token - v.FIRST_INTEGER + 1))
        else:
            operands = [stack.pop() for _ in range(v.operator_of(token).arity)]
            template = templates[token - v.FIRST_OPERATOR]
            stack.append(template.xreplace(dict(zip((first, second), operands, strict=False))))
    return stack[0]


@functools.cache
def _sympy_templates() -> list[Any]:
    """One SymPy expression an operator, in the symbols ``first`` and ``second``, from the text of its row."""
    import sympy

    return [sympy.parse_expr(row.sympy.format("first", "second")) for row in OPERATORS]


def _columns(names: Sequence[str] | None) -> Sequence[str]:
    return [f"x{i + 1}" for i in range(v.MAX_VARIABLES)] if names is None else [str(name) for name in names]


def _render(node: Node, style: _Style) -> _Text:
    """Text of a tree with no more parentheses than its meaning needs."""
    token = node[0]
    if token == v.CONSTANT:
        return _Text("C", _CALL) if math.isnan(node[1]) else style.number(node[1])
    if v.is_variable(token):
        return _Text(style.variables[token - v.FIRST_VARIABLE], _CALL)
    if v.is_integer(token):
        return _Text(str(token - v.FIRST_INTEGER + 1), _CALL)
    row = v.operator_of(token)
    operands = [_render(child, style) for child in node[1:]]
    if row.name in ("add", "sub") and operands[1].text.startswith("-"):
        # a + -b reads a - b, and a - -b reads a + b
        if row.name == "add":
            return _Text(f"{operands[0].text} - {operands[1].text[1:]}", _SUM)
        if operands[1].precedence > _SUM:
            return _Text(f"{operands[0].text} + {operands[1].text[1:]}", _SUM)
    if row.name == "neg":
        inner = operands[0]
        loose = inner.precedence < _PRODUCT or inner.text.startswith("-")
        return _Text("-" + (_enclose(inner, style) if loose else inner.text), min(inner.precedence, row.precedence))
    pieces = style.pattern(row)
    text = pieces[0]
    for index, after in zip(pieces[1::2], pieces[2::2], strict=True):
        operand = operands[int(index)]
        enclosed = text.endswith(_OPENERS)
        text += operand.text if enclosed or not _is_loose(row, int(index), operand) else _enclose(operand, style)
        text += after
    return _Text(text, row.precedence)


def _is_loose(row: Operator, index: int, operand: _Text) -> bool:
    """Whether an operand binds too weakly to stand in its place without parentheses."""
    negative = operand.text.startswith("-")
    last = index == row.arity - 1
    if row.precedence == _SUM:
        return last and not row.commutative and operand.precedence <= _SUM
    if row.precedence == _PRODUCT:
        if not last:
            return operand.precedence < _PRODUCT
        return negative or operand.precedence < _PRODUCT + (not row.commutative)
    if row.precedence == _POWER:
        if index == 0:
            return negative or operand.precedence < _CALL or "^" in operand.text
        return negative or operand.precedence < _POWER
    return operand.precedence < row.precedence


def _enclose(operand: _Text, style: _Style) -> str:
    return style.parentheses[0] + operand.text + style.parentheses[1]


@functools.cache
def _infix_pattern(row: Operator) -> list[str]:
    return re.split(r"\{(\d)\}", row.infix)


@functools.cache
def _latex_pattern(row: Operator) -> list[str]:
    return re.split(r"<(\d)>", row.latex)


def _multiple_of_pi(value: float) -> tuple[int, int] | None:
    """Numerator and denominator of a number that is exactly the float of a simple multiple of π."""
    if not abs(value) <= (_MAX_PI_NUMERATOR + 1) * math.pi:
        return None
    for denominator in _PI_DENOMINATORS:
        numerator = round(value * denominator / math.pi)
        if 0 < abs(numerator) <= _MAX_PI_NUMERATOR and numerator * math.pi / denominator == value:
            return numerator, denominator
    return None


def _plain(value: float, digits: int | None) -> str:
    """Shortest text of a float, whole numbers without a point."""
    if digits is not None:
        return format(value, f".{digits}g")
    return str(int(value)) if value == round(value) and abs(value) < 1e15 else repr(value)


def _infix_number(value: float, digits: int | None, with_pi: bool) -> _Text:
    multiple = _multiple_of_pi(value) if with_pi else None
    if multiple is None:
        return _Text(_plain(value, digits), _CALL)
    numerator, denominator = multiple
    sign = "-" if numerator < 0 else ""
    text = sign + ("pi" if abs(numerator) == 1 else f"{abs(numerator)} * pi")
    if denominator != 1:
        text += f" / {denominator}"
    return _Text(text, _CALL if text == "pi" else _PRODUCT)


def _latex_number(value: float, digits: int | None) -> _Text:
    multiple = _multiple_of_pi(value)
    if multiple is not None:
        numerator, denominator = multiple
        sign = "-" if numerator < 0 else ""
        pi = r"\pi" if abs(numerator) == 1 else rf"{abs(numerator)} \pi"
        text = sign + (pi if denominator == 1 else rf"\frac{{{pi}}}{{{denominator}}}")
        return _Text(text, _CALL if text == r"\pi" else _PRODUCT)
    mantissa, _, exponent = _plain(value, digits).partition("e")
    if not exponent:
        return _Text(mantissa, _CALL)
    return _Text(rf"{mantissa} \cdot 10^{{{int(exponent)}}}", _PRODUCT)


_LATEX_SIGNS = {
    "\\": r"\backslash{}",
    "^": r"\hat{\ }",
    "~": r"\sim{}",
    " ": r"\ ",
    **{sign: "\\" + sign for sign in "#$%&_{}"},
}


def _latex_name(name: str) -> str:
    """LaTeX of a column name: a letter with a number is indexed, a word stands upright."""
    match = re.fullmatch(r"([A-Za-z])_?(\d+)", name)
    if match:
        return f"{match[1]}_{{{match[2]}}}"
    if len(name) == 1 and name.isalpha():
        return name
    return r"\mathrm{" + "".join(_LATEX_SIGNS.get(sign, sign) for sign in name) + "}"
