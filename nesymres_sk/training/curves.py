"""Curves of a run for TensorBoard, where that is installed: it comes with the extra ``train``."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

#: What says where in the run a record was written; the first is the axis of all curves.
_PLACE = ("problems", "step", "seconds")


class Curves:
    """Event files in the directory of a run: numbers against the problems seen, and nothing without the package.

    The curves are for looking on, the log is what counts: if they cannot be written, this is said once, on standard
    error, and the run goes on without them.

    Parameters
    ----------
    directory : Path
    problems : int
        How many were seen before. What was written beyond them, by a run that was killed after it saved the state
        that is continued, is hidden.
    """

    def __init__(self, directory: Path, problems: int) -> None:
        self._writer: SummaryWriter | None = None
        with self._optional():
            if importlib.util.find_spec("tensorboard") is not None:
                from torch.utils.tensorboard import SummaryWriter

                # the records at this very number were written with the state that is continued: they stay
                self._writer = SummaryWriter(str(directory), purge_step=problems + 1)

    def write(self, kind: str, values: Mapping[str, Any]) -> None:
        """Add a point to the curve ``kind/name`` of every number, and bring it to the disk."""
        if self._writer is None:
            return
        numbers = {
            f"{kind}/{name}": float(value)
            for name, value in values.items()
            if name not in _PLACE and isinstance(value, int | float)
        }
        problems = int(values["problems"])
        with self._optional():
            for tag, number in numbers.items():
                self._writer.add_scalar(tag, number, problems)
            self._writer.flush()

    def close(self) -> None:
        """End the thread that writes."""
        writer, self._writer = self._writer, None
        if writer is not None:
            with self._optional():
                writer.close()

    @contextmanager
    def _optional(self) -> Iterator[None]:
        """Do without the curves if the package fails.

        Its errors have no class in common: an installation whose parts do not match ends in ImportError, TypeError or
        AttributeError, a full disk in OSError, or in an error of TensorFlow's if that is installed, too. Only calls
        into the package belong in here, so that no mistake of ours is taken for one of its.
        """
        try:
            yield
        except Exception as error:
            self._writer = None
            print(f"no more curves for TensorBoard: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
