"""Random trees of the prior, none twice: the opponent that the network must beat, and a source of further ideas.

Random search over short laws is strong once fitting is fast, provided that no fit is wasted: draws of the prior are
very skewed, so that most of them are spellings of something seen before. Here trees are drawn by the prior's own
compiled sampler, most of them without constants, and one whose values on a few fixed points are a multiple of those
of an earlier tree is dropped; that costs about a tenth of a canonical form. Further constants are put in afterwards
(a factor, or the closure under rescaling), which is why multiples count as equal.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, product

import numpy as np
from numpy.typing import NDArray

from nesymres_sk.compilation import Codes, Floats, Generator, Ints, Rows, entry
from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions._kernels import run_many, to_postfix
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.prior.raw import MAX_RAW, draw_raw
from nesymres_sk.prior.recipes import RECIPES
from nesymres_sk.prior.trees import MAX_OPERATORS, tree_counts
from nesymres_sk.search.grammar import Grammar

Tokens = tuple[int, ...]

#: Operators of the drawn trees, at most.
LARGEST = 8
_BATCH = 4096
#: Growth of the greatest number of operators from one batch to the next.
_GROWTH = 0.5
#: Batches without anything new after which everything reachable counts as seen.
_PATIENCE = 8
#: Relative frequency of trees with 0, 1, 2 constants of the prior's own kind.
_CONSTANTS = np.array([0.75, 0.15, 0.10])
_POINTS = 12
_ROUND_BITS = 18  # of the mantissa, left out of the fingerprint: two spellings differ by rounding


@entry
def _draw_many(
    rng: Generator, n_columns: Ints, operators: Floats, counts: Rows, unary_share: float, unary: Floats, binary: Floats,
    nesting: float, structured: float, integers: float, constants: Floats, tokens: Codes, starts: Ints,
) -> None:  # fmt: skip
    """Raw trees laid end to end in ``tokens``, the i-th over as many columns as ``n_columns[i]`` says."""
    out = np.zeros(MAX_RAW, np.int16)  # the type that the prior uses: compiled once
    used = np.zeros(v.MAX_VARIABLES, np.bool_)
    for i in range(n_columns.size):
        size = draw_raw(
            rng, n_columns[i], 0.0, operators, counts, unary_share, unary, binary, nesting, structured, integers,
            constants, out, used,
        )  # fmt: skip
        for j in range(size):
            tokens[starts[i] + j] = out[j]
        starts[i + 1] = starts[i] + size


class RandomSkeletons:
    """Iterator over distinct random trees, in batches, shorter trees first within each.

    The number of operators grows from batch to batch, from at most three to at most :data:`LARGEST`, so that short
    forms are nearly exhausted before long ones use up the time.

    Parameters
    ----------
    grammar : Grammar
        Columns, operators, constants and length limit.
    rng : numpy.random.Generator
    """

    def __init__(self, grammar: Grammar, rng: np.random.Generator) -> None:
        recipe = RECIPES["base"]
        self._grammar = grammar
        self._rng = rng
        self._recipe = recipe
        self._unary = np.where(grammar.tokens, recipe.weights(1), 0.0)
        self._binary = np.where(grammar.tokens, recipe.weights(2), 0.0)
        for weights, arity in ((self._unary, 1), (self._binary, 2)):
            if not weights.any():  # only operators that the recipe never draws are allowed
                weights[grammar.tokens & (arity == v.ARITY)] = 1.0
        self._unary_share = recipe.unary_share if self._unary.any() else 0.0
        self._counts = tree_counts(MAX_OPERATORS, self._unary_share)
        # trees built like laws use the four operations, squares and functions
        basic = [v.operator_token(name) for name in ("add", "sub", "mul", "div", "square", "neg")]
        self._structured = recipe.structured if grammar.tokens[basic].all() and self._unary.any() else 0.0
        probe = np.random.default_rng(20260)
        positive = probe.uniform(0.15, 0.95, size=(v.MAX_VARIABLES, _POINTS - 4))
        self._points = np.hstack([positive, probe.uniform(-2.0, 2.0, size=(v.MAX_VARIABLES, 4))])
        self._multipliers = probe.integers(1, 2**63, size=_POINTS, dtype=np.int64).view(np.uint64) | np.uint64(1)
        self._values = probe.uniform(0.3, 0.9, size=MAX_RAW)  # of the constants, by position
        self._constants = _CONSTANTS if grammar.allow_constants else np.ones(1)
        self._required = list(grammar.constraints.required)
        self._seen: set[int] = set()

    def __iter__(self) -> Iterator[list[Expression]]:
        """Batches of distinct trees; ends when nothing new turns up any more."""
        if not self._binary.any():
            yield self._fresh(list(self._chains(3)))
            return
        largest = max(3.0, len(self._required) - 1.0)
        most = max(1, min(LARGEST, self._grammar.max_length - 1))  # a tree has a leaf more than unary operators
        yield self._fresh([*self._chains(1), *self._draw(min(int(largest), most))])
        barren = 0
        while barren < _PATIENCE:
            batch = self._fresh(self._draw(min(int(largest), most)))
            largest += _GROWTH
            barren = 0 if batch else barren + 1
            yield batch

    def _chains(self, longest: int) -> Iterator[Tokens]:
        """Every column, alone and below so many unary operators."""
        unary = [int(token) for token in np.flatnonzero(self._unary)]
        columns = [v.variable(i) for i in range(self._grammar.n_variables)]
        for depth in range(longest + 1):
            yield from product(*[unary] * depth, columns)

    def _draw(self, largest: int) -> list[Tokens]:
        """Raw prefix sequences with at most so many operators, duplicates included."""
        d = self._grammar.n_variables
        if len(self._required) > largest + 1:
            return []
        # laws of many variables are out of reach of random search; with few columns most laws use all of them
        chances = np.array([0.5 ** max(0, k - 4) * (3.0 if k == d <= 4 else 1.0) for k in range(1, d + 1)])
        chances[largest + 1 :] = 0.0
        chances[: max(0, len(self._required) - 1)] = 0.0
        n_columns = 1 + self._rng.choice(d, size=_BATCH, p=chances / chances.sum())
        operators = np.arange(1.0, largest + 1.0)
        tokens = np.empty(_BATCH * MAX_RAW, np.int16)
        starts = np.zeros(_BATCH + 1, np.int64)
        _draw_many(
            self._rng, n_columns, operators, self._counts, self._unary_share, self._unary, self._binary,
            self._recipe.nesting, self._structured, self._recipe.integers, self._constants, tokens, starts,
        )  # fmt: skip
        # the sampler names the columns x1, x2, ...: rename them to a random choice of those that exist
        flat = tokens[: starts[-1]].astype(np.int64)
        owner = np.repeat(np.arange(_BATCH), np.diff(starts))
        order = self._rng.random((_BATCH, d))
        order[:, self._required] -= 1.0  # these come first
        names = np.argsort(order, axis=1)
        is_column = (flat >= v.FIRST_VARIABLE) & (flat < v.FIRST_INTEGER)
        flat[is_column] = v.FIRST_VARIABLE + names[owner[is_column], flat[is_column] - v.FIRST_VARIABLE]
        allowed = np.logical_and.reduceat(self._grammar.tokens[flat], starts[:-1])
        allowed &= np.diff(starts) <= self._grammar.max_length
        sequences = flat.tolist()
        bounds = starts.tolist()
        return [tuple(sequences[bounds[i] : bounds[i + 1]]) for i in np.flatnonzero(allowed).tolist()]

    def _fresh(self, trees: list[Tokens]) -> list[Expression]:
        """Those that keep the rules and are no multiple of an earlier tree, shortest first."""
        if self._grammar.start_context() is not None:  # otherwise the choice of tokens has done it
            trees = [tree for tree in trees if self._grammar.constraints.breach(tree) is None]
        trees = sorted(dict.fromkeys(trees), key=len)
        prints, usable = self._fingerprints(trees)
        fresh = []
        for tree, fingerprint, good in zip(trees, prints.tolist(), usable.tolist(), strict=True):
            if good and fingerprint not in self._seen:
                self._seen.add(fingerprint)
                fresh.append(Expression.skeleton_of(tree))
        return fresh

    def _fingerprints(self, trees: list[Tokens]) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
        """Hash of the values divided by one of them, and whether the tree is defined and not constant."""
        sizes = np.array([len(tree) for tree in trees], dtype=np.int64)
        starts = np.concatenate(([0], np.cumsum(sizes)))
        flat = np.fromiter(chain.from_iterable(trees), np.int16, int(starts[-1]))
        codes = np.zeros((len(sizes), int(sizes.max(initial=0))), np.int16)
        lengths, n_constants = np.zeros(len(sizes), np.int32), np.zeros(len(sizes), np.int32)
        to_postfix(flat, starts, codes, lengths, n_constants)
        values = np.empty((len(sizes), _POINTS))
        constants = np.tile(self._values[: max(1, int(n_constants.max(initial=0)))], (len(sizes), 1))
        run_many(codes, lengths, 0, len(sizes), self._points, constants, values)

        finite = np.isfinite(values) & (np.abs(values) < 1e100)
        first = finite.argmax(axis=1)
        with np.errstate(all="ignore"):
            ratio = values / values[np.arange(len(values)), first][:, None]
            finite &= np.isfinite(ratio)
            varies = (np.abs(ratio - 1.0) > 1e-9) & finite
        ratio = np.where(finite, ratio + 0.0, 0.0)  # + 0.0 turns -0.0 into 0.0
        bits = (ratio.view(np.int64) + (1 << (_ROUND_BITS - 1))) >> _ROUND_BITS
        bits[~finite] = -1
        hashes = (bits.view(np.uint64) * self._multipliers).sum(axis=1, dtype=np.uint64)
        return hashes, (finite.sum(axis=1) >= 4) & varies.any(axis=1)
