"""Random laws of the prior, with their own skeleton as the only candidate, are found to the last digit."""

from dataclasses import replace

import numpy as np
import pytest

from nesymres_sk.archive import Archive
from nesymres_sk.deadline import Deadline
from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.canonical import canonical
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.fitting.numbers import simple_number_cost
from nesymres_sk.fitting.selection import Descriptions, choose
from nesymres_sk.judge import FitOptions, Judge
from nesymres_sk.prior.problems import sample_problems
from nesymres_sk.prior.recipes import RECIPES
from nesymres_sk.search.candidate import Candidate
from nesymres_sk.table import Table


def chosen(problem, skeleton, closed):
    """The chosen equation and its table."""
    table = Table.prepare(problem.X, problem.y_clean)
    archive = Archive(table.floor)
    Judge(table, FitOptions(), Deadline(), Deadline(), np.random.default_rng(0), archive).try_out(
        [Candidate(skeleton, 0.0)], closed
    )
    front = [(entry.expression, entry.error) for entry in archive.front()]
    if not front:
        return None, table
    index = choose(front, "mdl", floor=table.floor, describe=Descriptions(table, problem.X.shape[1], table.floor))
    return front[index], table


def with_spurious_term(skeleton, column):
    sine = (v.operator_token("sin"), (v.operator_token("mul"), (v.CONSTANT, np.nan), (v.variable(column),)))
    term = (v.operator_token("mul"), (v.CONSTANT, np.nan), sine)
    return canonical(Expression.from_tree((v.operator_token("add"), skeleton.to_tree(), term)))


def n_odd(expression):
    return sum(not np.isfinite(simple_number_cost(value)) for value in expression.constants)


@pytest.mark.parametrize(("form", "share"), [("raw", 0.94), ("closed", 0.84), ("spurious", 0.74)])
def test_laws_are_found_exactly(form, share):
    rng = np.random.default_rng(3)
    problems = sample_problems(replace(RECIPES["base"], noisy=0.0), 60, rng)
    n_exact = n_plain = 0
    for problem in problems:
        skeleton = {
            "raw": problem.skeleton,
            "closed": problem.closed,
            "spurious": with_spurious_term(problem.closed, 0),
        }[form]
        if skeleton is None:
            continue
        found, table = chosen(problem, skeleton, closed=form == "closed")
        if found is None or found[1] > table.floor:
            continue
        n_exact += 1
        # superfluous terms are gone, and no constant is odd that is simple in the law; other spellings are as good
        n_plain += found[0].complexity <= problem.expression.complexity + 3 and n_odd(found[0]) <= n_odd(
            problem.expression
        )
    assert n_exact >= share * len(problems)
    assert n_plain >= 0.88 * n_exact


def test_constants_of_a_rounded_target_become_simple():
    rng = np.random.default_rng(0)
    X = rng.integers(1, 9, (100, 3)).astype(float)
    X = X[rng.integers(0, 100, 900)]  # each rounding error is made again and again
    table = Table.prepare(X, np.round((X[:, 0] + X[:, 1] + X[:, 2]) / 6.0, 3))
    archive = Archive(table.floor)
    judge = Judge(table, FitOptions(), Deadline(), Deadline(), np.random.default_rng(0), archive)
    judge.try_out([Candidate(Expression.from_names("add add mul C x1 mul C x2 mul C x3"), 0.0)], closed=False)
    judge.snap_front()
    assert [entry.expression.constants for entry in archive.front()] == [(1.0 / 6.0,)]
    assert table.floor < archive.front()[0].error < table.rounding
