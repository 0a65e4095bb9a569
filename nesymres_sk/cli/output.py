"""Results on standard output, everything else on standard error; ``--json`` makes the result one JSON object."""

from __future__ import annotations

import argparse
import json
import math
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nesymres_sk.regressor import NeuralSymbolicRegressor


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of every command."""
    parser.add_argument("--json", action="store_true", help="print one JSON object, for machines")
    parser.add_argument("-v", "--verbose", action="count", default=0, help="tell more on the way")


class Output:
    """Where a command writes.

    Parameters
    ----------
    json : bool
        Whether a machine reads the result: it is then one JSON object, also after an error, and notes are left out.
    """

    def __init__(self, json: bool) -> None:
        self.json = json

    def result(self, data: dict[str, Any], text: str) -> None:
        """Print the result, as an object or as text."""
        text = json.dumps(_finite(data), allow_nan=False) if self.json else text
        try:
            print(text, flush=True)
        except UnicodeEncodeError:  # a name that this terminal has no letters for
            encoding = sys.stdout.encoding
            print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)

    def note(self, text: str) -> None:
        """Tell a person what goes on."""
        if not self.json:
            print(text, file=sys.stderr, flush=True)

    def verbosity(self, wanted: int) -> int:
        """How much of its progress the work may show: a bar if a person looks on, more if that was asked for."""
        return 0 if self.json else max(wanted, int(sys.stderr.isatty()))

    def warn(self, text: str) -> None:
        """Tell what a person should know."""
        print(f"warning: {text}", file=sys.stderr, flush=True)

    def error(self, text: str, status: int) -> None:
        """Tell what is wrong."""
        if self.json:
            self.result({"error": text, "status": status}, "")
        print(f"error: {text}", file=sys.stderr, flush=True)


def rows_of(model: NeuralSymbolicRegressor) -> list[dict[str, Any]]:
    """Rows of ``equations_`` as plain values."""
    columns = {name: values.tolist() for name, values in model.equations_.items()}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def text_table(model: NeuralSymbolicRegressor, digits: int = 5) -> str:
    """``equations_`` for reading: short constants, and a mark at the chosen row."""
    from nesymres_sk.export.fitted import fitted_equation
    from nesymres_sk.expressions.infix import to_infix

    table = model.equations_.drop(columns="equation")
    table.insert(0, "", ["*" if row == model.best_index_ else "" for row in range(len(table))])
    text: str = table.to_string(float_format=lambda value: f"{value:.4g}", na_rep="")
    fitted = [fitted_equation(model, row) for row in range(len(table))]
    equations = ["equation", *(to_infix(row.expression, row.column_names, digits) for row in fitted)]
    return "\n".join(f"{line}  {equation}" for line, equation in zip(text.split("\n"), equations, strict=True))


def _finite(value: Any) -> Any:
    """The same with null for numbers that JSON does not have."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
