"""The few collective operations of data-parallel training under ``torchrun``; trivial for a single process."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel


@dataclass(frozen=True)
class Group:
    """The processes that train one network together: gloo on the CPU, NCCL on GPUs."""

    rank: int = 0
    size: int = 1

    @classmethod
    def from_environment(cls, device: torch.device) -> Group:
        """Join the group that ``torchrun`` describes in the environment, or be alone."""
        size = int(os.environ.get("WORLD_SIZE", "1"))
        if size == 1:
            return cls()
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
        return cls(dist.get_rank(), size)

    @property
    def leads(self) -> bool:
        """Whether this process logs, evaluates and saves."""
        return self.rank == 0

    def wrap(self, network: nn.Module) -> nn.Module:
        """Network whose backward pass averages the gradients over the group."""
        if self.size == 1:
            return network
        return DistributedDataParallel(network, gradient_as_bucket_view=True)

    def agree(self, elapsed: float, stop: bool, n_tokens: int, device: torch.device) -> tuple[float, bool, int]:
        """Clock and stop signal of the leader, and the number of tokens of all processes, in one collective.

        The learning rate follows the clock, so every process must see the same one for the weights to stay equal.
        """
        if self.size == 1:
            return elapsed, stop, n_tokens
        message = torch.tensor(
            [elapsed if self.leads else 0.0, float(stop and self.leads), float(n_tokens)],
            dtype=torch.float64,
            device=device,
        )
        dist.all_reduce(message)
        values = message.tolist()
        return values[0], values[1] > 0.0, int(values[2])

    def share(self, function: Callable[[Tensor], Tensor], stack: Tensor) -> Tensor:
        """Apply a function of each matrix of a stack ``(k, m, n)``, every process to its part of them.

        All processes have the same stack and get the same result, whichever of them computed it.
        """
        if self.size == 1:
            return function(stack)
        share = -(-len(stack) // self.size)
        mine = stack[self.rank * share : (self.rank + 1) * share]
        result = torch.zeros((share, *stack.shape[1:]), dtype=stack.dtype, device=stack.device)
        if len(mine):
            result[: len(mine)] = function(mine)
        gathered = [torch.empty_like(result) for _ in range(self.size)]
        dist.all_gather(gathered, result)
        return torch.cat(gathered)[: len(stack)]

    def close(self) -> None:
        """Leave the group together: a process that ends early aborts those that still work."""
        if self.size > 1:
            dist.barrier()
            dist.destroy_process_group()
