"""Constants of a fitted equation replaced by simple numbers where the data do not object.

Each constant has a standard error, from the curvature of the loss. A simple number within it is taken if hitting
one by chance was unlikely, and if the loss, with the other constants refitted, stays within what a likelihood ratio
test allows. For an exact law the standard error is rounding, so that ``0.49999999999`` becomes one half and
``2.0001`` stays; for noisy data only plain numbers that the data pin down are taken.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from nesymres_sk.deadline import Deadline
from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.canonical import canonical
from nesymres_sk.expressions.expression import Expression, Node
from nesymres_sk.expressions.factorisation import factorise
from nesymres_sk.expressions.squares import complete_squares
from nesymres_sk.fitting.factoring import factor
from nesymres_sk.fitting.numbers import MAX_DEVIATION, nearest_simple
from nesymres_sk.fitting.phases import PERIODIC, turn_phases
from nesymres_sk.fitting.refinement import Target, refine, standard_errors
from nesymres_sk.fitting.selection import constants_length, structure_length
from nesymres_sk.fitting.tidying import tidy

_ABS, _ADD, _SUB, _NEG = (v.operator_token(name) for name in ("abs", "add", "sub", "neg"))
#: Largest increase of n * log(mean squared error): 99 % of a chi-squared variable with one degree of freedom.
_MAX_RATIO = 6.63
#: Relative accuracy that a fit is trusted to reach at least.
_RELATIVE_ERROR = 1e-9


def snap(expression: Expression, target: Target, deadline: Deadline | None = None) -> Expression:
    """Equation with as many simple constants as the data allow.

    Parameters
    ----------
    expression : Expression
        Fitted equation, refined to its optimum first.
    target : Target
    deadline : Deadline, optional
        The equation as far as it has come is returned when it passes.

    Returns
    -------
    Expression
        Canonical: factors of one and terms of zero are gone.
    """
    deadline = deadline or Deadline()
    expression, error = _simplify(*refine(expression, target), target, deadline)
    found = [_share_values(expression, error, target)]
    for rewritten in _rewritten(expression):
        if deadline.passed:
            break
        trial, trial_error = _simplify(*refine(rewritten, target), target, deadline)
        if _accepts(trial_error, error, target):
            found.append(_share_values(trial, trial_error, target))
    length = _length(error, target)
    return tidy(min((factor(form, length) for form in found), key=length))


def _rewritten(expression: Expression) -> Iterator[Expression]:
    """Other forms of the same function: squares completed, sums written as products, both."""
    completed = complete_squares(expression)
    if completed is not None:
        yield completed
    factorised = factorise(expression)
    if factorised is not None:
        yield factorised
        both = complete_squares(factorised)
        if both is not None:
            yield both


def _simplify(expression: Expression, error: float, target: Target, deadline: Deadline) -> tuple[Expression, float]:
    """Needless terms dropped, common factors pulled out, constants set to simple numbers."""
    for _ in range(2):  # terms that vanish may leave constants that can be snapped in their turn
        start = expression
        expression, error = _turn_phases(expression, error, target)
        expression, error = _drop_idle(expression, error, target, deadline)
        expression, error = _drop_terms(expression, error, target, deadline)
        expression, error = _factor(expression, error, target)
        expression, error = _snap_numbers(expression, error, target, deadline)
        if expression.tokens == start.tokens:
            break
    return expression, error


def _turn_phases(expression: Expression, error: float, target: Target) -> tuple[Expression, float]:
    """Phases that are nothing or simple, or at least small, in place of others."""
    if not expression.constants or not any(token in expression.tokens for token in PERIODIC):
        return expression, error
    _, _, jacobian = target.linearise(expression)
    turned = turn_phases(expression, _errors(jacobian, error, target).tolist())
    trial = None if turned is expression else canonical(turned)
    if trial is None:
        return expression, error
    trial, trial_error = refine(trial, target)
    return (trial, trial_error) if _accepts(trial_error, error, target) else (expression, error)


def _factor(expression: Expression, error: float, target: Target) -> tuple[Expression, float]:
    """Pull out common factors: superfluous constants first, then those that make others simple within their errors."""
    length = _length(error, target)
    expression, error = refine(factor(expression, length), target)
    if len(expression.constants) < 2:
        return expression, error
    _, _, jacobian = target.linearise(expression)
    with np.errstate(all="ignore"):
        relative = np.maximum(np.abs(_errors(jacobian, error, target) / expression.constants), 0.1 * _RELATIVE_ERROR)
    trial = factor(expression, length, tuple(relative.tolist()))
    if trial.tokens == expression.tokens:
        return expression, error
    trial, trial_error = refine(trial, target)
    return (trial, trial_error) if _accepts(trial_error, error, target) else (expression, error)


def _length(error: float, target: Target) -> Callable[[Expression], float]:
    """Description length of an equation with an error, without that of the residuals."""
    noise = max(error, target.floor)

    def length(expression: Expression) -> float:
        structure = structure_length(expression, target.X.shape[1])
        return structure + constants_length(expression, target.n_effective / noise)[0]

    return length


def _errors(jacobian: NDArray[np.float64], error: float, target: Target) -> NDArray[np.float64]:
    return standard_errors(jacobian, max(error, target.floor), len(target.y), target.n_effective)


def _accepts(error: float, reference: float, target: Target, ratio: float = _MAX_RATIO) -> bool:
    """Whether a larger error is within the noise, or within rounding."""
    if not math.isfinite(error):
        return False
    if not math.isfinite(reference):  # constants beyond the range of float64
        return True
    new, old = max(error, target.floor), max(reference, target.floor)
    return target.n_effective * (math.log(new) - math.log(old)) <= ratio


def _drop_idle(expression: Expression, error: float, target: Target, deadline: Deadline) -> tuple[Expression, float]:
    """Leave out what does nothing on the rows, whatever it may do elsewhere: operands of sums, moduli.

    A term with a constant factor is found by that constant; ``(0.1*x1)**(900*x2)`` has none.
    """
    ratio = math.log(max(target.n_effective, 2.0))
    for _ in range(expression.complexity):
        trials = [Expression.from_tree(tree) for tree in _without_one(expression.to_tree())]
        for trial, trial_error in zip(trials, target.errors(trials).tolist(), strict=True):
            if deadline.passed:
                return expression, error
            if not _accepts(trial_error, error, target, ratio):
                continue
            shorter = canonical(trial)
            if shorter is None or not shorter.variables or shorter.complexity >= expression.complexity:
                continue
            trial_error = target.linearise(shorter)[0]
            if _accepts(trial_error, error, target, ratio):
                expression, error = shorter, trial_error
                break
        else:
            break
    return expression, error


def _without_one(node: Node) -> Iterator[Node]:
    """Trees in which one sum or difference has lost one of its operands, or a modulus is its operand."""
    if len(node) == 1 or node[0] == v.CONSTANT:
        return
    if node[0] == _ABS:
        yield node[1]
        yield (_NEG, node[1])
    if node[0] in (_ADD, _SUB):
        yield node[1]
        yield node[2] if node[0] == _ADD else (_NEG, node[2])
    for i in range(1, len(node)):
        for child in _without_one(node[i]):
            yield (*node[:i], child, *node[i + 1 :])


def _drop_terms(expression: Expression, error: float, target: Target, deadline: Deadline) -> tuple[Expression, float]:
    """Set constants to zero whose terms the data do not need (Bayesian information criterion)."""
    ratio = math.log(max(target.n_effective, 2.0))
    significant = math.sqrt(2.0 * ratio)
    for _ in range(len(expression.constants)):
        _, _, jacobian = target.linearise(expression)
        with np.errstate(all="ignore"):
            deviation = np.abs(expression.constants) / _errors(jacobian, error, target)
        for index in np.argsort(deviation):
            if deadline.passed or not deviation[index] <= significant:
                return expression, error
            trial = _with(expression, int(index), 0.0)
            shorter = canonical(trial)
            if shorter is None or shorter.complexity >= expression.complexity:
                continue
            shorter, trial_error = refine(shorter, target)
            if _accepts(trial_error, error, target, ratio):
                expression, error = shorter, trial_error
                break
        else:
            return expression, error
    return expression, error


def _snap_numbers(expression: Expression, error: float, target: Target, deadline: Deadline) -> tuple[Expression, float]:
    """Replace constants one after the other, the most striking first, and refit the rest."""
    free = np.ones(len(expression.constants), dtype=bool)
    refused: set[tuple[int, float]] = set()
    reference = error
    while free.any() and not deadline.passed:
        _, _, jacobian = target.linearise(expression)
        sigma = np.zeros(len(free))
        sigma[free] = _errors(jacobian[:, free], error, target)
        found = []
        for i in np.flatnonzero(free).tolist():
            value = expression.constants[i]
            near = nearest_simple(value, max(float(sigma[i]), 1e-15 * abs(value)), _RELATIVE_ERROR * abs(value))
            if near is not None and (i, near[1]) not in refused:
                found.append((near[0], i, near[1]))
        if not found:
            break
        _, index, number = min(found)
        trial_free = free.copy()
        trial_free[index] = False
        trial, trial_error = refine(_with(expression, index, number), target, trial_free)
        if _accepts(trial_error, error, target) and _accepts(trial_error, reference, target, 2.0 * _MAX_RATIO):
            expression, error, free = trial, trial_error, trial_free
        else:
            refused.add((index, number))
    simplified = canonical(expression)
    if simplified is None or simplified.tokens == expression.tokens:
        return expression, error
    simplified_error = target.linearise(simplified)[0]
    return (simplified, simplified_error) if _accepts(simplified_error, error, target) else (expression, error)


def _share_values(expression: Expression, error: float, target: Target) -> Expression:
    """Give constants that agree within their errors one value, and simplify."""
    constants = list(expression.constants)
    if len(constants) < 2:
        return expression
    _, _, jacobian = target.linearise(expression)
    sigma = _errors(jacobian, error, target)
    for i in range(len(constants)):
        for j in range(i):
            a, b = constants[i], constants[j]
            spread = max(math.hypot(sigma[i], sigma[j]), 1e-15 * abs(a))
            if abs(a) == abs(b) or not 200.0 * spread < abs(a):
                continue
            if abs(abs(a) - abs(b)) > max(MAX_DEVIATION * spread, _RELATIVE_ERROR * abs(a)):
                continue
            first, second = (max(sigma[k], 1e-15 * abs(a)) for k in (i, j))
            weight = (first / second) ** 2  # of the second, that of the first being 1
            shared = (abs(a) + weight * abs(b)) / (1.0 + weight)
            trial = _with(_with(expression, i, math.copysign(shared, a)), j, math.copysign(shared, b))
            trial_error = target.linearise(trial)[0]
            if _accepts(trial_error, error, target):
                expression, error, constants = trial, trial_error, list(trial.constants)
    simplified = canonical(expression)
    if simplified is None or not _accepts(target.linearise(simplified)[0], error, target):
        return expression
    return simplified


def _with(expression: Expression, index: int, value: float) -> Expression:
    constants = list(expression.constants)
    constants[index] = value
    return expression.with_constants(constants)
