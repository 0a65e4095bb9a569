"""Progress of a run: a JSON line and a readable one every few seconds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


class Log:
    """Appends records to ``log.jsonl`` of a run and prints them; silent without a directory."""

    def __init__(self, directory: Path | None) -> None:
        self.path = None if directory is None else directory / "log.jsonl"

    def write(self, kind: str, **values: Any) -> None:
        """Record numbers under a kind (``train``, ``evaluation``, ``start``, ``end``)."""
        if self.path is None:
            return
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"kind": kind, **values}) + "\n")
        print(kind, *(f"{name} {_short(value)}" for name, value in values.items()), flush=True)


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
