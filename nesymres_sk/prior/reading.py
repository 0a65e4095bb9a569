"""Priors and recipes from TOML files."""

from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path
from typing import Any

from nesymres_sk.prior.recipes import RECIPES, PriorConfig


def read_toml(path: Path) -> dict[str, Any]:
    """Keys and tables of a TOML file.

    Raises
    ------
    ValueError
        If it cannot be read, or is not TOML; the message names the file.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"cannot read {path}: {error}") from error


def prior_from(prior: str | dict[str, Any]) -> PriorConfig:
    """Prior of a name, or of a table with ``preset``, such a name, and the fields that differ from it.

    Raises
    ------
    ValueError
        If there is no prior of this name, or a change is not one of its fields or not a value for it.
    """
    changes = dict(prior) if isinstance(prior, dict) else {"preset": prior}
    preset = changes.pop("preset", None)
    if not isinstance(preset, str) or preset not in RECIPES:
        raise ValueError(f"no prior {preset!r}; known ones are {', '.join(sorted(RECIPES))}")
    unknown = sorted(set(changes) - {field.name for field in dataclasses.fields(PriorConfig)})
    if unknown:
        raise ValueError(f"unknown settings of the prior: {', '.join(unknown)}")
    return dataclasses.replace(RECIPES[preset], **{name: _frozen(value) for name, value in changes.items()})


def load_prior(name_or_path: str) -> PriorConfig:
    """Prior by its name, or that of a TOML file: a recipe of the trainer, or the table of a prior alone.

    Raises
    ------
    ValueError
        As :func:`read_toml` and :func:`prior_from`.
    """
    if not name_or_path.endswith(".toml"):
        return prior_from(name_or_path)
    path = Path(name_or_path)
    values = read_toml(path)
    try:
        return dataclasses.replace(prior_from(values.get("prior", values)), name=path.stem)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _frozen(value: Any) -> Any:
    """Arrays of TOML as tuples."""
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
