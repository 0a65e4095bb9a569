"""The clock takes any number of seconds."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from nesymres_sk.deadline import Deadline


@pytest.mark.parametrize("seconds", [1000, np.float16(1000), np.float32(1000), np.int8(100), Fraction(1000)])
def test_the_type_of_the_seconds_does_not_matter(seconds):
    deadline = Deadline(seconds)
    assert type(deadline.at) is float
    assert float(seconds) - 5 < deadline.remaining <= float(seconds)
    assert not deadline.passed
