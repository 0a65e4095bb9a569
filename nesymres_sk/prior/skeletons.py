"""Random canonical skeletons: the equations of the prior, without numbers."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.canonical import canonical
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.prior import raw, trees
from nesymres_sk.prior.recipes import MIN_ROWS, PriorConfig

_CALIBRATION_DRAWS = 20_000
_CALIBRATION_SEED = 20_211
#: Draws in a row without a skeleton after which there is none.
_GIVE_UP = 20_000


class SkeletonSampler:
    """Draws canonical skeletons of a recipe.

    Random trees are very skewed: a hundredth of the skeletons takes a third of the draws. A fixed calibration sample,
    the same for every seed and process, tells which skeletons are frequent, and those are accepted in proportion to
    ``count ** -flatten``. The distribution is therefore stationary: it does not depend on what was drawn before.

    Parameters
    ----------
    config : PriorConfig
        The recipe.
    seed : int, numpy.random.SeedSequence or numpy.random.Generator
        Two samplers with one seed draw the same skeletons.
    """

    def __init__(self, config: PriorConfig, seed: int | np.random.SeedSequence | np.random.Generator) -> None:
        self.config = config
        self._rng = np.random.default_rng(seed)
        self._columns = np.array(config.column_weights) / sum(config.column_weights)
        self._counts = _calibration(_structure(config)) if config.flatten > 0.0 else {}

    def sample(self, n: int, n_columns: int | None = None) -> list[Expression]:
        """Draw ``n`` skeletons for tables of ``n_columns`` columns, or of random width if that is None."""
        source = _RawSource(self.config, self._rng)
        out: list[Expression] = []
        failed = 0
        while len(out) < n:
            if failed == _GIVE_UP:
                raise RuntimeError(
                    f"no skeleton in {failed} draws for tables of {n_columns or 'any number of'} columns: all were "
                    f"constant, longer than max_length = {self.config.max_length}, or rejected as too frequent; "
                    "raise the prior's max_length, or change its operators or flatten"
                )
            failed += 1
            d = n_columns or 1 + int(self._rng.choice(self._columns.size, p=self._columns))
            skeleton = source.draw(d)
            if skeleton is None:
                continue
            count = self._counts.get(_anonymous(skeleton.tokens), 1)
            if count > 1 and self._rng.random() >= count**-self.config.flatten:
                continue
            out.append(skeleton)
            failed = 0
        return out


class _RawSource:
    """The compiled sampler with the tables of one recipe, followed by canonicalisation."""

    def __init__(self, config: PriorConfig, rng: np.random.Generator) -> None:
        self._config = config
        self._rng = rng
        self._buffer = np.zeros(raw.MAX_RAW, dtype=np.int16)
        self._used = np.zeros(v.MAX_VARIABLES, dtype=np.bool_)
        self._tables = (
            config.irrelevant,
            np.array(config.operator_counts, dtype=np.float64),
            trees.tree_counts(trees.MAX_OPERATORS, config.unary_share),
            config.unary_share,
            config.weights(1),
            config.weights(2),
            config.nesting,
            config.structured,
            config.integers,
            np.array(config.constant_counts, dtype=np.float64),
        )

    def draw(self, n_columns: int) -> Expression | None:
        """One canonical skeleton; None if it came out constant, too long, or lost a variable that it was to have."""
        size = raw.draw_raw(self._rng, n_columns, *self._tables, self._buffer, self._used)
        if size == 0:
            raise RuntimeError(
                f"the prior hardly ever draws a tree for a table of {n_columns} columns: give operator_counts more "
                "weight on many operators, or lower unary_share or the weight of wide tables"
            )
        skeleton = canonical(Expression.skeleton_of(self._buffer[:size].tolist()))
        if skeleton is None or len(skeleton.tokens) > self._config.max_length:
            return None
        if set(skeleton.variables) != set(np.flatnonzero(self._used).tolist()):
            return None
        return skeleton


def _structure(config: PriorConfig) -> PriorConfig:
    """The recipe without what does not touch skeletons, so that recipes that differ in noise share a calibration."""
    return replace(
        config,
        name="",
        flatten=0.0,
        constant_values="wide",
        supports="wide",
        rescaled=0.0,
        noisy=0.0,
        point_buckets=((MIN_ROWS, 1.0),),
    )


@lru_cache(maxsize=8)
def _calibration(config: PriorConfig) -> dict[tuple[int, ...], int]:
    """How often the frequent skeletons come up in a fixed number of raw draws."""
    rng = np.random.default_rng(_CALIBRATION_SEED)
    source = _RawSource(config, rng)
    shares = np.array(config.column_weights) / sum(config.column_weights)
    columns = rng.choice(shares.size, _CALIBRATION_DRAWS, p=shares)
    counts: dict[tuple[int, ...], int] = {}
    for d in columns.tolist():
        skeleton = source.draw(d + 1)
        if skeleton is not None:
            key = _anonymous(skeleton.tokens)
            counts[key] = counts.get(key, 0) + 1
    return {key: count for key, count in counts.items() if count > 1}


def _anonymous(tokens: tuple[int, ...]) -> tuple[int, ...]:
    """Tokens with variables numbered by first appearance: x3 * x7 is as common a thought as x1 * x2."""
    names: dict[int, int] = {}
    return tuple(
        names.setdefault(token, v.FIRST_VARIABLE + len(names)) if v.is_variable(token) else token for token in tokens
    )


#: What a constant does in its equation; decides how its value is drawn.
FACTOR, SUMMAND, EXPONENT, BASE, FREQUENCY, RATE, PHASE = range(7)


def constant_roles(skeleton: Expression) -> list[int]:
    """Role of every constant of a skeleton, in order."""
    roles: list[int] = []
    stack: list[tuple[int, int, int]] = []  # operator, operands still missing, function it is an argument of
    for token in skeleton.tokens:
        if v.ARITY[token]:
            within = token if token in _PERIODIC or token == trees.EXP else 0
            if not within and stack and token in _SCALING:
                within = stack[-1][2]
            stack.append((token, int(v.ARITY[token]), within))
            continue
        if token == v.CONSTANT:
            roles.append(_role(*stack[-1]) if stack else FACTOR)
        while stack:
            operator, missing, within = stack.pop()
            if missing > 1:
                stack.append((operator, missing - 1, within))
                break
    return roles


def _role(operator: int, missing: int, within: int) -> int:
    if operator == trees.POW:
        return BASE if missing == 2 else EXPONENT
    if operator in (trees.ADD, trees.SUB):
        return PHASE if within in _PERIODIC else SUMMAND
    if within in _PERIODIC:
        return FREQUENCY
    return RATE if within == trees.EXP else FACTOR


_PERIODIC = frozenset(v.operator_token(name) for name in ("sin", "cos", "tan"))
_SCALING = frozenset(v.operator_token(name) for name in ("add", "sub", "mul", "div", "neg"))
