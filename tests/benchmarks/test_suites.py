from __future__ import annotations

import numpy as np
import pytest

from nesymres_sk.benchmarks.problems import Problem
from nesymres_sk.benchmarks.suites import SUITES, load_suite
from nesymres_sk.expressions.canonical import canonical
from nesymres_sk.expressions.expression import Expression
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
MORE_FEYNMAN = {
    "I.8.14": lambda x1, x2, y1, y2: np.hypot(x2 - x1, y2 - y1),
    "I.9.18": lambda m1, m2, G, x1, x2, y1, y2, z1, z2: (
        G * m1 * m2 / ((x2 - x1) ** 2 + (y2 - y1) ** 2 + (z2 - z1) ** 2)
    ),
    "I.11.19": lambda x1, x2, x3, y1, y2, y3: x1 * y1 + x2 * y2 + x3 * y3,
    "I.15.3t": lambda x, c, u, t: (t - u * x / c**2) * (1 - (u / c) ** 2) ** -0.5,
    "I.24.6": lambda m, o, o0, x: m * x**2 * (o**2 + o0**2) / 4,
    "I.32.17": lambda e, c, E, r, o, o0: 4 * np.pi / 3 * e * c * E**2 * r**2 * o**4 / (o**2 - o0**2) ** 2,
    "I.40.1": lambda n, m, x, T, g, k: n / np.exp(m * g * x / k / T),
    "I.41.16": lambda o, T, h, k, c: h * o**3 / (2 * np.pi**3 * c**2 * np.expm1(h * o / (2 * np.pi * k * T))),
    "I.44.4": lambda n, k, T, V1, V2: n * k * T * np.log(V2 / V1),
    "II.6.15a": lambda e, p, r, x, y, z: 3 * p * z * np.hypot(x, y) / (4 * np.pi * e * r**5),
    "II.11.27": lambda n, a, e, E: 3 * n * a / (3 - n * a) * e * E,
    "II.35.18": lambda n, k, T, m, B: n / (2 * np.cosh(m * B / k / T)),
    "II.35.21": lambda n, m, B, k, T: n * m * np.tanh(m * B / k / T),
    "II.36.38": lambda m, H, k, T, a, e, c, M: m / (k * T) * (H + a * M / (e * c**2)),
    "III.4.33": lambda h, o, k, T: h * o / (2 * np.pi) / np.expm1(h * o / (2 * np.pi * k * T)),
    "III.9.52": lambda p, E, t, h, o, o0: 2 * np.pi * p * E * t / h * np.sinc((o - o0) * t / (2 * np.pi)) ** 2,
    "III.19.51": lambda m, q, h, n, e: -m * q**4 / (8 * e**2 * h**2 * n**2),
    "test_1": lambda z1, z2, a, h, c, e, t: (z1 * z2 * a * h * c) ** 2 / (16 * e**2 * np.sin(t / 2) ** 4),
    "test_2": lambda m, k, L, e, a, b: m * k / L**2 + np.sqrt((m * k / L**2) ** 2 + 2 * e * m / L**2) * np.cos(a - b),
    "test_3": lambda d, a, s, t: d * (1 - a) * (1 + a) / (1 + a * np.cos(t - s)),
    "test_4": lambda m, e, U, L, r: (2 * (e - U) / m - (L / (m * r)) ** 2) ** 0.5,
    "test_5": lambda d, G, m1, m2: 2 * np.pi * (d**3 / (G * (m1 + m2))) ** 0.5,
    "test_6": lambda eps, L, m, z1, z2, q, e: (1 + 2 * e * (eps * L / (z1 * z2 * q**2)) ** 2 / m) ** 0.5,
    "test_7": lambda G, rho, a, c, d: (8 * np.pi / 3 * G * rho - a * (c / d) ** 2) ** 0.5,
    "test_8": lambda e, m, c, t: e * m * c**2 / (m * c**2 + e * (1 - np.cos(t))),
    "test_9": lambda G, c, a, b, r: -6.4 * G**4 * a**2 * b**2 * (a + b) / (c * r) ** 5,
    "test_10": lambda c, v, t: np.arccos((c * np.cos(t) - v) / (c - v * np.cos(t))),
    "test_11": lambda i, a, d, n: 4 * i * (np.sin(a / 2) * np.sin(n * d / 2) / (a * np.sin(d / 2))) ** 2,
    "test_12": lambda q, y, V, d, e: q * V * d / y**2 - q**2 * d * y / (4 * np.pi * e * (y**2 - d**2) ** 2),
    "test_13": lambda q, r, d, a, e: q / (4 * np.pi * e * abs(r - d * np.exp(1j * a))),
    "test_14": lambda E, t, r, d, a: E * np.cos(t) * ((a - 1) * d**3 / ((a + 2) * r**2) - r),
    "test_15": lambda c, v, o, t: o * np.sqrt(c**2 - v**2) / (c + v * np.cos(t)),
    "test_16": lambda m, c, p, q, A, V: c * np.hypot(p - q * A, m * c) + q * V,
    "test_17": lambda m, o, p, y, x, a: p**2 / (2 * m) + m * (o * x) ** 2 * (1 + a * x / y) / 2,
    "test_18": lambda G, k, r, H, c: 3 * (k * (c / r) ** 2 + H**2) / (8 * np.pi * G),
    "test_19": lambda G, k, r, H, a, c: -(c**2) * (k * (c / r) ** 2 + H**2 * (1 - 2 * a)) / (8 * np.pi * G),
    "test_20": lambda o, o0, a, h, m, c, b: (
        (a * h * o0 / (m * c * o)) ** 2 * (o0 / o + o / o0 - np.sin(b) ** 2) / (4 * np.pi)
    ),
}


def powers(x, *exponents: int):
    return sum(x**k for k in exponents)


def salustowicz(x):
    return x**3 / np.exp(x) * np.sin(2 * x) / 2 * (np.sin(x) * np.sin(2 * x) / 2 - 1)


CLASSICAL = {
    "Keijzer-1": lambda x: 0.3 * x * np.sin(2 * np.pi * x),
    "Keijzer-2": lambda x: 0.3 * x * np.sin(2 * np.pi * x),
    "Keijzer-3": lambda x: 0.3 * x * np.sin(2 * np.pi * x),
    "Keijzer-4": salustowicz,
    "Keijzer-5": lambda x, y, z: 30 * x * z / (x - 10) / y**2,
    "Keijzer-7": np.log,
    "Keijzer-8": np.sqrt,
    "Keijzer-9": np.arcsinh,
    "Keijzer-11": lambda x, y: x * y + np.sin((1 - x) * (1 - y)),
    "Keijzer-12": lambda x, y: x**3 * (x - 1) + y * (y / 2 - 1),
    "Keijzer-13": lambda x, y: 3 * (np.sin(x + y) + np.sin(x - y)),
    "Keijzer-14": lambda x, y: 4 / (1 + x**2 / 2 + y**2 / 2),
    "Keijzer-15": lambda x, y: x * (x**2 / 5 - 1) + y * (y**2 / 2 - 1),
    "Vladislavleva-1": lambda a, b: np.exp(2 * a - 1 - a * a) / (b * b - 5 * b + 7.45),
    "Vladislavleva-3": lambda a, b: salustowicz(a) * (b - 5),
    "Vladislavleva-4": lambda *x: 10 / (5 + sum((a - 3) ** 2 for a in x)),
    "Vladislavleva-5": lambda a, b, c: 30 * (1 - a) * (1 - c) / (a - 10) / b**2,
    "Vladislavleva-7": lambda a, b: (a - 3) * (b - 3) + 2 * np.sin((4 - a) * (4 - b)),
    "Vladislavleva-8": lambda a, b: ((a - 3) ** 4 + (b - 2) * (b - 3) * (b - 4)) / ((b - 2) ** 4 + 10),
    "Korns-1": lambda x, y, z, v, w: 1.57 + 24.3 * v,
    "Korns-2": lambda x, y, z, v, w: 0.23 + 14.2 / 3 * (v + y) / w,
    "Korns-3": lambda x, y, z, v, w: -5.41 + 4.9 / 3 * ((v - x) / w + y / w**2),
    "Korns-4": lambda x, y, z, v, w: -2.3 + 0.13 * np.sin(z),
    "Korns-5": lambda x, y, z, v, w: 3 + 2.13 * np.log(w),
    "Korns-6": lambda x, y, z, v, w: 1.3 + 0.13 * x**0.5,
    "Korns-7": lambda x, y, z, v, w: -213.80940889 * np.expm1(-0.54723748542 * x),
    "Korns-8": lambda x, y, z, v, w: 6.87 + 11 * (7.23 * x * v * w) ** 0.5,
    "Korns-9": lambda x, y, z, v, w: x**0.5 * np.exp(z) / (np.log(y) * v**2),
    "Korns-10": lambda x, y, z, v, w: 0.81 + 24.3 * (2 * y + 3 * z**2) / (4 * v**3 + 5 * w**4),
    "Korns-11": lambda x, y, z, v, w: 6.87 + 11 * np.cos(7.23 * x**3),
    "Korns-12": lambda x, y, z, v, w: 2 - 2.1 * np.cos(9.8 * x) * np.sin(1.3 * w),
    "Korns-13": lambda x, y, z, v, w: 32 - 3 * np.tan(x) * np.tan(z) / (np.tan(y) * np.tan(v)),
    "Korns-14": lambda x, y, z, v, w: 22 - 4.2 * (np.cos(x) - np.tan(y)) * np.tanh(z) / np.sin(v),
    "Korns-15": lambda x, y, z, v, w: 12 - 6 * np.tan(x) * np.exp(-y) * (np.log(z) - np.tan(v)),
    "R-1": lambda x: (x + 1) ** 4 / (x**3 + 1),
    "R-2": lambda x: (powers(x, 5) - 3 * x**3 + 1) / powers(x, 0, 2),
    "R-3": lambda x: powers(x, 5, 6) / powers(x, 0, 1, 2, 3, 4),
    "Jin-1": lambda x, y: x**3 * (2.5 * x - 1.3) + y * (0.5 * y - 1.7),
    "Jin-2": lambda x, y: 8 * (x**2 + y**3) - 15,
    "Jin-3": lambda x, y: x * (0.2 * x**2 - 0.5) + y * (0.5 * y**2 - 1.2),
    "Jin-4": lambda x, y: 1.5 * np.exp(x) + 5 * np.cos(y),
    "Jin-6": lambda x, y: 1.35 * x * y + 5.5 * np.sin((1 - x) * (1 - y)),
    "Livermore-1": lambda x: 1 / 3 + x + np.sin(x * x),
    "Livermore-2": lambda x: np.sin(x * x) * np.cos(x) - 2,
    "Livermore-3": lambda x: np.sin(x**3) * np.cos(x * x) - 1,
    "Livermore-4": lambda x: np.log(powers(x, 1, 2, 3, 4)),
    "Livermore-5": lambda x, y: powers(x, 2, 4) - x**3 - y,
    "Livermore-6": lambda x: x * np.polyval([4, 3, 2, 1], x),
    "Livermore-7": np.sinh,
    "Livermore-8": np.cosh,
    "Livermore-9": lambda x: powers(x, *range(1, 10)),
    "Livermore-11": lambda x, y: (x * y) ** 2 / (x + y),
    "Livermore-12": lambda x, y: x**5 / y**3,
    "Livermore-13": np.cbrt,
    "Livermore-14": lambda x: powers(x, 1, 2, 3) + np.sin(x) + np.sin(x * x),
    "Livermore-15": lambda x: x**0.2,
    "Livermore-16": lambda x: x**0.4,
    "Livermore-17": lambda x, y: 4 * np.sin(x) * np.cos(y),
    "Livermore-18": lambda x: np.sin(x * x) * np.cos(x) - 5,
    "Livermore-19": lambda x: powers(x, 1, 2, 4, 5),
    "Livermore-20": lambda x: np.exp(-x * x),
    "Livermore-21": lambda x: powers(x, *range(1, 9)),
    "Livermore-22": lambda x: np.exp(-x * x / 2),
    "Constant-1": lambda x: x * np.polyval([3.39, 2.12, 1.78], x),
    "Constant-2": lambda x: np.sin(x * x) * np.cos(x) - 0.75,
    "Constant-3": lambda x, y: np.sin(1.5 * x) * np.cos(0.5 * y),
    "Constant-4": lambda x, y: 2.7 * np.exp(y * np.log(x)),
    "Constant-5": lambda x: 1.23**0.5 * x**0.5,
    "Constant-6": lambda x: np.exp(0.426 * np.log(x)),
    "Constant-7": lambda x, y: 2 * np.sin(1.3 * x) * np.cos(y),
    "Constant-8": lambda x: np.log((x + 1.4) * (x * x + 1.3)),
}
CLASSICAL |= {f"{name}a": CLASSICAL[name] for name in ("R-1", "R-2", "R-3")}


def test_suites_are_complete():
    assert len(load_suite("nguyen")) == 12
    assert {problem.name for problem in load_suite("classical")} == {*CLASSICAL}
    feynman = load_suite("feynman")
    assert len({problem.name for problem in feynman}) == 52
    assert {len(problem.variables) for problem in feynman} == {1, 2, 3}
    everything = load_suite("feynman-all")
    assert len({problem.name for problem in everything}) == 120
    assert [problem.name for problem in everything[100:]] == [f"test_{i}" for i in range(1, 21)]
    assert {len(problem.variables) for problem in everything} == set(range(1, 10))
    assert feynman == [problem for problem in everything[:100] if len(problem.variables) <= 3]


@pytest.mark.parametrize(
    ("suite", "laws"),
    [("nguyen", NGUYEN), ("classical", CLASSICAL), ("feynman", FEYNMAN), ("feynman-all", FEYNMAN | MORE_FEYNMAN)],
)
def test_formulas_are_the_laws_they_are_named_after(suite: str, laws: dict):
    problems = {problem.name: problem for problem in load_suite(suite)}
    for name, law in laws.items():
        X, y = problems[name].draw(50, np.random.default_rng(0))
        # Korns-11 is the cosine of up to a million, where a rounding error is 1e-10
        np.testing.assert_allclose(y, law(*X.T), rtol=1e-8, err_msg=name)


# of the boxes of realistic laws, parts are beyond the law: there is no wave in a guide that is too narrow
@pytest.mark.parametrize("suite", [suite for suite in SUITES if suite != "realistic"])
def test_every_law_is_defined_in_its_support_and_uses_every_variable(suite: str):
    for problem in load_suite(suite):
        rng = np.random.default_rng(0)
        X = rng.uniform(problem.low, problem.high, size=(500, len(problem.low)))
        y = evaluate(problem.expression, X)
        assert np.isfinite(y).all(), problem.name
        assert y.std() > 0, problem.name
        used = {*problem.expression.variables}
        if problem.name.startswith("Korns"):  # five columns, to find out which of them matter
            assert used < {*range(5)} and len(problem.variables) == 5, problem.name
            continue
        unused = {1} if problem.name == "vdp2" else set()  # -x / 10
        unused |= {i for i, name in enumerate(problem.variables) if name.startswith("irrelevant")}
        if problem.name == "Friedman-1":
            unused = {*range(5, 10)}
        assert used == {*range(len(problem.variables))} - unused, problem.name


def test_no_law_is_in_two_sets_of_the_classical_suite():
    names: dict[Expression | None, list[str]] = {}
    for problem in load_suite("classical"):
        names.setdefault(canonical(problem.expression), []).append(problem.name)
    # the supports are what distinguishes these
    assert [group for group in names.values() if len(group) > 1] == [
        ["Keijzer-1", "Keijzer-2", "Keijzer-3"],
        *([name, f"{name}a"] for name in ("R-1", "R-2", "R-3")),
    ]


def test_columns_of_korns_stop_at_zero_only_where_the_law_does():
    rng = np.random.default_rng(0)
    for problem in load_suite("classical", "Korns"):
        assert set(problem.high) == {50.0}
        assert set(problem.low) <= {-50.0, 0.0}
        for column in np.flatnonzero(np.array(problem.low) == 0.0):
            X = rng.uniform(problem.low, problem.high, size=(50, 5))
            X[:, column] *= -1.0
            assert np.isnan(evaluate(problem.expression, X)).all(), (problem.name, column)


def test_widened_support_reaches_its_own_length_to_both_sides_where_the_law_is_defined():
    (problem,) = load_suite("nguyen", "Nguyen-7")  # log(x + 1) on [0, 2]
    X, y = problem.draw(5000, np.random.default_rng(0), widen=1.0)
    assert X.shape == (5000, 1)
    assert np.isfinite(y).all()
    assert -1.0 < X.min() < -0.99
    assert 3.99 < X.max() < 4.0


def test_variables_of_one_sign_keep_it_outside_if_asked():
    (problem,) = load_suite("feynman", "I.26.2")  # n from 0 to 1, theta from 1 to 5
    X, _ = problem.draw(5000, np.random.default_rng(0), widen=1.0, keep_signs=True)
    assert 0.0 <= X[:, 0].min() < 0.01 and 1.9 < X[:, 0].max() <= 2.0
    assert 0.0 <= X[:, 1].min() < 0.05 and 8.9 < X[:, 1].max() <= 9.0
    negative = Problem("mirror", "x", ("x",), (-3.0,), (-1.0,))
    X, _ = negative.draw(5000, np.random.default_rng(0), widen=1.0, keep_signs=True)
    assert -5.0 <= X.min() < -4.9 and -0.1 < X.max() <= 0.0
    (problem,) = load_suite("nguyen", "Nguyen-5")
    X, _ = problem.draw(5000, np.random.default_rng(0), widen=1.0, keep_signs=True)
    assert X.min() < -2.9 and X.max() > 2.9


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


def test_irrelevant_columns_leave_the_laws_alone():
    orders = set()
    for plain, wider in zip(load_suite("feynman-all"), load_suite("feynman-irrelevant"), strict=True):
        assert plain.name == wider.name
        assert len(wider.variables) == min(len(plain.variables) + 3, 10)
        X, y = wider.draw(5, np.random.default_rng(0))
        places = [wider.variables.index(name) for name in plain.variables]
        np.testing.assert_allclose(evaluate(plain.expression, X[:, places]), y, rtol=1e-12)
        orders.add(tuple(places))
    assert len(orders) > 50
