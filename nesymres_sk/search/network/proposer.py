"""The network as a source of candidates: one beam search or sample first, then samples of many views of the data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from nesymres_sk.archive import Archive
from nesymres_sk.deadline import Deadline
from nesymres_sk.search.candidate import Candidate, Identity, Proposer, identity
from nesymres_sk.search.grammar import Grammar
from nesymres_sk.search.network.views import View, Views
from nesymres_sk.table import Table

if TYPE_CHECKING:
    import torch

    from nesymres_sk.model.network import Network
    from nesymres_sk.search.network.drawn import Drawn

#: Sequences drawn from one view at a time: fewer cost more each, more go deeper than a single view is worth.
_SLICE = 64
#: A success is an error below this share of that of the best known equation that is no longer.
_PROGRESS = 0.5
#: Rounds without anything new after which the proposer gives up.
_PATIENCE = 3
#: Kinds of views with the successes and failures that they are credited with beforehand: most of a short search reads
#: the plain view, and a long one finds out what else is worth its time.
_PLAIN = "plain"
_PRIOR: dict[str, tuple[float, float]] = {
    _PLAIN: (6.0, 2.0), "hole": (2.0, 3.0), "transform": (1.0, 3.0), "units": (1.0, 6.0), "jitter": (1.0, 6.0),
    "rows": (1.0, 6.0),
}  # fmt: skip


class NetworkProposer(Proposer):
    """Skeletons that the network reads off one table, none twice.

    The first call is a beam search (Biggio et al. 2021, section 3.3) of the plain view of the data, or a sample of
    it. Further calls go on sampling the plain view without replacement and sample other views of the data beside it
    (:mod:`nesymres_sk.search.network.views`). How often each kind of view has its turn is learned by Thompson sampling:
    a call is a success of a kind if one of its equations goes well beyond the front of what was known.

    The network is only read, so that several proposers may share one in different threads.

    Parameters
    ----------
    network : Network
        Network in evaluation mode, on any device.
    table : Table
        Data.
    archive : Archive
        Equations found so far, by whatever source.
    grammar : Grammar
        Rules for the skeletons.
    decoding : {"beam", "sampling"}
        What the first call does.
    seed : int
        Seed of the sampling and of the views.

    Raises
    ------
    ValueError
        If the grammar allows longer expressions than the network knows, or ``decoding`` is unknown.
    """

    def __init__(
        self,
        network: Network,
        table: Table,
        archive: Archive,
        grammar: Grammar,
        *,
        decoding: str = "beam",
        seed: int = 0,
    ) -> None:
        import torch

        if grammar.max_length > network.config.max_length:
            raise ValueError(
                f"max_length is {grammar.max_length}, but the network writes at most {network.config.max_length} tokens"
            )
        if decoding not in ("beam", "sampling"):
            raise ValueError(f"decoding must be 'beam' or 'sampling', got {decoding!r}")
        self._network = network
        self._archive = archive
        self._beam_is_due = decoding == "beam"
        self._rng = np.random.default_rng(seed)
        self._views = Views(table, archive, grammar, self._rng)
        self._generator = torch.Generator().manual_seed(seed)
        self._plain: tuple[View, torch.Tensor, Drawn] | None = None
        self._given: set[Identity] = set()
        self._spare: list[tuple[Candidate, str]] = []
        self._credit = {kind: list(credit) for kind, credit in _PRIOR.items()}
        self._kinds: list[str] = []  # of the candidates of the last call
        self._front: list[tuple[int, float]] = []  # as it was then

    def propose(self, n: int, deadline: Deadline) -> list[Candidate]:
        """Up to ``n`` new skeletons, most probable first."""
        from nesymres_sk.search.network.beam import beam_search
        from nesymres_sk.search.network.decoding import encode_problem
        from nesymres_sk.search.network.drawn import Drawn

        if n < 1:
            return []
        first = self._plain is None
        if self._plain is None:
            view = self._views.plain()
            memory = encode_problem(self._network, view.batch)
            self._plain = view, memory, Drawn(memory.device)
        found, self._spare = self._spare, []
        if first and self._beam_is_due:
            view, memory, _ = self._plain
            found = self._new(beam_search(self._network, memory, n, view.grammar, deadline), _PLAIN)
        elif first:
            found = self._sample_plain(n, deadline)
        barren = 0
        # a short round costs nearly as much as a long one: half of what was asked for is enough
        while not first and 2 * len(found) < n and barren < _PATIENCE and not (found and deadline.passed):
            new = self._round(n - len(found), deadline)
            barren = 0 if new else barren + 1
            found += new
        self._spare = found[n:]
        chosen = sorted(found[:n], key=lambda pair: -pair[0].log_prob)
        self._kinds = [kind for _, kind in chosen]
        self._front = [(entry.complexity, entry.error) for entry in self._archive.front()]
        return [candidate for candidate, _ in chosen]

    def learn(self, candidates: Sequence[Candidate], errors: Sequence[float]) -> None:
        """Credit the kinds of views whose answers went beyond the front of the archive, and discredit the others."""
        tried = dict.fromkeys(self._kinds, False)
        for candidate, error, kind in zip(candidates, errors, self._kinds, strict=True):
            size = candidate.skeleton.complexity
            known = min((old for complexity, old in self._front if complexity <= size), default=np.inf)
            tried[kind] |= error < _PROGRESS * known
        for kind, success in tried.items():
            self._credit[kind][0 if success else 1] += 1.0

    def _round(self, n: int, deadline: Deadline) -> list[tuple[Candidate, str]]:
        """About ``n`` sequences from views whose kinds are drawn by their credit; what is new of them."""
        n_slices = max(1, n // _SLICE)
        kinds = [self._draw_kind() for _ in range(n_slices)]
        n_plain = kinds.count(_PLAIN)
        found = self._sample_plain(n * n_plain // n_slices, deadline) if n_plain else []
        for kind in kinds:
            if kind != _PLAIN and not deadline.passed:
                found += self._sample_view(kind, n // n_slices, deadline)
        return found

    def _draw_kind(self) -> str:
        chances = {kind: self._rng.beta(good, bad) for kind, (good, bad) in self._credit.items()}
        return max(chances, key=lambda kind: chances[kind])

    def _sample_plain(self, n: int, deadline: Deadline) -> list[tuple[Candidate, str]]:
        from nesymres_sk.search.network.sampling import sample

        assert self._plain is not None
        view, memory, drawn = self._plain
        return self._new(sample(self._network, memory, n, view.grammar, deadline, self._generator, drawn), _PLAIN)

    def _sample_view(self, kind: str, n: int, deadline: Deadline) -> list[tuple[Candidate, str]]:
        from nesymres_sk.search.network.decoding import encode_problem
        from nesymres_sk.search.network.sampling import sample

        view = self._views.kinds[kind]()
        if view is None:
            return []
        memory = encode_problem(self._network, view.batch)
        answers = sample(self._network, memory, n, view.grammar, deadline, self._generator)
        return self._new([self._views.translate(view, answer) for answer in answers], kind)

    def _new(self, found: Sequence[Candidate | None], kind: str) -> list[tuple[Candidate, str]]:
        """Those that were not seen before, now marked as seen, with the kind of their view."""
        new = []
        for candidate in found:
            if candidate is None or (key := identity(candidate.skeleton)) in self._given:
                continue
            self._given.add(key)
            new.append((candidate, kind))
        return new
