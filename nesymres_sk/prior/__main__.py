"""``python -m nesymres_sk.prior --report``: look at a recipe before training on it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from nesymres_sk.drawing import load_matplotlib
from nesymres_sk.prior.plots import save_plots
from nesymres_sk.prior.reading import load_prior
from nesymres_sk.prior.recipes import RECIPES
from nesymres_sk.prior.report import tables, throughput
from nesymres_sk.prior.sample import draw_sample


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the report of a recipe."""
    parser = argparse.ArgumentParser(prog="python -m nesymres_sk.prior", description=__doc__)
    parser.add_argument("--report", action="store_true", required=True, help="print what the recipe produces")
    parser.add_argument(
        "--recipe",
        default="base",
        help=f"{' or '.join(sorted(RECIPES))}; or a .toml file: a recipe of the trainer, or a prior of your own",
    )
    parser.add_argument("--n", type=int, default=5000, help="problems to draw (default 5000)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plot", type=Path, metavar="DIR", help="draw the report as pictures, too (needs matplotlib)")
    parser.add_argument("--workers", type=int, default=0, help="also measure a stream with this many processes")
    options = parser.parse_args(arguments)
    if options.n < 1 or options.workers < 0:
        parser.error(f"--n is at least 1 and --workers at least 0, got {options.n} and {options.workers}")
    try:
        prior = load_prior(options.recipe)
    except ValueError as error:
        parser.error(str(error))
    if options.plot is not None:
        try:
            load_matplotlib()
        except ImportError as error:
            parser.error(str(error))
    sample = draw_sample(prior, options.n, options.seed)
    print(tables(sample), flush=True)
    if options.plot is not None:
        print("\npictures:", *save_plots(sample, options.plot), sep="\n")
    print("\n" + throughput(prior, options.seed, options.workers))


if __name__ == "__main__":
    main()
