"""An equation as a plain NumPy function: Python source that runs where this package is not installed."""

from __future__ import annotations

import ast
import keyword
import math
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nesymres_sk import __version__
from nesymres_sk.export.fitted import Fitted, fitted_equation
from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.expression import Node
from nesymres_sk.expressions.infix import to_infix

if TYPE_CHECKING:
    from nesymres_sk.regressor import NeuralSymbolicRegressor

_OPERATORS: dict[str, type[ast.operator]] = {"add": ast.Add, "sub": ast.Sub, "mul": ast.Mult, "div": ast.Div}
_POWERS = {"square": 2, "cube": 3, "pow4": 4, "pow5": 5}
#: Rows whose function NumPy calls otherwise; ``np.power``, since ``**`` takes roots where the exponent is 0.5.
_FUNCTIONS = {"asin": "arcsin", "acos": "arccos", "atan": "arctan", "pow": "power"}
#: What the written function itself uses.
_RESERVED = {"np", "X", "values", "hasattr", "len", "float", "ValueError", "__debug__"}

_BY_NAME = """\
    if hasattr(X, "columns"):  # a data frame: columns by name
{by_name}
    else:  # an array: columns by position
        X = np.asarray(X, dtype=float)
        if X.ndim != 2 or X.shape[1] != {n}:
            raise ValueError(f"X must have shape (n, {n}), got {{X.shape}}")
{by_position}"""
_BY_POSITION = """\
    X = np.asarray(X, dtype=float)
    if X.ndim != 2 or X.shape[1] != {n}:
        raise ValueError(f"X must have shape (n, {n}), got {{X.shape}}")
{by_position}"""
_SOURCE = """\
# Written by nesymres_sk {version}.
import numpy as np


def equation(X):
    {doc}
{columns}
    values = np.empty(len(X))
    with np.errstate(all="ignore"):
        values[:] = {expression}
    return values
"""


@dataclass(frozen=True)
class NumpyFunction:
    """An equation that is called like a function.

    Attributes
    ----------
    fitted : Fitted
        The equation and the columns that it reads.

    Examples
    --------
    >>> import numpy as np
    >>> from nesymres_sk import NeuralSymbolicRegressor
    >>> X = np.linspace(1, 3, 20).reshape(-1, 1)
    >>> model = NeuralSymbolicRegressor(random_state=0).fit(X, 2.5 * X[:, 0] + 1)
    >>> function = to_function(model)
    >>> function([[0.0], [4.0]])
    array([ 1., 11.])
    """

    fitted: Fitted

    @cached_property
    def source(self) -> str:
        """Python source of a module with the function ``equation(X)`` that needs NumPy and nothing else."""
        fitted = self.fitted
        names = identifiers(fitted.column_names)
        used = fitted.expression.variables
        expression = ast.unparse(_syntax(fitted.expression.to_tree(), names))
        by_position = [f"{names[i]} = X[:, {fitted.columns[i]}]" for i in used]
        by_name = [f"{names[i]} = np.asarray(X[{fitted.column_names[i]!r}], dtype=float)" for i in used]
        if fitted.names is None or not used:
            columns = _BY_POSITION.format(n=fitted.n_features, by_position=_indented(by_position, 4))
        else:
            columns = _BY_NAME.format(
                n=fitted.n_features, by_name=_indented(by_name, 8), by_position=_indented(by_position, 8)
            )
        text = to_infix(fitted.expression, fitted.column_names)
        return _SOURCE.format(
            version=__version__, doc=_docstring(text), columns=columns.rstrip("\n"), expression=expression
        )

    def __call__(self, X: ArrayLike) -> NDArray[np.float64]:
        """Values of the equation.

        Parameters
        ----------
        X : array-like of shape (n, n_features) or data frame
            Arrays have all columns of the training data in their order. Of data frames the columns that the equation
            uses are read by name, if the estimator was given names.

        Returns
        -------
        ndarray of shape (n,)
            NaN or infinite where the equation is undefined.
        """
        return self._compiled(X)

    def __repr__(self) -> str:
        return f"<NumpyFunction {to_infix(self.fitted.expression, self.fitted.column_names)}>"

    def __getstate__(self) -> dict[str, Any]:
        return {"fitted": self.fitted}  # without what has been compiled

    @cached_property
    def _compiled(self) -> Callable[[ArrayLike], NDArray[np.float64]]:
        # The text was written above from tokens and numbers, its only outside part are quoted column names.
        space: dict[str, Any] = {}
        exec(compile(self.source, "<equation>", "exec"), space)
        function: Callable[[ArrayLike], NDArray[np.float64]] = space["equation"]
        return function


def to_function(estimator: NeuralSymbolicRegressor, index: int | None = None) -> NumpyFunction:
    """Plain NumPy function of an equation.

    Parameters
    ----------
    estimator : NeuralSymbolicRegressor
        Fitted.
    index : int, optional
        Row of ``equations_``; the chosen equation by default.

    Returns
    -------
    NumpyFunction
        Callable; its ``source`` is a Python module that stands on its own.
    """
    return NumpyFunction(fitted_equation(estimator, index))


def identifiers(names: Sequence[str]) -> list[str]:
    """Distinct Python names for columns, their own where these are possible."""
    result: list[str] = []
    for name in names:
        # Python compares names after this normalisation
        plain = re.sub(r"\W", "_", unicodedata.normalize("NFKC", name))
        if not plain.isidentifier() or keyword.iskeyword(plain) or plain in _RESERVED:
            plain = f"column_{plain}"
        unique, n = plain, 2
        while unique in result:
            unique, n = f"{plain}_{n}", n + 1
        result.append(unique)
    return result


def _syntax(node: Node, names: Sequence[str]) -> ast.expr:
    """Syntax tree of a node; Python itself then writes it with the parentheses that it needs."""
    token = node[0]
    if v.is_variable(token):
        return ast.Name(names[token - v.FIRST_VARIABLE])
    if v.is_integer(token):
        return ast.Constant(token - v.FIRST_INTEGER + 1)
    value = _constant_value(node)
    if value is not None:
        return _number(value)
    name = v.operator_of(token).name
    operands = [_syntax(child, names) for child in node[1:]]
    if name == "add" and isinstance(operands[1], ast.UnaryOp):  # a + -b reads a - b, and is the same number
        return ast.BinOp(operands[0], ast.Sub(), operands[1].operand)
    if name in _OPERATORS:
        return ast.BinOp(operands[0], _OPERATORS[name](), operands[1])
    if name == "neg":
        return ast.UnaryOp(ast.USub(), operands[0])
    if name == "inv":
        return ast.BinOp(ast.Constant(1), ast.Div(), operands[0])
    if name in _POWERS:
        return ast.BinOp(operands[0], ast.Pow(), ast.Constant(_POWERS[name]))
    return ast.Call(ast.Attribute(ast.Name("np"), _FUNCTIONS.get(name, name)), operands, [])


def _constant_value(node: Node) -> float | None:
    """Value of a subtree without variables: Python's own arithmetic of two numbers raises where NumPy does not."""
    token = node[0]
    if token == v.CONSTANT:
        return float(node[1])
    if v.is_variable(token):
        return None
    if v.is_integer(token):
        return float(token - v.FIRST_INTEGER + 1)
    operands = [_constant_value(child) for child in node[1:]]
    if any(operand is None for operand in operands):
        return None
    with np.errstate(all="ignore"):
        return float(v.operator_of(token).value(*(np.float64(operand) for operand in operands)))


def _number(value: float) -> ast.expr:
    if math.isnan(value):
        return ast.Attribute(ast.Name("np"), "nan")
    if math.copysign(1.0, value) < 0:
        return ast.UnaryOp(ast.USub(), _number(-value))
    if math.isinf(value):
        return ast.Attribute(ast.Name("np"), "inf")
    return ast.Constant(value)


def _indented(lines: Sequence[str], width: int) -> str:
    return "\n".join(" " * width + line for line in lines)


def _docstring(text: str) -> str:
    """Text as a docstring, whatever names it contains."""
    plain = text.isprintable() and "\\" not in text and '"' not in text
    return f'"""{text}"""' if plain else repr(text)
