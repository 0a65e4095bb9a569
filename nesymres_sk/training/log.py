"""Progress of a run: a JSON line and a readable one every few seconds, and curves for TensorBoard."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from nesymres_sk.training.curves import Curves


class Log:
    """Appends records to ``log.jsonl`` of a run and prints them; silent without a directory."""

    def __init__(self, directory: Path | None) -> None:
        self.path = None if directory is None else directory / "log.jsonl"
        self.curves: Curves | None = None

    def open_curves(self, problems: int) -> None:
        """From here on records are curves, too, which begin or go on after so many problems."""
        if self.path is not None:
            self.curves = Curves(self.path.parent, problems)

    def close_curves(self) -> None:
        """From here on records are lines only."""
        if self.curves is not None:
            self.curves.close()
            self.curves = None

    def write(self, kind: str, **values: Any) -> None:
        """Record numbers under a kind (``train``, ``evaluation``, ``start``, ``end``, ``warning``).

        A line that the disk has no room for is printed all the same, and no reason to end a training.
        """
        if self.path is None:
            return
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"kind": kind, **values}) + "\n")
        except OSError as error:
            print(f"the next line is not in the log: {error}", file=sys.stderr, flush=True)
        print(kind, *(f"{name} {_short(value)}" for name, value in values.items()), flush=True)
        if self.curves is not None:
            self.curves.write(kind, values)


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
