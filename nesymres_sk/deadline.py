"""One object that every stage asks how much time is left."""

from __future__ import annotations

import math
import time


class Deadline:
    """A moment on the monotonic clock that no stage may pass by much.

    Parameters
    ----------
    seconds : float or None
        Time from now; ``None`` means no limit.
    """

    def __init__(self, seconds: float | None = None) -> None:
        self.started = time.monotonic()
        self.at = math.inf if seconds is None else self.started + float(seconds)

    @property
    def remaining(self) -> float:
        """Seconds left, never negative; infinite without a limit."""
        return max(0.0, self.at - time.monotonic())

    @property
    def passed(self) -> bool:
        """Whether the moment has passed."""
        return time.monotonic() >= self.at

    @property
    def elapsed(self) -> float:
        """Seconds since the deadline was set."""
        return time.monotonic() - self.started
