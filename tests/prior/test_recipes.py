"""Priors that the sampler cannot draw are refused, or say so instead of trying for ever."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from nesymres_sk.prior import deck, problems, raw, skeletons
from nesymres_sk.prior.problems import make_batch
from nesymres_sk.prior.recipes import MAX_CONSTANTS, RECIPES, PriorConfig

BASE, PAPER = RECIPES["base"], RECIPES["paper"]
SIMPLE = replace(BASE, column_weights=(1.0,), flatten=0.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"column_weights": (1.0,) * 11}, "column_weights is a row of 1 to 10"),
        ({"column_weights": ()}, "column_weights"),
        ({"column_weights": (0.0, 0.0)}, "column_weights has finite weights"),
        ({"operator_counts": (1.0,) * 15}, "operator_counts is a row of 1 to 14"),
        ({"operator_counts": (1.0, -1.0)}, "operator_counts has finite weights"),
        ({"operator_counts": (1.0, float("nan"))}, "operator_counts"),
        ({"constant_counts": (1.0,) * (MAX_CONSTANTS + 2)}, "constant_counts is a row of 1 to 13"),
        ({"constant_counts": ("1",)}, "constant_counts"),
        ({"noisy": 1.5}, "noisy is a share between 0 and 1, got 1.5"),
        ({"rescaled": "0.5"}, "rescaled is a share"),
        ({"unary_share": -0.1}, "unary_share is a finite number"),
        ({"flatten": float("inf")}, "flatten is a finite number"),
        ({"supports": "narrow"}, "supports is one of wide, paper, got 'narrow'"),
        ({"constant_values": ""}, "constant_values is one of"),
        ({"operator_weights": (("add", 1.0), ("sinus", 1.0))}, "unknown operators: sinus; known ones are add"),
        ({"operator_weights": (("sin", 1.0), ("add", 0.0))}, "at least one binary operator"),
        ({"operator_weights": (("add", 1.0),)}, "unary_share and structured must be 0"),
        ({"operator_weights": ("add",)}, "operator_weights is a row of pairs"),
        ({"point_buckets": ()}, "point_buckets is a row of pairs"),
        ({"point_buckets": ((4, 1.0),)}, "point_buckets has whole numbers of rows, at least 8"),
        ({"point_buckets": ((32.5, 1.0),)}, "point_buckets has whole numbers"),
        ({"point_buckets": ((32, 0.0),)}, "point_buckets has finite weights"),
        ({"max_length": 18}, "max_length is a whole number from 19"),
        ({"max_length": 1, "column_weights": (1.0,)}, "max_length is a whole number from 2"),
        ({"max_length": 97}, "to 96"),
    ],
)
def test_impossible_settings_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(BASE, **change)


def test_demands_that_no_tree_can_meet_are_refused() -> None:
    with pytest.raises(ValueError, match="at most 5 operators have no room for 10 columns"):
        replace(PAPER, column_weights=(1.0,) * 10)
    assert replace(PAPER, column_weights=(1.0,) * 6)
    assert replace(PAPER, column_weights=(1.0,) * 10, structured=0.5)
    one = {"column_weights": (1.0,), "operator_counts": (1.0, 0.0)}
    with pytest.raises(ValueError, match="at most 1 operators have no room for 7 constants"):
        replace(PAPER, constant_counts=(1.0,) * 8, **one)
    assert replace(PAPER, constant_counts=(1.0,) * 7, **one)


def test_binary_operators_alone_make_equations() -> None:
    config = replace(SIMPLE, operator_weights=(("add", 1.0), ("mul", 1.0)), unary_share=0.0, structured=0.0)
    assert make_batch(config, 4, np.random.default_rng(0)).points.shape[0] == 4


def test_the_largest_trees_and_most_constants_fit() -> None:
    config = replace(
        SIMPLE,
        column_weights=(0.0,) * 9 + (1.0,),
        operator_counts=(0.0,) * 13 + (1.0,),
        constant_counts=(0.0,) * MAX_CONSTANTS + (1.0,),
        max_length=raw.MAX_RAW,
    )
    batch = make_batch(config, 4, np.random.default_rng(0))
    assert batch.tokens.shape == (4, raw.MAX_RAW + 2)
    assert batch.present.all()


@pytest.mark.parametrize(
    ("config", "module", "limit", "message"),
    [
        # every closure is longer than its skeleton
        (replace(SIMPLE, max_length=2, rescaled=1.0), deck, "_GIVE_UP", "none had a closure of at most max_length = 2"),
        # of 10 variables an equation has at least 19 tokens, and hardly one has no more
        (
            replace(BASE, column_weights=(0.0,) * 9 + (1.0,), irrelevant=0.0, max_length=19, flatten=0.0),
            skeletons,
            "_GIVE_UP",
            "no skeleton in 50 draws for tables of 10 columns",
        ),
        # x1**3125 and the like are beyond all magnitudes
        (
            replace(
                PAPER,
                column_weights=(1.0,),
                operator_weights=(("pow5", 1.0), ("mul", 1.0)),
                operator_counts=(0.0,) * 13 + (1.0,),
                unary_share=50.0,
            ),
            problems,
            "_FRUITLESS",
            "none was fit for its points",
        ),
    ],
    ids=["closures", "lengths", "points"],
)
def test_what_is_never_drawn_is_told(
    config: PriorConfig, module: Any, limit: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, limit, 50)
    with pytest.raises(RuntimeError, match=message):
        make_batch(config, 4, np.random.default_rng(0))


def test_trees_without_enough_leaves_are_told() -> None:
    config = replace(PAPER, column_weights=(0.0, 0.0, 0.0, 1.0), unary_share=1e9)
    with pytest.raises(RuntimeError, match="hardly ever draws a tree for a table of 4 columns"):
        make_batch(config, 4, np.random.default_rng(0))
