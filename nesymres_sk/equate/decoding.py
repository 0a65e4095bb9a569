"""One expression for each of many embeddings, greedy or sampled, in one cached batch."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from nesymres_sk.deadline import Deadline
from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.search.grammar import Grammar

if TYPE_CHECKING:
    from nesymres_sk.model.network import Network

_ARITY = v.ARITY.astype(np.int64)


@torch.no_grad()
def decode_each(
    network: Network,
    memory: Tensor,
    grammar: Grammar,
    temperature: float,
    deadline: Deadline,
    generator: torch.Generator,
) -> list[tuple[tuple[int, ...], float]]:
    """Read one expression off every embedding.

    Parameters
    ----------
    network : Network
        Only its decoder is used.
    memory : Tensor [B, k, w]
        Embeddings.
    grammar : Grammar
        Rules for the expressions.
    temperature : float
        0 takes the most probable token each time.
    deadline : Deadline
        Looked at between steps; what is unfinished then is dropped.
    generator : torch.Generator
        Source of randomness, on the CPU.

    Returns
    -------
    list of (tuple of int, float)
        Tokens and log-probability of each embedding's expression, in their order; unfinished ones are left out.
    """
    n = len(memory)
    cache = network.start_cache(memory)
    last = torch.full((n,), v.START, dtype=torch.int64, device=memory.device)
    open_slots = np.ones(n, dtype=np.int64)
    written: list[list[int]] = [[] for _ in range(n)]
    log_probs = np.zeros(n)
    for position in range(grammar.max_length):
        if not open_slots.any() or deadline.passed:
            break
        logits = network.step(last, cache).double().cpu()
        allowed = torch.from_numpy(grammar.mask(open_slots, position))
        masked = logits.masked_fill(~allowed, -math.inf)
        if temperature > 0.0:
            weights = (masked / temperature).softmax(dim=1)
            chosen = torch.multinomial(weights, 1, generator=generator)[:, 0]
        else:
            chosen = masked.argmax(dim=1)
        gained = logits.log_softmax(dim=1).gather(1, chosen[:, None])[:, 0].numpy()
        tokens = chosen.numpy()
        live = np.flatnonzero(open_slots)
        for row in live.tolist():
            written[row].append(int(tokens[row]))
        log_probs[live] += gained[live]
        open_slots[live] += _ARITY[tokens[live]] - 1
        last = chosen.to(memory.device)
    return [
        (tuple(tokens), float(log_prob))
        for tokens, log_prob, open_ in zip(written, log_probs, open_slots, strict=True)
        if not open_
    ]
