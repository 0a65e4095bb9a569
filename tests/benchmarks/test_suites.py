from __future__ import annotations

import numpy as np
import pytest

from nesymres_sk.benchmarks.suites import SUITES, load_suite
from nesymres_sk.expressions.machine import evaluate

# Written out once more, independently of the data files and of the parser.
NGUYEN = {
    "Nguyen-1": lambda x: x**3 + x**2 + x,
    "Nguyen-2": lambda x: x**4 + x**3 + x**2 + x,
    "Nguyen-3": lambda x: x**5 + x**4 + x**3 + x**2 + x,
    "Nguyen-4": lambda x: x**6 + x**5 + x**4 + x**3 + x**2 + x,
    "Nguyen-5": lambda x: np.sin(x * x) * np.cos(x) - 1,
    "Nguyen-6": lambda x: np.sin(x) + np.sin(x + x * x),
    "Nguyen-7": lambda x: np.log((x + 1) * (x * x + 1)),
    "Nguyen-8": lambda x: x**0.5,
    "Nguyen-9": lambda x, y: np.sin(x) + np.sin(y * y),
    "Nguyen-10": lambda x, y: 2 * np.sin(x) * np.cos(y),
    "Nguyen-11": lambda x, y: np.exp(y * np.log(x)),
    "Nguyen-12": lambda x, y: x**4 - x**3 + y * y / 2 - y,
}
FEYNMAN = {
    "I.6.2b": lambda sigma, a, b: np.exp(-(((a - b) / sigma) ** 2) / 2) / np.sqrt(2 * np.pi * sigma**2),
    "I.10.7": lambda m, v, c: m * (1 - (v / c) ** 2) ** -0.5,
    "I.12.4": lambda q, eps, r: q / (4 * np.pi * eps * r**2),
    "I.16.6": lambda c, v, u: c**2 * (u + v) / (c**2 + u * v),
    "I.18.12": lambda r, F, theta: r * F * np.sin(theta),
    "I.25.13": lambda q, C: q / C,
    "I.26.2": lambda n, theta: np.arcsin(n * np.sin(theta)),
    "I.27.6": lambda a, b, n: a * b / (b + n * a),
    "I.30.3": lambda i, theta, n: i * (np.sin(n * theta / 2) / np.sin(theta / 2)) ** 2,
    "I.37.4": lambda a, b, d: a + b + 2 * np.sqrt(a * b) * np.cos(d),
    "I.48.2": lambda m, v, c: m * c**3 / np.sqrt(c**2 - v**2),
    "II.8.7": lambda q, eps, d: 3 * q**2 / (20 * np.pi * eps * d),
    "II.10.9": lambda s, eps, chi: s / (eps * (1 + chi)),
    "II.11.28": lambda n, alpha: 1 + 3 * n * alpha / (3 - n * alpha),
    "II.15.4": lambda m, b, theta: -m * b * np.cos(theta),
    "II.24.17": lambda omega, c, d: np.sqrt((omega / c) ** 2 - (np.pi / d) ** 2),
    "III.7.38": lambda m, b, h: 4 * np.pi * m * b / h,
    "III.8.54": lambda e, t, h: np.sin(2 * np.pi * e * t / h) ** 2,
    "III.15.14": lambda h, e, d: h**2 / (8 * np.pi**2 * e * d**2),
}


def test_suites_are_complete():
    assert len(load_suite("nguyen")) == 12
    feynman = load_suite("feynman")
    assert len({problem.name for problem in feynman}) == 52
    assert {len(problem.variables) for problem in feynman} == {1, 2, 3}


@pytest.mark.parametrize(("suite", "laws"), [("nguyen", NGUYEN), ("feynman", FEYNMAN)])
def test_formulas_are_the_laws_they_are_named_after(suite: str, laws: dict):
    problems = {problem.name: problem for problem in load_suite(suite)}
    for name, law in laws.items():
        X, y = problems[name].draw(50, np.random.default_rng(0))
        np.testing.assert_allclose(y, law(*X.T), rtol=1e-12, err_msg=name)


@pytest.mark.parametrize("suite", SUITES)
def test_every_law_is_defined_in_its_support_and_uses_every_variable(suite: str):
    for problem in load_suite(suite):
        rng = np.random.default_rng(0)
        X = rng.uniform(problem.low, problem.high, size=(500, len(problem.low)))
        y = evaluate(problem.expression, X)
        assert np.isfinite(y).all(), problem.name
        assert y.std() > 0, problem.name
        assert problem.expression.variables == tuple(range(len(problem.variables))), problem.name


def test_widened_support_reaches_its_own_length_to_both_sides_where_the_law_is_defined():
    (problem,) = load_suite("nguyen", "Nguyen-7")  # log(x + 1) on [0, 2]
    X, y = problem.draw(5000, np.random.default_rng(0), widen=1.0)
    assert X.shape == (5000, 1)
    assert np.isfinite(y).all()
    assert -1.0 < X.min() < -0.99
    assert 3.99 < X.max() < 4.0


def test_draws_depend_on_seed_and_purpose_only():
    (problem,) = load_suite("feynman", "I.6.2a")
    one, same, other_seed, other_purpose = (
        problem.generator(seed, purpose).random() for seed, purpose in [(0, "a"), (0, "a"), (1, "a"), (0, "b")]
    )
    assert one == same
    assert len({one, other_seed, other_purpose}) == 3


def test_filter_and_its_errors():
    assert [problem.name for problem in load_suite("nguyen", "-5, -12")] == ["Nguyen-5", "Nguyen-12"]
    with pytest.raises(ValueError, match="no problem of suite 'nguyen' has 'Keijzer'"):
        load_suite("nguyen", "Keijzer")
    with pytest.raises(ValueError, match="unknown suite 'keijzer'"):
        load_suite("keijzer")
