"""Completed squares: ``x1**2 - 2.6*x1`` as ``(x1 - 1.3)**2 - 1.69``, ``x1**2 - 2*x1*x2 + x2**2`` as ``(x1 - x2)**2``.

The canonical form leaves such sums as they are, because neither form is always the shorter one. A bell curve or a
distance is written with the centre in sight, and its constants are then simple numbers if the centre is.
"""

from __future__ import annotations

import math

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.canonical import canonical
from nesymres_sk.expressions.expression import Expression, Node

_ADD, _SUB, _MUL, _DIV = (v.operator_token(name) for name in ("add", "sub", "mul", "div"))
_NEG, _SQUARE, _EXP = (v.operator_token(name) for name in ("neg", "square", "exp"))
#: Relative error up to which three terms are the square of a sum: what fits leave.
_ROUNDING = 1e-8
#: Coefficient and node of a term; no node for the constant.
_Term = tuple[float, Node | None]


def complete_squares(expression: Expression) -> Expression | None:
    """The same function with every sum ``a*u**2 + b*u + c`` written as ``a*(u + d)**2 + e``, and binomials as squares.

    Parameters
    ----------
    expression : Expression
        Fitted.

    Returns
    -------
    Expression or None
        In canonical form; None if there is no such sum, or if its numbers overflow.
    """
    tree = expression.to_tree()
    try:
        completed = _complete(tree)
    except (OverflowError, ZeroDivisionError):
        return None
    return None if completed == tree else canonical(Expression.from_tree(completed))


def _complete(node: Node) -> Node:
    if len(node) == 1 or node[0] == v.CONSTANT:
        return node
    if node[0] == _EXP:
        return _exponential(node)
    terms = _terms(node, 1.0)
    if len(terms) == 1:
        return (node[0], *(_complete(child) for child in node[1:]))
    inside = [(a, None if rest is None else _complete(rest)) for a, rest in terms]
    completed = _completed(inside)
    if completed is None:
        return node if inside == terms else _sum(inside)
    return _sum(completed)


def _exponential(node: Node) -> Node:
    """An exponential; what is left of a square is a factor of the whole: the height of a bell curve."""
    argument = _complete(node[1])
    if argument == node[1]:
        return node
    terms = _terms(argument, 1.0)
    height = math.exp(sum(a for a, rest in terms if rest is None))
    return (_MUL, (v.CONSTANT, height), (_EXP, _sum([term for term in terms if term[1] is not None])))


def _terms(node: Node, factor: float) -> list[_Term]:
    """Terms of a sum, numbers before it multiplied in."""
    token = node[0]
    if token in (_ADD, _SUB):
        return _terms(node[1], factor) + _terms(node[2], factor if token == _ADD else -factor)
    if token == _NEG:
        return _terms(node[1], -factor)
    number = _number(node)
    if number is not None:
        return [(factor * number, None)]
    if token in (_MUL, _DIV):
        first, second = _number(node[1]), _number(node[2])
        if second is not None:
            return _terms(node[1], factor * second if token == _MUL else factor / second)
        if first is not None and token == _MUL:
            return _terms(node[2], factor * first)
        number, rest = _first_number(node)
        return [(factor * number, rest)]
    return [(factor, node)]


def _first_number(node: Node) -> tuple[float, Node]:
    """The number that a chain of factors begins with, and the chain without it."""
    if node[0] != _MUL:
        return 1.0, node
    first = _number(node[1])
    if first is not None:
        return first, node[2]
    number, rest = _first_number(node[1])
    return number, (_MUL, rest, node[2])


def _number(node: Node) -> float | None:
    if node[0] == v.CONSTANT:
        return float(node[1])
    return float(node[0] - v.FIRST_INTEGER + 1) if v.is_integer(node[0]) else None


def _completed(terms: list[_Term]) -> list[_Term] | None:
    """The terms with squares completed, None if there is nothing to complete."""
    linear: dict[Node | None, float] = {}  # sums inside of sums may have brought a term twice
    for a, rest in terms:
        linear[rest] = linear.get(rest, 0.0) + a
    n_terms = len(linear)
    _join_binomials(linear)
    used: set[Node] = set()
    out: list[_Term] = []
    constant = 0.0
    for rest, a in linear.items():
        if rest is None:
            constant += a
        elif rest[0] == _SQUARE and rest[1] in linear and a != 0.0:
            b = linear[rest[1]]
            used.add(rest[1])
            out.append((a, (_SQUARE, (_ADD, rest[1], (v.CONSTANT, b / (2.0 * a))))))
            constant -= b * b / (4.0 * a)
        else:
            out.append((a, rest))
    if not used and len(linear) == n_terms:
        return None
    left = [term for term in out if term[1] not in used]
    return [*left, (constant, None)] if constant or not left else left


def _join_binomials(linear: dict[Node | None, float]) -> None:
    """Replace ``a*u**2 + b*u*w + c*w**2`` by ``a*(u + d*w)**2`` where that is the same."""
    for product in [rest for rest in linear if rest is not None and rest[0] == _MUL]:
        u, w = product[1:]
        first, second = (_SQUARE, u), (_SQUARE, w)
        a, b, c = (linear.get(rest, 0.0) for rest in (first, product, second))
        if a * c > 0.0 and u != w and abs(b * b - 4.0 * a * c) <= _ROUNDING * b * b:
            for rest in (first, product, second):
                del linear[rest]
            # the squares say more about the ratio than the product does, and not its sign
            joined = (_SQUARE, (_ADD, u, (_MUL, (v.CONSTANT, math.copysign(math.sqrt(c / a), b / a)), w)))
            linear[joined] = linear.get(joined, 0.0) + a


def _sum(terms: list[_Term]) -> Node:
    nodes = [(v.CONSTANT, a) if rest is None else (_MUL, (v.CONSTANT, a), rest) for a, rest in terms]
    tree: Node = nodes[0]
    for node in nodes[1:]:
        tree = (_ADD, tree, node)
    return tree
