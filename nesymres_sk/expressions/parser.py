"""Infix text to expressions: a tokenizer and a Pratt parser, never ``eval``."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Sequence
from typing import NamedTuple

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.expression import Expression, Node
from nesymres_sk.expressions.operators import OPERATORS

MAX_CHARACTERS = 5000
MAX_NESTING = 100
MAX_NODES = 400

_PATTERN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<name>[^\W\d]\w*)|(?P<symbol>\*\*|[-+*/^(),]))"
)
_ALIASES = {"ln": "log", "arcsin": "asin", "arccos": "acos", "arctan": "atan", "Abs": "abs"}
_NUMBERS = {"pi": math.pi, "e": math.e}
#: Functions that people expect, in terms of those that there are.
_INSTEAD = {
    "log10": "log(x) / log(10)",
    "log2": "log(x) / log(2)",
    "sinh": "(exp(x) - exp(-x)) / 2",
    "cosh": "(exp(x) + exp(-x)) / 2",
}
#: Binding powers of the infix operators: (left, right); a power binds its right operand first.
_BINDING = {"+": (1, 2), "-": (1, 2), "*": (3, 4), "/": (3, 4), "^": (8, 6), "**": (8, 6)}
_SIGN_BINDING = 6
_INFIX = {"+": "add", "-": "sub", "*": "mul", "/": "div"}
_POWERS = {2: "square", 3: "cube", 4: "pow4", 5: "pow5"}


class ParseError(ValueError):
    """Text that is not an equation; the message shows where, and what to do.

    Attributes
    ----------
    text : str
        The whole text.
    position : int
        Zero-based position of the fault.
    """

    def __init__(self, message: str, text: str, position: int) -> None:
        start = max(0, position - 60)
        shown = text[start : position + 20].replace("\n", " ").replace("\t", " ")
        super().__init__(f"{message} (position {position})\n  {shown}\n  {' ' * (position - start)}^")
        self.text = text
        self.position = position


class _Token(NamedTuple):
    kind: str  # "number", "name", "symbol" or "end"
    text: str
    position: int


def parse(text: str, names: Sequence[str] | None = None) -> Expression:
    """Expression of an infix text.

    Parameters
    ----------
    text : str
        ``+ - * / ** ^``, parentheses, numbers, ``pi``, ``e``, every function of the operator table by name (also
        ``ln``, ``arcsin``, ``arccos``, ``arctan``, ``Abs``), columns, and ``C`` for a free constant; every ``C`` is a
        constant of its own. Integers from 1 to 5 stay integers, other numbers become constants with that value.
    names : sequence of str, optional
        Names of the columns in order; ``x1``, ``x2``, … by default. A column hides a number of its name, and a
        function where no parenthesis follows.

    Raises
    ------
    ParseError
        If the text is no equation in these columns, or too long or too deep.

    Examples
    --------
    >>> parse("C*(1 - exp(-C*x1))").names()
    ('mul', 'C', 'sub', '1', 'exp', 'mul', 'neg', 'C', 'x1')
    """
    return _Parser(text, names).parse()


class _Parser:
    """One pass over one text."""

    def __init__(self, text: str, names: Sequence[str] | None) -> None:
        if not isinstance(text, str):
            raise TypeError(f"an equation is a str, got {type(text).__name__}")
        self.text = text
        if len(text) > MAX_CHARACTERS:
            raise ParseError(f"the equation is longer than {MAX_CHARACTERS} characters", text, MAX_CHARACTERS)
        columns = [f"x{i + 1}" for i in range(v.MAX_VARIABLES)] if names is None else [str(name) for name in names]
        self.columns = {name: index for index, name in enumerate(columns)}
        # names that are not identifiers ("sepal width (cm)") are looked for as they stand, the longest first
        self.phrases = sorted(
            (name for name in self.columns if not name.isidentifier() and name), key=len, reverse=True
        )
        self.tokens = self._tokenize()
        self.index = 0
        self.depth = 0
        self.n_nodes = 0

    def parse(self) -> Expression:
        node = self._expression(0)
        token = self._peek()
        if token.kind != "end":
            if token.text == ")":
                raise self._error("this ')' closes nothing; remove it", token)
            raise self._error(f"expected an operator before {token.text!r}; write products with *", token)
        return Expression.from_tree(node)

    def _tokenize(self) -> list[_Token]:
        tokens: list[_Token] = []
        position = 0
        end = len(self.text.rstrip())
        while position < end:
            while self.text[position].isspace():
                position += 1
            phrase = next((name for name in self.phrases if self.text.startswith(name, position)), None)
            if phrase is not None:
                tokens.append(_Token("name", phrase, position))
                position += len(phrase)
                continue
            match = _PATTERN.match(self.text, position)
            if match is None and self.text[position] == "=":
                raise ParseError("write only the right-hand side, without '='", self.text, position)
            if match is None:
                raise ParseError(f"unexpected character {self.text[position]!r}; remove it", self.text, position)
            kind = str(match.lastgroup)
            tokens.append(_Token(kind, match[kind], match.start(kind)))
            position = match.end()
        tokens.append(_Token("end", "", end))
        return tokens

    def _peek(self) -> _Token:
        return self.tokens[self.index]

    def _next(self) -> _Token:
        token = self.tokens[self.index]
        self.index += token.kind != "end"
        return token

    def _error(self, message: str, token: _Token) -> ParseError:
        return ParseError(message, self.text, token.position)

    def _node(self, token: _Token, *parts: object) -> Node:
        self.n_nodes += 1
        if self.n_nodes > MAX_NODES:
            raise self._error(f"the equation has more than {MAX_NODES} operators, numbers and columns", token)
        return tuple(parts)

    def _expression(self, binding: int) -> Node:
        """Expression whose operators bind at least as strongly as ``binding``."""
        self.depth += 1
        if self.depth > MAX_NESTING:
            raise self._error(f"nested more than {MAX_NESTING} deep; simplify the equation", self._peek())
        node = self._operand()
        while True:
            token = self._peek()
            if token.kind != "symbol" or token.text not in _BINDING or _BINDING[token.text][0] < binding:
                break
            self._next()
            right = self._expression(_BINDING[token.text][1])
            node = self._combine(token, node, right)
        self.depth -= 1
        return node

    def _combine(self, token: _Token, left: Node, right: Node) -> Node:
        if token.text in ("**", "^"):
            return self._power(token, left, right)
        if token.text == "/" and left == (v.integer(1),):
            return self._node(token, v.operator_token("inv"), right)
        return self._node(token, v.operator_token(_INFIX[token.text]), left, right)

    def _power(self, token: _Token, base: Node, exponent: Node) -> Node:
        """Power, as its own operator where there is one."""
        name = None
        if v.is_integer(exponent[0]):
            name = _POWERS.get(exponent[0] - v.FIRST_INTEGER + 1)
        elif exponent == (v.CONSTANT, -1.0):
            name = "inv"
        elif exponent in ((v.CONSTANT, 0.5), (v.operator_token("inv"), (v.integer(2),))):
            name = "sqrt"
        if name is None:
            return self._node(token, v.operator_token("pow"), base, exponent)
        return self._node(token, v.operator_token(name), base)

    def _operand(self) -> Node:
        token = self._next()
        if token.kind == "number":
            return self._number(token)
        if token.kind == "name":
            return self._name(token)
        if token.text == "(":
            node = self._expression(0)
            self._close(token)
            return node
        if token.text in ("-", "+"):
            literal = self._peek().kind == "number"
            node = self._expression(_SIGN_BINDING)
            if token.text == "+":
                return node
            # the sign of a number belongs to it, unless the number is the base of a power
            if literal and node[0] == v.CONSTANT:
                return (v.CONSTANT, -node[1])
            if literal and v.is_integer(node[0]):
                return (v.CONSTANT, -float(node[0] - v.FIRST_INTEGER + 1))
            return self._node(token, v.operator_token("neg"), node)
        if token.kind == "end":
            raise self._error("the equation ends where a number, a column or a function should follow", token)
        raise self._error(f"expected a number, a column or a function, not {token.text!r}", token)

    def _number(self, token: _Token) -> Node:
        value = float(token.text)
        if math.isinf(value):
            raise self._error("the number is too large for a float", token)
        if token.text.isdigit() and 1 <= value <= v.MAX_INTEGER:
            return self._node(token, v.integer(int(value)))
        return self._node(token, v.CONSTANT, value)

    def _name(self, token: _Token) -> Node:
        name = token.text
        function = _ALIASES.get(name, name)
        row = next((row for row in OPERATORS if row.name == function), None)
        if name in self.columns and (row is None or self._peek().text != "("):
            index = self.columns[name]
            if index >= v.MAX_VARIABLES:
                raise self._error(f"column {name!r} is beyond the first {v.MAX_VARIABLES} columns", token)
            return self._node(token, v.variable(index))
        if row is not None:
            return self._call(token, row.name, row.arity)
        if name == "C":
            return self._node(token, v.CONSTANT, math.nan)
        if name in _NUMBERS:
            return self._node(token, v.CONSTANT, _NUMBERS[name])
        if name in _INSTEAD:
            raise self._error(f"there is no function {name}; write {_INSTEAD[name]}", token)
        known = [*self.columns, *(row.name for row in OPERATORS), *_ALIASES, *_NUMBERS, "C"]
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"the columns are {', '.join(list(self.columns)[:10])}"
        raise self._error(f"unknown name {name!r}; {hint}", token)

    def _call(self, token: _Token, name: str, arity: int) -> Node:
        opening = self._next()
        if opening.text != "(":
            raise self._error(f"{token.text} is a function; write {token.text}(...)", opening)
        arguments = [self._expression(0)]
        while self._peek().text == ",":
            self._next()
            arguments.append(self._expression(0))
        self._close(opening)
        if len(arguments) != arity:
            raise self._error(f"{token.text} takes {arity} argument{'s' * (arity > 1)}, got {len(arguments)}", token)
        return self._node(token, v.operator_token(name), *arguments)

    def _close(self, opening: _Token) -> None:
        token = self._next()
        if token.text != ")":
            if token.kind == "end":
                raise self._error("this '(' is never closed; add ')'", opening)
            raise self._error(f"expected an operator or ')' before {token.text!r}; write products with *", token)
