"""States that a run cannot go on from are named, and what to do about them is said."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path
from typing import Any

import pytest
import torch
import toy

from nesymres_sk.training.loop import Trainer


def make(out: Path, resume: Path | None = None, **changes: Any) -> Trainer:
    recipe = dataclasses.replace(toy.RECIPE, **changes)
    return Trainer(recipe, out, device=torch.device("cpu"), time_limit=600.0, resume=resume)


@pytest.mark.parametrize("content", [b"", b"half a file", "cut", ["no", "state"], {"network": {}}])
def test_a_damaged_state_is_named(content: Any, tmp_path: Path) -> None:
    make(tmp_path).run(itertools.islice(toy.batches(8, seed=4), 3))
    path = tmp_path / "state.pt"
    if content == "cut":
        path.write_bytes(path.read_bytes()[:-1000])
    elif isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(ValueError, match=f"{path} is damaged, or not a state .* delete it, and --resume goes on"):
        make(tmp_path, resume=tmp_path)
    path.unlink()
    assert make(tmp_path, resume=tmp_path).progress.step == 3


@pytest.mark.parametrize("changes", [{"model": {**toy.RECIPE.model, "n_heads": 2}}, {"muon_rate": 0.0}])
def test_a_state_of_another_recipe_is_told(changes: dict[str, Any], tmp_path: Path) -> None:
    # neither other heads nor another optimiser change the shape of a weight
    make(tmp_path).run(itertools.islice(toy.batches(8, seed=4), 1))
    with pytest.raises(ValueError, match=r"state.pt is not of a run of recipe toy as it is now \("):
        make(tmp_path, resume=tmp_path, **changes)
