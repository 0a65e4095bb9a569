"""How much of the device a step uses."""

from __future__ import annotations

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from nesymres_sk.training.batches import Part
from nesymres_sk.training.evaluation import predict, token_loss

#: Dense bfloat16 products per second, from the vendors' data sheets, by a part of the device's name.
PEAK_FLOPS = {"H100": 989e12, "H200": 989e12, "A100": 312e12, "L40S": 362e12, "L4": 121e12}


def step_flops(network: nn.Module, parts: list[Part]) -> int:
    """Floating-point operations of the matrix products of one forward and backward pass; leaves no gradients behind."""
    with FlopCounterMode(display=False) as counter:
        for part in parts:
            token_loss(predict(network, part), part.tokens).backward()
    network.zero_grad(set_to_none=True)
    return int(counter.get_total_flops())


def peak_flops(device: torch.device) -> float | None:
    """Peak of a known CUDA device, else None."""
    if device.type != "cuda":
        return None
    name = torch.cuda.get_device_name(device)
    return next((peak for part, peak in PEAK_FLOPS.items() if part in name), None)
