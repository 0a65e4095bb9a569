"""Recipes load, and mistakes in them are told."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from nesymres_sk.prior.recipes import RECIPES
from nesymres_sk.training.recipe import available, load_recipe


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
    path = tmp_path / "mine.toml"
    path.write_text('prior = "base"\nbatchsize = 8\n[model]\npreset = "tiny"\n')
    with pytest.raises(ValueError, match=r"unknown keys \['batchsize'\].*'batch_size'"):
        load_recipe(str(path))
