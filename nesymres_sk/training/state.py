"""What a training run continues from: its full state on disk after a kill, or exported weights."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

from nesymres_sk.model.checkpoint import load_network, read_header
from nesymres_sk.model.network import Network
from nesymres_sk.model.registry import read_index, resolve
from nesymres_sk.model.shards import shards_named
from nesymres_sk.training.recipe import Recipe

STATE_FILE = "state.pt"
_KEYS = {"model", "network", "averaged", "optimiser", "rng", "progress"}


def refuse_to_overwrite(out: Path, recipe: Recipe) -> None:
    """Make sure that a new run of a recipe destroys no other one.

    Raises
    ------
    ValueError
        If the directory has a state, or weights of the recipe's name.
    """
    if (out / STATE_FILE).exists() or (out.is_dir() and shards_named(out, recipe.name)):
        raise ValueError(f"{out} has a run already: go on with it by --resume {out}, or choose another --out")


def save_state(directory: Path, state: dict[str, Any]) -> None:
    """Write tensors and plain containers atomically: a reader, or a kill, finds the old file or the new one."""
    temporary = directory / f"{STATE_FILE}.{os.getpid()}.tmp"
    try:
        torch.save(state, temporary)
        os.replace(temporary, directory / STATE_FILE)
    finally:
        temporary.unlink(missing_ok=True)


def load_state(directory: Path) -> dict[str, Any] | None:
    """State saved in a directory, on the CPU, or None if there is none; unpickles only tensors and containers.

    Raises
    ------
    ValueError
        If the file is damaged or something else.
    """
    path = directory / STATE_FILE
    if not path.is_file():
        return None
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        missing = _KEYS - state.keys()
    except Exception as error:  # a damaged file ends in EOFError, KeyError, RuntimeError, UnpicklingError and others
        raise ValueError(_useless(path)) from error
    if missing:
        raise ValueError(_useless(path))
    return state


def _useless(path: Path) -> str:
    return (
        f"{path} is damaged, or not a state that this version of the trainer saved: delete it, and --resume goes on "
        "from the weights beside it"
    )


def load_weights(place: Path, recipe: Recipe) -> tuple[Network, dict[str, str]]:
    """Network that a run of a recipe goes on training, and the header of its file.

    Parameters
    ----------
    place : Path
        Directory into which a run of the recipe exported weights, or the name of weights in the registry.
    recipe : Recipe

    Raises
    ------
    ValueError
        If there are none, or their network has another shape than the recipe's.
    """
    shards = shards_named(place, recipe.name) if place.is_dir() else []
    if not place.is_dir() and str(place) in read_index():
        shards = resolve(str(place))
    if not shards:
        raise ValueError(
            f"nothing to resume in {place}: neither {STATE_FILE} nor {recipe.name}*.safetensors, "
            f"and the names of known weights are {', '.join(sorted(read_index())) or 'none'}"
        )
    network = load_network(shards)
    if network.config != recipe.model_config():
        raise ValueError(f"the weights {place} have another shape than the network of recipe {recipe.name}")
    return network, read_header(shards[0])
