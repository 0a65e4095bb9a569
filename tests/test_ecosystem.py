"""The estimator among scikit-learn's own: meta-estimators, routing, names of columns, diagrams."""

from __future__ import annotations

import html
import json

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor, make_column_selector
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.feature_selection import SelectKBest, f_regression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils import estimator_html_repr

from nesymres_sk import NeuralSymbolicRegressor
from nesymres_sk.model.checkpoint import save_network


@pytest.fixture(scope="module")
def new(random_weights):
    """Makes estimators with a small untrained network: nothing here depends on good proposals."""
    return lambda **parameters: NeuralSymbolicRegressor(
        random_weights, **{"random_state": 0, "beam_size": 4} | parameters
    )


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    return pd.DataFrame({"mass": rng.uniform(1, 3, 60), "top speed": rng.uniform(0.5, 2, 60)})


@pytest.fixture(scope="module")
def y(frame):
    return 2.5 * frame["mass"] * frame["top speed"]


@pytest.fixture(scope="module")
def fitted(new, frame, y):
    return new().fit(frame, y)


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


LAW = "2.5 * mass * top speed"


def test_the_weights_of_the_rows_decide(new, frame, y):
    wrong = np.arange(60) % 3 == 0
    weighted = new().fit(frame, y.where(~wrong, -7.0), sample_weight=np.where(wrong, 0.0, 2.0))
    assert weighted.equation_ == new().fit(frame, y).equation_ == LAW
    assert new().fit(frame, y.where(~wrong, -7.0)).equation_ != LAW


def test_pandas_and_polars_give_the_same_equation_in_their_names(fitted, new, frame, y):
    polars = pytest.importorskip("polars")
    assert fitted.equation_ == LAW
    table = polars.DataFrame({name: frame[name].to_numpy() for name in frame})
    model = new().fit(table, polars.Series("y", y.to_numpy()))
    assert model.feature_names_in_.tolist() == ["mass", "top speed"]
    assert model.equation_ == LAW
    np.testing.assert_array_equal(model.predict(table), fitted.predict(frame))
    np.testing.assert_array_equal(fitted.predict(table), fitted.predict(frame))
    with pytest.raises(ValueError, match="feature names"):
        model.predict(table.rename({"mass": "weight"}))


def test_other_names_are_refused(fitted, new, frame, y):
    with pytest.raises(ValueError, match="should match those that were passed during fit(.|\n)*in the same order"):
        fitted.predict(frame[["top speed", "mass"]])
    with pytest.raises(ValueError, match="unseen at fit time:\n- colour\n(.|\n)*now missing:\n- top speed"):
        fitted.predict(frame.rename(columns={"top speed": "colour"}))
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        fitted.predict(frame.to_numpy())
    unnamed = new().fit(frame.to_numpy(), y)
    with pytest.warns(UserWarning, match="X has feature names, but"):
        unnamed.predict(frame)
    with pytest.raises(ValueError, match="3 features, but NeuralSymbolicRegressor is expecting 2"):
        unnamed.predict(np.ones((4, 3)))


def test_names_and_weights_of_a_former_fit_are_forgotten(new, frame, y):
    model = new().fit(frame, y).fit(frame.to_numpy()[:, :1], frame["mass"] * 2)
    assert model.equation_ == "2 * x1"
    assert model.n_features_in_ == 1
    assert not hasattr(model, "feature_names_in_")


def test_a_clone_is_unfitted_and_finds_the_same(fitted, frame, y):
    copy = clone(fitted)
    assert copy.get_params() == fitted.get_params()
    assert not any(name.endswith("_") for name in vars(copy))
    assert copy.fit(frame, y).equations_.equals(fitted.equations_)


def test_a_pipeline_hands_the_names_on(new, frame, y):
    table = frame.assign(colour=["red", "blue"] * 30, noise=np.random.default_rng(1).normal(size=60))
    numbers = ColumnTransformer(
        [("numbers", "passthrough", make_column_selector(dtype_include="number"))], verbose_feature_names_out=False
    )
    pipeline = make_pipeline(numbers, SelectKBest(f_regression, k=2), new()).set_output(transform="pandas")
    assert pipeline.fit(table, y)[-1].equation_ == LAW
    assert pipeline.score(table, y) == pytest.approx(1)


@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_set_output_keeps_the_names_behind_a_scaler(new, frame, y, kind):
    pytest.importorskip(kind)
    pipeline = make_pipeline(StandardScaler(), new()).set_output(transform=kind)
    pipeline.fit(frame, frame["mass"] * 2)
    assert "mass" in pipeline[-1].equation_


def test_a_grid_over_the_beam(new, frame, y):
    pipeline = make_pipeline(FunctionTransformer(), new())
    search = GridSearchCV(pipeline, {"neuralsymbolicregressor__beam_size": [1, 8]}, cv=2).fit(frame, y)
    assert search.best_estimator_[-1].equation_ == LAW
    assert search.score(frame, y) == pytest.approx(1)
    assert len(search.cv_results_["params"]) == 2
    assert search.best_estimator_[-1].beam_size in (1, 8)


def test_transformed_targets(new, frame):
    target = np.exp(0.5 * frame["mass"] * frame["top speed"])
    model = TransformedTargetRegressor(new(), func=np.log, inverse_func=np.exp).fit(frame, target)
    assert model.regressor_.equation_ == "mass * top speed / 2"
    np.testing.assert_allclose(model.predict(frame), target, rtol=1e-9)
    scaled = TransformedTargetRegressor(new(), transformer=StandardScaler()).fit(frame, frame["mass"])
    assert scaled.score(frame, frame["mass"]) == pytest.approx(1)


def test_several_targets_with_weights(new, frame, y):
    targets = np.column_stack([y, frame["mass"] ** 2])
    both = MultiOutputRegressor(new()).fit(frame, targets, sample_weight=np.ones(60))
    assert [model.equation_ for model in both.estimators_] == [LAW, "mass ** 2"]
    np.testing.assert_allclose(both.predict(frame), targets, rtol=1e-9)
    with pytest.raises(ValueError, match="1d array"):
        new().fit(frame, targets)


def test_the_network_is_loaded_once_for_many_fits(new, network, frame, tmp_path, monkeypatch):
    from nesymres_sk.model import checkpoint

    save_network(network, tmp_path, "other", {"trained": "not at all"})
    loads = []
    load = checkpoint.load_network
    monkeypatch.setattr(
        checkpoint, "load_network", lambda *args, **options: loads.append(args) or load(*args, **options)
    )
    noisy = np.sin(frame["mass"]) + np.random.default_rng(0).normal(size=60)  # nothing is exact before the network
    scores = cross_val_score(new().set_params(weights=str(tmp_path)), frame, noisy, cv=3, error_score="raise")
    assert len(scores) == 3
    assert len(loads) == 1


# --- metadata routing -----------------------------------------------------------------------------------------------


def test_weights_are_routed_through_a_pipeline_and_a_search(new, frame, y, routing):
    wrong = np.arange(60) % 3 == 0
    weight = np.where(wrong, 0.0, 1.0)
    model = new().set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
    scaler = StandardScaler(with_mean=False, with_std=False).set_fit_request(sample_weight=False)
    pipeline = make_pipeline(scaler.set_output(transform="pandas"), model)
    search = GridSearchCV(pipeline, {"neuralsymbolicregressor__beam_size": [1, 2]}, cv=2)
    search.fit(frame, y.where(~wrong, -7.0), sample_weight=weight)
    assert search.best_estimator_[-1].equation_ == LAW
    assert search.best_score_ == pytest.approx(1)


def test_unrequested_weights_are_an_error_and_refused_ones_are_ignored(new, frame, y, routing):
    with pytest.raises(UnsetMetadataPassedError, match="sample_weight"):
        GridSearchCV(new(), {"beam_size": [1]}, cv=2).fit(frame, y, sample_weight=np.ones(60))
    ignoring = make_pipeline(
        StandardScaler().set_fit_request(sample_weight=True), new().set_fit_request(sample_weight=False)
    )
    assert ignoring.fit(frame, frame["mass"], sample_weight=np.ones(60)).score(frame, frame["mass"]) == pytest.approx(1)


def test_the_callback_and_the_index_are_routed_too(new, frame, y, routing):
    found = []
    pipeline = make_pipeline(
        FunctionTransformer(), new().set_fit_request(callback=True).set_predict_request(index=True)
    )
    pipeline.fit(frame, y, callback=lambda step: found.append(step) or False)
    assert found
    constant = pipeline.predict(frame, index=0)
    assert len(set(constant)) == 1


# --- notebooks ------------------------------------------------------------------------------------------------------


def caption(text):
    return f'<div class="caption">{html.escape(text)}</div>'


def test_the_diagram_shows_the_equation(fitted):
    assert caption(LAW) in fitted._repr_html_()
    assert caption(LAW) in fitted._repr_mimebundle_()["text/html"]
    assert "Fitted attributes" in fitted._repr_html_()  # what scikit-learn shows of any estimator is there, too


def test_before_the_fit_the_diagram_is_scikit_learns(new, monkeypatch):
    model = new(beam_size=7)
    ours = estimator_html_repr(model)
    monkeypatch.delattr("nesymres_sk.export.methods.ExportMixin._sk_visual_block_")
    theirs = estimator_html_repr(model)

    def without_numbers(text):
        return [part.lstrip("0123456789") for part in text.split("-id-")]

    assert without_numbers(ours) == without_numbers(theirs)
    assert "caption" not in ours.partition("</style>")[2].partition("<script>")[0]


def test_diagrams_of_what_contains_it_show_the_equation(new, frame, y):
    pipeline = make_pipeline(FunctionTransformer(), new()).fit(frame, y)
    assert caption(LAW) in pipeline._repr_html_()
    search = GridSearchCV(new(), {"beam_size": [1]}, cv=2).fit(frame, y)
    assert caption(LAW) in search._repr_html_()
    assert "caption" not in clone(pipeline)._repr_html_().partition("</style>")[2].partition("<script>")[0].replace(
        caption("FunctionTransformer"), ""
    )


def test_names_of_columns_cannot_break_the_diagram(new, frame, y):
    name = "<script>alert('a & b')</script>"
    model = new().fit(frame.rename(columns={"mass": name}), y)
    assert name in model.equation_
    page = model._repr_html_()
    assert "<script>alert" not in page
    assert caption(model.equation_) in page


def test_text_display_is_honoured(fitted):
    with sklearn.config_context(display="text"):
        assert not hasattr(fitted, "_repr_html_")
        assert list(fitted._repr_mimebundle_()) == ["text/plain"]
    assert repr(fitted).startswith("NeuralSymbolicRegressor(")
    assert json.dumps(fitted._repr_mimebundle_())
