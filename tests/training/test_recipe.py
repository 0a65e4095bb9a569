"""Recipes load, and mistakes in them are told."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from nesymres_sk.prior.recipes import RECIPES
from nesymres_sk.training.recipe import available, load_recipe, recipe_from


@pytest.mark.parametrize("name", available())
def test_every_recipe_is_complete(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name
    assert recipe.model_config().max_length >= recipe.prior_config().max_length


def test_the_names() -> None:
    assert available() == ["ablation", "base", "paper", "small", "tiny"]


def test_own_file_with_changes_of_a_preset(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        'prior = "base"\nbatch_size = 8\nmuon_rate = 1e-3\nadam_rate = 1e-3\n[model]\npreset = "tiny"\nn_latents = 4\n'
    )
    recipe = load_recipe(str(path))
    assert (recipe.name, recipe.batch_size, recipe.model_config().n_latents) == ("mine", 8, 4)


def test_own_prior(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        "batch_size = 8\nmuon_rate = 1e-3\nadam_rate = 1e-3\n"
        '[model]\npreset = "tiny"\n[prior]\npreset = "paper"\nnoisy = 0.5\npoint_buckets = [[16, 1.0], [32, 2.0]]\n'
    )
    expected = dataclasses.replace(RECIPES["paper"], noisy=0.5, point_buckets=((16, 1.0), (32, 2.0)))
    assert load_recipe(str(path)).prior_config() == expected
    assert load_recipe("paper").prior_config() == RECIPES["paper"]


def test_mistakes_in_the_prior_are_told() -> None:
    recipe = load_recipe("tiny")
    with pytest.raises(ValueError, match="no prior 'bse'; known ones are base, paper"):
        dataclasses.replace(recipe, prior="bse").prior_config()
    with pytest.raises(ValueError, match="unknown settings of the prior: noise"):
        dataclasses.replace(recipe, prior={"preset": "base", "noise": 1.0}).prior_config()


def test_mistakes_are_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="known ones are ablation, base, paper, small, tiny"):
        load_recipe("huge")
    with pytest.raises(ValueError, match="known ones are ablation"):
        load_recipe(str(tmp_path / "nowhere.toml"))
    path = tmp_path / "mine.toml"
    path.write_text("batch_size = = 8\n")
    with pytest.raises(ValueError, match=r"cannot read .*mine.toml: .*line 1"):
        load_recipe(str(path))
    path.write_text('prior = "base"\nbatchsize = 8\n[model]\npreset = "tiny"\n')
    with pytest.raises(ValueError, match=r"unknown keys \['batchsize'\].*'batch_size'"):
        load_recipe(str(path))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": {}}, "no preset None of the model; known ones are base, paper, small, tiny"),
        ({"model": {"preset": "huge"}}, "no preset 'huge'"),
        ({"model": 3}, "no preset 3"),
        ({"model": {"preset": "tiny", "widht": 64}}, "unknown settings of the model: widht"),
        ({"model": {"preset": "tiny", "tokens": ["x1"]}}, "unknown settings of the model: tokens"),
        ({"model": {"preset": "tiny", "n_heads": 0}}, "n_heads is a whole number of at least 1"),
        ({"model": {"preset": "tiny", "width": "64"}}, "width is a whole number"),
        ({"prior": {"preset": "base", "noisy": 2.0}}, "noisy is a share"),
        ({"prior": ["base"]}, "no prior"),
        ({"prior": {"preset": "base", "max_length": 50}}, "give .model. max_length = 50 and n_positions = 51"),
        ({"model": {"preset": "tiny", "max_variables": 3}}, "up to 10 columns, the network reads 3"),
        ({"batch_size": 0}, "batch_size is a whole number of at least 1, got 0"),
        ({"batch_size": "64"}, "batch_size is a whole number"),
        ({"batch_size": 64.0}, "batch_size is a whole number"),
        ({"batch_size": True}, "batch_size is a whole number"),
        ({"evaluation_problems": 0}, "evaluation_problems"),
        ({"length_parts": 0}, "length_parts"),
        ({"muon_rate": -1e-3}, "muon_rate is a number of at least 0"),
        ({"adam_rate": float("nan")}, "adam_rate"),
        ({"clip": float("inf")}, "clip"),
        ({"warmup_steps": -1}, "warmup_steps"),
        ({"ema_decay": 1.5}, "ema_decay is a number between 0 and 1, got 1.5"),
        ({"decay_fraction": -0.1}, "decay_fraction is a number between 0 and 1"),
        ({"name": "runs/mine"}, "a name without slashes is needed, got 'runs/mine'"),
        ({"name": ""}, "a name without slashes"),
        ({"name": 3}, "a name without slashes"),
    ],
)
def test_impossible_values_are_told(changes: dict[str, Any], message: str) -> None:
    values = {"prior": "base", "batch_size": 8, "muon_rate": 1e-3, "adam_rate": 1e-3, "model": {"preset": "tiny"}}
    with pytest.raises(ValueError, match=f"recipe mine.toml: .*{message}"):
        recipe_from("mine", values | changes, "mine.toml")


def test_a_longer_prior_with_a_network_for_it() -> None:
    recipe = load_recipe("tiny")
    longer = {"preset": "tiny", "max_length": 50, "n_positions": 51}
    assert dataclasses.replace(recipe, prior={"preset": "base", "max_length": 50}, model=longer)
