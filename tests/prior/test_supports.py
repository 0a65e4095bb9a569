import numpy as np

from nesymres_sk.prior.supports import FAMILIES, draw_points, shape_of


def _columns(n: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    XT, families = np.zeros((n, 10, 40)), np.full((n, 10), -1, dtype=np.int64)
    draw_points(np.random.default_rng(0), np.full(n, 3), np.full(n, 40), True, XT, families)
    return XT, families


def test_every_family_occurs_and_no_column_is_constant() -> None:
    XT, families = _columns()
    assert set(np.unique(families[:, :3])) == set(range(len(FAMILIES)))
    assert (families[:, 3:] == -1).all() and not XT[:, 3:].any()
    assert np.isfinite(XT).all()
    assert (np.ptp(XT[:, :3], axis=2) > 0).all()


def test_families_have_their_shapes() -> None:
    XT, families = _columns()

    def of(name: str) -> np.ndarray:
        return XT[:, :3][families[:, :3] == FAMILIES.index(name)]

    assert of("positive").min() > 0 and of("log-uniform").min() > 0 and of("heavy-tailed").min() >= 0
    assert of("negative").max() < 0
    assert of("unit interval").min() >= 0 and of("unit interval").max() <= 1
    assert np.abs(of("minus one to one")).max() <= 1
    assert of("one to five").min() >= 1
    np.testing.assert_array_equal(of("integers"), np.rint(of("integers")))
    grid = np.diff(of("grid"), axis=1)
    np.testing.assert_allclose(grid, grid[:, :1] * np.ones(grid.shape[1]), rtol=1e-6)
    narrow = of("narrow")
    assert (np.ptp(narrow, axis=1) < np.abs(narrow).max(axis=1)).all()


def test_grids_are_not_copies_of_each_other() -> None:
    _, families = _columns()
    assert ((families[:, :3] == FAMILIES.index("grid")).sum(axis=1) <= 1).all()


def test_shape_names() -> None:
    assert shape_of(np.array([0.0, 0.5])) == "in [0, 1]"
    assert shape_of(np.array([-0.5, 0.5])) == "in [-1, 1]"
    assert shape_of(np.array([5.0, 6.0])) == "positive, narrow"
    assert shape_of(np.array([1.0, 500.0])) == "positive, large"
    assert shape_of(np.array([-3.0, -1.0])) == "negative"
    assert shape_of(np.array([-3.0, 1.0])) == "both signs"
