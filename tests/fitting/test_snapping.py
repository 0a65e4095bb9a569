import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.expressions.machine import evaluate
from nesymres_sk.expressions.parser import parse
from nesymres_sk.fitting.numbers import simple_number_cost, simple_numbers
from nesymres_sk.fitting.refinement import Target, refine, standard_errors
from nesymres_sk.fitting.snapping import snap
from nesymres_sk.fitting.tidying import tidy
from nesymres_sk.table import Table


def target(X, y, weight=None):
    variance = float(np.var(y))
    return Target(np.asfortranarray(X), y, 1.0, weight, float(len(y)), 1e-24 * variance)


@pytest.fixture
def X():
    return np.random.default_rng(0).uniform(0.5, 3.0, (100, 2))


def test_refine_reaches_rounding_from_a_rough_start(X):
    y = 2.345 * np.exp(-0.71 * X[:, 0]) + 0.3
    rough = Expression.from_names("add C mul C exp mul C x1", [0.31, 2.3, -0.7])
    fitted, error = refine(rough, target(X, y))
    assert error < 1e-28
    np.testing.assert_allclose(fitted.constants, [0.3, 2.345, -0.71], rtol=1e-10)


def test_refine_keeps_fixed_constants_and_never_gets_worse(X):
    y = np.sin(3 * X[:, 0])
    start = Expression.from_names("mul C sin mul C x1", [1.0, 0.2])
    before = target(X, y).linearise(start)[0]
    fitted, error = refine(start, target(X, y), np.array([False, True]))
    assert fitted.constants[0] == 1.0
    assert error <= before


def test_refine_in_awkward_units(X):
    y = 6.674e-11 * (1e24 * X[:, 0]) * (1e3 * X[:, 1])
    rough = Expression.from_names("mul C mul x1 x2", [6e-11])
    big = Target(np.asfortranarray(X * [1e24, 1e3]), y, float(np.abs(y).max()), None, 100.0, 1e-26)
    assert refine(rough, big)[0].constants[0] == pytest.approx(6.674e-11, rel=1e-13)


def test_long_tables_are_compressed_without_changing_the_result():
    rng = np.random.default_rng(1)
    X = rng.uniform(1, 2, (40_000, 1))
    y = 1.7 * np.log(X[:, 0]) + 0.01 * rng.standard_normal(len(X))
    long = target(X, y)
    error, residuals, jacobian = long.linearise(Expression.from_names("mul C log x1", [1.6]))
    assert jacobian.shape == (2, 1)
    expected = 1.6 * np.log(X[:, 0]) - y
    assert error == pytest.approx(np.mean(expected**2), rel=1e-12)
    assert residuals @ jacobian[:, 0] == pytest.approx(expected @ np.log(X[:, 0]), rel=1e-10)


@pytest.mark.parametrize("n", [100, 40_000])
@pytest.mark.parametrize("weighted", [False, True])
def test_errors_of_many_equations_are_those_of_each(n, weighted):
    rng = np.random.default_rng(1)
    X = rng.uniform(0.5, 2.0, (n, 2))
    weight = rng.uniform(0.5, 1.5, n) if weighted else None
    data = Target(np.asfortranarray(X), X[:, 0] * 3.0, 2.0, weight, float(n), 1e-24)
    equations = [parse(text) for text in ("x1", "2.5*x1 + x2", "log(x1 - 1)", "3.1*x1", "exp(x2)/x1")]
    errors = data.errors(equations)
    np.testing.assert_allclose(errors, [data.linearise(equation)[0] for equation in equations], rtol=1e-10)
    assert np.isinf(errors[2])


def test_standard_errors_are_those_of_linear_regression():
    rng = np.random.default_rng(0)
    n = 200
    x = rng.uniform(0, 1, n)
    J = np.column_stack((x, np.ones(n)))
    expected = np.sqrt(0.04 * n / (n - 2) * np.diag(np.linalg.inv(J.T @ J)))
    np.testing.assert_allclose(standard_errors(J, 0.04, n, float(n)), expected, rtol=1e-10)


def test_undetermined_constants_have_no_finite_error():
    assert np.isinf(standard_errors(np.zeros((10, 1)), 0.1, 10, 10.0)).all()


@pytest.mark.parametrize("value", [2.0, 0.5, -3.0, 1.5, 4 / 3, math.pi, 2 * math.pi / 3, 0.1, 6.674e-11, 1e6])
def test_exact_laws_get_their_simple_constants_back(X, value):
    y = value * X[:, 0] * np.sqrt(X[:, 1])
    fitted = Expression.from_names("mul C mul x1 sqrt x2", [value * (1 + 3e-12)])
    snapped = snap(fitted, Target(X, y, float(np.std(y)), None, 100.0, 1e-24))
    # the canonical form may write the number as two integers
    error = np.max(np.abs(_evaluate(snapped, X) / y - 1))
    assert error < 4e-16
    assert all(constant == value or abs(constant) == abs(value) for constant in snapped.constants)


def test_unit_factors_and_zero_terms_vanish(X):
    y = X[:, 0] * np.exp(X[:, 1])
    fitted = Expression.from_names("add mul C mul x1 exp mul C x2 mul C x1", [1 + 1e-12, 1 - 1e-12, 3e-13])
    assert sorted(snap(fitted, target(X, y)).names()) == ["exp", "mul", "x1", "x2"]


def test_exponents_are_snapped(X):
    y = 3.7 * X[:, 0] ** 1.5
    snapped = snap(Expression.from_names("mul C pow x1 C", [3.7, 1.5 + 1e-11]), target(X, y))
    assert "pow" not in snapped.names()
    np.testing.assert_allclose(_evaluate(snapped, X), y, rtol=1e-14)


def test_numbers_that_are_not_simple_stay(X):
    y = 1.2345678912 * X[:, 0]
    snapped = snap(Expression.from_names("mul C x1", [1.2345678912]), target(X, y))
    assert snapped.constants == (pytest.approx(1.2345678912, rel=1e-12),)


def test_nearly_simple_numbers_of_exact_laws_stay(X):
    y = 2.00001 * X[:, 0]
    snapped = snap(Expression.from_names("mul C x1", [2.00001]), target(X, y))
    assert snapped.constants == (2.00001,)


def test_noisy_constants_are_snapped_only_where_the_data_pin_them_down():
    rng = np.random.default_rng(0)
    X = rng.uniform(1, 3, (400, 1))
    y = 2.0 * X[:, 0] + 0.01 * rng.standard_normal(400)
    sharp = snap(Expression.from_names("mul C x1", [2.0003]), target(X, y))
    assert sharp.names() == ("mul", "2", "x1")
    y = 2.0 * X[:, 0] + 1.0 * rng.standard_normal(400)
    vague, _ = refine(Expression.from_names("mul C x1", [2.0]), target(X, y))
    kept = snap(vague, target(X, y))
    assert kept.constants == (pytest.approx(vague.constants[0]),)


def test_noisy_terms_that_do_not_help_are_dropped():
    rng = np.random.default_rng(0)
    X = rng.uniform(1, 3, (200, 2))
    y = 1.37 * X[:, 0] + 0.1 * rng.standard_normal(200)
    fitted = Expression.from_names("add mul C x1 mul C x2", [1.3, 0.05])
    assert "x2" not in snap(fitted, target(X, y)).names()


@pytest.mark.parametrize(
    ("found", "law"),
    [
        ("2*((0.1*x1)**(900*x2) + exp(0.3*x1)) - 1.5*x2", "2*exp(0.3*x1) - 1.5*x2"),
        ("x1*(exp(-300*x2) + 3) + x2", "3*x1 + x2"),
        ("x1 - exp(-99*x2*x1) - exp(-800*x1)/x2", "x1 - exp(-99*x2*x1)"),
        ("x1/abs(x2 + 2)", "x1/(x2 + 2)"),
        ("sqrt(abs(x1 - 4))", "sqrt(4 - x1)"),
    ],
)
def test_terms_that_are_nothing_on_the_rows_are_dropped(found, law):
    X = np.random.default_rng(3).uniform(0.2, 3.0, (100, 2))
    snapped = snap(parse(found), target(X, evaluate(parse(law), X)))
    assert snapped.complexity <= parse(law).complexity + 2
    np.testing.assert_allclose(evaluate(snapped, 1.3 * X), evaluate(parse(law), 1.3 * X), rtol=1e-9)


def test_moduli_are_dropped_whatever_the_sign_inside(X):
    for law in ("x2*sqrt(4 - x1)", "x2*sqrt(x1 + 4)"):
        inside = law[8:-1].replace("4 - x1", "x1 - 4")
        snapped = snap(parse(f"x2*sqrt(abs({inside}))"), target(X, evaluate(parse(law), X)))
        assert "abs" not in snapped.names()


@pytest.mark.parametrize("seed", [105, 106, 121])
def test_terms_that_only_constants_not_yet_simple_had_made_significant_are_dropped(X, seed):
    y = 1.0 - X[:, 1] + 1e-4 * np.random.default_rng(seed).standard_normal(100)
    data = target(X, y)
    fitted, _ = refine(Expression.from_names("sub add C div C x1 mul C x2", [1.0, 1e-5, 1.0]), data)
    assert snap(fitted, data) == Expression.from_names("sub 1 x2")


def test_simple_numbers_together_stay_within_the_noise():
    rng = np.random.default_rng(0)
    # columns and noise at right angles: every constant is determined by itself
    columns = np.sqrt(200) * np.linalg.qr(rng.standard_normal((200, 5)))[0]
    simple, error = np.array([0.7, 1.3, 2.9, 4.1]), 2e-3 / np.sqrt(200)
    for deviation, n_simple in ((1.6, 4), (2.4, 2)):
        y = columns[:, :4] @ (simple + deviation * error) + 2e-3 * columns[:, 4]
        fitted = Expression.from_names("add add mul C x1 mul C x2 add mul C x3 mul C x4", (simple + error).tolist())
        assert len(set(snap(fitted, target(columns[:, :4], y)).constants) & set(simple.tolist())) == n_simple


def test_equal_constants_become_equal(X):
    y = 1.2345678912 * (X[:, 0] + np.sin(X[:, 1]))
    fitted = Expression.from_names("add mul C x1 mul C sin x2", [1.2345678912 * (1 + 1e-11), 1.2345678912])
    snapped = snap(fitted, target(X, y))
    assert len(set(snapped.constants)) == 1


def test_tidy_writes_decimals():
    assert tidy(Expression.from_names("div mul 5 x1 2")) == Expression.from_names("mul C x1", [2.5])
    assert tidy(Expression.from_names("div mul mul 3 x1 x2 mul 4 x3")) == Expression.from_names(
        "div mul mul C x1 x2 x3", [0.75]
    )
    assert tidy(Expression.from_names("add x1 div 1 2")) == Expression.from_names("add x1 C", [0.5])
    assert tidy(Expression.from_names("exp neg mul C x1", [0.6])) == Expression.from_names("exp mul C x1", [-0.6])
    assert tidy(Expression.from_names("neg div mul 2 x1 x2")) == Expression.from_names("div mul C x1 x2", [-2.0])
    assert tidy(Expression.from_names("div x2 pow x1 C", [-1.2])) == Expression.from_names("mul x2 pow x1 C", [1.2])
    for plain in ("div x1 2", "div mul 4 x1 3", "mul 2 x1"):
        assert tidy(Expression.from_names(plain)) == Expression.from_names(plain)


def test_simple_numbers_come_plain_first():
    found = [number.value for number in simple_numbers(1.999)]
    assert found[0] == 2.0
    assert 1.999 in found


@given(st.lists(st.sampled_from([3, *range(4, 6), *range(14, 19), *range(19, 24)]), min_size=1, max_size=15))
def test_tidy_never_changes_the_values(tokens):
    open_slots, kept = 1, []
    for token in tokens:
        kept.append(token)
        open_slots += int(v.ARITY[token]) - 1
        if not open_slots:
            break
    expression = Expression.skeleton_of([*kept, *[v.integer(2)] * open_slots])
    expression = expression.with_constants(np.linspace(0.3, 2.2, len(expression.constants)).tolist())
    X = np.random.default_rng(0).uniform(0.5, 3.0, (20, 2))
    np.testing.assert_allclose(_evaluate(tidy(expression), X), _evaluate(expression, X), rtol=1e-10, atol=1e-9)
    assert tidy(expression).complexity <= expression.complexity


@pytest.mark.parametrize(("plain", "odd"), [(2.0, 17.0), (0.5, 7 / 16), (1.0, math.pi), (3.0, 3.25)])
def test_plainer_numbers_cost_less(plain, odd):
    assert simple_number_cost(plain) < simple_number_cost(odd) < math.inf


def test_other_numbers_have_no_name():
    assert simple_number_cost(1.23456789) == math.inf


def _evaluate(expression, X):
    from nesymres_sk.expressions.machine import evaluate

    return evaluate(expression, X)


def test_targets_in_single_precision_do_not_hide_the_law(X):
    y = (X[:, 0] * X[:, 1]).astype(np.float32).astype(np.float64)
    table = Table.prepare(X, y)
    fitted = Expression.from_names("mul C mul x1 x2", [1.0])
    data = Target(table.X, table.y, table.y_scale, None, table.n_effective, table.floor)
    assert snap(fitted, data) == Expression.from_names("mul x1 x2")


def test_ratios_of_constants_are_snapped():
    rng = np.random.default_rng(0)
    X = rng.uniform(1, 3, (400, 2))
    y = 1.2345678 * (X[:, 0] - 2 * X[:, 1]) + 0.001 * rng.standard_normal(400)
    fitted = Expression.from_names("sub mul C x1 mul C x2", [1.2345, 2.469])
    assert snap(fitted, target(X, y)).names() == ("mul", "C", "sub", "x1", "mul", "2", "x2")


def test_a_weight_of_two_is_a_repeated_row_for_snapping(X):
    rng = np.random.default_rng(1)
    y = 2.0 * X[:, 0] + 0.731 * X[:, 1] + 0.01 * rng.standard_normal(len(X))
    counts = rng.integers(1, 4, len(X))
    fitted = Expression.from_names("add mul C x1 mul C x2", [2.01, 0.7])
    weighted, repeated = (
        Table.prepare(X, y, counts.astype(float)),
        Table.prepare(np.repeat(X, counts, axis=0), np.repeat(y, counts)),
    )
    one, other = (
        snap(fitted, Target(table.X, table.y, table.y_scale, table.weight, table.n_effective, table.floor))
        for table in (weighted, repeated)
    )
    assert one == other
    assert "2" in one.names()


def test_constants_at_the_ends_of_the_range(X):
    noise = np.random.default_rng(0).normal(size=100)
    assert snap(parse("cos(1e300 * x1)"), target(X, noise)).is_fitted
    law = parse("exp(1.2345678912e-150 * x1) + sin(1.2345678912e-150 * x2)")
    near = parse("exp(1.23456789121e-150 * x1) + sin(1.23456789123e-150 * x2)")
    first, second = snap(near, target(1e150 * X, evaluate(law, 1e150 * X) * (1.0 + 1e-9 * noise))).constants
    assert first == second == pytest.approx(1.2345678912e-150, rel=1e-9)


def test_steps_beyond_the_range_are_not_taken():
    X = np.array([[1.0], [1.1], [0.9]]) * 1e-308
    start = parse("tanh(C * x1)").with_constants([-1e308])
    fitted, _ = refine(start, target(X, np.array([-1.3, -1.2, -1.25])))
    assert np.isfinite(fitted.constants).all()


@pytest.mark.parametrize(
    ("found", "law"),
    [
        (
            "0.3565279591700958 * exp(2.653061224 * x1 - 1.020408163 * x1**2)",
            "2*exp(-1.0204081632653061*(x1 - 1.3)**2)",
        ),
        ("1 / (x1**2 + x2**2 + 6 - 2*x1 - 4*x2)", "1 / ((x2 - 2)**2 + (x1 - 1)**2 + 1)"),
    ],
)
def test_squares_are_completed_where_that_is_shorter(X, found, law):
    law = parse(law)
    snapped = snap(parse(found), target(X, evaluate(law, X)))
    assert snapped.tokens == tidy(law).tokens
    np.testing.assert_allclose(snapped.constants, law.constants)


def test_squares_stay_as_they_are_where_that_is_shorter(X):
    law = parse("x1 + x1**2")
    assert snap(law, target(X, evaluate(law, X))).tokens == law.tokens
