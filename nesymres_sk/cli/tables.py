"""Reading CSV and Parquet files, with errors that say what to do."""

from __future__ import annotations

import argparse
import difflib
import io
import lzma
import re
import sys
import warnings
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nesymres_sk.cli.errors import CommandError, UsageError
from nesymres_sk.cli.output import Output

if TYPE_CHECKING:
    import pandas as pd

_SEPARATORS = ",;\t|"
#: What comments of data files usually start with.
_COMMENTS = "#%"
#: Characters in which the first row of a table is looked for.
_HEAD = 1_000_000
_PARQUET = {".parquet", ".pq"}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of every command that reads a table."""
    group = parser.add_argument_group("table", "CSV (also compressed), or Parquet by the file's ending; - is CSV input")
    group.add_argument("--sep", help="separator of a CSV file, such as ';' (default: the one that its head has)")
    group.add_argument("--decimal", default=".", help="decimal sign of a CSV file (default '.')")
    group.add_argument("--thousands", help="sign between thousands of a CSV file, such as ',' in 1,234.5")
    group.add_argument("--comment", metavar="SIGN", help="what starts a comment in a CSV file, such as '#'")
    group.add_argument(
        "--skip-lines",
        nargs="+",
        type=int,
        default=[],
        metavar="LINE",
        help="lines of a CSV file to leave out, counted from 1, such as a title or one with units",
    )
    group.add_argument("--na", metavar="TEXT", help="text that stands for a missing value, such as '?'")
    group.add_argument("--no-header", action="store_true", help="the first row is data; columns are x1, x2, ...")
    group.add_argument(
        "--missing",
        choices=("error", "drop"),
        default="error",
        help="what to do with rows that have a missing value (default error)",
    )


def read_table(path: str, options: argparse.Namespace, output: Output) -> pd.DataFrame:
    """Table of a file.

    Parameters
    ----------
    path : str
        File, or ``-`` for standard input.
    options : argparse.Namespace
        Of :func:`add_options`.
    output : Output
        For warnings.

    Raises
    ------
    CommandError
        If there is no such file, or it is no table.
    """
    import pandas as pd

    if path != "-" and not Path(path).is_file():
        raise CommandError(f"{path} is {'a directory, not a file' if Path(path).is_dir() else 'not there'}")
    if Path(path).suffix.lower() in _PARQUET:
        return _read_parquet(path)
    try:
        # text is needed twice, for its head and for its rows, and standard input is there once
        text = sys.stdin.read() if path == "-" else _text_of(path)
        text = _without_lines(text.removeprefix("\ufeff"), options.skip_lines)
        table, names = _parse(text, options)
    except (OSError, EOFError, zipfile.BadZipFile, lzma.LZMAError, zlib.error) as error:
        raise CommandError(f"{path} cannot be read, and may be damaged: {error}") from None
    except UnicodeDecodeError:
        raise CommandError(f"{path} is not text in UTF-8; save it as CSV in UTF-8, or as .parquet") from None
    except pd.errors.EmptyDataError:
        raise CommandError(f"{path} is empty") from None
    except (pd.errors.ParserError, ValueError) as error:
        hint = "" if "--" in str(error) else "; check --sep"
        raise CommandError(f"{path} is not a table: {str(error).strip()}{hint}") from None
    if options.no_header:
        table.columns = [f"x{i + 1}" for i in range(table.shape[1])]
    elif all(_is_number(str(name)) for name in table.columns):
        raise CommandError(f"the first row of {path} has numbers instead of names; add --no-header")
    table.columns = [str(name).strip() for name in table.columns]
    if table.empty:
        raise CommandError(f"{path} has a head and no rows")
    if not table.columns.is_unique:
        twice = ", ".join(map(repr, table.columns[table.columns.duplicated()].unique()))
        raise CommandError(f"{path} has several columns called {twice}, spaces aside; rename them")
    for name in sorted({name for name in names if names.count(name) > 1}):
        output.warn(f"{names.count(name)} columns are called {name!r}; the second is {name + '.1'!r} here")
    if not options.no_header and _has_units(table):
        shown = ", ".join(map(repr, table.iloc[0].dropna().tolist()[:5]))
        raise CommandError(
            f"the first row of {path} has no numbers but {shown}; if these are units, leave their line out, with "
            "--skip-lines 2 if it is the second; if they are the names, leave out what is above them"
        )
    return table


def _without_lines(text: str, skipped: Sequence[int]) -> str:
    if not skipped:
        return text
    lines = io.StringIO(text, newline=None).readlines()
    return "".join(line for number, line in enumerate(lines, 1) if number not in skipped)


def _has_units(table: pd.DataFrame) -> bool:
    """Whether the first row has words in place of the numbers that follow."""
    import pandas as pd

    if len(table) < 2 or table.columns[0].startswith(tuple(_COMMENTS)):
        return False
    if any(_is_number(str(value).strip()) for value in table.iloc[0].dropna()):
        return False
    first = table.iloc[0]
    words = [name for name in first.index if isinstance(first[name], str) and re.match(r"\D*[^\W\d]|%", first[name])]
    return bool(words) and bool(pd.to_numeric(table[words].iloc[1], errors="coerce").notna().all())


def _parse(text: str, options: argparse.Namespace) -> tuple[pd.DataFrame, list[str]]:
    """Table of a text, and the names that it gives the columns; pandas changes those of equal name."""
    import pandas as pd

    form: dict[str, Any] = {
        "sep": _separator(options, text),
        "comment": options.comment,
        "skipinitialspace": True,
        "index_col": False,  # by default the first cells of rows longer than the head would become their names
    }
    with warnings.catch_warnings():
        # rows that are longer than the head lose their last cells, with this warning if these are not empty
        warnings.simplefilter("error", pd.errors.ParserWarning)
        try:
            head: pd.DataFrame = pd.read_csv(io.StringIO(text), header=None, nrows=1, dtype=str, **form)
            table: pd.DataFrame = pd.read_csv(
                io.StringIO(text),
                decimal=options.decimal,
                thousands=options.thousands,
                na_values=options.na,
                header=None if options.no_header else 0,
                **form,
            )
        except pd.errors.ParserWarning:
            start = text.lstrip()[0]
            hint = f"if it starts with a comment, add --comment '{start}'" if start in _COMMENTS else "check --sep"
            title = "; if the first line is a title, add --skip-lines 1"
            raise ValueError(f"rows have more cells than the first one has names; {hint}{title}") from None
    return table, [] if options.no_header else [name.strip() for name in head.iloc[0].dropna()]


def nameless(table: pd.DataFrame) -> list[str]:
    """Columns without a name, such as the row numbers that pandas writes; it calls them ``Unnamed: 0``."""
    return [name for name in table.columns if re.fullmatch(r"Unnamed: \d+", name)]


def check_column(table: pd.DataFrame, name: str, what: str) -> str:
    """Name of a column that exists.

    Raises
    ------
    UsageError
        If it does not; the message has the nearest name.
    """
    if name in table.columns:
        return name
    close = difflib.get_close_matches(name, list(table.columns), n=1)
    known = ", ".join(map(repr, table.columns[:12])) + (", ..." if len(table.columns) > 12 else "")
    hint = f"did you mean {close[0]!r}?" if close else f"the columns are {known}"
    if str(table.columns[0]).startswith(tuple(_COMMENTS)):
        hint = f"the file seems to start with a comment; add --comment '{table.columns[0][0]}'"
    elif table.shape[1] == 1:
        hint = (
            f"the file seems to have the single column {table.columns[0]!r}; if it is not separated by ',', add --sep, "
            "and if this is a title above the names, add --skip-lines 1"
        )
    raise UsageError(f"no column {name!r} for {what}; {hint}")


def numbers(table: pd.DataFrame, names: Sequence[str], options: argparse.Namespace) -> pd.DataFrame:
    """Columns as finite numbers.

    Parameters
    ----------
    table : DataFrame
    names : sequence of str
        Existing columns.
    options : argparse.Namespace
        Of :func:`add_options`.

    Raises
    ------
    CommandError
        If a column is not numeric, or has missing values that are not to be dropped.
    """
    import numpy as np
    import pandas as pd

    columns: dict[str, Any] = {}
    for name in names:
        column = table[name]
        if not (pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column)):
            column = _converted(name, column)
        columns[name] = column.to_numpy(dtype=np.float64, na_value=np.nan)
    result = pd.DataFrame(columns, index=table.index)
    missing = ~np.isfinite(result.to_numpy())
    if not missing.any():
        return result
    if options.missing == "drop":
        kept = result[~missing.any(axis=1)]
        if len(kept) == 0:
            raise CommandError("every row has a missing value; leave out columns with --drop")
        return kept
    counts = ", ".join(f"{name!r} ({n})" for name, n in zip(names, missing.sum(axis=0).tolist(), strict=True) if n)
    raise CommandError(
        f"missing or infinite values in {counts}, first in row {int(missing.any(axis=1).argmax()) + 1}; "
        "leave these rows out with --missing drop, leave out columns with --drop, or fill them in"
    )


def _converted(name: str, column: pd.Series) -> pd.Series:
    """Numbers that were read as text: with spaces of any kind around them, or with more digits than integers have."""
    import pandas as pd

    if not (column.dtype.kind in "OSU" or _is_text(column)):
        raise CommandError(
            f"column {name!r} is not numeric ({column.dtype}); leave it out with --drop {name!r} or convert it"
        )
    text = column.map(lambda value: value.strip() if isinstance(value, str) else value, na_action="ignore")
    converted = pd.to_numeric(text, errors="coerce").astype("float64")
    bad = converted.isna() & column.notna()
    if bad.any():
        raise CommandError(_not_numeric(name, column, bad))
    return converted


def _not_numeric(name: str, column: pd.Series, bad: pd.Series) -> str:
    row = int(bad.to_numpy().argmax())
    value = str(column.iloc[row])
    where = f"column {name!r} is not numeric: row {row + 1} has {value!r}"
    if re.fullmatch(r"\s*-?\d{1,3}(,\d{3})+(\.\d*)?\s*", value):
        either = "" if value.count(",") > 1 or "." in value else "; if it is a decimal comma, add --decimal ,"
        return f"{where}; if the comma is between thousands, add --thousands ,{either}"
    if re.fullmatch(r"\s*-?\d+,\d+\s*", value):
        return f"{where}; if this is a decimal comma, add --decimal ,"
    if value.strip().endswith("%"):
        return f"{where}; remove the percent signs, or leave the column out with --drop {name!r}"
    if bad.mean() < 0.5:
        return f"{where}; if this stands for a missing value, add --na {value!r} --missing drop"
    return f"{where}; leave the column out with --drop {name!r}, or replace its values by numbers"


def _is_text(column: pd.Series) -> bool:
    import pandas as pd

    return bool(pd.api.types.is_string_dtype(column))


def _read_parquet(path: str) -> pd.DataFrame:
    import pandas as pd

    try:
        table = pd.read_parquet(path)
    except ImportError:
        raise CommandError(
            f"reading {path} needs pyarrow: pip install 'nesymres-sk[parquet]', or save the table as CSV"
        ) from None
    except (OSError, ValueError) as error:
        raise CommandError(f"{path} is not a Parquet file: {error}") from None
    table.columns = [str(name) for name in table.columns]
    return table.reset_index(drop=True)


def _text_of(path: str) -> str:
    """Text of a file, which may be compressed as its ending says."""
    from pandas.io.common import get_handle

    with get_handle(path, "r", encoding="utf-8", compression="infer") as opened:
        text: str = opened.handle.read()
    return text


def _separator(options: argparse.Namespace, text: str) -> str:
    """Separator as pandas wants it: the one that was asked for, or the most frequent one of the first line."""
    wanted: str | None = options.sep
    if wanted is not None:
        return {r"\t": "\t", "tab": "\t", " ": r"\s+", "space": r"\s+"}.get(wanted, wanted)
    lines = (line for line in text[:_HEAD].splitlines() if line.strip())
    head = next((line for line in lines if options.comment is None or not line.startswith(options.comment)), "")
    head = re.sub(r'"[^"]*"', "", head)
    counts = {separator: head.count(separator) for separator in _SEPARATORS}
    best = max(counts, key=lambda separator: counts[separator])
    return best if counts[best] else ","


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        # pandas makes "1.5" and "1.5.1" of two equal names
        return re.fullmatch(r"-?\d+(\.\d+)*", text) is not None
    return True
