import copy
import pickle

import numpy as np
import pytest
import torch
from fitted_models import assert_same, fitted_model, special_points, well_determined
from hypothesis import given, settings
from strategies import expressions

from nesymres_sk.export.torch_module import EquationModule, to_torch
from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.expressions.machine import evaluate_with_gradient
from nesymres_sk.expressions.operators import OPERATORS
from nesymres_sk.expressions.parser import parse


def values(module, X):
    with torch.no_grad():
        return module(torch.from_numpy(X)).numpy()


@settings(max_examples=150)
@given(expressions(free=False))
def test_agrees_with_predict_and_is_undefined_where_it_is(expression):
    model = fitted_model([expression])
    X = special_points()
    assert_same(model.predict(X), values(to_torch(model), X), well_determined(expression, X))


@pytest.mark.parametrize("row", OPERATORS, ids=lambda row: row.name)
def test_every_operator_has_the_domain_of_predict(row):
    leaves = ((v.variable(0),), (v.variable(1),))
    model = fitted_model([Expression.from_tree((v.operator_token(row.name), *leaves[: row.arity]))])
    X = special_points(n=400)
    assert_same(model.predict(X), values(to_torch(model), X))


def test_gradients_of_the_constants_are_those_of_the_machine():
    expression = parse("1.5 * exp(-0.7 * x1) + x2 ** 1.3 / (2.5 + x1)")
    X = np.abs(special_points(n=20, seed=3)).clip(0.1, 5)
    module = to_torch(fitted_model([expression]))
    _, jacobian = evaluate_with_gradient(expression, X)
    module(torch.from_numpy(X)).sum().backward()
    np.testing.assert_allclose(module.constants.grad.numpy(), jacobian.sum(axis=0), rtol=1e-9)


def test_constants_are_trained_and_read_back():
    X = torch.linspace(0, 2, 40, dtype=torch.float64)[:, None]
    y = 3.0 * torch.exp(-0.5 * X[:, 0])
    module = to_torch(fitted_model([parse("2.8 * exp(-0.6 * x1)")], n_features=1))
    losses = []
    for _ in range(300):
        loss = torch.mean((module(X) - y) ** 2)
        (gradient,) = torch.autograd.grad(loss, module.parameters())
        with torch.no_grad():
            module.constants -= 0.3 * gradient
        losses.append(float(loss.detach()))
    assert losses[-1] < 1e-4 * losses[0]
    np.testing.assert_allclose(np.abs(module.expression().constants), [3.0, 0.5], atol=0.02)
    assert "exp(" in repr(module)


def test_state_travels():
    module = to_torch(fitted_model([parse("1.5 * x1 + 0.25")]))
    state = {key: value + 1 for key, value in module.state_dict().items()}
    other = copy.deepcopy(module)
    other.load_state_dict(state)
    assert list(state) == ["constants"]
    assert other.expression().constants == (2.5, 1.25)
    assert module.expression().constants == (1.5, 0.25)
    assert pickle.loads(pickle.dumps(other)).expression() == other.expression()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_types_of_numbers(dtype):
    model = fitted_model([parse("1.1 * x1 + 3 * x3")])
    X = torch.rand(7, 3, dtype=torch.float64)
    module = to_torch(model, dtype=dtype)
    found = module(X)
    assert found.dtype == dtype
    assert module.constants.dtype == dtype
    rtol = 1e-6 if dtype == torch.float32 else 1e-12
    np.testing.assert_allclose(found.detach().numpy(), model.predict(X.numpy()), rtol=rtol)


@pytest.mark.parametrize("text", ["2.5", "3", "x2", "x1 * x3 + 1.5"])
def test_shapes(text):
    model = fitted_model([parse(text)])
    module = to_torch(model)
    X = torch.rand(2, 4, 3, dtype=torch.float64)
    found = module(X)
    assert found.shape == (2, 4)
    np.testing.assert_allclose(found.detach().numpy().ravel(), model.predict(X.reshape(-1, 3).numpy()))
    assert module(X[:0]).shape == (0, 4)


def test_columns_and_other_rows():
    model = fitted_model([parse("7.5"), parse("x1 - 10 * x2")], columns=[2, 0], names=["a", "b", "c"])
    X = special_points()
    np.testing.assert_array_equal(values(to_torch(model, 1), X), X[:, 2] - 10 * X[:, 0])
    np.testing.assert_array_equal(values(to_torch(model), X), np.full(len(X), 7.5))
    assert "c - 10 * a" in repr(to_torch(model, 1))
    alone = EquationModule(parse("x2 + 1"))
    np.testing.assert_array_equal(values(alone, X), X[:, 1] + 1)


def test_inputs_that_are_no_table_of_these_columns():
    module = to_torch(fitted_model([parse("2.5 * x1")]))
    for shape in ((4, 2), (4, 4), (2,), ()):
        with pytest.raises(ValueError, match=r"X must have shape \(..., 3\), got"):
            module(torch.ones(shape))
    with pytest.raises(TypeError, match=r"X must be a tensor, got ndarray; torch.as_tensor"):
        module(np.ones((4, 3)))
