"""``nesymres fit``: from a table to equations."""

from __future__ import annotations

import argparse
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from nesymres_sk.cli import tables
from nesymres_sk.cli.errors import CommandError, UsageError
from nesymres_sk.cli.output import Output, add_options, rows_of, text_table

if TYPE_CHECKING:
    import pandas as pd

    from nesymres_sk.regressor import NeuralSymbolicRegressor


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Options of the command."""
    parser = commands.add_parser("fit", help="find equations for a column of a table")
    parser.add_argument("data", help="CSV or Parquet file, - for CSV on standard input")
    parser.add_argument("--target", required=True, metavar="COLUMN", help="what the equations should give")
    parser.add_argument("--columns", nargs="+", metavar="COLUMN", help="what they may use (default: all others)")
    parser.add_argument("--drop", nargs="+", default=[], metavar="COLUMN", help="columns that they must not use")
    parser.add_argument("--sample-weight", metavar="COLUMN", help="weights of the rows")
    parser.add_argument("--time", type=_positive, default=10.0, metavar="SECONDS", help="time limit (default 10)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="save the model as JSON")
    search = parser.add_argument_group("search")
    search.add_argument("--weights", default="base", help="name or path of a network (default base)")
    search.add_argument("--beam-size", type=int, default=32, help="skeletons of the first round (default 32)")
    search.add_argument("--operators", nargs="+", metavar="NAME", help="operators to use, such as add mul exp")
    search.add_argument("--excluded-operators", nargs="+", metavar="NAME", help="operators not to use")
    search.add_argument("--require", nargs="+", metavar="COLUMN", help="columns that every equation has to contain")
    search.add_argument("--guess", nargs="+", metavar="EQUATION", help="equations to start from; each C is a constant")
    search.add_argument("--max-complexity", type=int, metavar="NODES", help="longest equation")
    search.add_argument(
        "--selection",
        choices=("mdl", "paper", "accuracy", "best"),
        default="mdl",
        help="rule that chooses among the equations (default mdl)",
    )
    search.add_argument("--device", default="auto", help="torch device of the network (default auto)")
    search.add_argument("--jobs", type=int, default=1, help="threads, -1 for all cores (default 1)")
    search.add_argument("--seed", type=int, default=0, help="seed of all that is random (default 0)")
    tables.add_options(parser)
    add_options(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, output: Output) -> int:
    """Fit, print, save; returns the exit status."""
    table = tables.read_table(options.data, options, output)
    left_out = [] if options.columns is not None else tables.nameless(table)
    if left_out:
        output.warn(f"columns without a name are left out: {', '.join(map(repr, left_out))}; --columns can take them")
        table = table.drop(columns=left_out)
    X, y, weight = _split(table, options)
    if len(X) < len(table):
        output.warn(f"{len(table) - len(X)} of {len(table)} rows have missing values and are left out")
    if options.out is not None and not options.out.resolve().parent.is_dir():
        raise UsageError(f"--out {options.out}: there is no such directory")
    output.note(f"{len(X)} rows, {X.shape[1]} columns: {', '.join(X.columns)}")

    from nesymres_sk.regressor import NeuralSymbolicRegressor

    model = NeuralSymbolicRegressor(
        options.weights,
        beam_size=options.beam_size,
        operators=_separate(options.operators),
        excluded_operators=_separate(options.excluded_operators),
        required_variables=options.require,
        guesses=options.guess,
        max_complexity=options.max_complexity,
        selection=options.selection,
        max_time=options.time,
        device=options.device,
        n_jobs=options.jobs,
        random_state=options.seed,
        verbose=output.verbosity(options.verbose),
    )
    started = time.perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        try:
            model.fit(X, y, sample_weight=weight)
        except (ValueError, FileNotFoundError) as error:
            raise CommandError(str(error)) from error
    seconds = time.perf_counter() - started
    for warning in caught:
        if issubclass(warning.category, UserWarning):
            output.warn(str(warning.message))
    if options.out is not None:
        from nesymres_sk.export.saved_model import save_model

        save_model(model, options.out)
    _report(model, X, y, seconds, options, output)
    return 0


def _split(table: pd.DataFrame, options: argparse.Namespace) -> tuple[pd.DataFrame, pd.Series, pd.Series | None]:
    """Columns to use, target and weights."""
    target = tables.check_column(table, options.target, "--target")
    others = [target]
    if options.sample_weight is not None:
        others.append(tables.check_column(table, options.sample_weight, "--sample-weight"))
    dropped = {tables.check_column(table, name, "--drop") for name in options.drop}
    wanted = table.columns if options.columns is None else options.columns
    names = [tables.check_column(table, name, "--columns") for name in wanted]
    for name, role in zip(others, ("the target", "the sample weight"), strict=False):
        if options.columns is not None and name in names:
            raise UsageError(f"{name!r} is {role} and one of --columns")
    names = [name for name in dict.fromkeys(names) if name not in dropped and name not in others]
    if not names:
        raise UsageError("no columns are left for the equations to use")
    clean = tables.numbers(table, [*names, *dict.fromkeys(others)], options)
    weight = None if options.sample_weight is None else clean[options.sample_weight]
    return clean[names], clean[target], weight


def _report(
    model: NeuralSymbolicRegressor,
    X: pd.DataFrame,
    y: pd.Series,
    seconds: float,
    options: argparse.Namespace,
    output: Output,
) -> None:
    chosen = model.equations_.iloc[model.best_index_]
    output.result(
        {
            "target": str(y.name),
            "equation": model.equation_,
            "best_index": int(model.best_index_),
            "r2": float(chosen["r2"]),
            "loss": float(chosen["loss"]),
            "n_rows": len(X),
            "seconds": round(seconds, 3),
            "model": None if options.out is None else str(options.out),
            "equations": rows_of(model),
        },
        f"{text_table(model)}\n\n{y.name} = {model.equation_}\nR2 {chosen['r2']:.6g}, {seconds:.1f} s"
        + ("" if options.out is None else f", saved as {options.out}"),
    )


def _separate(names: list[str] | None) -> list[str] | None:
    """Names that may be separated by commas, too."""
    return None if names is None else [name for text in names for name in text.split(",") if name]


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not value > 0:
        raise argparse.ArgumentTypeError(f"must be a positive number, got {text!r}")
    return value
