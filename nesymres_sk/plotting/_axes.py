"""What the displays share: axes to draw on, and losses as a logarithmic axis can show them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nesymres_sk.drawing import load_pyplot

#: Losses below this part of the largest are rounding, and drawn as if they were this.
_FLOOR = 1e-24


def new_axes(ax: Any, size: tuple[float, float] = (6.0, 4.0)) -> Any:
    """The given axes, or those of a new figure."""
    plt = load_pyplot()
    if ax is not None:
        return ax
    return plt.subplots(figsize=size, layout="constrained")[1]


def drawable(losses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Positive finite losses in the place of all others."""
    largest = np.nanmax(losses[np.isfinite(losses)], initial=0.0) or 1.0
    return np.clip(losses, _FLOOR * largest, 10.0 * largest)
