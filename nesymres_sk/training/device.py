"""The device of a training: settings of torch that it needs, and its name."""

from __future__ import annotations

import torch


def prepare(device: torch.device) -> None:
    """Set torch up for training on a device, in this process."""
    torch.set_flush_denormal(True)
    if device.type == "cuda":
        torch.cuda.set_device(device)
        # since torch 2.11 the first choice on an H100, but with a mask and 64 rows its backward pass has NaN
        # (pytorch/pytorch#196678)
        torch.backends.cuda.enable_cudnn_sdp(False)


def device_name(device: torch.device) -> str:
    """Name of a device for logs and the metadata of weights."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
