"""Command line: ``python -m nesymres_sk.benchmarks --suite nguyen --estimator ours prior --time 10``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nesymres_sk.benchmarks.estimators import NAMES
from nesymres_sk.benchmarks.suites import SUITES

if TYPE_CHECKING:
    from nesymres_sk.benchmarks.runner import Row


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the suites that the command line names and print their tables."""
    args = _parser().parse_args(arguments)
    results: dict[str, list[Row]] = {}
    for suite in args.suite:
        if suite == "fitting":
            from nesymres_sk.benchmarks.fitting import report

            print(report(args.seed, args.number or 300))
        elif suite == "startup":
            from nesymres_sk.benchmarks import startup

            print(startup.report(args.seed))
        else:
            results[suite] = _run_suite(suite, args)
    if args.json is not None and results:
        from nesymres_sk.benchmarks.report import to_json

        args.json.write_text(to_json(results, vars(args) | {"json": str(args.json)}) + "\n", encoding="utf-8")
    return 0


def _run_suite(suite: str, args: argparse.Namespace) -> list[Row]:
    from nesymres_sk.benchmarks import report, runner
    from nesymres_sk.benchmarks.estimators import Options
    from nesymres_sk.benchmarks.suites import load_suite
    from nesymres_sk.benchmarks.unseen import draw_suite

    problems = draw_suite(args.number or 100, args.seed) if suite == "unseen" else load_suite(suite, args.problems)
    settings = runner.Settings(Options(args.time, args.seed, args.beam_size), args.points, args.noise)
    rows: list[Row] = []
    for row in runner.run(problems, args.estimator, settings, args.jobs):
        rows.append(row)
        if sys.stderr.isatty():
            done = f"{len(rows)} of {len(problems) * len(args.estimator)}"
            print(f"\r{suite}: {row.estimator} {done}", end="", file=sys.stderr)
    if sys.stderr.isatty():
        print(file=sys.stderr)
    order = [problem.name for problem in problems]
    rows.sort(key=lambda row: (args.estimator.index(row.estimator), order.index(row.problem)))
    conditions = f"{len(problems)} problems, {args.points} points, noise {args.noise:g}, {args.time:g} s on one core"
    print(f"## {suite}: {conditions}\n")
    print(report.summary(rows), end="\n\n")
    if args.verbose:
        print(report.details(rows), end="\n\n")
    return rows


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m nesymres_sk.benchmarks", description="Compare symbolic regressors.")
    parser.add_argument("--suite", nargs="+", required=True, choices=[*SUITES, "unseen", "fitting", "startup"])
    parser.add_argument("--estimator", nargs="+", default=["ours"], choices=NAMES)
    parser.add_argument("--time", type=float, default=10.0, help="seconds for one fit (default 10)")
    parser.add_argument("--points", type=int, default=128, help="points of each problem (default 128)")
    parser.add_argument("--noise", type=float, default=0.0, help="noise on y, relative to its root mean square")
    parser.add_argument("--jobs", type=int, default=1, help="fits side by side, one core each (default 1)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the points and the estimators")
    parser.add_argument("--beam-size", type=int, help="width of our decoding (default: the estimator's)")
    parser.add_argument("--problems", metavar="TEXT[,TEXT]", help="only problems whose name contains one of these")
    parser.add_argument(
        "--number", type=int, help="random problems of the suites fitting (default 300) and unseen (default 100)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all rows to a file")
    parser.add_argument("-v", "--verbose", action="store_true", help="also print one line per problem")
    return parser


if __name__ == "__main__":
    sys.exit(main())
