"""Positive scales of the columns and of the target, and undoing them in an equation.

A law does not change when metres become feet. Columns and target are divided by their root mean square before
the network sees them and before closed skeletons are fitted; there is no shift, because a shift would change the
structure of the law. Afterwards the scales are put back into the equation as numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.canonical import canonical
from nesymres_sk.expressions.expression import Expression, Node

_SMALLEST, _LARGEST = 1e-300, 1e300
_GENERIC = 1.0137219


def scale_of(y: NDArray[np.floating]) -> float:
    """Root mean square of the finite values.

    Parameters
    ----------
    y : array of shape (n,)
        Any magnitudes; squares are formed after division by the largest one, so they never overflow.

    Returns
    -------
    float
        Between 1e-300 and 1e300; 1.0 if no value is finite or all of them are zero.
    """
    y = np.asarray(y, dtype=np.float64)
    with np.errstate(all="ignore"):
        squares = float(np.vdot(y, y))
    if 1e-200 < squares < 1e200:  # nothing infinite, nothing lost: the frequent case, in one pass
        return math.sqrt(squares / y.size)
    magnitudes = np.abs(y)
    magnitudes = magnitudes[np.isfinite(magnitudes)]
    largest = float(magnitudes.max(initial=0.0))
    if largest == 0.0:
        return 1.0
    scale = largest * float(np.sqrt(np.mean(np.square(magnitudes / largest))))
    return min(max(scale, _SMALLEST), _LARGEST)


def column_scales(X: NDArray[np.floating]) -> NDArray[np.float64]:
    """Root mean square of each column, see :func:`scale_of`.

    Parameters
    ----------
    X : array of shape (n, d)

    Returns
    -------
    array of shape (d,)
    """
    return np.array([scale_of(X[:, j]) for j in range(X.shape[1])], dtype=np.float64)


def generic(scale: float) -> float:
    """Number near a scale that is no simple fraction.

    What it leaves in an equation is then merged with the constants there. A scale of exactly 2 would look like a
    number that belongs to the law, and stay.
    """
    return scale * _GENERIC


def substitute(expression: Expression, x_scales: Sequence[float] | NDArray[np.float64], y_scale: float) -> Expression:
    """``y_scale * f(x / x_scales)`` written out, without simplification."""

    def walk(node: Node) -> Node:
        token = node[0]
        if v.is_variable(token):
            scale = float(x_scales[token - v.FIRST_VARIABLE])
            return node if scale == 1.0 else (_DIV, node, (v.CONSTANT, scale))
        if len(node) == 1 or token == v.CONSTANT:
            return node
        return (token, *(walk(child) for child in node[1:]))

    tree = walk(expression.to_tree())
    if y_scale != 1.0:
        tree = (_MUL, (v.CONSTANT, float(y_scale)), tree)
    return Expression.from_tree(tree)


def unscale(
    expression: Expression, x_scales: Sequence[float] | NDArray[np.float64], y_scale: float
) -> Expression | None:
    """Equation in the user's units of an equation fitted to scaled columns and target.

    Parameters
    ----------
    expression : Expression
        Fitted equation of ``y / y_scale`` in ``x / x_scales``.
    x_scales : sequence of float
        Scale of each column.
    y_scale : float
        Scale of the target.

    Returns
    -------
    Expression or None
        Canonical equation, in which constants that come out as 1 are gone; None if it has no value, which happens
        where a folded constant leaves the range of floating point numbers.
    """
    return canonical(substitute(expression, x_scales, y_scale))


_DIV = v.operator_token("div")
_MUL = v.operator_token("mul")
