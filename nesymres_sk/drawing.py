"""One style for all pictures, and matplotlib when the first one is drawn: it comes with the extra ``plot``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

BLUE, ORANGE, GREEN, GREY, GRID = "#2f6690", "#e07a1f", "#3a7d44", "#8a8f98", "#e3e5e8"
#: matplotlib's settings for the pictures of reports; displays leave those of the user as they are.
_SETTINGS = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "legend.frameon": False,
    "figure.dpi": 120,
}


def load_matplotlib() -> Any:
    """The library, with what draws into files.

    Raises
    ------
    ImportError
        If it is not installed; the message says how to get it.
    """
    try:
        import matplotlib
        import matplotlib.backends.backend_agg
        import matplotlib.figure
        import matplotlib.ticker
    except ImportError as error:
        raise ImportError("plots need matplotlib: pip install 'nesymres-sk[plot]'") from error
    return matplotlib


def load_pyplot() -> Any:
    """The library ``matplotlib.pyplot``, whose figures the user sees and keeps.

    Raises
    ------
    ImportError
        If matplotlib is not installed; the message says how to get it.
    """
    load_matplotlib()
    import matplotlib.pyplot as plt

    return plt


@contextmanager
def picture(path: Path, size: tuple[float, float]) -> Iterator[Any]:
    """An empty figure to draw a report into, which is then written.

    Parameters
    ----------
    path : Path
        PNG file; its directory is made if needed. With a palette it has a third of the bytes of one without.
    size : (float, float)
        Width and height in inches.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    matplotlib = load_matplotlib()
    with matplotlib.rc_context(_SETTINGS):
        figure = matplotlib.figure.Figure(figsize=size, layout="constrained")
        yield figure
        from PIL import Image  # a part of matplotlib's own needs

        canvas = matplotlib.backends.backend_agg.FigureCanvasAgg(figure)
        canvas.draw()
        image = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    path.parent.mkdir(parents=True, exist_ok=True)
    image.quantize(256, kmeans=1).save(path, optimize=True)


def finish(ax: Any, grid: str = "both") -> None:
    """A quiet grid instead of ticks, and no frame above and to the right."""
    ax.grid(axis=grid, color=GRID, lw=0.7)
    ax.set_axisbelow(True)
    ax.tick_params(which="both", length=0)
    ax.spines[["top", "right"]].set_visible(False)
