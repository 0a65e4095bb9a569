"""Rows of a benchmark and the file that keeps them, so that a long run can be made in parts."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nesymres_sk.benchmarks.metrics import Score

_SECONDS_BETWEEN_WRITES = 2.0
#: Share of the time limit below which a fit has ended by itself.
_EARLY = 0.7


@dataclass(frozen=True)
class Case:
    """One fit, before it is made.

    Attributes
    ----------
    suite, problem, estimator : str
    time : float
        Seconds that the fit may take.
    noise : float
        Standard deviation of the noise on y, in units of its root mean square.
    points : int
        Rows of the training table.
    seed : int
        Seed of the data and of the estimator.
    beam_size : int or None
        Width of our decoding; ``None`` is the estimator's default.
    """

    suite: str
    problem: str
    estimator: str
    time: float
    noise: float
    points: int
    seed: int
    beam_size: int | None = None


@dataclass(frozen=True)
class Row:
    """One fit and what came of it.

    Attributes
    ----------
    case : Case
    score : Score or None
        ``None`` where the estimator failed.
    seconds, processor_seconds : float
        Of the fit, by the clock and by the processor.
    equation : str
        What was found, or why the estimator failed.
    n_fitted : int or None
        Skeletons whose constants were fitted, where the estimator says so.
    """

    case: Case
    score: Score | None
    seconds: float
    processor_seconds: float
    equation: str
    n_fitted: int | None = None

    @property
    def ended_early(self) -> bool:
        """Whether the fit had no use for more time, so that a longer limit gives the same."""
        return self.score is not None and self.seconds < _EARLY * self.case.time


class Results:
    """Rows by case, kept in a JSON file if there is one.

    Parameters
    ----------
    file : Path, optional
        Read if it exists; its rows stay, and new ones are added. Two runs at once need two files.

    Raises
    ------
    ValueError
        If the file has other contents.
    """

    def __init__(self, file: Path | None = None) -> None:
        self.file = file
        self._rows: dict[Case, Row] = {}
        self._written = time.monotonic()
        if file is not None and file.exists():
            self._rows = {row.case: row for row in read_rows(file)}

    def __iter__(self) -> Iterator[Row]:
        yield from self._rows.values()

    def get(self, case: Case) -> Row | None:
        """Row of a case, ``None`` if there is none."""
        return self._rows.get(case)

    def add(self, row: Row) -> None:
        """Keep a row, and write the file if the last time was a while ago."""
        self._rows[row.case] = row
        if time.monotonic() - self._written > _SECONDS_BETWEEN_WRITES:
            self.write()

    def write(self) -> None:
        """Write the file, whole or not at all."""
        if self.file is None:
            return
        lines = ",\n".join(json.dumps(asdict(row), ensure_ascii=False) for row in self._rows.values())
        temporary = self.file.with_name(self.file.name + ".part")
        temporary.write_text(f'{{"rows": [\n{lines}\n]}}\n', encoding="utf-8")
        os.replace(temporary, self.file)
        self._written = time.monotonic()


def read_rows(file: Path) -> list[Row]:
    """Rows of a file.

    Raises
    ------
    ValueError
        If it is no file of benchmark results.
    """
    try:
        return list(_parsed(json.loads(file.read_text(encoding="utf-8"))["rows"]))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{file} has no benchmark results: {error!r}") from error


def _parsed(rows: Iterable[dict[str, Any]]) -> Iterator[Row]:
    for row in rows:
        score = row["score"]
        yield Row(**row | {"case": Case(**row["case"]), "score": None if score is None else Score(**score)})
