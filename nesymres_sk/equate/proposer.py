"""EQUATE as a source of candidates: bags, fine-tuning, search in embedding space, decoding on the way.

Ying et al. 2025, algorithm of section 3. All equations go through the solver's own fit into its archive, which the
backbone's proposals share, so that fine-tuning can add to the answer but never take from it.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from itertools import repeat
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from nesymres_sk.archive import Archive
from nesymres_sk.deadline import Deadline
from nesymres_sk.equate.config import EquateConfig
from nesymres_sk.equate.decoding import decode_each
from nesymres_sk.equate.embedding_search import ascend
from nesymres_sk.equate.instances import Instances, Record, bag_inputs, encode_batch
from nesymres_sk.equate.loop import Tuner
from nesymres_sk.equate.network import EquateNetwork
from nesymres_sk.expressions.canonical import canonical
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.expressions.machine import evaluate
from nesymres_sk.search.candidate import Candidate, Identity, Proposer, identity
from nesymres_sk.search.grammar import Grammar
from nesymres_sk.table import Table

if TYPE_CHECKING:
    from nesymres_sk.model.network import Network

#: Rounds of decoding without a search, at most: each gives every embedding one greedy reading or one sample.
_ROUNDS = 60
_NETWORK_ROWS = 256
#: Temperatures of decoding: the most probable expression and a sample, or a sample only.
_BOTH, _SAMPLE = (0.0, 1.0), (1.0,)
#: Embeddings [s, k, w], and the temperatures at which each is read.
_Place = tuple[Tensor, tuple[float, ...]]


class EquateProposer(Proposer):
    """Candidates of a network that is fine-tuned on the data set at hand.

    The first call of :meth:`propose` gives the candidates of the bags; the second fine-tunes a copy of the network on
    them; that call and later ones search.

    Parameters
    ----------
    network : Network
        The backbone, on any device; only read.
    table : Table
    archive : Archive
        Of the search: an equation in it that is good enough on held-out rows ends the proposals.
    grammar : Grammar
    config : EquateConfig
    seed : int

    Attributes
    ----------
    losses : list of (float, float)
        Reconstruction and score loss of every epoch, empty before the fine-tuning.
    """

    def __init__(
        self, network: Network, table: Table, archive: Archive, grammar: Grammar, config: EquateConfig, seed: int
    ) -> None:
        self._network = network
        self._table = table
        self._archive = archive
        self._grammar = grammar
        self._config = config
        self._rng = np.random.default_rng(seed)
        self._generator = torch.Generator().manual_seed(seed)
        self._instances = Instances(network, table, grammar, config, self._rng, self._generator)
        self._given: set[Identity] = set()
        self._n_decoded = 0
        self._deadline = Deadline()
        self._rounds = self._run()
        self.losses: list[tuple[float, float]] = []

    def propose(self, n: int, deadline: Deadline) -> list[Candidate]:
        """Candidates of the next stage that gives new ones, whatever ``n`` is."""
        self._deadline = deadline
        for candidates in self._rounds:
            if candidates:
                return candidates
        return []

    def _run(self) -> Iterator[list[Candidate]]:
        candidates = self._instances.candidates(self._deadline)
        self._given.update(identity(candidate.skeleton) for candidate in candidates)
        yield candidates
        records = self._instances.records(self._deadline)
        if not records or self._deadline.passed:
            return
        if self._config.tuning == "none":
            embeddings = self._plain_embeddings(records)
            yield from self._decode(self._network, _again(embeddings))
            return
        model = EquateNetwork(self._network, self._config, self._generator)
        gold = self._gold(self._network)
        tuner = Tuner(model, self._table, records, gold, self._config, self._rng, self._generator)
        fine = tuner.run(self._deadline)
        self.losses = tuner.losses
        if not fine:
            warnings.warn(
                "the fine-tuning diverged and is left out; the result is that of the pretrained network (a smaller "
                "learning_rate in EquateConfig may help)",
                UserWarning,
                stacklevel=2,
            )
            return
        best = np.argsort([-record.score for record in records], kind="stable")[: self._config.n_starts].tolist()
        model.requires_grad_(False)
        yield from self._decode(model.backbone, self._places(model, tuner, best, gold))

    def _places(self, model: EquateNetwork, tuner: Tuner, best: list[int], gold: Tensor) -> Iterator[_Place]:
        """Embeddings to decode with the tuned network: the data's own, those of the best equations, or both in turn."""
        if self._config.start == "records":
            starts = tuner.embeddings(best)
            unmoved = starts
        else:
            data = self._gold(model.backbone)  # the encoder may have been tuned, too
            starts = tuner.embeddings(best, data)
            unmoved = data.expand(len(best), -1, -1)
        if not self._config.embedding_search:
            yield from _again(unmoved)
            return
        for place in ascend(model.evaluator, starts, gold, self._config):
            yield place, _BOTH
            if self._config.start == "data":
                yield unmoved, _SAMPLE

    def _plain_embeddings(self, records: list[Record]) -> Tensor:
        """What the network itself makes of the bags of the best records."""
        best = sorted(records, key=lambda record: -record.score)[: self._config.n_starts]
        rows = [record.rows for record in best]
        with torch.no_grad():
            return encode_batch(self._network, bag_inputs(self._table, rows, [self._table.y[bag] for bag in rows]))

    def _gold(self, network: Network) -> Tensor:
        """Memory of the data themselves."""
        rows = self._instances.train[:_NETWORK_ROWS]  # they are in random order
        with torch.no_grad():
            return encode_batch(network, bag_inputs(self._table, [rows], [self._table.y[rows]]))

    def _decode(self, network: Network, places: Iterable[_Place]) -> Iterator[list[Candidate]]:
        """New candidates of every place, until there are enough."""
        for memory, temperatures in places:
            for temperature in temperatures:
                if self._is_good_enough() or self._deadline.passed:
                    return
                fresh = []
                for tokens, log_prob in decode_each(
                    network, memory, self._grammar, temperature, self._deadline, self._generator
                ):
                    form = canonical(Expression.skeleton_of(tokens))
                    if form is None or not form.variables or identity(form) in self._given:
                        continue
                    self._given.add(identity(form))
                    self._n_decoded += 1
                    fresh.append(Candidate(form, log_prob))
                    if self._n_decoded >= self._config.max_candidates:
                        yield fresh
                        return
                yield fresh

    def _is_good_enough(self) -> bool:
        """Whether the best equation so far describes the held-out rows."""
        front = self._archive.front()
        if not front:
            return False
        X, y = self._table.X[self._instances.held_out], self._table.y[self._instances.held_out]
        with np.errstate(all="ignore"):
            error = float(np.mean(np.square((evaluate(front[-1].expression, X) - y) / self._table.y_scale)))
        variance = float(np.var(y / self._table.y_scale))
        return error <= (1.0 - self._config.threshold) * variance


def _again(embeddings: Tensor) -> Iterator[_Place]:
    """The same embeddings over and over; their most probable expressions stay the same."""
    yield embeddings, _BOTH
    yield from repeat((embeddings, _SAMPLE), _ROUNDS)
