"""One equation that the user writes down."""

from __future__ import annotations

import numpy as np
import pytest

from nesymres_sk.expressions.parser import ParseError
from nesymres_sk.fitting.equation import fit_constants


def test_text_in_constants_and_text_out() -> None:
    X = np.linspace(0.0, 5.0, 60)[:, None]
    y = 3.0 * (1.0 - np.exp(-0.5 * X[:, 0]))
    fitted = fit_constants("C*(1 - exp(-C*x1))", X, y, random_state=0)
    np.testing.assert_allclose(fitted.constants, [3.0, 0.5], rtol=1e-9)
    assert fitted.loss < 1e-24
    np.testing.assert_allclose(fitted.predict(X), y, atol=1e-12)
    assert "exp" in fitted.equation
    assert "C" not in fitted.equation
    assert str(fitted) == fitted.equation
    assert fit_constants(fitted.equation, X, y).loss < 1e-20


def test_numbers_stay_and_the_seed_decides() -> None:
    rng = np.random.default_rng(0)
    X = rng.uniform(0.5, 2.0, (80, 2))
    y = 2.5 * X[:, 0] ** 1.5 + np.log(X[:, 1] + 0.3) + 0.1 * rng.normal(size=80)
    fitted = [fit_constants("2.5*x1**C + log(x2 + C)", X, y, random_state=3) for _ in range(2)]
    assert fitted[0].constants[0] == 2.5
    assert fitted[0].constants == fitted[1].constants
    np.testing.assert_allclose(fitted[0].constants[1], 1.5, atol=0.2)


@pytest.mark.parametrize("y_scale", [1e-20, 1.0, 1e20])
def test_magnitudes_of_physics(y_scale: float) -> None:
    X = np.random.default_rng(1).uniform(0.2, 3.0, (60, 2)) * np.array([1e-9, 1e20])
    y = y_scale * 4.0 * np.exp(-0.7e9 * X[:, 0])
    fitted = fit_constants("C*exp(-C*x1)", X, y, random_state=0)
    np.testing.assert_allclose(fitted.constants, [4.0 * y_scale, 0.7e9], rtol=1e-8)
    y = y_scale * X[:, 0] * X[:, 1]
    np.testing.assert_allclose(fit_constants("C*x1*x2", X, y).constants, [y_scale], rtol=1e-9)


def test_errors() -> None:
    X, y = np.ones((10, 2)), np.arange(10.0)
    with pytest.raises(ParseError):
        fit_constants("C*(x1", X, y)
    with pytest.raises(ValueError, match="x3"):
        fit_constants("C*x3", X, y)
    with pytest.raises(ValueError, match="finite"):
        fit_constants("C*x1", X, y * np.nan)
    with pytest.raises(ValueError, match="y must have shape"):
        fit_constants("C*x1", X, y[:3])
    with pytest.raises(ValueError, match="defined at every point"):
        fit_constants("C*log(x1 - 2)", X, y)
    with pytest.raises(ValueError, match="max_time"):
        fit_constants("C*x1", X, y, max_time=0.0)
    with pytest.raises(TypeError, match="max_time must be a number"):
        fit_constants("C*x1", X, y, max_time="1")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at least one row"):
        fit_constants("C*x1", X[:0], y[:0])
