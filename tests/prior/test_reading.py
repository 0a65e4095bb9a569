"""Priors from the files of recipes, and from files of their own."""

from dataclasses import replace
from pathlib import Path

import pytest

from nesymres_sk.prior.reading import load_prior, prior_from
from nesymres_sk.prior.recipes import RECIPES


def write(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def test_a_prior_by_name_in_a_recipe_and_alone(tmp_path: Path) -> None:
    assert load_prior("paper") == RECIPES["paper"]
    named = write(tmp_path / "named.toml", 'prior = "paper"\nbatch_size = 8\n')
    assert load_prior(named) == replace(RECIPES["paper"], name="named")
    changed = 'preset = "base"\nnoisy = 1.0\noperator_weights = [["add", 1.0], ["sin", 2]]\n'
    expected = replace(RECIPES["base"], noisy=1.0, operator_weights=(("add", 1.0), ("sin", 2)))
    table = write(tmp_path / "table.toml", f"batch_size = 8\n[prior]\n{changed}")
    assert load_prior(table) == replace(expected, name="table")
    assert load_prior(write(tmp_path / "own.toml", changed)) == replace(expected, name="own")


def test_mistakes_name_the_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"cannot read .*nowhere.toml"):
        load_prior(str(tmp_path / "nowhere.toml"))
    with pytest.raises(ValueError, match=r"cannot read .*broken.toml: .*line 1"):
        load_prior(write(tmp_path / "broken.toml", "noisy = = 1\n"))
    with pytest.raises(ValueError, match=r"wrong.toml: noisy is a share"):
        load_prior(write(tmp_path / "wrong.toml", 'preset = "base"\nnoisy = 2\n'))
    with pytest.raises(ValueError, match=r"none.toml: no prior None; known ones are base, paper"):
        load_prior(write(tmp_path / "none.toml", "noisy = 1.0\n"))
    with pytest.raises(ValueError, match="no prior 3"):
        prior_from(3)  # type: ignore[arg-type]
