from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from nesymres_sk.benchmarks import out_of_sample
from nesymres_sk.benchmarks.suites import load_suite
from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.canonical import canonical
from nesymres_sk.expressions.closure import close
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.expressions.infix import to_infix
from nesymres_sk.expressions.parser import parse
from nesymres_sk.prior.fingerprints import UNKNOWN, are_held_out, erase, fingerprints, hold_out
from nesymres_sk.prior.problems import ProblemMaker, sample_problems
from nesymres_sk.prior.recipes import RECIPES, PriorConfig
from nesymres_sk.prior.skeletons import SkeletonSampler
from nesymres_sk.prior.stream import ProblemStream

BASE, PAPER = RECIPES["base"], RECIPES["paper"]
LONG = "x1*sin(x2*x3) + exp(x1)*log(x2)/x3"


def skeleton(text: str) -> Expression:
    result = canonical(parse(text).skeleton())
    assert result is not None
    return result


def fingerprint(text: str) -> int:
    return int(fingerprints([parse(text)])[0])


def barred(text: str, *held_out: str) -> bool:
    hashes = np.array(sorted(hold_out([skeleton(other) for other in held_out])), dtype=np.uint64)
    return bool(are_held_out([skeleton(text)], [close(skeleton(text))], hashes)[0])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x1**2 + 2*x1*x2 + x2**2", "(x1 + x2)**2"),
        ("log(x1*x2)*sin(x3)", "sin(x3)*(log(x1) + log(x2))"),
        ("sin(x1 + x2)", "sin(x1)*cos(x2) + cos(x1)*sin(x2)"),
        ("exp(x1)*exp(-x2)/x2", "1/(x2*exp(x2 - x1))"),
        ("sqrt(x1)*x1", "x1**1.618/x1**1.618*sqrt(x1**3)"),
        ("asin(x1 + exp(x2))", "asin(exp(x2) + x1)"),  # undefined on positive points
        ("C*sin(C*x1 + C)/x2", "sin(x1)/x2"),
        ("x2/x7", "x1/x2"),
    ],
)
def test_one_function_has_one_fingerprint(one: str, other: str) -> None:
    assert fingerprint(one) == fingerprint(other) != UNKNOWN


def test_different_functions_have_different_fingerprints() -> None:
    texts = ["x1/x2", "x2/x1", "x1*x2", "x1 + x2", "x1 - x2", "sin(x1)", "sin(2*x1)", "x1**C", "C**x1", "x1", "x1**2"]
    assert len({fingerprint(text) for text in texts}) == len(texts)
    drawn = {e.tokens: e for e in SkeletonSampler(replace(BASE, constant_counts=(1.0,)), 0).sample(1500, 2)}
    erased = [e for e in drawn.values() if not e.constants]
    hashes = fingerprints(erased)
    known = hashes != UNKNOWN
    assert known.mean() > 0.97
    assert np.unique(hashes[known]).size > 0.98 * known.sum()  # the others are algebra that canonical does not know


@pytest.mark.parametrize("text", ["x1/(C + x1) - x1/(C + x1)", "sqrt(C - x1**2)", "C", "x1*x2*x3*x4"])
def test_what_cannot_be_identified_is_unknown(text: str) -> None:
    assert fingerprint(text) == UNKNOWN


def test_rounding_does_not_decide() -> None:
    """Values that differ in the last digits, as those of two spellings do, have one fingerprint."""
    skeletons = SkeletonSampler(BASE, 5).sample(600, 3)
    again = []
    for expression in skeletons:  # nothing but digits
        tree = {v.variable(0): "div mul x1 x2 x2", v.variable(1): "sub add x2 x3 x3"}
        names = " ".join(
            tree.get(token, name) for token, name in zip(expression.tokens, expression.names(), strict=True)
        )
        again.append(Expression.from_names(names))
    both = np.array([len(expression.variables) == 3 for expression in skeletons])
    first, second = fingerprints(skeletons)[both], fingerprints(again)[both]
    assert both.sum() > 400
    assert np.mean(first == second) > 0.99


@pytest.mark.parametrize(
    "text",
    [
        LONG,
        "exp(x1)*log(x2)/x3 + x1*sin(x3*x2)",  # another spelling
        "x3*sin(x2*x1) + exp(x3)*log(x2)/x1",  # other variables in their places
        "x9*sin(x4*x7) + exp(x9)*log(x4)/x7",  # other columns
        "C*x1*sin(C*x2*x3 + C) + C*exp(C*x1)*log(x2)/x3 + C",  # with constants
        "5*x1*sin(2*x2*x3) - 3*exp(-x1)*log(x2)/x3",  # with other coefficients and signs: the same closure
    ],
)
def test_copies_are_recognised(text: str) -> None:
    assert barred(text, LONG)


@pytest.mark.parametrize("text", ["x1*sin(x2) + exp(x1)*log(x2)", "x1*sin(x2*x3) + exp(x1)*log(x2)*x3", "x1 + x2*x3"])
def test_others_are_not(text: str) -> None:
    assert not barred(text, LONG)


def test_hold_outs_must_be_identifiable() -> None:
    with pytest.raises(ValueError, match="at most 3 variables"):
        hold_out([parse("x1*x2*x3*x4")])
    with pytest.raises(ValueError, match="undefined or constant"):
        hold_out([parse("x1/(x1 + C)")])


def test_erased_skeletons() -> None:
    erased = erase(parse("C*sin(C*x1 + C)/(C - x2)"))
    assert erased is not None and to_infix(erased) == "-sin(x1) / x2"
    assert erase(parse("1/(C + C)")) is None


@pytest.fixture
def plant(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[Expression]], None]:
    """Makes every second skeleton of the samplers a planted one."""
    original = SkeletonSampler.sample

    def planting(planted: list[Expression]) -> None:
        def sample(self: SkeletonSampler, n: int, n_columns: int | None = None) -> list[Expression]:
            drawn = original(self, n, n_columns)
            fitting = [e for e in planted if n_columns is None or max(e.variables) < n_columns]
            for i in range(0, n, 2):
                if fitting:
                    drawn[i] = fitting[(i // 2) % len(fitting)]
            return drawn

        monkeypatch.setattr(SkeletonSampler, "sample", sample)

    return planting


@pytest.mark.parametrize("recipe", [BASE, PAPER], ids=lambda recipe: recipe.name)
def test_planted_copies_never_become_problems(recipe: PriorConfig, plant: Callable[[list[Expression]], None]) -> None:
    config = replace(recipe, column_weights=(0.0, 0.0, 1.0), flatten=0.0)
    held_out = "x1*sin(x2*x3) + exp(x1/4)*x2/x3"
    copies = [
        skeleton(held_out),
        skeleton("(exp(x1/4)*x2 + x3*x1*sin(x3*x2))/x3"),
        skeleton("x3*sin(x1*x2) + exp(x3/4)*x1/x2"),
        skeleton("x1*sin(x2*x3) + C*exp(x1/4)*x2/x3"),
    ]
    assert len({e.tokens for e in copies}) == 4
    plant(copies)
    tokens = {e.tokens for e in copies}

    def drawn(exclude: frozenset[int]) -> list[tuple[int, ...]]:
        maker = ProblemMaker(config, np.random.default_rng(0), exclude, chunk=64)
        return [card.skeleton.tokens for card in maker.draw(150).cards]

    assert tokens <= set(drawn(frozenset()))  # the test would not see them otherwise
    without = drawn(hold_out([copies[0]]))
    assert not tokens & set(without)
    assert len(without) == 150


def test_streams_hand_the_hold_out_to_their_workers() -> None:
    config = replace(BASE, column_weights=(1.0,), flatten=0.0, operator_counts=(1.0, 1.0), rescaled=0.0)

    def drawn(n_workers: int, exclude: set[int]) -> set[int]:
        with ProblemStream(config, 64, seed=3, n_workers=n_workers, exclude=exclude) as stream:
            labels = [[token for token in row if token > v.END] for row in next(stream).tokens.tolist()]
        return set(fingerprints([Expression.skeleton_of(label) for label in labels]).tolist()) - {UNKNOWN}

    exclude = drawn(0, set())
    assert len(exclude) > 20
    for n_workers in (0, 1):
        again = drawn(n_workers, exclude)
        assert again and not again & exclude


def test_a_hold_out_that_is_never_hit_changes_nothing() -> None:
    one = sample_problems(BASE, 20, np.random.default_rng(4))
    cards = ProblemMaker(BASE, np.random.default_rng(4), out_of_sample.held_out(), chunk=20).draw(20).cards
    assert [p.skeleton.tokens for p in one] == [card.skeleton.tokens for card in cards]


def test_short_classical_laws_stay_in_training() -> None:
    held_out = np.array(sorted(out_of_sample.held_out()), dtype=np.uint64)
    laws = [problem.expression.skeleton() for suite in ("nguyen", "feynman") for problem in load_suite(suite)]
    assert not are_held_out(laws, [close(law) for law in laws], held_out).any()
    drawn = SkeletonSampler(BASE, 6).sample(4000, 2)
    short = [expression for expression in drawn if len(expression.tokens) < out_of_sample.SHORTEST]
    assert not are_held_out(short, [close(expression) for expression in short], held_out).any()
