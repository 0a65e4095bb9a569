"""Quality on a fixed set of held-out problems."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.training.batches import Part, StepBatch, to_device


class Evaluation(NamedTuple):
    """Mean cross-entropy per token, accuracy per token, and fraction of problems whose greedy decoding is the label."""

    loss: float
    accuracy: float
    recovery: float


def predict(network: nn.Module, part: Part) -> Tensor:
    """Logits ``(B, T - 1, V)`` of every token after the first, given those before it; bfloat16 products on CUDA."""
    with torch.autocast(part.tokens.device.type, torch.bfloat16, enabled=part.tokens.is_cuda):
        logits: Tensor = network(part.points, part.n_points, part.present, part.log_scales, part.tokens)
    return logits.float()


def token_loss(logits: Tensor, tokens: Tensor) -> Tensor:
    """Sum of the cross-entropies of all tokens after the first that are not padding."""
    return functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten(), ignore_index=v.PAD, reduction="sum")


@torch.no_grad()
def evaluate(network: nn.Module, steps: Sequence[StepBatch], device: torch.device) -> Evaluation:
    """Evaluate a network on held-out problems.

    Recovery needs no decoding: greedy decoding yields the label exactly if the most probable token after every prefix
    of the label is the label's next one.
    """
    totals = torch.zeros(3, dtype=torch.float64, device=device)
    training = network.training
    network.eval()
    for step in steps:
        for part in to_device(step, device).parts:
            logits = predict(network, part)
            targets = part.tokens[:, 1:]
            padding = targets == v.PAD
            right = logits.argmax(-1) == targets
            totals += torch.stack(
                [
                    token_loss(logits, part.tokens).double(),
                    (right & ~padding).sum().double(),
                    (right | padding).all(1).sum().double(),
                ]
            )
    network.train(training)
    n_tokens = sum(step.n_tokens for step in steps)
    n_problems = sum(step.n_problems for step in steps)
    loss, right_tokens, recovered = totals.tolist()
    return Evaluation(loss / n_tokens, right_tokens / n_tokens, recovered / n_problems)
