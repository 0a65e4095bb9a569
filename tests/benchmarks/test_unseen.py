import numpy as np

from nesymres_sk.benchmarks.metrics import score
from nesymres_sk.benchmarks.unseen import draw_suite
from nesymres_sk.expressions.machine import evaluate


def test_problems_are_defined_named_and_reproducible():
    problems = draw_suite(24, seed=3)
    assert len(problems) == 24
    assert problems == draw_suite(24, seed=3)
    assert problems[0].formula != draw_suite(1, seed=4)[0].formula
    kinds = {problem.name.split("-")[1] for problem in problems}
    assert kinds == {"natural", "rescaled"}
    for problem in problems:
        X, y = problem.draw(200, np.random.default_rng(0))
        assert X.shape == (200, len(problem.variables))
        assert np.isfinite(y).all() and y.std() > 0


def test_the_law_itself_solves_its_problem():
    problem = draw_suite(1, seed=5)[0]
    result = score(problem, lambda X: evaluate(problem.expression, X), problem.expression, seed=0)
    assert result.solved and result.a1_inside and result.r2 == 1.0
