"""An equation along one column at a time, with the data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nesymres_sk.drawing import BLUE, GREY, finish, load_pyplot
from nesymres_sk.export.fitted import fitted_equation

if TYPE_CHECKING:
    from nesymres_sk.regressor import NeuralSymbolicRegressor

_N_POINTS = 400
_MAX_ROWS = 2_000


class SliceDisplay:
    """One panel for each column: the equation along it, all other columns at their medians, and the data.

    The nearer the other columns of a row are to their medians, the darker it is drawn: dark points should lie on the
    line.

    Parameters
    ----------
    names : sequence of str
        Names of the columns, one for each panel.
    grids, values : sequences of ndarray of shape (400,)
        Points along the column, and the equation there.
    points : sequence of ndarray of shape (n,)
        The data's values of the column.
    nearness : sequence of ndarray of shape (n,)
        Between 0 and 1, how near the rest of the row is to the slice.
    y : ndarray of shape (n,), optional
        Target; without it there is no data in the panels.
    target : str, optional
        Name of the target.

    Attributes
    ----------
    axes_ : ndarray of matplotlib axes, one for each panel
    ax_ : the first of them
    figure_ : matplotlib figure
    lines_ : list of matplotlib lines
    """

    def __init__(
        self,
        names: Sequence[str],
        grids: Sequence[NDArray[np.float64]],
        values: Sequence[NDArray[np.float64]],
        points: Sequence[NDArray[np.float64]],
        nearness: Sequence[NDArray[np.float64]],
        y: NDArray[np.float64] | None = None,
        target: str | None = None,
    ) -> None:
        self.names = list(names)
        self.grids = list(grids)
        self.values = list(values)
        self.points = list(points)
        self.nearness = list(nearness)
        self.y = y
        self.target = target

    @classmethod
    def from_estimator(
        cls,
        estimator: NeuralSymbolicRegressor,
        X: ArrayLike,
        y: ArrayLike | None = None,
        *,
        features: Sequence[int | str] | None = None,
        index: int | None = None,
        ax: Any = None,
    ) -> SliceDisplay:
        """Draw slices of a fitted estimator.

        Parameters
        ----------
        estimator : NeuralSymbolicRegressor
        X : array-like of shape (n, n_features)
            Sets the ranges and the medians.
        y : array-like of shape (n,), optional
            Target, to draw the rows of ``X`` as points; at most 2000 of them, evenly picked.
        features : sequence of int or str, optional
            Columns by position or name; those that the equation uses by default.
        index : int, optional
            Row of ``equations_``; the chosen equation by default.
        ax : sequence of matplotlib axes, optional
            One for each panel (or a single one); a new figure by default.

        Returns
        -------
        SliceDisplay

        Raises
        ------
        ValueError
            If there is no such column, or the number of axes is another than that of the panels.
        """
        load_pyplot()
        from nesymres_sk.expressions.machine import evaluate  # loads compiled kernels

        fitted = fitted_equation(estimator, index)
        table = np.asarray(X, dtype=float)
        estimator.predict(X, index=index)  # its checks of X are wanted here, too
        names = [f"x{i + 1}" if fitted.names is None else fitted.names[i] for i in range(fitted.n_features)]
        used = [fitted.columns[i] for i in fitted.expression.variables]
        positions = (used or [0]) if features is None else [_position(feature, names) for feature in features]
        middle = np.median(table, axis=0)
        low, high = table.min(axis=0), table.max(axis=0)
        target = None if y is None else np.asarray(y, dtype=float)
        picked = np.unique(np.linspace(0, len(table) - 1, min(len(table), _MAX_ROWS)).astype(int))
        spread = np.std(table, axis=0)
        grids, values, points, nearness = [], [], [], []
        for position in positions:
            grid = np.linspace(low[position], high[position], _N_POINTS)
            rows = np.tile(middle, (_N_POINTS, 1))
            rows[:, position] = grid
            grids.append(grid)
            values.append(evaluate(fitted.expression, rows[:, fitted.columns]))
            points.append(table[picked, position])
            others = [other for other in used if other != position and spread[other] > 0]
            distance = np.square((table[picked][:, others] - middle[others]) / spread[others]).sum(axis=1)
            nearness.append(np.exp(-distance))
        name = getattr(y, "name", None)
        return cls(
            [names[position] for position in positions],
            grids,
            values,
            points,
            nearness,
            None if target is None else target[picked],
            name if isinstance(name, str) else None,
        ).plot(ax=ax)

    def plot(self, *, ax: Any = None) -> SliceDisplay:
        """Draw.

        Parameters
        ----------
        ax : sequence of matplotlib axes, optional
            One for each panel (or a single one); a new figure by default.

        Returns
        -------
        SliceDisplay
        """
        plt = load_pyplot()
        n = len(self.names)
        if ax is None:
            n_wide = min(n, 3)
            n_high = -(-n // n_wide)
            size = (0.8 + 3.0 * n_wide, 0.4 + 2.6 * n_high)
            _, axes = plt.subplots(n_high, n_wide, figsize=size, squeeze=False, sharey=True, layout="constrained")
            for spare in axes.ravel()[n:]:
                spare.remove()
            axes = axes.ravel()[:n]
        else:
            axes = np.atleast_1d(np.asarray(ax, dtype=object)).ravel()
            if len(axes) != n:
                raise ValueError(f"there are {n} panels ({', '.join(self.names)}), got {len(axes)} axes")
        self.lines_ = []
        for i, panel in enumerate(axes):
            if self.y is not None:
                alpha = 0.08 + 0.82 * self.nearness[i]
                panel.scatter(self.points[i], self.y, s=14, color=GREY, alpha=alpha, linewidths=0, zorder=2)
            self.lines_ += panel.plot(self.grids[i], self.values[i], color=BLUE, lw=1.8, zorder=3)
            panel.set_xlabel(self.names[i], parse_math=False)
            finish(panel)
            if i == 0 or ax is not None:
                panel.set_ylabel(self.target or "y", parse_math=False)
        self.axes_, self.ax_, self.figure_ = axes, axes[0], axes[0].figure
        return self


def _position(feature: int | str, names: Sequence[str]) -> int:
    if isinstance(feature, str):
        if feature not in names:
            raise ValueError(f"no column {feature!r}; the columns are {', '.join(names)}")
        return names.index(feature)
    if not -len(names) <= feature < len(names):
        raise ValueError(f"no column {feature}; there are {len(names)}")
    return int(feature) % len(names)
