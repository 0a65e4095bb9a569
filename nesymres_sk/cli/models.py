"""``nesymres predict`` and ``nesymres show``: what a saved model is good for."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nesymres_sk.cli import tables
from nesymres_sk.cli.errors import CommandError, UsageError
from nesymres_sk.cli.output import Output, add_options, rows_of, text_table

if TYPE_CHECKING:
    import pandas as pd

    from nesymres_sk.regressor import NeuralSymbolicRegressor

_FORMS = ("table", "equation", "latex", "latex-table", "sympy", "python")
_PICTURES = ("front", "predictions", "slices", "progress")


def add_parsers(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Options of the commands."""
    predict = commands.add_parser("predict", help="values of a saved model for the rows of a table")
    predict.add_argument("model", help="JSON file that fit --out has written")
    predict.add_argument("data", help="CSV or Parquet file, - for CSV on standard input")
    predict.add_argument("--index", type=int, metavar="ROW", help="row of the model's table (default: the chosen one)")
    predict.add_argument("--out", type=Path, metavar="FILE", help="write a CSV file instead of standard output")
    tables.add_options(predict)
    add_options(predict)
    predict.set_defaults(run=run_predict)
    show = commands.add_parser("show", help="print or draw a saved model")
    show.add_argument("model", help="JSON file that fit --out has written")
    show.add_argument("--as", dest="form", choices=_FORMS, default="table", help="how to print it (default table)")
    show.add_argument("--index", type=int, metavar="ROW", help="row of the model's table (default: the chosen one)")
    show.add_argument("--digits", type=int, default=5, help="significant digits in tables and LaTeX (default 5)")
    show.add_argument("--plot", type=Path, metavar="FILE", help="draw a picture: .png, .svg or .pdf")
    show.add_argument("--picture", choices=_PICTURES, default="front", help="which one (default front)")
    show.add_argument("--data", help="table, for the pictures predictions and slices")
    show.add_argument("--target", metavar="COLUMN", help="its column of true values")
    tables.add_options(show)
    add_options(show)
    show.set_defaults(run=run_show)


def run_predict(options: argparse.Namespace, output: Output) -> int:
    """Write the values; returns the exit status."""
    import pandas as pd

    model = _load(options)
    table = tables.read_table(options.data, options, output)
    clean = tables.numbers(table, _inputs(model, list(table.columns), options.data), options)
    if len(clean) < len(table):
        output.warn(f"{len(table) - len(clean)} of {len(table)} rows have missing values and are left out")
    values = pd.DataFrame({"prediction": model.predict(_as_fitted(model, clean), index=options.index)})
    if options.out is not None:
        values.to_csv(options.out, index=False)
        output.result({"n_rows": len(values), "out": str(options.out)}, f"{len(values)} rows written to {options.out}")
    elif output.json:
        output.result({"n_rows": len(values), "prediction": values["prediction"].tolist()}, "")
    else:
        values.to_csv(sys.stdout, index=False)
    return 0


def run_show(options: argparse.Namespace, output: Output) -> int:
    """Print or draw; returns the exit status."""
    if options.digits < 1:
        raise UsageError(f"--digits must be at least 1, got {options.digits}")
    model = _load(options)
    if options.plot is not None:
        _draw(model, options, output)
        output.result({"plot": str(options.plot), "picture": options.picture}, f"{options.plot} written")
        return 0
    row = model.best_index_ if options.index is None else options.index
    if output.json:
        data: dict[str, Any] = {
            "equation": str(model.equations_["equation"].iloc[row]),
            "latex": model.latex(row, options.digits),
            "sympy": str(model.sympy(row)),
            "best_index": int(model.best_index_),
            "equations": rows_of(model),
        }
        output.result(data, "")
    else:
        output.result({}, _printed(model, row, options))
    return 0


def _printed(model: NeuralSymbolicRegressor, row: int, options: argparse.Namespace) -> str:
    from nesymres_sk.export.latex_table import latex_table
    from nesymres_sk.export.numpy_function import to_function

    if options.form == "latex":
        return model.latex(row, options.digits)
    if options.form == "latex-table":
        return latex_table(model, digits=options.digits)
    if options.form == "sympy":
        return str(model.sympy(row))
    if options.form == "python":
        return to_function(model, row).source.rstrip("\n")
    equation = str(model.equations_["equation"].iloc[row])
    return equation if options.form == "equation" else f"{text_table(model, options.digits)}\n\n{equation}"


def _load(options: argparse.Namespace) -> NeuralSymbolicRegressor:
    from nesymres_sk.export.saved_model import ModelFileError, load_model

    try:
        model = load_model(options.model)
    except ModelFileError as error:
        raise CommandError(str(error)) from error
    n = len(model.expressions_)
    if options.index is not None and not -n <= options.index < n:
        raise UsageError(f"--index {options.index}: the rows of {options.model} are 0 to {n - 1}")
    return model


def _inputs(model: NeuralSymbolicRegressor, columns: list[str], file: str) -> list[str]:
    """Names of the columns of a table that a model reads: by name, or all by position if it has no names."""
    if not hasattr(model, "feature_names_in_"):
        if len(columns) != model.n_features_in_:
            raise CommandError(
                f"the model has {model.n_features_in_} columns without names, and {file} has {len(columns)}; "
                "give it exactly the columns of its training data"
            )
        return columns
    names = [str(name) for name in model.feature_names_in_]
    missing = [name for name in names if name not in columns]
    if missing:
        raise CommandError(
            f"{file} lacks {', '.join(map(repr, missing))}, which the model was fitted on; it has "
            f"{', '.join(map(repr, columns[:12]))}"
        )
    return names


def _as_fitted(model: NeuralSymbolicRegressor, table: pd.DataFrame) -> Any:
    """The table as the model was given its own: with names, or without."""
    return table if hasattr(model, "feature_names_in_") else table.to_numpy()


def _draw(model: NeuralSymbolicRegressor, options: argparse.Namespace, output: Output) -> None:
    from nesymres_sk.drawing import load_pyplot

    try:
        plt = load_pyplot()
    except ImportError as error:
        raise CommandError(str(error)) from None
    plt.switch_backend("agg")
    display: Any
    if options.picture == "front":
        from nesymres_sk.plotting.pareto import ParetoDisplay

        display = ParetoDisplay.from_estimator(model)
    elif options.picture == "progress":
        from nesymres_sk.plotting.progress import ProgressDisplay

        try:
            display = ProgressDisplay.from_estimator(model)
        except ValueError as error:
            raise CommandError(f"{options.model}: {error}") from None
    else:
        display = _draw_data(model, options, output)
    try:
        display.figure_.savefig(options.plot, dpi=150)
    except ValueError as error:  # an ending that matplotlib does not know
        raise UsageError(f"--plot {options.plot}: {error}") from None
    finally:
        plt.close(display.figure_)


def _draw_data(model: NeuralSymbolicRegressor, options: argparse.Namespace, output: Output) -> Any:
    from nesymres_sk.plotting.prediction import PredictionDisplay
    from nesymres_sk.plotting.slices import SliceDisplay

    if options.data is None or options.target is None:
        raise UsageError(f"--picture {options.picture} needs --data and --target")
    table = tables.read_table(options.data, options, output)
    target = tables.check_column(table, options.target, "--target")
    names = _inputs(model, [name for name in table.columns if name != target], options.data)
    clean = tables.numbers(table, [*names, target], options)
    kind: Any = PredictionDisplay if options.picture == "predictions" else SliceDisplay
    return kind.from_estimator(model, _as_fitted(model, clean[names]), clean[target], index=options.index)
