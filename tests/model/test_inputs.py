import numpy as np
import pytest

from nesymres_sk.model.inputs import POINT_WIDTH, masked_scales, table_to_batch
from nesymres_sk.scaling import column_scales


def test_table_to_batch_scales_every_column_and_remembers_the_scale() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 3)) * [1e-8, 1.0, 1e12]
    y = 1e-30 * rng.normal(size=30)
    batch = table_to_batch(X, y, max_points=64, rng=rng)
    assert batch.points.shape == (1, 30, POINT_WIDTH) and batch.points.dtype == np.float32
    assert batch.n_points.tolist() == [30] and batch.n_points.dtype == np.int32
    assert batch.present[0].tolist() == [True] * 3 + [False] * 7 + [True]
    assert batch.tokens.shape == (1, 0) and batch.tokens.dtype == np.int16
    assert batch.log_scales.dtype == np.float32
    there = batch.present[0]
    np.testing.assert_allclose(np.mean(batch.points[0][:, there].astype(float) ** 2, axis=0), 1.0, rtol=1e-5)
    assert not batch.points[0][:, ~there].any() and not batch.log_scales[0, ~there].any()
    back = batch.points[0] * np.exp(batch.log_scales[0].astype(float))
    np.testing.assert_allclose(back[:, :3], X, rtol=1e-4)
    np.testing.assert_allclose(back[:, -1], y, rtol=1e-4)


def test_table_to_batch_picks_whole_rows_without_replacement() -> None:
    X = np.arange(1.0, 101.0)[:, None]
    batch = table_to_batch(X, 2 * X[:, 0], max_points=16, rng=np.random.default_rng(1))
    assert batch.points.shape == (1, 16, POINT_WIDTH)
    picked = np.rint(batch.points[0, :, 0] * np.exp(batch.log_scales[0, 0]))
    assert np.unique(picked).size == 16
    target = batch.points[0, :, -1] * np.exp(batch.log_scales[0, -1])
    np.testing.assert_allclose(target, 2 * picked, rtol=1e-5)


def test_zero_target_and_zero_column_keep_scale_one() -> None:
    batch = table_to_batch(np.zeros((5, 1)), np.zeros(5), max_points=8, rng=np.random.default_rng(0))
    assert not batch.points.any() and not batch.log_scales.any()


def test_too_many_columns_are_refused() -> None:
    with pytest.raises(ValueError, match="at most 10 columns"):
        table_to_batch(np.ones((4, 11)), np.ones(4), max_points=8, rng=np.random.default_rng(0))


def test_masked_scales_are_the_scales_of_the_rows_that_are_there() -> None:
    rng = np.random.default_rng(3)
    n_points = np.array([5, 20, 9], dtype=np.int32)
    values = rng.normal(size=(3, 20, POINT_WIDTH)) * 10.0 ** rng.uniform(-200, 200, size=(3, 1, POINT_WIDTH))
    values[1, :, 4] = 0.0
    values[np.arange(20) >= n_points[:, None]] = 0.0
    scales = masked_scales(values, n_points)
    for b, n in enumerate(n_points):
        np.testing.assert_allclose(scales[b], column_scales(values[b, :n]), rtol=1e-12)
