"""Search in the space of embeddings: the evaluator's gradient says in which direction better equations are.

Ying et al. 2025, section 3.7, within a trust region: far from the embeddings that the evaluator was trained on, its
gradient means nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from nesymres_sk.equate.config import EquateConfig
from nesymres_sk.equate.network import Evaluator

#: An embedding is decoded after so many steps.
_DECODE_EVERY = 2
#: An ascent ends when its predicted score has fallen so often.
_PATIENCE = 3


def ascend(evaluator: Evaluator, start: Tensor, gold: Tensor, config: EquateConfig) -> Iterator[Tensor]:
    """Move embeddings uphill.

    Parameters
    ----------
    evaluator : Evaluator
        Trained; its parameters get no gradient.
    start : Tensor [s, k, w]
        Embeddings of the best records.
    gold : Tensor [1, k, w]
        Memory of the data.
    config : EquateConfig
        ``n_steps``, ``step_size`` and ``radius``.

    Yields
    ------
    Tensor [at most s, k, w]
        Embeddings to decode: the starts, then where the ascents that still rise are after every second step.
    """
    yield start
    origin = start.detach()
    at = origin.clone()
    size = origin.square().mean(dim=(1, 2), keepdim=True).sqrt()
    reach = config.radius * origin.flatten(1).norm(dim=1)[:, None, None]
    falls = torch.zeros(len(origin), dtype=torch.int64, device=origin.device)
    before: Tensor | None = None
    for step in range(1, config.n_steps + 1):
        at.requires_grad_(True)
        scores = evaluator(at, gold)
        (gradient,) = torch.autograd.grad(scores.sum(), at)
        scores = scores.detach()
        if before is not None:
            falls += scores < before
        before = scores
        alive = falls < _PATIENCE
        if not bool(alive.any()):
            return
        with torch.no_grad():
            length = gradient.square().mean(dim=(1, 2), keepdim=True).sqrt().clamp(min=1e-12)
            moved = at + config.step_size * size * gradient / length
            offset = moved - origin
            distance = offset.flatten(1).norm(dim=1)[:, None, None].clamp(min=1e-12)
            inside = origin + offset * (reach / distance).clamp(max=1.0)
            at = torch.where(alive[:, None, None], inside, at).detach()
        if step % _DECODE_EVERY == 0:
            yield at[alive]
