from dataclasses import replace

import numpy as np
import pytest

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.canonical import canonical
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.prior import raw, skeletons
from nesymres_sk.prior.recipes import RECIPES
from nesymres_sk.prior.skeletons import SkeletonSampler, constant_roles

BASE, PAPER = RECIPES["base"], RECIPES["paper"]


def test_skeletons_are_canonical_use_their_columns_and_fit_the_length() -> None:
    for expression in SkeletonSampler(BASE, 0).sample(300, n_columns=4):
        assert not expression.is_fitted or not expression.constants
        assert len(expression.tokens) <= BASE.max_length
        assert set(expression.variables) <= {0, 1, 2, 3} and expression.variables


def test_most_skeletons_are_their_own_canonical_form() -> None:
    drawn = SkeletonSampler(BASE, 1).sample(400)
    again = [canonical(expression) for expression in drawn]
    same = sum(b is not None and a.tokens == b.tokens for a, b in zip(drawn, again, strict=True))
    assert same >= 0.99 * len(drawn)


def test_one_seed_one_sequence() -> None:
    first = SkeletonSampler(BASE, 7).sample(50)
    assert [e.tokens for e in first] == [e.tokens for e in SkeletonSampler(BASE, 7).sample(50)]
    assert [e.tokens for e in first] != [e.tokens for e in SkeletonSampler(BASE, 8).sample(50)]


def test_irrelevant_columns_have_the_share_of_the_recipe() -> None:
    drawn = SkeletonSampler(BASE, 2).sample(1500, n_columns=3)
    share = np.mean([len(e.variables) < 3 for e in drawn])
    assert BASE.irrelevant - 0.04 < share < BASE.irrelevant + 0.04


def test_frequent_skeletons_are_made_rare() -> None:
    def largest_share(flatten: float) -> float:
        drawn = SkeletonSampler(replace(BASE, flatten=flatten), 3).sample(1500, n_columns=1)
        tokens = [e.tokens for e in drawn]
        return max(tokens.count(t) for t in set(tokens)) / len(tokens)

    assert largest_share(0.5) < 0.4 * largest_share(0.0)


def test_paper_recipe_draws_its_operators_within_its_bounds() -> None:
    config = PAPER
    rng = np.random.default_rng(0)
    source = skeletons._RawSource(config, rng)
    named = {v.operator_token(name) for name, _ in config.operator_weights}
    tables = list(source._tables)
    tables[-1] = np.array([1.0])  # without constants the raw tree has the drawn number of operators
    out, used = np.zeros(raw.MAX_RAW, np.int16), np.zeros(v.MAX_VARIABLES, np.bool_)
    seen = set()
    for _ in range(400):
        size = raw.draw_raw(rng, 3, *tables, out, used)
        operators = [int(t) for t in out[:size] if t >= v.FIRST_OPERATOR]
        assert 3 <= len(operators) <= 5 and set(operators) <= named
        assert not any(v.is_integer(int(t)) for t in out[:size])
        Expression.skeleton_of(out[:size].tolist())
        seen |= set(operators)
    assert seen == named
    for expression in SkeletonSampler(config, 0).sample(300):
        assert len(expression.variables) <= 3 and len(expression.constants) <= 8


@pytest.mark.parametrize(
    ("text", "roles"),
    [
        ("add C mul C x1", [skeletons.SUMMAND, skeletons.FACTOR]),
        ("sin add C mul C x1", [skeletons.PHASE, skeletons.FREQUENCY]),
        ("mul C exp mul C x1", [skeletons.FACTOR, skeletons.RATE]),
        ("add pow x1 C pow C x1", [skeletons.EXPONENT, skeletons.BASE]),
        ("mul x1 sqrt add x1 C", [skeletons.SUMMAND]),
        ("cos square mul C x1", [skeletons.FACTOR]),
    ],
)
def test_roles_of_constants(text: str, roles: list[int]) -> None:
    assert constant_roles(Expression.from_names(text)) == roles
