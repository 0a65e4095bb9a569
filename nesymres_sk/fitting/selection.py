"""Rules that choose one equation of the Pareto front.

``mdl``
    Minimum description length: bits (here nats) for the residuals, for the structure and for the constants. The
    default, for noisy and exact data alike.
``paper``
    Loss plus 1e-14 for each token (Biggio et al. 2021, section 4).
``accuracy``
    The smallest loss.
``best``
    PySR's rule: the largest drop of log-loss per unit of complexity, among losses within 1.5 times the smallest.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.expressions.operators import OPERATORS
from nesymres_sk.fitting.numbers import simple_number_cost
from nesymres_sk.fitting.residuals import residuals_length
from nesymres_sk.table import Table

RULES = ("mdl", "paper", "accuracy", "best")

#: Chance, in the structure code, that a node is a leaf, a unary or a binary operator: equal shares.
_NODE_KIND = math.log(3.0)
_TOTAL_WEIGHT = {arity: sum(op.weight for op in OPERATORS if op.arity == arity) for arity in (1, 2)}
_OPERATOR_COST = {
    v.FIRST_OPERATOR + i: _NODE_KIND - math.log(op.weight / _TOTAL_WEIGHT[op.arity]) for i, op in enumerate(OPERATORS)
}
_COMMUTATIVE = (v.operator_token("add"), v.operator_token("mul"))
_ARITY: list[int] = v.ARITY.tolist()
#: Weight of an equation's own code against that of the residuals. The code counts one spelling of a tree, and the same
#: ones of a sum or a product, but equations have more, and what constants gain by fitting noise is no gain of
#: residuals left out.
_EQUATION = 0.5
#: What is added to this weight, divided by the number of rows: with a handful all of the code counts.
_MORE_FOR_FEW = 4.0


def structure_length(expression: Expression, n_variables: int) -> float:
    """Nats that name the tree: operators by their weight in the prior, variables and a constant as equals.

    The prior draws ``a + b`` also as ``b + a``, and every longer sum and product in many ways, which all are the same
    equation and add to its probability.
    """
    leaf = _NODE_KIND + math.log(n_variables + 1.0)
    total = 0.0
    chains: list[list[int]] = []  # number of operands of every sum and product
    slots: list[tuple[int, list[int]]] = []  # the parent of every operand that is to come, and the chain of the parent
    for token in expression.tokens:
        total += _OPERATOR_COST.get(token, leaf)
        parent, chain = slots.pop() if slots else (-1, [0])
        if token != parent or token not in _COMMUTATIVE:
            chain[0] += 1
            chain = [0]
            if token in _COMMUTATIVE:
                chains.append(chain)
        slots += [(token, chain)] * _ARITY[token]
    # k operands are written in (2 k - 2)! / (k - 1)! ways
    return total - sum(math.lgamma(2.0 * k - 1.0) - math.lgamma(k) for (k,) in chains)


def constants_length(expression: Expression, information: float) -> tuple[float, int]:
    """Nats that name the constants, and how many of them have to be called fitted.

    A fitted constant costs ``log(information) / 2``, the number of digits that the data give it: the number of rows
    (Rissanen 1978), over the variance of the noise if that is known. A simple number is named instead, if that is
    shorter.
    """
    total, n_fitted = 0.0, 0
    fitted_cost = 0.5 * math.log(max(information, 2.0))
    for value in expression.constants:
        named = simple_number_cost(value)
        total += min(named, fitted_cost + 1.0)
        n_fitted += not math.isfinite(named)
    for token in expression.tokens:
        if v.is_integer(token):
            total += min(simple_number_cost(token - v.FIRST_INTEGER + 1.0), fitted_cost + 1.0)
    return total, n_fitted


def description_length(expression: Expression, residuals: float, n_rows: float, n_variables: int) -> float:
    """Nats that describe the target with an equation.

    Parameters
    ----------
    expression : Expression
        Fitted equation.
    residuals : float
        Nats for what it leaves over, see :func:`nesymres_sk.fitting.residuals.residuals_length`.
    n_rows : float
        Number of observations.
    n_variables : int
        Number of columns that it could have used.
    """
    constants, n_fitted = constants_length(expression, n_rows)
    # The correction of AICc (Hurvich and Tsai 1989), the noise being one more constant: in a table of eight rows a few
    # constants reach any accuracy, and of the thousands of equations of a search some do. Nothing for long tables.
    n_free = n_fitted + 1
    few_rows = n_free * (n_free + 1) / max(n_rows - n_fitted - 2.0, 0.5)
    weight = min(1.0, _EQUATION + _MORE_FOR_FEW / n_rows)
    return residuals + weight * (structure_length(expression, n_variables) + constants) + few_rows


class Descriptions:
    """Description lengths of the equations of one table, each computed once.

    Parameters
    ----------
    table : Table
    n_variables : int
        Number of columns that equations could use.
    floor : float
        Error below which only rounding is left.
    """

    def __init__(self, table: Table, n_variables: int, floor: float) -> None:
        self._table = table
        self._n_variables = n_variables
        self._floor = floor
        self._lengths: dict[Expression, float] = {}

    def __call__(self, expression: Expression, error: float) -> float:
        """Nats for an equation with its mean squared error on all rows."""
        if expression not in self._lengths:
            residuals = residuals_length(expression, error, self._table, self._floor)
            self._lengths[expression] = description_length(
                expression, residuals, self._table.n_effective, self._n_variables
            )
        return self._lengths[expression]


def scores(losses: Sequence[float], complexities: Sequence[int]) -> list[float]:
    """Drop of the natural logarithm of the loss per unit of complexity, from one equation to the next.

    Parameters
    ----------
    losses, complexities : sequences
        Of a Pareto front in order of complexity; losses positive.

    Returns
    -------
    list of float
        The first is 0.
    """
    out = [0.0]
    for i in range(1, len(losses)):
        out.append((math.log(losses[i - 1]) - math.log(losses[i])) / (complexities[i] - complexities[i - 1]))
    return out


def choose(
    front: Sequence[tuple[Expression, float]],
    rule: str,
    *,
    floor: float,
    describe: Callable[[Expression, float], float],
) -> int:
    """Index of the equation that a rule chooses.

    Parameters
    ----------
    front : sequence of (Expression, float)
        Pareto front in order of complexity, each equation with its mean squared error.
    rule : {"mdl", "paper", "accuracy", "best"}
    floor : float
        Error below which only rounding is left.
    describe : callable
        Description length of an equation with an error, as of :class:`Descriptions`.

    Returns
    -------
    int
    """
    losses = np.array([max(error, floor) for _, error in front])
    complexities = [expression.complexity for expression, _ in front]
    if rule == "accuracy":
        return int(losses.argmin())
    if rule == "paper":
        return int((losses + 1e-14 * np.array(complexities)).argmin())
    if rule == "best":
        score = np.array(scores(losses.tolist(), complexities))
        score[losses > 1.5 * losses.min()] = -np.inf
        return int(score.argmax())
    if rule != "mdl":
        raise ValueError(f"selection must be one of {', '.join(RULES)}, got {rule!r}")
    return int(np.argmin([describe(expression, error) for expression, error in front]))
