"""Laws with magnitudes of nature: the laws of Feynman with its constants, and columns drawn as they say."""

from __future__ import annotations

import numpy as np
import pytest

from nesymres_sk.benchmarks.realistic import Realistic
from nesymres_sk.benchmarks.suites import load_suite
from nesymres_sk.expressions.machine import evaluate

#: In units of the International System.
CONSTANTS = {
    "c": 299_792_458.0,
    "G": 6.674e-11,
    "h": 6.626e-34,
    "hbar": 1.0546e-34,
    "kb": 1.380649e-23,
    "epsilon": 8.854e-12,
    "g": 9.80665,
}
#: Their other constants are not in the database, or the suite asks for another quantity of the law.
OTHERS = {"I.26.2", "I.30.5", "II.34.29b", "bonus-1", "bonus-8", "bonus-10", "bonus-20"}


@pytest.fixture(scope="module")
def laws() -> list[Realistic]:
    return [law for law in load_suite("realistic") if isinstance(law, Realistic)]


def test_they_are_the_laws_of_feynman_with_constants_of_nature(laws: list[Realistic]) -> None:
    feynman = {problem.name.replace("test_", "bonus-"): problem for problem in load_suite("feynman-all")}
    assert {law.name for law in laws} == set(feynman)
    for law in laws:
        if law.name in OTHERS:
            continue
        known = feynman[law.name]
        X, y = law.draw(200, np.random.default_rng(0))
        columns = {name: X[:, i] for i, name in enumerate(law.variables)}
        assert {name for name in known.variables if name not in columns} <= set(CONSTANTS), law.name
        full = [columns[name] if name in columns else np.full(200, CONSTANTS[name]) for name in known.variables]
        # four digits of constants, to the fourth power
        np.testing.assert_allclose(y, evaluate(known.expression, np.column_stack(full)), rtol=1e-2, err_msg=law.name)


def test_columns_keep_their_ranges(laws: list[Realistic]) -> None:
    for law in laws:
        X = law.place(500, np.random.default_rng(1), 0.0, keep_signs=False)
        for column, low, high, spacing, sign in zip(X.T, law.low, law.high, law.spacings, law.signs, strict=True):
            size = np.abs(column) if sign == "pos_neg" else column
            assert low - 1e-12 * abs(low) <= size.min() <= size.max() <= high * (1.0 + 1e-12), law.name
            assert (column.min() < 0.0) == (sign == "pos_neg" or low < 0.0), law.name
            assert spacing != "int" or bool(np.all(column == np.round(column)))
            if spacing == "log":
                assert np.median(size) == pytest.approx(np.sqrt(low * high), rel=0.5)


def test_ranges_are_widened_by_factors(laws: list[Realistic]) -> None:
    law = next(law for law in laws if law.name == "I.14.4")
    wide = law.place(2000, np.random.default_rng(2), 1.0, keep_signs=True)
    # two decades become six
    assert wide[:, 0].min() == pytest.approx(1.0, rel=0.1)
    assert wide[:, 0].max() == pytest.approx(1e6, rel=0.1)


def test_a_range_from_zero_on_keeps_its_sign(laws: list[Realistic]) -> None:
    law = next(law for law in laws if law.name == "I.18.12")
    angle = law.variables.index("theta")
    assert law.place(500, np.random.default_rng(3), 1.0, keep_signs=True)[:, angle].min() >= 0.0
    assert law.place(500, np.random.default_rng(3), 1.0, keep_signs=False)[:, angle].min() < 0.0
