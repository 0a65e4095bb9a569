"""Problems: points first, then an equation that fits them, its constants, noise and label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.expressions.machine import compile_programs
from nesymres_sk.model.inputs import POINT_WIDTH, Batch, assemble, masked_scales
from nesymres_sk.prior.deck import Card, Deck
from nesymres_sk.prior.recipes import MAX_CONSTANTS, MIN_ROWS, PriorConfig
from nesymres_sk.prior.skeletons import SkeletonSampler
from nesymres_sk.prior.supports import draw_points
from nesymres_sk.prior.values import attempt

_ATTEMPTS = 4
_GIVE_UP = 100
#: Attempts in a row, over all problems of a draw, after which nothing ever fits.
_FRUITLESS = 100_000


class Problem(NamedTuple):
    """One problem of the prior.

    Attributes
    ----------
    expression : Expression
        Canonical equation with its true constants.
    skeleton : Expression
        The same with free constants, in natural units.
    closed : Expression
        Closure of the skeleton under a change of units, the label of rescaled problems.
    X : float64 array of shape (n, d)
    y : float64 array of shape (n,)
        Target with its noise.
    y_clean : float64 array of shape (n,)
        Target without noise: the values of ``expression``.
    X_out_of_support : float64 array of shape (n, d)
        Points of the box whose sides are three times those of X, with the same centre (Biggio et al. 2021, section 5).
    rescaled : bool
        Whether the network is told arbitrary units and shown the closed label.
    """

    expression: Expression
    skeleton: Expression
    closed: Expression
    X: NDArray[np.float64]
    y: NDArray[np.float64]
    y_clean: NDArray[np.float64]
    X_out_of_support: NDArray[np.float64]
    rescaled: bool


class Draw(NamedTuple):
    """Raw arrays of one call of :meth:`ProblemMaker.draw`; B problems, at most N points."""

    values: NDArray[np.float64]  # [B, N, 11], the target without noise last
    noise: NDArray[np.float64]  # [B, N], added to the target
    n_points: NDArray[np.int64]
    n_columns: NDArray[np.int64]
    families: NDArray[np.int64]  # [B, 10], codes of supports.FAMILIES
    rescaled: NDArray[np.bool_]
    constants: NDArray[np.float64]  # [B, MAX_CONSTANTS]
    cards: list[Card]


class ProblemMaker:
    """Endless source of problems of one recipe.

    Parameters
    ----------
    config : PriorConfig
        The recipe.
    rng : numpy.random.Generator
        All randomness comes from here.
    exclude : collection of int, optional
        Fingerprints of skeletons that never become equations, from
        :func:`nesymres_sk.prior.fingerprints.hold_out`.
    chunk : int, default 512
        Skeletons drawn at a time for each number of columns; small for a few problems, larger for a stream.

    Attributes
    ----------
    outcomes : Counter
        Attempts by what became of them, codes of :data:`nesymres_sk.prior.values.OUTCOMES`.
    given_up : int
        Problems whose support was drawn anew because nothing fitted it; close to none, or the supports leak.
    record : list of (Card, int) or None
        Every attempt with its outcome, if set to a list.
    """

    def __init__(
        self,
        config: PriorConfig,
        rng: np.random.Generator,
        exclude: Collection[int] = (),
        chunk: int = 512,
    ) -> None:
        self.config = config
        self._rng = rng
        self._columns = np.array(config.column_weights) / sum(config.column_weights)
        excluded = np.array(sorted(exclude), dtype=np.uint64)
        self._decks = [
            Deck(SkeletonSampler(config, rng), d + 1, rng, chunk, excluded) for d in range(self._columns.size)
        ]
        sizes = np.array([size for size, _ in config.point_buckets])
        shares = np.array([share for _, share in config.point_buckets])
        self._buckets, self._bucket_shares = sizes, shares / shares.sum()
        self.outcomes: Counter[int] = Counter()
        self.given_up = 0
        self.record: list[tuple[Card, int]] | None = None

    def draw(self, size: int, bucket: int | None = None) -> Draw:
        """Draw ``size`` problems with at most ``bucket`` points each (a bucket of the recipe by default)."""
        rng, config = self._rng, self.config
        n = int(bucket or rng.choice(self._buckets, p=self._bucket_shares))
        smallest = int(self._buckets.min())
        lowest = MIN_ROWS if n <= smallest else n // 2 + 1
        n_points = np.floor(np.exp(rng.uniform(np.log(lowest), np.log(n + 1), size))).astype(np.int64).clip(lowest, n)
        n_columns = 1 + rng.choice(self._columns.size, size=size, p=self._columns).astype(np.int64)
        level = np.where(rng.random(size) < config.noisy, 10.0 ** rng.uniform(-4.0, -1.0, size), 0.0)
        rescaled = rng.random(size) < config.rescaled
        XT = np.zeros((size, v.MAX_VARIABLES, n))
        families = np.full((size, v.MAX_VARIABLES), -1, dtype=np.int64)
        wide = config.supports == "wide"
        draw_points(rng, n_columns, n_points, wide, XT, families)
        y = np.zeros((size, n))
        constants = np.full((size, MAX_CONSTANTS), np.nan)
        cards: list[Card | None] = [None] * size
        todo = np.arange(size)
        tries = fruitless = 0
        while todo.size:
            if fruitless >= _FRUITLESS:
                raise RuntimeError(
                    f"of {fruitless} equations of the prior {config.name} in a row none was fit for its points, "
                    "that is defined, of a sane magnitude, with visible parts: change its operators or supports"
                )
            if tries == _GIVE_UP:  # nothing fits these supports: draw new ones for these problems (counted)
                self.given_up += todo.size
                again_XT, again_families = XT[todo], families[todo]
                draw_points(rng, n_columns[todo], n_points[todo], wide, again_XT, again_families)
                XT[todo], families[todo] = again_XT, again_families
                tries = 0
            tries += 1
            n_open = todo.size
            todo = self._attempt(todo, XT, n_points, n_columns, level, y, constants, cards)
            fruitless = fruitless + n_open * _ATTEMPTS if todo.size == n_open else 0
        values = np.zeros((size, n, POINT_WIDTH))
        values[:, :, : v.MAX_VARIABLES] = XT.transpose(0, 2, 1)
        values[:, :, -1] = y
        values[np.arange(n) >= n_points[:, None]] = 0.0
        noise = self._noise(values[:, :, -1], n_points, level)
        return Draw(values, noise, n_points, n_columns, families, rescaled, constants, [card for card in cards if card])

    def batch(self, size: int, bucket: int | None = None) -> Batch:
        """Network inputs and labels of ``size`` fresh problems."""
        draw = self.draw(size, bucket)
        rng = self._rng
        values = draw.values
        values[:, :, -1] += draw.noise
        present = np.zeros((size, POINT_WIDTH), dtype=np.bool_)
        present[:, : v.MAX_VARIABLES] = np.arange(v.MAX_VARIABLES) < draw.n_columns[:, None]
        present[:, -1] = True
        scales = masked_scales(values, draw.n_points)
        # The network sees scaled numbers and the logarithms of the scales: other units are other scales, no more.
        decades = np.where(rng.random((size, 1)) < 0.1, 20.0, 6.0)
        units = np.where(draw.rescaled[:, None], 10.0 ** rng.uniform(-decades, decades, scales.shape), 1.0)
        tokens = np.zeros((size, self.config.max_length + 2), dtype=np.int16)
        for row, card, rescaled in zip(tokens, draw.cards, draw.rescaled.tolist(), strict=True):
            label = card.closed.tokens if rescaled else card.skeleton.tokens
            row[0] = v.START
            row[1 : len(label) + 1] = label
            row[len(label) + 1] = v.END
        return assemble(values, draw.n_points.astype(np.int32), present, scales, scales * units, tokens)

    def _attempt(
        self,
        todo: NDArray[np.int64],
        XT: NDArray[np.float64],
        n_points: NDArray[np.int64],
        n_columns: NDArray[np.int64],
        level: NDArray[np.float64],
        y: NDArray[np.float64],
        constants: NDArray[np.float64],
        cards: list[Card | None],
    ) -> NDArray[np.int64]:
        """Deal a few equations to every open problem; returns the problems that are still open."""
        dealt: list[Card] = []
        candidates = np.empty((todo.size, _ATTEMPTS), dtype=np.int64)
        widths = n_columns[todo]
        for d in np.unique(widths).tolist():
            of_width = np.flatnonzero(widths == d)
            first = len(dealt)
            dealt += self._decks[d - 1].deal(of_width.size * _ATTEMPTS)
            candidates[of_width] = np.arange(first, len(dealt)).reshape(-1, _ATTEMPTS)
        programs = compile_programs([card.skeleton for card in dealt])
        roles = np.zeros((len(dealt), MAX_CONSTANTS), dtype=np.int64)
        settled = np.full((len(dealt), MAX_CONSTANTS), np.nan)
        for i, card in enumerate(dealt):
            k = len(card.roles)
            if k:
                roles[i, :k] = card.roles
                settled[i, :k] = card.skeleton.constants
        chosen = np.full(y.shape[0], -1, dtype=np.int64)
        outcomes = np.zeros(candidates.shape, dtype=np.int64)
        attempt(
            self._rng, self.config.constant_values == "wide", XT, n_points, n_columns, level, todo, candidates,
            programs.codes, programs.lengths, roles, settled, programs.n_constants, y, constants, chosen, outcomes,
        )  # fmt: skip
        self.outcomes.update(outcomes.ravel().tolist())
        if self.record is not None:
            tried = zip(candidates.ravel().tolist(), outcomes.ravel().tolist(), strict=True)
            self.record.extend((dealt[i], outcome) for i, outcome in tried if outcome)
        done = chosen[todo] >= 0
        for b in todo[done].tolist():
            cards[b] = dealt[chosen[b]]
        return todo[~done]

    def _noise(
        self, y: NDArray[np.float64], n_points: NDArray[np.int64], level: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Gaussian noise, for a few problems with heavy tails, relative to the deviation of the target."""
        rows = np.arange(y.shape[1]) < n_points[:, None]
        mean = y.sum(axis=1, keepdims=True) / n_points[:, None]
        deviation = np.sqrt((np.square(y - mean) * rows).sum(axis=1) / n_points)
        noise = np.zeros(y.shape)
        noisy = np.flatnonzero(level > 0.0)
        if noisy.size:
            normal = self._rng.standard_normal((noisy.size, y.shape[1]))
            heavy = self._rng.random(noisy.size) < 0.1
            normal[heavy] = self._rng.standard_t(3.0, (int(heavy.sum()), y.shape[1]))
            noise[noisy] = normal * (level * deviation)[noisy, None] * rows[noisy]
        return noise


def make_batch(config: PriorConfig, batch_size: int, rng: np.random.Generator) -> Batch:
    """One batch, made in this process; for many of them use a :class:`ProblemMaker` or a stream."""
    return ProblemMaker(config, rng, chunk=max(16, min(512, batch_size))).batch(batch_size)


def held_out_batch(config: PriorConfig, n: int, seed: int) -> Batch:
    """Deterministic batch for validation: the same for the same recipe, size and seed."""
    return make_batch(config, n, np.random.default_rng(np.random.SeedSequence([seed, 0xE1D])))


def sample_problem(config: PriorConfig, rng: np.random.Generator) -> Problem:
    """One problem with everything that is known of it."""
    return sample_problems(config, 1, rng)[0]


def sample_problems(config: PriorConfig, n: int, rng: np.random.Generator) -> list[Problem]:
    """Problems with everything that is known of them."""
    draw = ProblemMaker(config, rng, chunk=max(4, min(512, n))).draw(n)
    problems = []
    for i, card in enumerate(draw.cards):
        rows, d = int(draw.n_points[i]), int(draw.n_columns[i])
        X = draw.values[i, :rows, :d].copy()
        y = draw.values[i, :rows, -1].copy()
        low, high = X.min(axis=0), X.max(axis=0)
        outside = rng.uniform(low - (high - low), high + (high - low), X.shape)
        expression = card.skeleton.with_constants(draw.constants[i, : len(card.roles)].tolist())
        problems.append(
            Problem(
                expression, card.skeleton, card.closed, X, y + draw.noise[i, :rows], y, outside, bool(draw.rescaled[i])
            )
        )
    return problems
