import numpy as np
import pytest

from nesymres_sk.columns import Sample, draw_sample
from nesymres_sk.effects import MOST_ROWS, EffectScreen

D = 8
#: Level that one column in a hundred reaches by chance.
LEVEL = 2.0


def screened(X, y, weight=None):
    rng = np.random.default_rng(0)
    return EffectScreen(draw_sample(X, y, weight, np.arange(X.shape[1]), rng, MOST_ROWS))


def effective(X, y, weight=None):
    screen = screened(X, y, weight)
    return set(np.flatnonzero(screen.evidence(screen.sample.y) > LEVEL).tolist())


@pytest.fixture
def X():
    return np.random.default_rng(0).uniform(1, 5, (200, D))


@pytest.mark.parametrize("noise", [0.0, 0.1])
@pytest.mark.parametrize(
    ("law", "columns"),
    [
        (lambda X: X[:, 0] * X[:, 1] / X[:, 2], {0, 1, 2}),
        (lambda X: 10 * np.sin(X[:, 3] * X[:, 4] / 5) + (X[:, 5] - 3) ** 2 + X[:, 6], {3, 4, 5, 6}),
        (lambda X: np.exp(-X[:, 0]) * X[:, 7] ** 3, {0, 7}),
        (lambda X: (X[:, 1] - 3) * (X[:, 2] - 3), {1, 2}),  # no effect of one alone
        (lambda X: X[:, 1] + np.sin(20 * X[:, 2]), {1, 2}),  # too fast for any power
        (lambda X: X[:, 6], {6}),
    ],
)
def test_the_columns_of_a_law_have_effects(X, law, columns, noise):
    y = law(X)
    found = effective(X, y + noise * y.std() * np.random.default_rng(1).standard_normal(len(y)))
    assert columns <= found
    assert len(found - columns) <= 1


def test_chance_is_told_right():
    rng = np.random.default_rng(1)
    high = 0
    for _ in range(60):
        screen = screened(rng.uniform(size=(120, D)), rng.standard_normal(120))
        high += (screen.evidence(screen.sample.y) > 1.0).sum()
    assert high <= 60 * D * 0.15  # dropping columns flatters those that stay a little


def test_units_and_outliers_play_no_part(X):
    y = X[:, 0] * X[:, 1]
    units = np.logspace(-200, 200, D)
    outlier = X.copy()
    outlier[0, 5] = 1e9
    assert effective(X * units, 1e150 * y) == effective(X, y)
    assert {0, 1} <= effective(outlier, y)


def test_weights_are_repetitions(X):
    y = X[:, 0] + X[:, 1] * X[:, 2]
    weight = np.random.default_rng(2).integers(0, 3, len(y)).astype(float)
    repeated = np.repeat(np.arange(len(y)), weight.astype(int))
    weighted, plain = screened(X, y, weight), screened(X[repeated], y[repeated])
    np.testing.assert_allclose(
        weighted.evidence(weighted.sample.y), plain.evidence(plain.sample.y), rtol=1e-6, atol=1e-6
    )


def test_copies_and_constants_do_no_harm(X):
    X = np.column_stack([X[:, :3], X[:, 0], np.ones(len(X))])
    found = screened(X, X[:, 1] * X[:, 2])
    evidence = found.evidence(found.sample.y)
    assert evidence[4] == 0.0
    assert min(evidence[[1, 2]]) > LEVEL
    assert max(evidence[[0, 3]]) < LEVEL


@pytest.mark.parametrize("target", [np.ones(200), np.zeros(200)])
def test_constant_targets_depend_on_nothing(X, target):
    screen = EffectScreen(Sample(X, target, np.ones(len(X)), float(len(X))))
    assert not screen.evidence(target).any()
    assert screen.explained(target) == 0.0


def test_what_the_columns_explain(X):
    screen = screened(X, X[:, 0] * X[:, 1])
    y = screen.sample.y
    noise = np.random.default_rng(3).standard_normal(len(y))
    assert screen.explained(y) > 0.99
    assert abs(screen.explained(y + y.std() * noise) - 0.5) < 0.15
    assert screen.explained(noise) < 0.3


def test_few_rows_have_no_power(X):
    y = X[:, 0]
    assert screened(X, y).has_power
    assert not screened(X[:60], y[:60]).has_power
    assert screened(X[:60, :3], y[:60]).has_power
    assert not screened(X[:40, :3], y[:40]).has_power


def test_targets_of_any_size_have_ranks(X):
    y = np.where(np.arange(200) % 3 == 0, 1e250, 1e-250) * (X[:, 0] - 3.0)
    assert 0 in effective(X, y)


def test_without_a_column_that_varies_nothing_is_explained():
    y = np.arange(80.0)
    screen = EffectScreen(Sample(np.ones((80, 4)), y, np.ones(80), 80.0))
    assert screen.explained(y) == 0.0
    assert not screen.evidence(y).any()
