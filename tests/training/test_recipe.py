"""Recipes load, and mistakes in them are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from nesymres_sk.prior.recipes import RECIPES
from nesymres_sk.training.recipe import available, load_recipe


@pytest.mark.parametrize("name", available())
def test_every_recipe_is_complete(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name
    assert recipe.prior in RECIPES
    config = recipe.model_config()
    assert config.max_length >= RECIPES[recipe.prior].max_length


def test_the_names() -> None:
    assert available() == ["base", "paper", "small", "tiny"]


def test_own_file_with_changes_of_a_preset(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        'prior = "base"\nbatch_size = 8\nmuon_rate = 1e-3\nadam_rate = 1e-3\n[model]\npreset = "tiny"\nn_latents = 4\n'
    )
    recipe = load_recipe(str(path))
    assert (recipe.name, recipe.batch_size, recipe.model_config().n_latents) == ("mine", 8, 4)


def test_mistakes_are_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="known ones are base, paper, small, tiny"):
        load_recipe("huge")
    path = tmp_path / "mine.toml"
    path.write_text('prior = "base"\nbatchsize = 8\n[model]\npreset = "tiny"\n')
    with pytest.raises(ValueError, match=r"unknown keys \['batchsize'\].*'batch_size'"):
        load_recipe(str(path))
