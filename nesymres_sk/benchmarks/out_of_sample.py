"""The out-of-sample suites: long equations that training never sees, in the manner of SOOSE (Biggio et al. 2021).

Skeletons without constants are drawn from the ``base`` prior. Each becomes three problems: as it is (``oos-nc``), with
a few constants put in as the prior does (``oos-wc``), and with a constant wherever a change of units brings one
(``oos-fc``). All three have one numeric fingerprint, by which the trainer keeps every copy out.

``python -m nesymres_sk.benchmarks.out_of_sample`` writes the data files anew.
"""

from __future__ import annotations

import argparse
import csv
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nesymres_sk.benchmarks.problems import Problem
from nesymres_sk.benchmarks.suites import load_suite
from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.canonical import canonical
from nesymres_sk.expressions.closure import close
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.expressions.infix import to_infix
from nesymres_sk.expressions.machine import compile_programs, evaluate
from nesymres_sk.prior.fingerprints import are_held_out, erase, fingerprints, hold_out
from nesymres_sk.prior.raw import MAX_RAW, insert_constants
from nesymres_sk.prior.recipes import RECIPES, PriorConfig
from nesymres_sk.prior.skeletons import SkeletonSampler, constant_roles
from nesymres_sk.prior.values import attempt

#: No constants, some, full.
VERSIONS = ("oos-nc", "oos-wc", "oos-fc")
#: Nodes of the skeletons, without constants; each length has the same share.
SHORTEST, LONGEST = 12, 25
#: Laws of these suites stay in training, so none of them is taken.
CLASSICAL = ("nguyen", "feynman")

_ABS = v.operator_token("abs")
_SHORT_DRAWS = 200_000
_MOST_CONSTANTS = 3
_MAX_VARIABLES = 3
_SIDE = 10.0
_SHORTEST_SIDE = 1.0
_BOXES = 256  # boxes tried at once
_ROUNDS = 6
_POINTS = 256
_CHECKED = 4096
_TAIL = 1e3  # largest over median magnitude; poles have more, and scores on them would mean nothing


def held_out() -> frozenset[int]:
    """Fingerprints of the bundled suites, in every order of their variables; what the trainer excludes."""
    return hold_out(problem.expression for problem in load_suite("oos-nc"))


def generate(n: int = 200, seed: int = 2021) -> dict[str, list[Problem]]:
    """Draw the suites.

    Parameters
    ----------
    n : int
        Skeletons.
    seed : int
        The bundled files are those of the defaults.

    Returns
    -------
    dict of str to list of Problem
        Problems of each of :data:`VERSIONS`; the three suites have the same skeletons in the same order.
    """
    rng = np.random.default_rng(seed)
    taken = _known(rng)
    room = dict.fromkeys(range(SHORTEST, LONGEST + 1), -(-n // (LONGEST - SHORTEST + 1)))
    suites: dict[str, list[Problem]] = {suite: [] for suite in VERSIONS}
    sampler = SkeletonSampler(_long(), rng)
    while len(suites[VERSIONS[0]]) < n:
        (skeleton,) = sampler.sample(1)
        length = len(skeleton.tokens)
        if not room.get(length) or skeleton.constants:  # a folded number
            continue
        if _ABS in skeleton.tokens:  # fingerprints take x1 for abs(x1), so that shorter laws would be lost, too
            continue
        erased = erase(close(skeleton))
        if erased is None or len(erased.tokens) < SHORTEST:  # long in spelling only
            continue
        try:
            copies = hold_out([skeleton])
        except ValueError:
            continue
        if copies & taken:
            continue
        versions = _versions(skeleton, copies, f"{len(suites[VERSIONS[0]]) + 1:03d}", rng)
        if versions is None:
            continue
        taken |= copies
        room[length] -= 1
        for suite, problem in zip(VERSIONS, versions, strict=True):
            suites[suite].append(problem)
    return suites


def _known(rng: np.random.Generator) -> frozenset[int]:
    """Fingerprints of the classical laws and of many short skeletons, which must not be lost with a hold-out.

    What equals a short skeleton is long in spelling only. One order of the variables is enough, since hold-outs have
    the fingerprints of all.
    """
    config = replace(RECIPES["base"], column_weights=(1.0,) * _MAX_VARIABLES, operator_counts=(1.0,) * 7)
    drawn = SkeletonSampler(config, rng).sample(_SHORT_DRAWS)
    skeletons = [skeleton for skeleton in drawn if len(skeleton.tokens) < SHORTEST]
    skeletons += [problem.expression for suite in CLASSICAL for problem in load_suite(suite)]
    closures = [close(skeleton) for skeleton in skeletons]
    return frozenset(fingerprints(skeletons).tolist()) | frozenset(fingerprints(closures).tolist())


def _is_copy(skeleton: Expression, copies: frozenset[int]) -> bool:
    held_out = np.array(sorted(copies), dtype=np.uint64)
    return bool(are_held_out([skeleton], [close(skeleton)], held_out)[0])


def _long() -> PriorConfig:
    """The recipe without constants, short trees and more than three variables."""
    base = RECIPES["base"]
    counts = (0.0,) * 5 + (1.0,) * (len(base.operator_counts) - 5)
    return replace(
        base, column_weights=(1.0,) * _MAX_VARIABLES, irrelevant=0.0, operator_counts=counts, constant_counts=(1.0,),
        flatten=0.0,
    )  # fmt: skip


def _versions(
    skeleton: Expression, copies: frozenset[int], number: str, rng: np.random.Generator
) -> list[Problem] | None:
    """The skeleton with no, some and all constants, each with values and a support; None if one of them has none."""
    problems = []
    for suite in VERSIONS:
        if suite == "oos-nc":
            free: Expression | None = skeleton
        else:
            free = _with_some(skeleton, copies, rng) if suite == "oos-wc" else close(skeleton)
        if free is None or len(free.tokens) > RECIPES["base"].max_length:
            return None
        problem = _problem(free, f"{suite.upper()}-{number}", rng)
        if problem is None or not _is_copy(problem.expression, copies):  # as it will be read from the file
            return None
        if (suite == "oos-nc") == bool(
            problem.expression.constants
        ):  # 0.5 may be written as 1 / 2, and -5 has no token
            return None
        problems.append(problem)
    return problems


def _with_some(skeleton: Expression, copies: frozenset[int], rng: np.random.Generator) -> Expression | None:
    """The skeleton with one to three constants where the prior puts them."""
    tokens = np.array(skeleton.tokens, dtype=np.int64)
    out = np.zeros(MAX_RAW, dtype=np.int16)
    for _ in range(20):
        size = insert_constants(rng, tokens, tokens.size, 1 + int(rng.integers(_MOST_CONSTANTS)), out)
        free = canonical(Expression.skeleton_of(out[:size].tolist()))
        if free is None or not 1 <= len(free.constants) <= _MOST_CONSTANTS or free.variables != skeleton.variables:
            continue
        if _is_copy(free, copies):  # with a constant added to a number, or as an exponent, it is another family
            return free
    return None


def _problem(free: Expression, name: str, rng: np.random.Generator) -> Problem | None:
    """Values of the constants and a support on which the equation is defined and all its parts are visible.

    Every column is uniform on a random part of [-10, 10], after some vain attempts of [0, 10], as in the paper. The
    prior draws the constants and judges the values, as in training.
    """
    d = len(free.variables)
    program = compile_programs([free])
    roles = np.array([constant_roles(free)], dtype=np.int64).reshape(1, -1)
    settled = np.full(roles.shape, np.nan)
    for i in range(_ROUNDS):
        lowest = -_SIDE if i < _ROUNDS // 2 else 0.0
        ends = np.round(np.sort(rng.uniform(lowest, _SIDE, (_BOXES, d, 2)), axis=2), 2)
        low = np.minimum(ends[:, :, 0], _SIDE - _SHORTEST_SIDE)
        high = np.maximum(ends[:, :, 1], low + _SHORTEST_SIDE).round(2)
        XT = low[:, :, None] + (high - low)[:, :, None] * rng.random((_BOXES, d, _POINTS))
        constants = np.full((_BOXES, roles.shape[1]), np.nan)
        chosen = np.full(_BOXES, -1, dtype=np.int64)
        attempt(
            rng, True, XT, np.full(_BOXES, _POINTS), np.full(_BOXES, d), np.zeros(_BOXES), np.arange(_BOXES),
            np.zeros((_BOXES, 1), dtype=np.int64), program.codes, program.lengths, roles, settled,
            program.n_constants, np.zeros((_BOXES, _POINTS)), constants, chosen, np.zeros((_BOXES, 1), dtype=np.int64),
        )  # fmt: skip
        for b in np.flatnonzero(chosen == 0).tolist():
            values = [float(f"{value:.3g}") for value in constants[b].tolist()]
            law = canonical(free.with_constants(values))
            if law is None or len(law.tokens) != len(free.tokens) or not _fits(law, low[b], high[b], rng):
                continue
            names = tuple(f"x{j + 1}" for j in range(d))
            return Problem(name, to_infix(law), names, tuple(low[b].tolist()), tuple(high[b].tolist()))
    return None


def _fits(law: Expression, low: NDArray[np.float64], high: NDArray[np.float64], rng: np.random.Generator) -> bool:
    """Whether an equation is defined in the whole box and without poles, as many points and the corners tell."""
    corners = np.array(list(product(*zip(low, high, strict=True))))
    y = np.abs(evaluate(law, np.vstack([corners, rng.uniform(low, high, (_CHECKED, low.size))])))
    return bool(np.isfinite(y).all() and y.max() <= _TAIL * np.median(y))


def write(suites: dict[str, list[Problem]], directory: Path) -> None:
    """Write the suites as ``<suite>.csv``, in the format of the other suites."""
    for suite, problems in suites.items():
        with open(directory / f"{suite}.csv", "w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file, lineterminator="\n")
            rows.writerow(["name", "formula", "variables"])
            for p in problems:
                ranges = [f"{x} {low:g} {high:g}" for x, low, high in zip(p.variables, p.low, p.high, strict=True)]
                rows.writerow([p.name, p.formula, "; ".join(ranges)])


def main() -> None:
    """Command line: generate the suites and write them."""
    parser = argparse.ArgumentParser("python -m nesymres_sk.benchmarks.out_of_sample", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "data", help="directory of the files")
    parser.add_argument("--n", type=int, default=200, help="skeletons (default 200)")
    parser.add_argument("--seed", type=int, default=2021)
    arguments = parser.parse_args()
    write(generate(arguments.n, arguments.seed), arguments.out)


if __name__ == "__main__":
    main()
