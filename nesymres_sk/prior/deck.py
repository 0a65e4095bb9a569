"""Skeletons as cards: drawn, closed and checked once, then dealt to many problems."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nesymres_sk.expressions.closure import close
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.prior.fingerprints import are_held_out
from nesymres_sk.prior.recipes import MAX_CONSTANTS
from nesymres_sk.prior.skeletons import SkeletonSampler, constant_roles

#: Attempts that one skeleton serves, each with other points and constants: canonicalisation is paid once for all.
_USES = 6
#: Skeletons without a card among them after which the search for one is given up.
_GIVE_UP = 20_000


@dataclass(frozen=True, slots=True)
class Card:
    """A skeleton with what is needed of it many times."""

    skeleton: Expression
    closed: Expression
    roles: tuple[int, ...]


class Deck:
    """Cards for tables of one width, each dealt a fixed number of times, well shuffled.

    Parameters
    ----------
    sampler : SkeletonSampler
    n_columns : int
        Width of the tables.
    rng : numpy.random.Generator
        Shuffles.
    chunk : int
        Skeletons drawn at a time.
    exclude : uint64 array
        Fingerprints of skeletons that never become cards.
    """

    def __init__(
        self,
        sampler: SkeletonSampler,
        n_columns: int,
        rng: np.random.Generator,
        chunk: int,
        exclude: NDArray[np.uint64],
    ) -> None:
        self._sampler = sampler
        self._exclude = exclude
        self._n_columns = n_columns
        self._rng = rng
        self._chunk = chunk
        self._cards: list[Card] = []
        self._order: NDArray[np.int64] = np.empty(0, dtype=np.int64)

    def deal(self, n: int) -> list[Card]:
        """The next ``n`` cards."""
        while self._order.size < n:
            self._refill()
        dealt, self._order = self._order[:n], self._order[n:]
        return [self._cards[i] for i in dealt.tolist()]

    def _refill(self) -> None:
        kept = np.unique(self._order)
        self._cards = [self._cards[i] for i in kept.tolist()]
        rest = np.searchsorted(kept, self._order)
        first = len(self._cards)
        config = self._sampler.config
        rejected = 0
        while len(self._cards) < first + self._chunk:
            if rejected >= _GIVE_UP:
                raise RuntimeError(
                    f"of {rejected} skeletons in a row none had a closure of at most max_length = {config.max_length} "
                    f"tokens and at most {MAX_CONSTANTS} constants: raise the prior's max_length, or ask for shorter "
                    "equations (operator_counts, constant_counts)"
                )
            n_before = len(self._cards)
            skeletons = self._sampler.sample(self._chunk, self._n_columns)
            labels = closures = skeletons
            if config.rescaled > 0.0 or self._exclude.size:
                closures = [close(skeleton) for skeleton in skeletons]
            if config.rescaled > 0.0:
                labels = closures
            barred = are_held_out(skeletons, closures, self._exclude).tolist()
            for skeleton, closed, out in zip(skeletons, labels, barred, strict=True):
                if len(closed.tokens) <= config.max_length and len(skeleton.constants) <= MAX_CONSTANTS and not out:
                    self._cards.append(Card(skeleton, closed, tuple(constant_roles(skeleton))))
            rejected = rejected + len(skeletons) if len(self._cards) == n_before else 0
        fresh = np.tile(np.arange(first, len(self._cards)), _USES)
        self._order = self._rng.permutation(np.concatenate([rest, fresh]))
