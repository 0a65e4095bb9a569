"""One cached step of the decoder for all live hypotheses of a problem; beam search and sampling are built on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.search.grammar import COMPLETE, Grammar

if TYPE_CHECKING:
    from nesymres_sk.model.inputs import Batch
    from nesymres_sk.model.network import Network


@torch.inference_mode()
def encode_problem(network: Network, batch: Batch) -> Tensor:
    """Memory of one problem, shape (1, latents, width), on the network's device."""
    device = next(network.parameters()).device
    points, n_points, present, log_scales = (torch.from_numpy(np.ascontiguousarray(field)) for field in batch[:4])
    memory: Tensor = network.encode(points.to(device), n_points.to(device), present.to(device), log_scales.to(device))
    return memory


class Frontier:
    """Unfinished hypotheses of one problem, with the decoder's cache; starts as one empty hypothesis.

    A finished hypothesis leaves the batch as soon as its last operand is written: the end token is then the only one
    that the grammar allows, so that asking the network for it would change nothing.

    Attributes
    ----------
    tokens : Tensor of int64, shape (H, position)
        Tokens written so far, without the start token.
    open_slots : Tensor of int64, shape (H,)
        Operands still missing, at least 1.
    log_probs : Tensor of float64, shape (H,)
        Sum of the network's log-probabilities of the tokens, at temperature 1 and without the mask: a whitelist
        of operators makes forbidden expressions impossible but not the others more probable.
    """

    def __init__(self, network: Network, memory: Tensor, grammar: Grammar) -> None:
        device = memory.device
        self._network = network
        self._max_length = grammar.max_length
        self._table = torch.from_numpy(grammar.table).to(device)
        self._arity = torch.from_numpy(v.ARITY.astype(np.int64)).to(device)
        self._cache = network.start_cache(memory)
        self._last = torch.full((1,), v.START, dtype=torch.int64, device=device)
        self.tokens = torch.zeros((1, 0), dtype=torch.int64, device=device)
        self.open_slots = torch.ones(1, dtype=torch.int64, device=device)
        self.log_probs = torch.zeros(1, dtype=torch.float64, device=device)

    def __len__(self) -> int:
        return self.tokens.shape[0]

    @property
    def position(self) -> int:
        """Tokens written so far in every hypothesis."""
        return self.tokens.shape[1]

    def expand(self) -> tuple[Tensor, Tensor]:
        """Run the network once.

        Returns
        -------
        logits : Tensor of float64, shape (H, V)
        allowed : Tensor of bool, shape (H, V)
            Next tokens that the grammar allows.
        """
        logits = self._network.step(self._last, self._cache).double()
        slack = self._max_length - self.position - self.open_slots
        return logits, self._table[slack.clamp(max=COMPLETE - 1)]

    def completes(self, rows: Tensor, tokens: Tensor) -> Tensor:
        """Whether hypothesis ``rows[i]`` followed by ``tokens[i]`` is a complete expression."""
        return self.open_slots[rows] + self._arity[tokens] == 1

    def sequences(self, rows: Tensor, tokens: Tensor) -> list[tuple[int, ...]]:
        """Token sequences of hypothesis ``rows[i]`` followed by ``tokens[i]``."""
        return [tuple(row) for row in torch.cat([self.tokens[rows], tokens[:, None]], dim=1).tolist()]

    def advance(self, rows: Tensor, tokens: Tensor, log_probs: Tensor) -> None:
        """Replace the hypotheses by ``rows[i]`` followed by ``tokens[i]``, all of them unfinished."""
        self._cache.reorder(rows)
        self._last = tokens
        self.open_slots = self.open_slots[rows] + self._arity[tokens] - 1
        self.tokens = torch.cat([self.tokens[rows], tokens[:, None]], dim=1)
        self.log_probs = log_probs
