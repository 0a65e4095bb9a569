"""Learning-rate schedule: warm-up by steps, a plateau, and a linear decay driven by the clock.

The plan of a run is a time, not a number of steps: a trainer that shares its machine cannot know how many steps an hour
holds, and a decay that has not reached its end when the time is up is worth less than none.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Schedule:
    """Warm-up, stable, decay.

    Parameters
    ----------
    warmup_steps : int
        Steps of the linear rise from zero, counted from the start of the optimiser's state.
    decay_fraction : float
        Last part of the planned time in which the rate falls linearly to zero.
    seconds : float
        Planned training time, over all commands that share the schedule; infinite for a plateau without an end.
    """

    warmup_steps: int
    decay_fraction: float
    seconds: float

    def factor(self, step: int, elapsed: float) -> float:
        """Multiplier of every learning rate at a step (counted from 0) after ``elapsed`` seconds of the plan."""
        warmup = min(1.0, (step + 1) / (self.warmup_steps + 1))
        if self.decay_fraction == 0.0 or self.seconds == float("inf"):
            return warmup
        left = (self.seconds - elapsed) / (self.decay_fraction * self.seconds)
        return warmup * min(1.0, max(0.0, left))
