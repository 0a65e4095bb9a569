"""The schedule reaches its peak after the warm-up and zero at the end of the planned time."""

from __future__ import annotations

import pytest

from nesymres_sk.training.schedule import Schedule


def test_warmup_is_linear_in_steps() -> None:
    schedule = Schedule(warmup_steps=9, decay_fraction=0.25, seconds=100.0)
    assert [schedule.factor(step, 0.0) for step in (0, 4, 9, 50)] == pytest.approx([0.1, 0.5, 1.0, 1.0])


def test_decay_is_linear_in_time() -> None:
    schedule = Schedule(warmup_steps=0, decay_fraction=0.25, seconds=100.0)
    factors = [schedule.factor(1000, seconds) for seconds in (10.0, 75.0, 80.0, 90.0, 100.0, 120.0)]
    assert factors == pytest.approx([1.0, 1.0, 0.8, 0.4, 0.0, 0.0])


def test_no_decay() -> None:
    assert Schedule(0, 0.0, 10.0).factor(5, 9.9) == 1.0
    assert Schedule(0, 0.25, float("inf")).factor(5, 1e9) == 1.0
