from __future__ import annotations

import numpy as np
import pytest

from nesymres_sk.benchmarks.metrics import a1, complexity_limit, is_same_law, length, r2, score
from nesymres_sk.benchmarks.suites import load_suite
from nesymres_sk.expressions.machine import evaluate
from nesymres_sk.expressions.parser import parse


def scored(problem_name: str, equation: str):
    suite = "nguyen" if problem_name.startswith("Nguyen") else "feynman"
    problem = next(problem for problem in load_suite(suite) if problem.name == problem_name)
    found = parse(equation)
    return score(problem, lambda X: evaluate(found, X), found, seed=0)


@pytest.mark.parametrize(
    ("problem", "equation"),
    [
        ("Nguyen-1", "x1 * (x1 * (x1 + 1) + 1)"),
        ("Nguyen-7", "log((x1 + 1) * (x1**2 + 1))"),
        ("Nguyen-10", "sin(x1 + x2) + sin(x1 - x2)"),
        ("I.12.4", "0.0795775 * x1 / (x2 * x3**2)"),  # 1 / (4 pi), rounded
        ("I.34.14", "x3 * sqrt((x1 + x2) / (x1 - x2))"),
        ("III.8.54", "0.5 - 0.5 * cos(12.566371 * x1 * x2 / x3)"),
        ("I.39.11", "1.0000003 * (x2 * x3 / (x1 - 0.9999998)) - 2e-7"),
    ],
)
def test_the_law_in_another_spelling_is_solved(problem: str, equation: str):
    result = scored(problem, equation)
    assert result.solved
    assert result.a1_inside
    assert result.a1_outside
    assert result.r2 > 1 - 1e-6


def test_a_good_fit_inside_is_not_the_law():
    result = scored("Nguyen-10", "2 * (x1 - 0.1666 * x1**3 + 0.0083 * x1**5) * (1 - 0.5 * x2**2 + 0.04 * x2**4)")
    assert result.r2 > 0.9999
    assert result.a1_inside
    assert not result.a1_outside
    assert not result.solved


def test_four_percent_off_is_accurate_but_not_the_law():
    result = scored("II.27.18", "1.04 * x1 * x2**2")
    assert (result.a1_inside, result.a1_outside, result.solved) == (True, True, False)


def test_an_equation_undefined_at_some_points_has_no_r2():
    result = scored("II.27.18", "x1 * exp(2 * log(x2 - 1.5))")
    assert result.r2 == -np.inf
    assert not result.a1_inside
    assert not result.solved


def test_law_hidden_in_a_long_equation_is_not_solved():
    problem = load_suite("nguyen", "Nguyen-8")[0]
    noise = " + ".join(f"1e-12 * sin({k}.5 * x1)" for k in range(1, 12))
    result = scored("Nguyen-8", f"sqrt(x1) + {noise}")
    assert result.complexity > complexity_limit(problem)
    assert result.a1_outside
    assert not result.solved


def test_protected_functions_of_a_peer_do_not_hide_the_law():
    problem = next(problem for problem in load_suite("feynman") if problem.name == "I.12.1")
    protected = score(
        problem, lambda X: np.log(np.maximum(np.exp(X[:, 0] * X[:, 1]), 1e-3)), parse("log(exp(x1*x2))"), 0
    )
    assert protected.solved
    assert not protected.a1_outside
    assert protected.complexity == 3


def test_length_counts_nodes_after_folding_constants():
    assert length(parse("x1 * x2")) == 3
    assert length(parse("(0.5 * x1) * (4.0 * x2)")) == length(parse("2 * x1 * x2"))


def test_accuracy_counts_common_nan_and_needs_95_percent():
    truth = np.r_[np.full(95, 10.0), np.full(5, np.nan)]
    assert a1(truth, truth)
    off = np.r_[np.full(5, 10.6), np.full(95, 10.4)]
    assert a1(off, np.full(100, 10.0))
    off[5] = 10.6
    assert not a1(off, np.full(100, 10.0))


def test_r2_and_same_law():
    truth = np.linspace(1, 2, 100)
    assert r2(truth, truth) == 1.0
    assert r2(np.full(100, truth.mean()), truth) == pytest.approx(0.0)
    assert is_same_law(truth * (1 + 5e-5), truth)
    assert not is_same_law(truth * (1 + 5e-4), truth)
    assert not is_same_law(np.full(100, np.nan), truth)
