"""Names of the files that a network is split into: ``name-00001-of-00002.safetensors`` and so on."""

from __future__ import annotations

import re
from pathlib import Path

_SHARD = re.compile(r"(?P<name>.+)-\d{5}-of-(?P<count>\d{5})\.safetensors")


def shard_paths(directory: Path, name: str, count: int) -> list[Path]:
    """Paths of the ``count`` shards of a network, in order."""
    return [directory / f"{name}-{index:05}-of-{count:05}.safetensors" for index in range(1, count + 1)]


def shards_named(directory: Path, name: str) -> list[Path]:
    """Shards in a directory of any network of this name, sorted."""
    matches = ((_SHARD.fullmatch(path.name), path) for path in directory.iterdir())
    return sorted(path for match, path in matches if match is not None and match["name"] == name)


def shards_at(path: Path) -> list[Path]:
    """Shards of the one network in a directory, or of the network that a file belongs to.

    Raises
    ------
    FileNotFoundError
        If there is no safetensors file, or a shard is missing.
    ValueError
        If the directory has several networks.
    """
    if not path.is_dir():
        return _with_siblings(path)
    files = sorted(path.glob("*.safetensors"))
    if not files:
        raise FileNotFoundError(f"there is no .safetensors file in {path}")
    networks = {tuple(_with_siblings(file)) for file in files}
    if len(networks) > 1:
        raise ValueError(f"several networks in {path}; give the path of one of their files instead of the directory")
    return list(networks.pop())


def _with_siblings(path: Path) -> list[Path]:
    match = _SHARD.fullmatch(path.name)
    paths = [path] if match is None else shard_paths(path.parent, match["name"], int(match["count"]))
    for shard in paths:
        if not shard.is_file():
            raise FileNotFoundError(f"weights file {shard} is missing")
    return paths
