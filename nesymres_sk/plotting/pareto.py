"""The Pareto front of a search: how much each further node of an equation buys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from nesymres_sk.drawing import BLUE, GREY, ORANGE, finish, load_pyplot
from nesymres_sk.export.fitted import fitted_equation
from nesymres_sk.expressions.infix import to_infix
from nesymres_sk.plotting._axes import drawable, new_axes

if TYPE_CHECKING:
    from nesymres_sk.regressor import NeuralSymbolicRegressor

#: Longest text of an equation beside its point.
LONGEST_LABEL = 60


class ParetoDisplay:
    """Loss against complexity, with the equations beside their points.

    Parameters
    ----------
    complexity : array-like of shape (m,)
        Number of nodes, ascending.
    loss : array-like of shape (m,)
        Mean squared errors, descending.
    equations : sequence of str, optional
        Labels.
    chosen : int, optional
        The one to mark.

    Attributes
    ----------
    ax_ : matplotlib axes
    figure_ : matplotlib figure
    line_ : matplotlib line
        Steps of the front.
    texts_ : list of matplotlib annotations
    """

    def __init__(
        self,
        complexity: ArrayLike,
        loss: ArrayLike,
        equations: Sequence[str] | None = None,
        chosen: int | None = None,
    ) -> None:
        self.complexity = np.asarray(complexity, dtype=float)
        self.loss = np.asarray(loss, dtype=float)
        self.equations = None if equations is None else list(equations)
        self.chosen = chosen

    @classmethod
    def from_estimator(
        cls, estimator: NeuralSymbolicRegressor, *, digits: int = 3, labels: bool = True, ax: Any = None
    ) -> ParetoDisplay:
        """Draw the front of a fitted estimator.

        Parameters
        ----------
        estimator : NeuralSymbolicRegressor
        digits : int, default=3
            Significant digits of the constants.
        labels : bool, default=True
            Whether to write the equations to the right of the axes.
        ax : matplotlib axes, optional
            A new figure by default.

        Returns
        -------
        ParetoDisplay
        """
        load_pyplot()
        check_is_fitted(estimator)
        table = estimator.equations_
        fitted = [fitted_equation(estimator, row) for row in range(len(table))]
        texts = [to_infix(row.expression, row.column_names, digits) for row in fitted]
        display = cls(table["complexity"], table["loss"], texts if labels else None, int(estimator.best_index_))
        return display.plot(ax=ax)

    def plot(self, *, ax: Any = None) -> ParetoDisplay:
        """Draw.

        Parameters
        ----------
        ax : matplotlib axes, optional
            A new figure by default.

        Returns
        -------
        ParetoDisplay
        """
        ax = new_axes(ax, (6.0, 4.0) if self.equations is None else (9.0, 4.0))
        drawn = drawable(self.loss)
        (self.line_,) = ax.plot(self.complexity, drawn, color=BLUE, lw=1.2, drawstyle="steps-post", zorder=2)
        ax.plot(self.complexity, drawn, "o", ms=5, color=BLUE, zorder=3, label="best of its length")
        if self.chosen is not None:
            at = (self.complexity[self.chosen], drawn[self.chosen])
            ax.plot(*at, "o", ms=9, color=ORANGE, zorder=4, label="chosen")
            ax.legend(frameon=False, loc="best" if self.equations is None else "upper center")
        ax.set(xlabel="complexity (nodes)", ylabel="mean squared error", yscale="log")
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.margins(y=0.08)
        finish(ax)
        self.texts_ = [] if self.equations is None else self._label(ax, drawn)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _label(self, ax: Any, drawn: Any) -> list[Any]:
        """Equations in a column right of the axes, at the heights of their points where there is room."""
        assert self.equations is not None
        low, high = np.log(ax.get_ylim())
        heights = (np.log(drawn) - low) / (high - low)
        places = spread(heights.tolist(), 0.065, 0.0, 1.0)
        texts = []
        for i, (x, y, place) in enumerate(zip(self.complexity, drawn, places, strict=True)):
            colour = ORANGE if i == self.chosen else "black"
            texts.append(
                ax.annotate(
                    shortened(self.equations[i]),
                    xy=(x, y),
                    xytext=(1.03, place),
                    textcoords="axes fraction",
                    fontsize=8,
                    color=colour,
                    va="center",
                    parse_math=False,
                    annotation_clip=False,
                    arrowprops={"arrowstyle": "-", "color": ORANGE if i == self.chosen else GREY, "lw": 0.5},
                )
            )
        return texts


def shortened(text: str, longest: int = LONGEST_LABEL) -> str:
    """Text that fits beside a point."""
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def spread(positions: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Descending positions moved apart as little as needed, so that neighbours keep a distance, within bounds.

    Parameters
    ----------
    positions : sequence of float
        Wanted positions, descending.
    gap : float
        Smallest distance; less if there is no room for it.
    low, high : float
        Bounds.
    """
    gap = min(gap, (high - low) / max(len(positions) - 1, 1))
    result: list[float] = []
    for i, position in enumerate(positions):
        floor = low + gap * (len(positions) - 1 - i)  # room for those that follow
        ceiling = result[-1] - gap if result else high
        result.append(min(max(position, floor), ceiling))
    return result
