"""The device of a training: settings of torch that it needs, and its name."""

from __future__ import annotations

import torch


def find_device(name: str, local_rank: int = 0) -> torch.device:
    """Device that ``cpu``, ``cuda`` or ``auto``, a GPU where there is one, means for one of the processes of a machine.

    Raises
    ------
    ValueError
        If there is no GPU for this process.
    """
    if name == "cpu" or (name == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    n_devices = torch.cuda.device_count()
    if local_rank >= n_devices:
        raise ValueError(
            f"torch {torch.__version__} finds {n_devices} GPUs here, and {local_rank + 1} are needed: install a build "
            "of torch for CUDA and its driver, start fewer processes, or use --device cpu"
        )
    return torch.device("cuda", local_rank)


def allow_shapes(n_shapes: int) -> None:
    """Let torch compile the network for so many shapes; what is beyond its limit of 8 would run uncompiled."""
    from torch._dynamo import config

    # older versions of torch have the second name
    name = "recompile_limit" if hasattr(config, "recompile_limit") else "cache_size_limit"
    setattr(config, name, max(getattr(config, name), 2 * n_shapes))


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
