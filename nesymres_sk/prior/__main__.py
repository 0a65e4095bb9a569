"""``python -m nesymres_sk.prior --report``: look at a recipe before training on it."""

from __future__ import annotations

import argparse

from nesymres_sk.prior.recipes import RECIPES
from nesymres_sk.prior.report import report


def main() -> None:
    """Print the report of a recipe."""
    parser = argparse.ArgumentParser(prog="python -m nesymres_sk.prior", description=__doc__)
    parser.add_argument("--report", action="store_true", required=True, help="print what the recipe produces")
    parser.add_argument("--recipe", choices=sorted(RECIPES), default="base")
    parser.add_argument("--n", type=int, default=5000, help="problems to draw (default 5000)")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    print(report(RECIPES[arguments.recipe], arguments.n, arguments.seed))


if __name__ == "__main__":
    main()
