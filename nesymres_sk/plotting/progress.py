"""How the loss fell while the search went on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from nesymres_sk.drawing import BLUE, ORANGE, finish, load_pyplot
from nesymres_sk.plotting._axes import drawable, new_axes

if TYPE_CHECKING:
    from nesymres_sk.regressor import NeuralSymbolicRegressor


class ProgressDisplay:
    """Loss of the best equation so far against time, and its complexity.

    Parameters
    ----------
    elapsed : array-like of shape (m,)
        Seconds since the search began, ascending.
    loss : array-like of shape (m,)
        Mean squared error of the best equation from then on.
    complexity : array-like of shape (m,), optional
        Nodes of this equation.

    Attributes
    ----------
    ax_ : matplotlib axes
        Loss.
    complexity_ax_ : matplotlib axes or None
        Complexity, on the right.
    figure_ : matplotlib figure
    line_ : matplotlib line
    """

    def __init__(self, elapsed: ArrayLike, loss: ArrayLike, complexity: ArrayLike | None = None) -> None:
        self.elapsed = np.asarray(elapsed, dtype=float)
        self.loss = np.asarray(loss, dtype=float)
        self.complexity = None if complexity is None else np.asarray(complexity, dtype=float)

    @classmethod
    def from_estimator(cls, estimator: NeuralSymbolicRegressor, *, ax: Any = None) -> ProgressDisplay:
        """Draw the search of a fitted estimator.

        Parameters
        ----------
        estimator : NeuralSymbolicRegressor
            With ``history_``.
        ax : matplotlib axes, optional
            A new figure by default.

        Returns
        -------
        ProgressDisplay

        Raises
        ------
        ValueError
            If the estimator has no history.
        """
        load_pyplot()
        history = getattr(estimator, "history_", None)
        if not history:
            raise ValueError("this estimator has no history of its search; fit it first")
        columns = ([step[key] for step in history] for key in ("elapsed", "loss", "complexity"))
        return cls(*columns).plot(ax=ax)

    def plot(self, *, ax: Any = None) -> ProgressDisplay:
        """Draw.

        Parameters
        ----------
        ax : matplotlib axes, optional
            A new figure by default.

        Returns
        -------
        ProgressDisplay
        """
        ax = new_axes(ax, (6.5, 3.6))
        drawn = drawable(self.loss)
        (self.line_,) = ax.plot(
            self.elapsed, drawn, color=BLUE, lw=1.6, marker="o", ms=3, drawstyle="steps-post", label="loss", zorder=3
        )
        ax.set(xlabel="seconds", yscale="log")
        ax.set_ylabel("mean squared error", color=BLUE)
        ax.set_xlim(left=0)
        finish(ax)
        self.complexity_ax_ = None
        if self.complexity is not None:
            right = ax.twinx()
            right.plot(self.elapsed, self.complexity, color=ORANGE, lw=1, drawstyle="steps-post", label="complexity")
            right.set_ylabel("complexity (nodes)", color=ORANGE)
            right.set_ylim(0, 1.15 * max(self.complexity.max(), 1))
            right.yaxis.get_major_locator().set_params(integer=True)
            right.tick_params(length=0)
            right.spines[["top"]].set_visible(False)
            self.complexity_ax_ = right
        self.ax_, self.figure_ = ax, ax.figure
        return self
