"""Fitting one equation that the user writes down."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real
from types import NoneType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nesymres_sk.deadline import Deadline
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.expressions.infix import to_infix
from nesymres_sk.expressions.machine import evaluate
from nesymres_sk.expressions.parser import parse
from nesymres_sk.fitting.constants import fit_skeletons


@dataclass(frozen=True)
class FittedEquation:
    """An equation with fitted constants.

    Attributes
    ----------
    expression : Expression
        The equation; its constants are the fitted ones.
    loss : float
        Mean squared error on the data it was fitted to.
    """

    expression: Expression
    loss: float

    @property
    def equation(self) -> str:
        """Infix text with the fitted constants."""
        return to_infix(self.expression)

    @property
    def constants(self) -> tuple[float, ...]:
        """Value of each ``C`` of the text, in order."""
        return self.expression.constants

    def predict(self, X: ArrayLike) -> NDArray[np.float64]:
        """Values at points of shape (n, d); NaN or infinite where undefined."""
        return evaluate(self.expression, X)

    def __str__(self) -> str:
        return self.equation


def fit_constants(
    text: str,
    X: ArrayLike,
    y: ArrayLike,
    *,
    n_restarts: int = 256,
    max_time: float | None = None,
    random_state: int | np.random.Generator | None = None,
) -> FittedEquation:
    """Fit the constants of an equation to data.

    Parameters
    ----------
    text : str
        Infix text in ``x1``, ``x2``, …; each ``C`` is a constant to fit, numbers stay as they are.
    X : array of shape (n, d)
        Points, in any units.
    y : array of shape (n,)
        Targets, in any units.
    n_restarts : int, default 256
        Screened starts that are iterated (see :func:`~nesymres_sk.fitting.constants.fit_skeletons`), fewer if one of
        them is exact. The default takes some tens of milliseconds for a hundred points; more find faster waves.
    max_time : float, optional
        Seconds.
    random_state : int, numpy Generator or None
        Seed of the starts.

    Returns
    -------
    FittedEquation

    Raises
    ------
    ParseError
        If the text is not an equation of the language.
    TypeError
        If ``max_time`` is no number.
    ValueError
        If the data are not valid, a variable has no column, or no constants were found for which the equation is
        defined at every point.

    Examples
    --------
    >>> import numpy as np
    >>> from nesymres_sk import fit_constants
    >>> X = np.linspace(0.0, 5.0, 50)[:, None]
    >>> fitted = fit_constants("C*(1 - exp(-C*x1))", X, 3.0 * (1.0 - np.exp(-0.5 * X[:, 0])), random_state=0)
    >>> [round(c, 6) for c in fitted.constants]
    [3.0, 0.5]
    """
    if not isinstance(max_time, (Real, NoneType)):
        raise TypeError(f"max_time must be a number of seconds or None, got {max_time!r}")
    if max_time is not None and not max_time > 0:
        raise ValueError(f"max_time must be positive, got {max_time}")
    expression = parse(text)
    rng = np.random.default_rng(random_state)
    result = fit_skeletons([expression], X, y, n_restarts=n_restarts, deadline=Deadline(max_time), rng=rng)
    loss = float(result.losses[0])
    if not math.isfinite(loss):
        within = "" if max_time is None else f" within {max_time} s"
        raise ValueError(f"no constants were found{within} for which {text!r} is defined at every point")
    return FittedEquation(expression.with_constants(result.constants[0]), loss)
