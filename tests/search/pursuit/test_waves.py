"""Waves of pairs of functions are regressions, each pair is there once, and the right one is found."""

from __future__ import annotations

import numpy as np
import pytest
from regressions import relative_error

from nesymres_sk.search.pursuit.waves import waves


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_waves_are_regressions_and_the_right_pair_is_found(sign: float) -> None:
    rng = np.random.default_rng(4)
    functions, weight = rng.uniform(-4.0, 4.0, (12, 60)), rng.uniform(0.5, 2.0, 60)
    target = 1.5 - 2.0 * np.sin(functions[3] + sign * functions[7] + 0.4)
    found = waves(functions, target, weight, 5)
    best = found[0]
    assert {best.first, best.second} == {3, 7}
    assert best.sign == sign
    assert best.error < 1e-13
    for wave in found:
        angle = functions[wave.first] + wave.sign * functions[wave.second]
        rows = np.array([np.ones(60), np.sin(angle), np.cos(angle)])
        assert wave.error == pytest.approx(relative_error(rows, target, weight), rel=1e-7, abs=1e-13)
        values = wave.offset + wave.sine * rows[1] + wave.cosine * rows[2]
        residual = (values - target) * weight
        assert residual @ residual / np.sum((target * weight) ** 2) == pytest.approx(wave.error, rel=1e-6, abs=1e-13)


def test_no_wave_comes_twice() -> None:
    rng = np.random.default_rng(8)
    functions = rng.uniform(0.0, 3.0, (12, 60))
    found = waves(functions, np.sin(functions[3] + functions[7] + 0.3), np.ones(60), 6)
    pairs = [(*sorted((wave.first, wave.second)), wave.sign) for wave in found]
    assert len(pairs) == len(set(pairs)) == 6
    assert pairs[0] == (3, 7, 1.0)


@pytest.mark.parametrize("unit", [1e-150, 1e150])
def test_waves_do_not_depend_on_the_unit_of_the_weights(unit: float) -> None:
    rng = np.random.default_rng(4)
    functions, weight = rng.uniform(-4.0, 4.0, (12, 60)), rng.uniform(0.5, 2.0, 60)
    target = 1.5 - 2.0 * np.sin(functions[3] + functions[7] + 0.4) + 0.1 * rng.normal(size=60)
    found = waves(functions, target, weight * unit, 5)
    for wave, expected in zip(found, waves(functions, target, weight, 5), strict=True):
        assert (wave.first, wave.second, wave.sign) == (expected.first, expected.second, expected.sign)
        assert wave.error == pytest.approx(expected.error)
