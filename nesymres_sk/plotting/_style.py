"""What the displays share: colours, and matplotlib when it is first needed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

BLUE, ORANGE, GREY, GRID = "#2f6690", "#e07a1f", "#8a8f98", "#e3e5e8"
#: Longest text of an equation beside a point.
LONGEST_LABEL = 60


def load_pyplot() -> Any:
    """The library ``matplotlib.pyplot``.

    Raises
    ------
    ImportError
        If it is not installed; the message says how to get it.
    """
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError("plots need matplotlib: pip install 'nesymres-sk[plot]'") from error
    return plt


def new_axes(ax: Any, size: tuple[float, float] = (6.0, 4.0)) -> Any:
    """The given axes, or those of a new figure."""
    plt = load_pyplot()
    if ax is not None:
        return ax
    return plt.subplots(figsize=size, layout="constrained")[1]


def finish(ax: Any, grid: str = "both") -> None:
    """A quiet grid, and no frame above and to the right."""
    ax.grid(axis=grid, color=GRID, lw=0.7)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)


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
