from __future__ import annotations

import numpy as np
import pytest

from nesymres_sk.benchmarks.strogatz import SYSTEMS, simulate
from nesymres_sk.benchmarks.suites import load_suite

# Rows of the published files: number, x, y, and the derivatives of both where the file gives them.
PUBLISHED = [
    ("bacres", 1, 9.83634217890919, 13.528277438446601, 7.468693202623807),
    ("bacres", 399, 11.3570840703226, 54.275722339989606, -0.769179595640768),
    ("barmag", 99, 5.98625733320336, 6.57978673609747, 0.0129388602304137),
    ("glider", 99, 0.829830140811775, 28.7652192235257, 0.43697596614135203),
    ("glider", 399, 1.34175504508169, 23.6122814266258, 0.9087180545664421),
    ("lv", 301, 1.2, 2.284, -3.3216),
    ("lv", 399, 7.52594477229682e-05, 1.9998411647866896, -7.52412040065745e-05),
    ("predprey", 399, 2.3188578388669603, 6.526829814343951, -0.661910986342705),
    ("shearflow", 99, 1.44902128299501, -1.7216377208376297, 0.0184635999870647),
    ("shearflow", 299, -1.4373105118673, -2.55734399265984, 0.201267563204993),
    ("vdp", 199, -1.08232757846331, -0.0491095998798751, 0.127392833864941),
    ("vdp", 399, -0.482232422768851, -0.19235478636712197, -3.15718181194065),
]


@pytest.mark.parametrize(("system", "row", "x", "y", "slope"), PUBLISHED)
def test_rows_are_the_published_ones(system: str, row: int, x: float, y: float, slope: float):
    np.testing.assert_allclose(simulate(system)[row], (x, y), rtol=1e-12)
    first = next(problem for problem in load_suite("strogatz") if problem.name == f"{system}1")
    X, target = first.training(300, np.random.default_rng(0))
    X_test, target_test = first.inside(0)
    rows, targets = np.vstack((X, X_test)), np.concatenate((target, target_test))
    (at,) = np.flatnonzero(np.isclose(rows, (x, y), rtol=1e-12).all(axis=1))
    assert targets[at] == pytest.approx(slope, rel=1e-10, abs=1e-15)


def test_suite_has_both_derivatives_of_seven_systems_along_four_trajectories():
    problems = load_suite("strogatz")
    assert [problem.name for problem in problems] == [f"{system}{i}" for system in SYSTEMS for i in (1, 2)]
    assert len(problems) == 14
    for problem in problems:
        states = simulate(problem.name[:-1])
        assert states.shape == (400, 2)
        assert problem.low == tuple(states.min(axis=0))
        assert problem.high == tuple(states.max(axis=0))
    np.testing.assert_array_equal(simulate("lv")[::100], SYSTEMS["lv"].starts)


def test_training_and_test_rows_are_disjoint_parts_of_the_table_whatever_the_seed():
    (problem,) = load_suite("strogatz", "predprey2")
    all_rows = {tuple(row) for row in simulate("predprey")}
    test = {tuple(row) for row in problem.inside(0)[0]}
    assert len(test) == 100
    assert test == {tuple(row) for row in problem.inside(7)[0]}
    for n, seed in [(300, 0), (20, 1)]:
        X, y = problem.training(n, np.random.default_rng(seed))
        assert X.shape == (n, 2) and y.shape == (n,)
        rows = {tuple(row) for row in X}
        assert len(rows) == n
        assert rows <= all_rows - test
    assert problem.default_points == 300
    with pytest.raises(ValueError, match="predprey2 has 300 rows for training, got points=301"):
        problem.training(301, np.random.default_rng(0))
