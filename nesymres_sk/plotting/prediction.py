"""Predicted against true values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from nesymres_sk.drawing import BLUE, GREY, finish, load_pyplot
from nesymres_sk.plotting._axes import new_axes

if TYPE_CHECKING:
    from nesymres_sk.regressor import NeuralSymbolicRegressor


class PredictionDisplay:
    """Predicted against true values, with the diagonal where both are the same.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n,)
        Rows where either is not finite are not drawn; their number is in the title.
    name : str, optional
        Name of the target.

    Attributes
    ----------
    ax_ : matplotlib axes
    figure_ : matplotlib figure
    points_ : matplotlib line
    """

    def __init__(self, y_true: ArrayLike, y_pred: ArrayLike, name: str | None = None) -> None:
        self.y_true = np.asarray(y_true, dtype=float)
        self.y_pred = np.asarray(y_pred, dtype=float)
        self.name = name

    @classmethod
    def from_estimator(
        cls, estimator: NeuralSymbolicRegressor, X: ArrayLike, y: ArrayLike, *, index: int | None = None, ax: Any = None
    ) -> PredictionDisplay:
        """Draw the predictions of a fitted estimator.

        Parameters
        ----------
        estimator : NeuralSymbolicRegressor
        X : array-like of shape (n, n_features)
        y : array-like of shape (n,)
            True values.
        index : int, optional
            Row of ``equations_``; the chosen equation by default.
        ax : matplotlib axes, optional
            A new figure by default.

        Returns
        -------
        PredictionDisplay
        """
        load_pyplot()
        name = getattr(y, "name", None)
        predicted = estimator.predict(X, index=index)
        return cls(y, predicted, name if isinstance(name, str) else None).plot(ax=ax)

    def plot(self, *, ax: Any = None) -> PredictionDisplay:
        """Draw.

        Parameters
        ----------
        ax : matplotlib axes, optional
            A new figure by default.

        Returns
        -------
        PredictionDisplay
        """
        ax = new_axes(ax, (4.5, 4.5))
        drawn = np.isfinite(self.y_true) & np.isfinite(self.y_pred)
        true, predicted = self.y_true[drawn], self.y_pred[drawn]
        ends = [np.min([true.min(), predicted.min()]), np.max([true.max(), predicted.max()])] if drawn.any() else [0, 1]
        ax.plot(ends, ends, "--", color=GREY, lw=1, zorder=1)
        alpha = float(np.clip(30 / np.sqrt(max(len(true), 1)), 0.2, 0.8))
        (self.points_,) = ax.plot(true, predicted, "o", ms=4, color=BLUE, alpha=alpha, mew=0, zorder=2)
        name = "" if self.name is None else f" {self.name}"
        ax.set_xlabel(f"true{name}", parse_math=False)
        ax.set_ylabel(f"predicted{name}", parse_math=False)
        ax.set_title(self._title(true, predicted, int(np.sum(~drawn))), fontsize=10, loc="left")
        ax.set_aspect("equal", adjustable="datalim")
        finish(ax)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _title(self, true: Any, predicted: Any, n_left_out: int) -> str:
        parts = []
        spread = np.sum(np.square(true - true.mean())) if len(true) else 0.0
        if spread > 0:
            parts.append(f"R² = {1 - np.sum(np.square(true - predicted)) / spread:.6g}")
        if n_left_out:
            parts.append(f"{n_left_out} of {len(self.y_true)} rows not finite")
        return ", ".join(parts)
