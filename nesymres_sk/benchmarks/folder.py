"""Tables in the files of a folder: those of PMLB, on which SRBench compares, or your own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Array = NDArray[np.float64]

_SEPARATORS = {".csv": ",", ".tsv": "\t"}
_PACKED = ".gz"
_TARGET = "target"
#: Fewest rows that can be divided, and fitted.
_FEWEST_ROWS = 8


def files(folder: Path) -> list[str]:
    """Paths of the tables in a folder and those below it, in alphabetical order.

    Raises
    ------
    ValueError
        If there are none.
    """
    found = sorted(str(path) for path in folder.rglob("*") if path.is_file() and _separator(path) is not None)
    if not found:
        raise ValueError(f"no tables (.csv, .tsv, packed with gzip or not) in {str(folder)!r}")
    return found


def read(path: Path) -> tuple[Array, Array]:
    """Columns of shape (n, d) and target of shape (n,) of a file.

    The target is the column ``target``, as in PMLB, or the last one with numbers. Columns without numbers and rows with
    gaps are left out.

    Raises
    ------
    ValueError
        If too little is left.
    """
    frame = pd.read_csv(path, sep=_separator(path)).select_dtypes("number").dropna()
    target = _TARGET if _TARGET in frame else frame.columns[-1] if len(frame.columns) else None
    columns = frame.drop(columns=target) if target is not None else frame
    if len(frame) < _FEWEST_ROWS or not len(columns.columns):
        raise ValueError(
            f"{path} has {len(frame)} rows of {len(frame.columns)} numbers; "
            f"at least {_FEWEST_ROWS} of a target and a column are needed"
        )
    return columns.to_numpy(dtype=np.float64), frame[target].to_numpy(dtype=np.float64)


def name(path: str) -> str:
    """Name of the file without what says that it is a table."""
    file = Path(path)
    return (file.with_suffix("") if file.suffix == _PACKED else file).stem


def _separator(path: Path) -> str | None:
    return _SEPARATORS.get(Path(path.stem).suffix if path.suffix == _PACKED else path.suffix)
