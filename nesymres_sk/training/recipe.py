"""Training recipes: everything about a run but where it runs and how long, as a TOML file."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nesymres_sk.model.config import PRESETS, ModelConfig
from nesymres_sk.prior.reading import prior_from, read_toml
from nesymres_sk.prior.recipes import PriorConfig

DIRECTORY = Path(__file__).parent / "recipes"
_NUMBERS = ("int", "float")
_POSITIVE = ("batch_size", "length_parts", "evaluation_problems")
_SHARES = ("momentum", "decay_fraction", "ema_decay")


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

    Raises
    ------
    ValueError
        If a choice is none that a run can be made with, or the network cannot hold what the prior draws.
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

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name or Path(self.name).name != self.name:
            raise ValueError(f"files are named after the recipe: a name without slashes is needed, got {self.name!r}")
        for field in dataclasses.fields(self):
            if field.type in _NUMBERS:
                self._check_number(field.name, field.type == "int")
        model, prior = self.model_config(), self.prior_config()
        if model.max_length < prior.max_length:
            raise ValueError(
                f"labels of the prior have up to {prior.max_length} tokens, the network's max_length is "
                f"{model.max_length}: give [model] max_length = {prior.max_length} and n_positions = "
                f"{prior.max_length + 1}, or lower the prior's max_length"
            )
        if model.max_variables < len(prior.column_weights):
            raise ValueError(
                f"tables of the prior have up to {len(prior.column_weights)} columns, the network reads "
                f"{model.max_variables}: raise [model] max_variables, or shorten the prior's column_weights"
            )

    def _check_number(self, name: str, whole: bool) -> None:
        value = getattr(self, name)
        least = 1 if name in _POSITIVE else 0
        most = 1.0 if name in _SHARES else math.inf
        number = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
        if not number or not least <= value <= most or value == math.inf:
            kind = "whole number" if whole else "number"
            bounds = f"of at least {least}" if most == math.inf else "between 0 and 1"
            raise ValueError(f"{name} is a {kind} {bounds}, got {value!r}")

    def model_config(self) -> ModelConfig:
        """Configuration of the network.

        Raises
        ------
        ValueError
            If there is no preset of this name, or a change is not one that a recipe can make.
        """
        changes = dict(self.model) if isinstance(self.model, dict) else {"preset": self.model}
        preset = changes.pop("preset", None)
        if not isinstance(preset, str) or preset not in PRESETS:
            raise ValueError(f"no preset {preset!r} of the model; known ones are {', '.join(sorted(PRESETS))}")
        # the tokens are those of this version, whatever a file says
        fields = {field.name for field in dataclasses.fields(ModelConfig)} - {"tokens"}
        unknown = sorted(set(changes) - fields)
        if unknown:
            raise ValueError(f"unknown settings of the model: {', '.join(unknown)}")
        return dataclasses.replace(PRESETS[preset], **changes)

    def prior_config(self) -> PriorConfig:
        """Configuration of the prior.

        Raises
        ------
        ValueError
            If there is no prior of this name, or a change is not one of its fields or not a value for it.
        """
        return prior_from(self.prior)


def available() -> list[str]:
    """Names of the recipes in the package."""
    return sorted(path.stem for path in DIRECTORY.glob("*.toml"))


def load_recipe(name_or_path: str) -> Recipe:
    """Recipe of the package by name, or any other by the path of its TOML file.

    Raises
    ------
    ValueError
        If there is no such recipe, or it is not one that a run can be made with.
    """
    path = recipe_path(name_or_path)
    return recipe_from(path.stem, read_toml(path), str(path))


def recipe_path(name_or_path: str) -> Path:
    """File of a recipe.

    Raises
    ------
    ValueError
        If there is none.
    """
    path = Path(name_or_path) if name_or_path.endswith(".toml") else DIRECTORY / f"{name_or_path}.toml"
    if not path.is_file():
        raise ValueError(f"no recipe {name_or_path!r}; known ones are {', '.join(available())}, or give a .toml file")
    return path


def recipe_from(name: str, values: dict[str, Any], source: str) -> Recipe:
    """Recipe of the keys and tables of a TOML file.

    Raises
    ------
    ValueError
        If there are unknown or missing keys, or values that cannot be; ``source`` says where.
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
    try:
        return Recipe(**{"name": name, **values})
    except ValueError as error:
        raise ValueError(f"recipe {source}: {error}") from error
