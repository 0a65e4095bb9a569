import numpy as np
import pytest

from nesymres_sk.columns import USEFUL, ColumnScreen, draw_sample, rank_columns

D = 40


def screened(X, y, weight=None, seed=0):
    rng = np.random.default_rng(seed)
    screen = ColumnScreen(draw_sample(X, y, weight, np.arange(X.shape[1]), rng))
    order, n_by_chance = rank_columns(screen, [screen.sample.y], rng)
    return order.tolist(), int((n_by_chance < USEFUL).sum())


@pytest.mark.parametrize("noise", [0.0, 0.2])
@pytest.mark.parametrize(
    ("law", "columns"),
    [
        (lambda X: 2 * X[:, 3] * np.sin(X[:, 7]) + X[:, 5], {3, 5, 7}),
        (lambda X: X[:, 0] * X[:, 1], {0, 1}),  # no main effects
        (lambda X: X[:, 0] * X[:, 1] * X[:, 2], {0, 1, 2}),
        (lambda X: np.sign(X[:, 30] * X[:, 39]), {30, 39}),  # nor any dependence on one column alone
        (lambda X: np.cos(3 * X[:, 9]), {9}),
        (lambda X: np.exp(3 * X[:, 9]) + 2 * np.exp(3 * X[:, 11]), {9, 11}),
    ],
)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_exactly_the_columns_of_a_law_are_useful(law, columns, noise, seed):
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1, 1, (500, D))
    y = law(X)
    order, n_useful = screened(X, y + noise * y.std() * rng.standard_normal(500))
    assert set(order[:n_useful]) == columns


def test_units_and_outliers_play_no_part():
    rng = np.random.default_rng(0)
    X = rng.standard_t(1, (300, D))
    y = np.tanh(X[:, 4] * X[:, 8])
    assert screened(X, y) == screened(X * np.logspace(-300, 300, D), 1e200 * y)


def test_noise_is_rarely_useful():
    rng = np.random.default_rng(0)
    found = [screened(rng.uniform(size=(100, D)), rng.standard_normal(100))[1] for _ in range(50)]
    assert sum(found) <= 1


def test_chance_is_told_right():
    rng = np.random.default_rng(1)
    below = 0
    for _ in range(100):
        X = rng.uniform(size=(200, D))
        screen = ColumnScreen(draw_sample(X, rng.uniform(size=200), None, np.arange(D), rng))
        below += (rank_columns(screen, [screen.sample.y], rng)[1] < 0.5).sum()
    assert 5 <= below <= 75  # the tests overlap, so that there are fewer than the 50 of the limit


def test_weights_are_repetitions():
    rng = np.random.default_rng(0)
    X = rng.uniform(size=(60, 15))
    y = X[:, 2] * X[:, 3] + 0.1 * rng.standard_normal(60)
    weight = rng.integers(0, 4, 60)
    rows = rng.permutation(np.repeat(np.arange(60), weight))
    assert screened(X, y, weight.astype(float)) == screened(X[rows], y[rows])


def test_constant_columns_and_targets_are_never_useful():
    rng = np.random.default_rng(0)
    X = rng.uniform(size=(80, 12))
    X[:, 3] = 7.0
    assert screened(X, np.full(80, 2.0))[1] == 0
    order, n_useful = screened(X, X[:, 5] ** 2)
    assert order[0] == 5
    assert 3 not in order[:n_useful]


def test_chances_are_those_of_the_columns_beside_them():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((400, 20))
    X[:, :15] += rng.standard_normal(400)[:, None]  # many useful columns, which a forest puts in another order
    screen = ColumnScreen(draw_sample(X, X[:, 3] + 0.1 * X[:, 17], None, np.arange(20), rng))
    order, n_by_chance = rank_columns(screen, [screen.sample.y], rng)
    evidence = screen.evidence(screen.sample.y)
    np.testing.assert_allclose(n_by_chance, 20 * 10.0 ** -evidence[order])
    assert np.any(np.diff(n_by_chance) < 0)
    n_useful = (n_by_chance < USEFUL).sum()
    assert n_useful > 10
    assert (n_by_chance[:n_useful] < USEFUL).all()


def test_few_distinct_values_are_no_obstacle():
    rng = np.random.default_rng(0)
    X = rng.integers(0, 2, (300, D)).astype(float)
    assert set(screened(X, X[:, 1] + 2 * X[:, 6])[0][:2]) == {1, 6}


def test_long_tables_are_sampled():
    rng = np.random.default_rng(0)
    X = rng.uniform(size=(50_000, 12))
    sample = draw_sample(X, X[:, 0], None, np.array([0, 5]), rng)
    assert sample.X.shape == (10_000, 2)
    assert sample.n_effective == 10_000
