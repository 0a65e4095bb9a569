"""Command line: ``python -m nesymres_sk.benchmarks --suite nguyen --estimator ours prior --time 1 10``."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from nesymres_sk.benchmarks.estimators import FINETUNE, NAMES, TUNABLE
from nesymres_sk.benchmarks.suites import SUITES


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the suites that the command line names and print their tables."""
    args = _parser().parse_args(arguments)
    for suite in args.suite:
        if suite == "fitting":
            from nesymres_sk.benchmarks.fitting import report

            print(report(args.seed, args.number or 300))
        elif suite == "startup":
            from nesymres_sk.benchmarks import startup

            print(startup.report(args.seed))
        elif suite in ("measured", "tables"):
            _predict_tables(suite, args)
        else:
            _run_suite(suite, args)
    return 0


def _predict_tables(suite: str, args: argparse.Namespace) -> None:
    from nesymres_sk.benchmarks import folder, measured
    from nesymres_sk.benchmarks.suites import selected_names

    try:
        if suite == "measured":
            names: Sequence[str] = tuple(measured.TABLES)
        elif args.folder is None:
            raise ValueError("the suite tables needs --folder")
        else:
            names = folder.files(args.folder)
        names = selected_names(suite, names, args.problems)
        text = measured.report(args.estimator, args.time, args.seed, args.jobs, names, args.verbose, suite)
    except (ImportError, ValueError) as error:
        _parser().error(str(error))
    print(text, end="\n\n")


def _run_suite(suite: str, args: argparse.Namespace) -> None:
    from nesymres_sk.benchmarks import report, runner
    from nesymres_sk.benchmarks.results import Results
    from nesymres_sk.benchmarks.suites import load_suite, selected
    from nesymres_sk.benchmarks.sums import draw_sums
    from nesymres_sk.benchmarks.unseen import draw_suite

    random = {"unseen": draw_suite, "sums": draw_sums}
    try:
        if suite in random:
            number = args.number or 100
            problems = selected(suite, random[suite](number, args.seed), args.problems)
            suite = f"{suite}-{number}"  # how many are drawn at once decides which they are
        else:
            problems = load_suite(suite, args.problems)
    except ValueError as error:
        _parser().error(str(error))
    times = sorted(set(args.time))
    estimators = [
        name
        for estimator in args.estimator
        for name in (estimator, *(f"{estimator}+{setting}" for setting in args.finetune if estimator in TUNABLE))
    ]
    plan = runner.Plan(suite, problems, estimators, times, args.noise, args.points, args.seed, args.beam_size)
    results = Results(args.json)
    cases = plan.cases()
    n_done = sum(results.get(case) is not None for case in cases)
    for row in runner.run(plan, results, args.jobs, args.stop_after):
        n_done += 1
        if sys.stderr.isatty():
            print(f"\r{suite}: {n_done} of {len(cases)}, {row.case.estimator}     ", end="", file=sys.stderr)
    if sys.stderr.isatty():
        print(file=sys.stderr)
    rows = [row for row in map(results.get, cases) if row is not None]
    if len(rows) < len(cases):
        print(f"{suite}: {len(cases) - len(rows)} of {len(cases)} fits are left; the same command makes them")
    print(report.tables(rows), end="\n\n")
    if args.verbose:
        print(report.details(rows), end="\n\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m nesymres_sk.benchmarks", description="Compare symbolic regressors.")
    others = ("unseen", "sums", "measured", "tables", "fitting", "startup")
    parser.add_argument("--suite", nargs="+", required=True, choices=[*SUITES, *others])
    parser.add_argument("--folder", type=Path, help="where the files of the suite tables are, such as those of PMLB")
    parser.add_argument("--estimator", nargs="+", default=["ours"], choices=NAMES)
    parser.add_argument(
        "--finetune", nargs="+", default=[], choices=FINETUNE, help="also ours, default, network, backbone fine-tuned"
    )
    parser.add_argument("--time", nargs="+", type=float, default=[10.0], help="seconds for one fit (default 10)")
    parser.add_argument("--noise", nargs="+", type=float, default=[0.0], help="noise on y over its root mean square")
    parser.add_argument("--points", type=int, help="rows of each table (default 128, for strogatz 300)")
    parser.add_argument("--jobs", type=int, default=1, help="fits side by side, one core each (default 1)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the points and the estimators")
    parser.add_argument("--beam-size", type=int, help="width of our decoding (default: the estimator's)")
    parser.add_argument("--problems", metavar="TEXT[,TEXT]", help="only problems whose name contains one of these")
    parser.add_argument(
        "--number", type=int, help="random problems of the suites fitting (default 300), unseen and sums (default 100)"
    )
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="keep all rows in a file; fits that it has are not made again"
    )
    parser.add_argument(
        "--stop-after", type=float, metavar="SECONDS", help="begin no further fit of a suite after this time"
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="also print one line per fit")
    return parser


if __name__ == "__main__":
    # a run that is told to stop ends its processes and keeps its rows, as with Ctrl-C
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    sys.exit(main())
