"""Full state of a training run on disk, so that a killed run continues where it was."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

STATE_FILE = "state.pt"


def save_state(directory: Path, state: dict[str, Any]) -> None:
    """Write tensors and plain containers atomically: a reader, or a kill, finds the old file or the new one."""
    temporary = directory / f"{STATE_FILE}.{os.getpid()}.tmp"
    try:
        torch.save(state, temporary)
        os.replace(temporary, directory / STATE_FILE)
    finally:
        temporary.unlink(missing_ok=True)


def load_state(directory: Path) -> dict[str, Any] | None:
    """State saved in a directory, on the CPU, or None if there is none; unpickles only tensors and containers."""
    path = directory / STATE_FILE
    if not path.is_file():
        return None
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return state
