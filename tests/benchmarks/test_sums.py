import numpy as np

from nesymres_sk.benchmarks.sums import draw_sums


def test_sums_are_defined_and_depend_on_the_seed_alone():
    problems = draw_sums(60, 3)
    assert problems == draw_sums(60, 3)
    assert problems[0].formula != draw_sums(60, 4)[0].formula
    for problem in problems:
        X, y = problem.draw(500, np.random.default_rng(0))
        assert X.shape == (500, len(problem.variables))
        assert 4 <= len(problem.variables) <= 8
        assert y.std() > 0


def test_all_kinds_of_terms_occur():
    text = " ".join(problem.formula for problem in draw_sums(60, 0))
    assert all(name in text for name in ("sin", "exp(-(", "log", "sqrt", "tanh", "cos", "/("))
