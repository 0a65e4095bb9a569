"""Functions of one group of columns, in logarithms: what a power law may be multiplied by.

A group is a product of powers ``z = exp(u)``. For each function ``f`` the table has ``log|f(exp(u))|``, its derivative,
the places in which a fit starts, and the tree.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.expression import Node
from nesymres_sk.search.pursuit.trees import ONE, quotient, scaled, total

Array = NDArray[np.float64]

#: Logarithms of the greatest group at the start, where it stays below one; distances of all groups from one.
_NEAR_ONE = (0.02, 0.1, 0.3, 1.0, 2.0)
#: Means of the logarithm of the group at the start, where it may be anything, and where it crosses one.
_ANYWHERE, _ACROSS = tuple(np.linspace(-6.0, 3.0, 10).tolist()), (-0.3, 0.3)
#: Greatest angles at the start.
_ANGLES = tuple(np.log((0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 13.0)).tolist())


class GroupFunction(NamedTuple):
    """A function of a group.

    Attributes
    ----------
    operators : tuple of str
        That its tree needs, beside those of sums and products.
    linearised : callable
        From ``u`` and the signs of the groups, which matter for ``1 + z`` and ``1 - z`` only, to ``log|f(exp(u))|`` and
        its derivative; not finite where it is not defined.
    starts : callable
        From logarithms of groups, arrays of mean zero in rows, to summands for each row.
    tree : callable
        From the coefficient and the node of a group to the node of the function.
    symmetric : bool
        Whether the inverse of the group gives nothing new: ``f(1/z)`` is ``f(z)`` times a power of ``z``.
    """

    operators: tuple[str, ...]
    linearised: Callable[[Array, Array], tuple[Array, Array]]
    starts: Callable[[Array], Array]
    tree: Callable[[float, Node], Node]
    symmetric: bool = False


def _anywhere(u: Array) -> Array:
    return np.tile(_ANYWHERE, (len(u), 1))


def _below_one(u: Array) -> Array:
    return -u.max(axis=1)[:, None] - np.array(_NEAR_ONE)


def _apart_from_one(u: Array) -> Array:
    above = np.array(_NEAR_ONE) - u.min(axis=1)[:, None]
    return np.hstack((_below_one(u), above, np.tile(_ACROSS, (len(u), 1))))


def _angles(u: Array) -> Array:
    return np.array(_ANGLES) - u.max(axis=1)[:, None]


def _nowhere_else(u: Array) -> Array:
    return np.zeros((len(u), 1))


def _applied(operator: str) -> Callable[[float, Node], Node]:
    token = v.operator_token(operator)
    return lambda c, group: (token, scaled(c, group))


def _exp(c: float, group: Node) -> Node:
    return (v.operator_token("exp"), scaled(c, group))


def _root(c: float, group: Node) -> Node:
    return (v.operator_token("sqrt"), total([ONE, scaled(c, group)]))


def _minus(node: Node) -> Node:
    return scaled(-1.0, node)


def _sigmoid(u: Array) -> Array:
    return 0.5 + 0.5 * np.tanh(0.5 * u)


def _one_plus(u: Array, signs: Array) -> tuple[Array, Array]:
    sums, differences = np.logaddexp(0.0, u), np.log(np.abs(np.expm1(u)))
    return np.where(signs > 0.0, sums, differences), np.where(signs > 0.0, _sigmoid(u), -1.0 / np.expm1(-u))


def _one_minus(u: Array, signs: Array) -> tuple[Array, Array]:
    return _one_plus(u, -signs)


def _exponential(u: Array, _: Array) -> tuple[Array, Array]:
    z = np.exp(u)
    return z, z


def _saturation(u: Array, _: Array) -> tuple[Array, Array]:
    z = np.exp(u)
    return np.log(-np.expm1(-z)), z / np.expm1(z)


def _growth(u: Array, _: Array) -> tuple[Array, Array]:
    z = np.exp(u)
    return z + np.log(-np.expm1(-z)), -z / np.expm1(-z)


def _one_plus_exp(u: Array, _: Array) -> tuple[Array, Array]:
    z = np.exp(u)
    return np.logaddexp(0.0, z), z * _sigmoid(z)


def _one_plus_decay(u: Array, _: Array) -> tuple[Array, Array]:
    z = np.exp(u)
    return np.logaddexp(0.0, -z), -z * _sigmoid(-z)


def _tanh(u: Array, _: Array) -> tuple[Array, Array]:
    z = np.exp(u)
    return np.log(np.tanh(z)), 2.0 * z / np.sinh(2.0 * z)


def _sinh(u: Array, _: Array) -> tuple[Array, Array]:
    z = np.exp(u)
    return np.log(2.0 * np.sinh(z)), z / np.tanh(z)


def _cosh(u: Array, _: Array) -> tuple[Array, Array]:
    z = np.exp(u)
    return np.logaddexp(z, -z), z * np.tanh(z)


def _sin(u: Array, _: Array) -> tuple[Array, Array]:
    z = np.exp(u)
    return np.log(np.abs(np.sin(z))), z / np.tan(z)


def _cos(u: Array, _: Array) -> tuple[Array, Array]:
    z = np.exp(u)
    return np.log(np.abs(np.cos(z))), -z * np.tan(z)


def _log(u: Array, _: Array) -> tuple[Array, Array]:
    return np.log(np.abs(u)), 1.0 / u


def _log_one_plus(u: Array, _: Array) -> tuple[Array, Array]:
    grown = np.logaddexp(0.0, u)
    return np.log(grown), _sigmoid(u) / grown


def _atan(u: Array, _: Array) -> tuple[Array, Array]:
    z = np.exp(u)
    angle = np.arctan(z)
    return np.log(angle), z / (1.0 + z * z) / angle


def _asin(u: Array, _: Array) -> tuple[Array, Array]:
    z = np.exp(u)
    angle = np.arcsin(z)
    return np.log(angle), z / np.sqrt(1.0 - z * z) / angle


def _acos(u: Array, _: Array) -> tuple[Array, Array]:
    z = np.exp(u)
    angle = np.arccos(z)
    return np.log(angle), -z / np.sqrt(1.0 - z * z) / angle


def _contrast(u: Array, _: Array) -> tuple[Array, Array]:
    z = np.exp(u)
    return 2.0 * np.arctanh(z), 2.0 * z / (1.0 - z * z)


def _log_contrast(u: Array, _: Array) -> tuple[Array, Array]:
    value, slope = _contrast(u, _)
    return np.log(value), slope / value


def _root_plus_one(u: Array, _: Array) -> tuple[Array, Array]:
    root = np.sqrt(1.0 + np.exp(u))
    return np.log(root + 1.0), 0.5 * (root - 1.0) / root


def _root_minus_one(u: Array, _: Array) -> tuple[Array, Array]:
    z = np.exp(u)
    root = np.sqrt(1.0 + z)
    return np.log(z) - np.log(root + 1.0), 0.5 * (root + 1.0) / root


GROUP_FUNCTIONS = (
    GroupFunction((), _one_plus, _anywhere, lambda c, group: total([ONE, scaled(c, group)]), True),
    GroupFunction((), _one_minus, _apart_from_one, lambda c, group: total([ONE, scaled(-c, group)]), True),
    GroupFunction(("exp",), _exponential, _nowhere_else, _exp),
    GroupFunction(("exp",), _saturation, _anywhere, lambda c, group: total([ONE, _minus(_exp(-c, group))])),
    GroupFunction(("exp",), _growth, _anywhere, lambda c, group: total([_exp(c, group), _minus(ONE)])),
    GroupFunction(("exp",), _one_plus_exp, _anywhere, lambda c, group: total([ONE, _exp(c, group)])),
    GroupFunction(("exp",), _one_plus_decay, _anywhere, lambda c, group: total([ONE, _exp(-c, group)])),
    GroupFunction(("tanh",), _tanh, _anywhere, _applied("tanh")),
    GroupFunction(("exp",), _sinh, _anywhere, lambda c, group: total([_exp(c, group), _minus(_exp(-c, group))])),
    GroupFunction(("exp",), _cosh, _anywhere, lambda c, group: total([_exp(c, group), _exp(-c, group)])),
    GroupFunction(("sin",), _sin, _angles, _applied("sin")),
    GroupFunction(("cos",), _cos, _angles, _applied("cos")),
    GroupFunction(("log",), _log, _apart_from_one, _applied("log"), True),
    GroupFunction(
        ("log",),
        _log_one_plus,
        _anywhere,
        lambda c, group: (v.operator_token("log"), total([ONE, scaled(c, group)])),
    ),
    GroupFunction(("atan",), _atan, _anywhere, _applied("atan")),
    GroupFunction(("asin",), _asin, _below_one, _applied("asin")),
    GroupFunction(("acos",), _acos, _below_one, _applied("acos")),
    GroupFunction(
        (),
        _contrast,
        _below_one,
        lambda c, group: quotient(total([ONE, scaled(c, group)]), total([ONE, scaled(-c, group)])),
    ),
    GroupFunction(
        ("log",),
        _log_contrast,
        _below_one,
        lambda c, group: (
            v.operator_token("log"),
            quotient(total([ONE, scaled(c, group)]), total([ONE, scaled(-c, group)])),
        ),
    ),
    GroupFunction(("sqrt",), _root_plus_one, _anywhere, lambda c, group: total([_root(c, group), ONE])),
    GroupFunction(("sqrt",), _root_minus_one, _anywhere, lambda c, group: total([_root(c, group), _minus(ONE)])),
)
#: Places of ``1 + z`` and ``1 - z`` in the table, through whose sums factors can be moved.
SUMS = (0, 1)
#: Place of ``exp(z)``, whose group has no coefficient of its own.
EXPONENTIAL = 2
