"""What the log says of the steps since its last line."""

from __future__ import annotations

import sys
import time
from typing import Any

import torch
from torch import Tensor, nn

from nesymres_sk.training.batches import StepBatch
from nesymres_sk.training.flops import peak_flops, step_flops


class Meter:
    """Sums since the last print, kept on the device so that no step waits for them."""

    def __init__(self, device: torch.device) -> None:
        self.loss = torch.zeros((), device=device)
        self.norm = torch.zeros((), device=device)
        self.skipped = torch.zeros((), device=device)
        self.tokens = torch.zeros((), device=device)
        self.peak = peak_flops(device)
        self.known: dict[torch.Size, int] = {}
        self.restart()

    def restart(self) -> None:
        """Start over."""
        self.loss.zero_()
        self.norm.zero_()
        self.skipped.zero_()
        self.tokens.zero_()
        self.factor = 0.0
        self.steps = self.problems = self.flops = 0
        self.began = time.monotonic()

    def measure(self, network: nn.Module, step: StepBatch) -> None:
        """Count the operations of a step, once for every number of rows, on a device whose peak is known.

        The utilisation is for looking on: if it cannot be measured, this is said once and the log goes on without it.
        """
        shape = step.parts[0].points.shape
        if self.peak is None or shape in self.known:
            return
        try:
            self.known[shape] = step_flops(network, step.parts)
        except Exception as error:  # out of memory, or an operation that the counter of this torch does not know
            self.peak = None
            network.zero_grad(set_to_none=True)
            print(f"no more utilisation in the log: {type(error).__name__}: {error}", file=sys.stderr, flush=True)

    def count(self, step: StepBatch, loss: Tensor, norm: Tensor, taken: Tensor, factor: float) -> None:
        """Add a step; a skipped one counts as skipped alone."""
        self.loss += torch.where(taken > 0.0, loss, torch.zeros_like(loss))
        self.norm += torch.where(taken > 0.0, norm, torch.zeros_like(norm))
        self.tokens += step.n_tokens * taken
        self.skipped += 1.0 - taken
        self.factor = factor
        self.steps += 1
        self.problems += step.n_problems
        self.flops += self.known.get(step.parts[0].points.shape, 0)

    def read(self, group_size: int) -> dict[str, Any] | None:
        """Averages since the last reading, or None if there was no step."""
        if self.steps == 0:
            return None
        loss, norm, skipped, tokens = torch.stack([self.loss, self.norm, self.skipped, self.tokens]).tolist()
        seconds = time.monotonic() - self.began
        values: dict[str, Any] = {
            "loss": loss / max(1.0, tokens),
            "grad_norm": norm / max(1.0, self.steps - skipped),
            "lr_factor": self.factor,
            "problems_per_second": self.problems * group_size / seconds,
            "skipped_now": int(skipped),
        }
        if self.peak is not None:
            values["utilisation"] = self.flops / seconds / self.peak
        self.restart()
        return values
