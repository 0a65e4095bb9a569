"""The fine-tuning loop: reconstruct each record's equation from its embedding, and predict its score.

Ying et al. 2025, section 3.6.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from nesymres_sk.deadline import Deadline
from nesymres_sk.equate.config import EquateConfig
from nesymres_sk.equate.instances import Record, bag_inputs, encode_batch, labels
from nesymres_sk.equate.network import EquateNetwork
from nesymres_sk.expressions import vocabulary as v

if TYPE_CHECKING:
    from nesymres_sk.table import Table

#: Chance that an example goes without its equation, so that the decoder cannot learn to copy it.
_WITHOUT_EQUATION = 0.3
#: Noise on the embedding, relative to its root mean square: the search will move it.
_NOISE = 0.05
_WEIGHT_DECAY = 0.01
_CLIP = 1.0
#: A loss this many times that of the first epoch, or none at all, counts as divergence.
_DIVERGED = 3.0


class Tuner:
    """Fine-tunes one network on one set of records.

    Parameters
    ----------
    model : EquateNetwork
        Trained in place.
    table : Table
    records : sequence of Record
        At least one.
    gold : Tensor [1, k, w]
        Memory of the data themselves.
    config : EquateConfig
    rng : numpy.random.Generator
    generator : torch.Generator

    Attributes
    ----------
    losses : list of (float, float)
        Mean reconstruction and score loss of every epoch.
    """

    def __init__(
        self,
        model: EquateNetwork,
        table: Table,
        records: Sequence[Record],
        gold: Tensor,
        config: EquateConfig,
        rng: np.random.Generator,
        generator: torch.Generator,
    ) -> None:
        self._model = model
        self._config = config
        self._rng = rng
        self._generator = generator
        self._gold = gold
        device = gold.device
        self._inputs = bag_inputs(table, [record.rows for record in records], [record.outputs for record in records])
        self._tokens = torch.from_numpy(labels(records, model.backbone.config.max_length)).to(device)
        scores = torch.tensor([record.score for record in records], dtype=torch.float32, device=device)
        self._scores = (scores - scores.mean()) / scores.std(correction=0).clamp(min=1e-3)
        self._weights = record_weights(records, config.preference).to(device)
        self._memory: Tensor | None = None
        if config.tuning != "full":  # the encoder is frozen: its answers are computed once
            with torch.no_grad():
                self._memory = encode_batch(model.backbone, self._inputs)
        pretrained, heads = model.trained()
        groups = [{"params": pretrained, "lr": config.learning_rate}, {"params": heads, "lr": config.head_rate}]
        self._optimiser = torch.optim.AdamW([group for group in groups if group["params"]], weight_decay=_WEIGHT_DECAY)
        self._parameters = [*pretrained, *heads]
        self._balance: float | None = None
        self.losses: list[tuple[float, float]] = []

    def epoch(self, deadline: Deadline) -> bool:
        """One pass over the records, or what there is time for; returns whether it went well."""
        n = len(self._tokens)
        order = torch.from_numpy(self._rng.permutation(n))
        sums = [0.0, 0.0]
        for start in range(0, n, self._config.batch_size):
            if deadline.passed:
                return True
            rows = order[start : start + self._config.batch_size].to(self._tokens.device)
            reconstruction, estimate = self.loss(rows)
            if self._balance is None:  # both terms count the same at first, and keep their exchange rate
                self._balance = float(reconstruction.detach()) / max(float(estimate.detach()), 1e-6)
            loss = reconstruction + self._balance * estimate
            if not math.isfinite(float(loss.detach())):
                return False
            self._optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self._parameters, _CLIP)
            self._optimiser.step()
            sums[0] += float(reconstruction.detach()) * len(rows) / n
            sums[1] += float(estimate.detach()) * len(rows) / n
        self.losses.append((sums[0], sums[1]))
        return sums[0] <= _DIVERGED * max(self.losses[0][0], 0.1)

    def run(self, deadline: Deadline) -> bool:
        """All epochs, or as many as there is time for; returns whether they went well."""
        went_well = all(deadline.passed or self.epoch(deadline) for _ in range(self._config.epochs))
        return went_well and self._still_writes()

    @torch.no_grad()
    def _still_writes(self) -> bool:
        """Whether the network gives numbers after the last step, which no loss has seen."""
        logits = self._model.backbone.decode(self.embeddings([0]), self._tokens[:1, :-1])
        return bool(torch.isfinite(logits).all())

    def loss(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Cross-entropy of the records' tokens, and squared error of their standardised scores."""
        tokens = self._tokens[rows]
        data = self._data(rows)
        embedding = self._model.embed(data, tokens)
        dropped = torch.rand(len(rows), generator=self._generator).to(data.device) < _WITHOUT_EQUATION
        shown = torch.where(dropped[:, None, None], data, embedding)
        size = shown.detach().square().mean(dim=(1, 2), keepdim=True).sqrt()
        noise = torch.randn(shown.shape, generator=self._generator).to(data.device)
        logits = self._model.backbone.decode(shown + _NOISE * size * noise, tokens[:, :-1])
        entropy = functional.cross_entropy(
            logits.transpose(1, 2), tokens[:, 1:], ignore_index=v.PAD, reduction="none"
        ).sum(dim=1) / (tokens[:, 1:] != v.PAD).sum(dim=1)
        estimates = self._model.evaluator(embedding, self._gold)
        weights = self._weights[rows]
        return (weights * entropy).mean(), (weights * (estimates - self._scores[rows]).square()).mean()

    def _data(self, rows: Tensor) -> Tensor:
        if self._memory is not None:
            return self._memory[rows]
        index = rows.cpu().numpy()
        return encode_batch(self._model.backbone, type(self._inputs)(*(field[index] for field in self._inputs)))

    @torch.no_grad()
    def embeddings(self, rows: Sequence[int], data: Tensor | None = None) -> Tensor:
        """Embeddings [s, k, w] of some records' equations after training, with their own data or with a memory's."""
        index = torch.tensor(list(rows), device=self._tokens.device)
        memory = self._data(index) if data is None else data.expand(len(index), -1, -1)
        return self._model.embed(memory, self._tokens[index])


def record_weights(records: Sequence[Record], preference: float) -> Tensor:
    """Weights [r] of mean 1: what many bags agree on counts more, and with a preference what is good.

    By rank, because the scores of a table on which the network fails lie close together, or far apart.
    """
    weights = torch.tensor([math.sqrt(record.multiplicity) for record in records])
    ranks = np.argsort(np.argsort([record.score for record in records], kind="stable"), kind="stable")
    weights = weights * torch.from_numpy(np.exp(preference * (ranks / max(1, len(records) - 1) - 1.0))).float()
    return weights / weights.mean()
