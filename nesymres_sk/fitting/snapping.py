"""Constants of a fitted equation replaced by simple numbers where the data do not object.

Each constant has a standard error, from the curvature of the loss. A simple number within it is taken if hitting
one by chance was unlikely, and if the loss, with the other constants refitted, stays within what a likelihood ratio
test allows. For an exact law the standard error is rounding, so that ``0.49999999999`` becomes one half and
``2.0001`` stays; for noisy data only plain numbers that the data pin down are taken.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from nesymres_sk.deadline import Deadline
from nesymres_sk.expressions.canonical import canonical
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.fitting.numbers import simple_numbers
from nesymres_sk.fitting.refinement import Target, refine, standard_errors
from nesymres_sk.fitting.tidying import tidy

#: Largest probability that a value lies so close to a simple number by chance.
_MAX_CHANCE = 0.01
#: Standard errors within which a simple number has to lie.
_MAX_DEVIATION = 2.6
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
    expression, error = refine(expression, target)
    for _ in range(2):  # terms that vanish may leave constants that can be snapped in their turn
        start = expression
        expression, error = _drop_terms(expression, error, target, deadline)
        expression, error = _snap_numbers(expression, error, target, deadline)
        if expression.tokens == start.tokens:
            break
    return tidy(_share_values(expression, error, target))


def _errors(jacobian: NDArray[np.float64], error: float, target: Target) -> NDArray[np.float64]:
    return standard_errors(jacobian, max(error, 1e-2 * target.floor), len(target.y), target.n_effective)


def _accepts(error: float, reference: float, target: Target, ratio: float = _MAX_RATIO) -> bool:
    """Whether a larger error is within the noise, or within rounding."""
    if not math.isfinite(error):
        return False
    new, old = max(error, target.floor), max(reference, target.floor)
    return target.n_effective * math.log(new / old) <= ratio


def _drop_terms(expression: Expression, error: float, target: Target, deadline: Deadline) -> tuple[Expression, float]:
    """Set constants to zero whose terms the data do not need (Bayesian information criterion)."""
    ratio = math.log(max(target.n_effective, 2.0))
    for _ in range(len(expression.constants)):
        _, _, jacobian = target.linearise(expression)
        with np.errstate(all="ignore"):
            deviation = np.abs(expression.constants) / _errors(jacobian, error, target)
        for index in np.argsort(deviation):
            if deadline.passed or not deviation[index] ** 2 <= 2.0 * ratio:
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
        found = [
            (chance, int(index), number)
            for index in np.flatnonzero(free)
            for chance, number in _near(expression.constants[index], float(sigma[index]))
            if (int(index), number) not in refused
        ]
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


def _near(value: float, sigma: float) -> list[tuple[float, float]]:
    """Simple numbers that a value may stand for, as (chance of being so close, number); the plainest one only."""
    if not math.isfinite(sigma):
        return []
    sigma = max(sigma, 1e-15 * abs(value))
    reach = max(_MAX_DEVIATION * sigma, _RELATIVE_ERROR * abs(value))
    for number in simple_numbers(value):
        distance = abs(number.value - value)
        chance = 2.0 * max(distance, sigma) / number.spacing
        if distance <= reach and chance <= _MAX_CHANCE:
            return [(chance, number.value)]
    return []


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
            if abs(abs(a) - abs(b)) > max(_MAX_DEVIATION * spread, _RELATIVE_ERROR * abs(a)):
                continue
            weights = [1.0 / max(sigma[k], 1e-15 * abs(a)) ** 2 for k in (i, j)]
            shared = (weights[0] * abs(a) + weights[1] * abs(b)) / (weights[0] + weights[1])
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
