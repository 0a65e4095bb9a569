"""Networks on disk: half-precision safetensors shards that describe themselves, and no pickle."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.model.config import ModelConfig
from nesymres_sk.model.network import Network
from nesymres_sk.model.shards import shard_paths, shards_named

#: Largest shard; hosts of source code refuse or warn about larger files.
MAX_SHARD_BYTES = 15 * 2**20
_HEADER_BYTES = 2**18


def save_network(
    network: Network,
    directory: str | os.PathLike[str],
    name: str,
    metadata: Mapping[str, Any],
    max_shard_bytes: int = MAX_SHARD_BYTES,
) -> list[Path]:
    """Write a network in half precision.

    Every shard is written beside its final place and then renamed, so that a reader never sees half a file. Shards that
    an earlier network of this name left and that are not part of the new one are removed.

    Parameters
    ----------
    network : Network
    directory : path
        Created if needed.
    name : str
        Shards are called ``name-00001-of-00002.safetensors`` and so on.
    metadata : mapping
        What else to say in the header; what is not a string is written as JSON.
    max_shard_bytes : int
        Size that no shard exceeds.

    Returns
    -------
    list of Path
        The shards, in order.

    Raises
    ------
    ValueError
        If a weight is not finite in half precision.
    """
    tensors = {key: tensor.to("cpu", torch.float16).contiguous() for key, tensor in network.state_dict().items()}
    for key, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise ValueError(f"{key} has values that are not finite in half precision; the training has diverged")
    header = {key: value if isinstance(value, str) else json.dumps(value) for key, value in metadata.items()}
    header |= {
        "config": network.config.to_json(),
        "tokens": json.dumps(network.config.tokens),
        "parameters": str(sum(tensor.numel() for tensor in tensors.values())),
        "fingerprint": _fingerprint(tensors),
    }
    parts = _split(tensors, max_shard_bytes - _HEADER_BYTES)
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    paths = shard_paths(directory, name, len(parts))
    temporary = [path.with_name(f".{path.name}.{os.getpid()}.tmp") for path in paths]
    try:
        for path, part in zip(temporary, parts, strict=True):
            path.write_bytes(save(part, header))
        for path, final in zip(temporary, paths, strict=True):
            os.replace(path, final)
    finally:
        for path in temporary:
            path.unlink(missing_ok=True)
    for path in shards_named(directory, name):
        if path not in paths:
            path.unlink()
    return paths


def _split(tensors: dict[str, Tensor], limit: int) -> list[dict[str, Tensor]]:
    """Tensors in order, as few to a shard as fit in ``limit`` bytes; a larger tensor gets a shard of its own."""
    parts: list[dict[str, Tensor]] = [{}]
    size = 0
    for key, tensor in tensors.items():
        if parts[-1] and size + tensor.nbytes > limit:
            parts.append({})
            size = 0
        parts[-1][key] = tensor
        size += tensor.nbytes
    return parts


def _fingerprint(tensors: Mapping[str, Tensor]) -> str:
    """Checksum of half-precision tensors, the same however they are split: it ties the shards of a network together."""
    digest = hashlib.sha256()
    for key in sorted(tensors):
        digest.update(key.encode() + tensors[key].numpy().tobytes())
    return digest.hexdigest()


def read_header(path: str | os.PathLike[str]) -> dict[str, str]:
    """Metadata of one shard: what the trainer wrote, and ``config``, ``tokens``, ``parameters``, ``fingerprint``.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no safetensors file of this package.
    """
    return _read(Path(path))[0]


def _read(path: Path, tensors: bool = False) -> tuple[dict[str, str], dict[str, Tensor]]:
    if not path.is_file():
        raise FileNotFoundError(f"weights file {path} does not exist")
    try:
        with safe_open(path, framework="pt") as file:
            header = dict(file.metadata() or {})
            values = {key: file.get_tensor(key) for key in file.keys()} if tensors else {}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(f"weights file {path} is damaged or not a safetensors file: {error}") from error
    if "config" not in header or "fingerprint" not in header:
        raise ValueError(f"{path} is a safetensors file, but not one that this package wrote")
    return header, values


def load_network(paths: Sequence[str | os.PathLike[str]], device: str | torch.device = "cpu") -> Network:
    """Read a network.

    Parameters
    ----------
    paths : sequence of path
        All shards, in any order.
    device : str or torch.device

    Returns
    -------
    Network
        In float32 and evaluation mode.

    Raises
    ------
    FileNotFoundError
        If a file is missing.
    ValueError
        If a file is damaged, shards are missing or of different networks, or the network was made for another
        vocabulary or by a newer version.
    """
    if not paths:
        raise ValueError("no weights files given")
    headers: list[dict[str, str]] = []
    state: dict[str, Tensor] = {}
    for path in paths:
        header, tensors = _read(Path(path), tensors=True)
        headers.append(header)
        state |= tensors
    names = ", ".join(Path(path).name for path in paths)
    if len({header["fingerprint"] for header in headers}) > 1:
        raise ValueError(f"the weights files are not of one and the same network: {names}")
    _check_vocabulary(json.loads(headers[0]["tokens"]), names)
    config = ModelConfig.from_json(headers[0]["config"])
    # loading must not advance the global random numbers; the meta device would not, but costs a second of imports
    with torch.random.fork_rng(devices=[]):
        network = Network(config)
    expected = network.state_dict()
    missing = sorted(expected.keys() - state.keys())
    if missing:
        raise ValueError(f"a weights file is missing beside {names}: no {missing[0]} and {len(missing) - 1} more")
    for key, tensor in state.items():
        if key not in expected or tensor.shape != expected[key].shape:
            raise ValueError(f"{key} in {names} does not fit the network; another version of the package wrote it")
    if _fingerprint(state) != headers[0]["fingerprint"]:
        raise ValueError(f"the weights files {names} are damaged: their content is not what was written")
    network.load_state_dict({key: tensor.float() for key, tensor in state.items()}, assign=True)
    return network.to(device).eval()


def _check_vocabulary(tokens: list[str], names: str) -> None:
    if tuple(tokens) == v.TOKENS:
        return
    difference = sorted(set(tokens) ^ set(v.TOKENS))
    what = f"they differ in {', '.join(difference)}" if difference else "the order differs"
    raise ValueError(
        f"the weights {names} were trained for another vocabulary than this version has: {what}. "
        "Use the version of the package that trained them, or train again."
    )
