"""Training recipes: everything about a run but where it runs and how long, as a TOML file."""

from __future__ import annotations

import dataclasses
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nesymres_sk.model.config import PRESETS, ModelConfig
from nesymres_sk.prior.recipes import RECIPES, PriorConfig

DIRECTORY = Path(__file__).parent / "recipes"


@dataclass(frozen=True)
class Recipe:
    """One training run's choices.

    Parameters
    ----------
    name : str
        Name of the recipe, and of the exported weights.
    model : dict
        ``preset``, a name in :data:`nesymres_sk.model.config.PRESETS`, and fields of
        :class:`nesymres_sk.model.config.ModelConfig` that differ from it.
    prior : str or dict
        Name of the prior over equations in :data:`nesymres_sk.prior.recipes.RECIPES`; or ``preset``, such a name, and
        fields of :class:`nesymres_sk.prior.recipes.PriorConfig` that differ from it.
    batch_size : int
        Problems per step, over all processes.
    length_parts : int
        Parts of similar sequence length that a batch is cut into where shapes may vary (CPU).
    muon_rate, adam_rate : float
        Peak learning rates of the hidden matrices and of everything else; with a ``muon_rate`` of 0 AdamW moves all.
    momentum, weight_decay, clip : float
        See :class:`nesymres_sk.training.optimiser.Optimiser`.
    warmup_steps, decay_fraction
        See :class:`nesymres_sk.training.schedule.Schedule`.
    ema_decay : float
        Decay per step of the averaged weights, which are the ones evaluated and exported.
    evaluation_problems, evaluation_seconds
        Size of the held-out set, and time between two evaluations on it.
    checkpoint_seconds : float
        Time between two full checkpoints.
    """

    name: str
    model: dict[str, Any]
    prior: str | dict[str, Any]
    batch_size: int
    muon_rate: float
    adam_rate: float
    length_parts: int = 1
    momentum: float = 0.95
    weight_decay: float = 0.01
    clip: float = 1.0
    warmup_steps: int = 300
    decay_fraction: float = 0.25
    ema_decay: float = 0.999
    evaluation_problems: int = 2048
    evaluation_seconds: float = 180.0
    checkpoint_seconds: float = 50.0

    def model_config(self) -> ModelConfig:
        """Configuration of the network."""
        changes = dict(self.model)
        return dataclasses.replace(PRESETS[changes.pop("preset")], **changes)

    def prior_config(self) -> PriorConfig:
        """Configuration of the prior.

        Raises
        ------
        ValueError
            If there is no prior of this name, or a change is not one of its fields.
        """
        changes = {"preset": self.prior} if isinstance(self.prior, str) else dict(self.prior)
        preset = changes.pop("preset", None)
        if preset not in RECIPES:
            raise ValueError(f"no prior {preset!r}; known ones are {', '.join(sorted(RECIPES))}")
        unknown = sorted(set(changes) - {field.name for field in dataclasses.fields(PriorConfig)})
        if unknown:
            raise ValueError(f"unknown settings of the prior: {', '.join(unknown)}")
        return dataclasses.replace(RECIPES[preset], **{name: _frozen(value) for name, value in changes.items()})


def _frozen(value: Any) -> Any:
    """Arrays of TOML as tuples."""
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def available() -> list[str]:
    """Names of the recipes in the package."""
    return sorted(path.stem for path in DIRECTORY.glob("*.toml"))


def load_recipe(name_or_path: str) -> Recipe:
    """Recipe of the package by name, or any other by the path of its TOML file.

    Raises
    ------
    ValueError
        If there is no such recipe, or the file has unknown or missing keys.
    """
    path = Path(name_or_path) if name_or_path.endswith(".toml") else DIRECTORY / f"{name_or_path}.toml"
    if not path.is_file():
        raise ValueError(f"no recipe {name_or_path!r}; known ones are {', '.join(available())}, or give a .toml file")
    with path.open("rb") as file:
        values = tomllib.load(file)
    return recipe_from(path.stem, values, str(path))


def recipe_from(name: str, values: dict[str, Any], source: str) -> Recipe:
    """Recipe of the keys and tables of a TOML file.

    Raises
    ------
    ValueError
        If there are unknown or missing keys; ``source`` says where.
    """
    fields = {field.name: field for field in dataclasses.fields(Recipe)}
    unknown = sorted(set(values) - set(fields))
    missing = sorted(
        key
        for key, field in fields.items()
        if field.default is dataclasses.MISSING and key not in values and key != "name"
    )
    if unknown or missing:
        raise ValueError(f"recipe {source}: unknown keys {unknown}, missing keys {missing}")
    return Recipe(**{"name": name, **values})
