from collections import Counter
from itertools import pairwise

import numpy as np

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.prior import raw, trees


def test_tree_counts_are_the_numbers_of_unary_binary_trees() -> None:
    counts = trees.tree_counts(6, 1.0)
    assert counts[1, :5].tolist() == [1, 2, 6, 22, 90]  # large Schroeder numbers


def test_shapes_of_random_trees_are_uniform() -> None:
    rng = np.random.default_rng(0)
    unary, binary = np.zeros(v.SIZE), np.zeros(v.SIZE)
    unary[v.ID["square"]], binary[v.ID["add"]] = 1.0, 1.0
    counts = trees.tree_counts(trees.MAX_OPERATORS, 1.0)
    out = np.zeros(64, np.int64)
    seen: Counter[bytes] = Counter()
    n = 11_000
    for _ in range(n):
        size = trees.random_tree(rng, 3, counts, 1.0, unary, binary, 1.0, out)
        seen[out[:size].tobytes()] += 1
    assert len(seen) == 22
    expected = n / 22
    assert sum((count - expected) ** 2 / expected for count in seen.values()) < 46.8  # chi2, 21 degrees, p = 0.001


def test_structured_trees_and_constants_are_valid_prefixes() -> None:
    rng = np.random.default_rng(1)
    unary = np.zeros(v.SIZE)
    unary[v.ID["sin"]] = unary[v.ID["exp"]] = 1.0
    tokens, out = np.zeros(raw.MAX_RAW + 32, np.int64), np.zeros(raw.MAX_RAW, np.int16)
    used = np.array([0, 4, 9])
    with_exponent = 0
    for _ in range(2000):
        size = trees.structured_tree(rng, int(rng.integers(3, 12)), unary, tokens)
        assert raw.fill_leaves(rng, tokens, size, used, 0.1)
        before = Expression.skeleton_of(tokens[:size].tolist())
        assert {0, 4, 9} == set(before.variables)
        length = raw.insert_constants(rng, tokens, size, 3, out)
        assert length > 0
        after = Expression.skeleton_of(out[:length].tolist())
        assert 1 <= len(after.constants) <= 3
        with_exponent += v.ID["pow"] in after.tokens
    assert 0 < with_exponent < 1000


def test_transcendental_functions_are_rarely_nested() -> None:
    rng = np.random.default_rng(2)
    unary, binary = np.zeros(v.SIZE), np.zeros(v.SIZE)
    for name in ("sin", "exp", "square", "sqrt"):
        unary[v.ID[name]] = 1.0
    binary[v.ID["add"]] = 1.0
    counts = trees.tree_counts(trees.MAX_OPERATORS, 1.0)
    out = np.zeros(64, np.int64)

    def nested(nesting: float) -> int:
        total = 0
        for _ in range(2000):
            size = trees.random_tree(rng, 4, counts, 1.0, unary, binary, nesting, out)
            names = [v.TOKENS[t] for t in out[:size]]
            total += any(a in ("sin", "exp") and b in ("sin", "exp") for a, b in pairwise(names))
        return total

    assert nested(0.12) < 0.3 * nested(1.0)
