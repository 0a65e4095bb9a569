"""The suites of problems by name."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import replace
from importlib import resources

from nesymres_sk.benchmarks.problems import Problem
from nesymres_sk.benchmarks.realistic import Realistic
from nesymres_sk.expressions.vocabulary import MAX_VARIABLES

#: ``nguyen``: Uy et al. 2011 with the supports of Petersen et al. 2021. ``classical``: the other sets of the
#: literature, Keijzer 2003, Vladislavleva et al. 2009, Korns 2011, R (Krawiec and Pawlak 2013), Jin et al. 2019,
#: Livermore (Mundhenk et al. 2021) and Constant (Petersen et al. 2021), each law once. ``feynman-all``: the Feynman
#: Symbolic Regression Database (Udrescu and Tegmark 2020), 100 equations and 20 bonus equations, with its own ranges;
#: ``feynman``: those of the 100 with at most three inputs; ``feynman-irrelevant``: all 120 with three more columns that
#: play no part, as in Matsubara et al. 2022. ``friedman``: Friedman 1991, the first with five such columns.
#: ``realistic``: see :mod:`nesymres_sk.benchmarks.realistic`.
#: ``strogatz``: see :mod:`nesymres_sk.benchmarks.strogatz`.
#: ``oos-nc``, ``oos-wc``, ``oos-fc``: long equations kept out of training, see
#: :mod:`nesymres_sk.benchmarks.out_of_sample`.
SUITES = (
    "nguyen",
    "classical",
    "feynman",
    "feynman-all",
    "feynman-irrelevant",
    "realistic",
    "friedman",
    "strogatz",
    "oos-nc",
    "oos-wc",
    "oos-fc",
)

_BONUS = "test_"
_MOST_INPUTS = 3
_N_IRRELEVANT = 3


def load_suite(suite: str, containing: str | None = None) -> list[Problem]:
    """Problems of a suite.

    Parameters
    ----------
    suite : str
        One of :data:`SUITES`.
    containing : str, optional
        Keep the problems whose name contains one of these comma-separated texts.

    Raises
    ------
    ValueError
        If there is no such suite, or no problem is left.
    """
    if suite not in SUITES:
        raise ValueError(f"unknown suite {suite!r}; there are {', '.join(SUITES)}")
    problems: Sequence[Problem]
    if suite == "strogatz":
        from nesymres_sk.benchmarks import strogatz

        problems = strogatz.load()
    elif suite == "feynman-all":
        problems = _read("feynman")
    elif suite == "feynman-irrelevant":
        problems = [_with_irrelevant(problem) for problem in _read("feynman")]
    elif suite == "feynman":
        problems = [
            problem
            for problem in _read("feynman")
            if len(problem.variables) <= _MOST_INPUTS and not problem.name.startswith(_BONUS)
        ]
    else:
        problems = _read(suite)
    return selected(suite, problems, containing)


def selected(suite: str, problems: Sequence[Problem], containing: str | None) -> list[Problem]:
    """The problems of a suite whose name contains one of some comma-separated texts, all of them by default."""
    names = set(selected_names(suite, [problem.name for problem in problems], containing))
    return [problem for problem in problems if problem.name in names]


def selected_names(suite: str, names: Sequence[str], containing: str | None) -> list[str]:
    """Names that contain one of some comma-separated texts.

    Raises
    ------
    ValueError
        If none does.
    """
    if containing is None:
        return list(names)
    found = [name for name in names if any(part.strip() in name for part in containing.split(","))]
    if not found:
        raise ValueError(f"no problem of suite {suite!r} has {containing!r} in its name")
    return found


def _with_irrelevant(problem: Problem) -> Problem:
    """The same law with further columns, drawn like some of its own, and all columns in random order."""
    rng = problem.generator(0, "irrelevant")
    d = len(problem.variables)
    n = min(_N_IRRELEVANT, MAX_VARIABLES - d)
    columns = rng.permutation([*range(d), *range(-n, 0)])
    like = rng.integers(d, size=n)
    sources = [int(column if column >= 0 else like[column]) for column in columns]
    names = [problem.variables[column] if column >= 0 else f"irrelevant{-column}" for column in columns]
    low, high = (tuple(ends[source] for source in sources) for ends in (problem.low, problem.high))
    return replace(problem, variables=tuple(names), low=low, high=high)


def _read(file: str) -> list[Problem]:
    table = resources.files("nesymres_sk.benchmarks") / "data" / f"{file}.csv"
    problems = []
    for row in csv.DictReader(table.read_text(encoding="utf-8").splitlines()):
        names, lows, highs, *drawn = zip(*(entry.split() for entry in row["variables"].split(";")), strict=True)
        box = names, tuple(map(float, lows)), tuple(map(float, highs))
        make = Realistic if drawn else Problem
        problems.append(make(row["name"], row["formula"], *box, *drawn))
    return problems
