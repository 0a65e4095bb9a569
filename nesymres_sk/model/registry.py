"""The weights that come with the package: names, files, checksums, and one loaded copy per process.

Importing this module does not import torch; a network is only built by :func:`get_network`.

    python -m nesymres_sk.model.registry add base runs/base      # land trained weights
    python -m nesymres_sk.model.registry verify
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open

from nesymres_sk.model.shards import shard_paths, shards_at

if TYPE_CHECKING:
    from nesymres_sk.model.network import Network

INDEX = "registry.json"
HISTORY = "history.jsonl"

_lock = threading.RLock()
#: Files whose checksum was right, by path, time of change, size and checksum.
_verified: set[tuple[str, int, int, str]] = set()
#: One network per set of files and device, with the state of the files that it was read from.
_networks: dict[tuple[tuple[str, ...], str], tuple[tuple[tuple[int, int], ...], Network]] = {}


def weights_directory() -> Path:
    """Directory of the package's weights: inside an installed package, beside it in a source tree."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "weights"
    return inside if inside.is_dir() else package.parent / "weights"


def read_index(directory: Path | None = None) -> dict[str, dict[str, Any]]:
    """Entries of the registry by name; empty if there is none.

    Each entry has ``shards`` (a list of ``file`` and ``sha256``), ``parameters`` and ``trained``.

    Raises
    ------
    ValueError
        If the file is something else.
    """
    path = (directory or weights_directory()) / INDEX
    if not path.is_file():
        return {}
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is not valid JSON: {error}") from error
    if not isinstance(entries, dict) or not all(isinstance(e, dict) and "shards" in e for e in entries.values()):
        raise ValueError(f"{path} is not a registry, a JSON object with an entry for each name; restore the file")
    result: dict[str, dict[str, Any]] = entries
    return result


def resolve(name_or_path: str | os.PathLike[str], directory: Path | None = None) -> list[Path]:
    """Files of a network.

    Parameters
    ----------
    name_or_path : str or path
        A name in the registry, a safetensors file (its sibling shards are found) or a directory with one network.
    directory : Path, optional
        Directory of the registry instead of the package's own.

    Returns
    -------
    list of Path
        All shards. Those of the registry have the checksum that is on record.

    Raises
    ------
    FileNotFoundError
        If a file is missing.
    ValueError
        If there is neither such a name nor such a file, or a checksum is wrong.
    """
    directory = directory or weights_directory()
    index = read_index(directory)
    if isinstance(name_or_path, str) and name_or_path in index:
        paths = []
        for shard in index[name_or_path]["shards"]:
            path = directory / shard["file"]
            _verify(path, shard["sha256"])
            paths.append(path)
        return paths
    path = Path(name_or_path)
    if path.exists():
        return shards_at(path)
    known = ", ".join(sorted(index)) or "none (no trained weights in this installation)"
    raise ValueError(f"no weights {str(name_or_path)!r}: no such file or directory, and the known names are: {known}")


def _verify(path: Path, expected: str) -> None:
    if not path.is_file():
        raise FileNotFoundError(f"weights file {path} is missing; reinstall the package or restore the file")
    stat = path.stat()
    key = (str(path), stat.st_mtime_ns, stat.st_size, expected)
    with _lock:
        if key in _verified:
            return
        found = _sha256(path)
        if found != expected:
            raise ValueError(
                f"weights file {path} is not the one on record (sha256 {found}, expected {expected}): it is damaged "
                "or was changed. Reinstall the package or restore the file; to use it on purpose, give its path."
            )
        _verified.add(key)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def get_network(name_or_path: str | os.PathLike[str], device: str = "cpu", directory: Path | None = None) -> Network:
    """Network of a name or path, loaded once per process, device and version of the files.

    Parameters
    ----------
    name_or_path, directory
        As in :func:`resolve`.
    device : str
        Torch device.

    Returns
    -------
    Network
        In evaluation mode and without gradients. It is shared: copy it before changing it.
    """
    paths = resolve(name_or_path, directory)
    with _lock:
        key = (tuple(str(path.resolve()) for path in paths), str(device))
        stamp = tuple((stat.st_mtime_ns, stat.st_size) for stat in (path.stat() for path in paths))
        held = _networks.get(key)
        if held is not None and held[0] == stamp:
            return held[1]
        from nesymres_sk.model.checkpoint import load_network

        network = load_network(paths, device).requires_grad_(False)
        _networks[key] = (stamp, network)
        return network


def check_network(name_or_path: str | os.PathLike[str], device: str) -> None:
    """Refuse what is no network or no device before one is needed; torch is asked only about GPUs.

    Raises
    ------
    FileNotFoundError, ValueError
        As :func:`resolve`; also if a file is no safetensors file, or there is no such device.
    """
    for path in resolve(name_or_path):
        try:
            with safe_open(path, framework="numpy"):
                pass
        except SafetensorError as error:
            raise ValueError(f"weights file {path} is damaged or not a safetensors file: {error}") from error
    if device in ("auto", "cpu"):
        return
    if re.fullmatch(r"cuda(:\d+)?", device) is None:
        raise ValueError(f"device must be 'auto', 'cpu', 'cuda' or 'cuda:0', 'cuda:1', …, got {device!r}")
    import torch

    n = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if int(device[5:] or 0) >= n:
        raise ValueError(f"there is no device {device!r}: PyTorch sees {n} CUDA devices; 'cpu' is always there")


def register(
    name: str,
    source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    trained: str | None = None,
    directory: Path | None = None,
) -> dict[str, Any]:
    """Land trained weights in the registry, in place of an older entry of this name.

    Files are named after their content, so that the entry always points at complete files: new ones are copied
    first, then the index is replaced, then the old ones are removed.

    Parameters
    ----------
    name : str
        Name of the entry.
    source : path or sequence of path
        Directory, file, or all files of a checkpoint.
    trained : str, optional
        How they were trained, in words; by default what the trainer wrote into the checkpoint. The trainer's numbers
        also become a line of the training history, ``history.jsonl``.
    directory : Path, optional
        Directory of the registry instead of the package's own.

    Returns
    -------
    dict
        The entry.

    Raises
    ------
    FileNotFoundError, ValueError
        If the checkpoint is incomplete, damaged or of another vocabulary, or the name cannot be that of a file.
    """
    from nesymres_sk.model.checkpoint import load_network, read_header

    if not name or Path(name).name != name:
        raise ValueError(f"files are named after the entry: a name without slashes is needed, got {name!r}")
    one = isinstance(source, (str, os.PathLike))
    paths = shards_at(Path(source)) if one else [Path(path) for path in source]  # type: ignore[arg-type, union-attr]
    load_network(paths)
    header = read_header(paths[0])
    directory = directory or weights_directory()
    index = read_index(directory)
    directory.mkdir(parents=True, exist_ok=True)
    shards = []
    finals = shard_paths(directory, f"{name}-{header['fingerprint'][:8]}", len(paths))
    for path, final in zip(sorted(paths), finals, strict=True):
        temporary = directory / f".{final.name}.{os.getpid()}.tmp"
        shutil.copyfile(path, temporary)
        os.replace(temporary, final)
        shards.append({"file": final.name, "sha256": _sha256(final)})
    old = index.get(name, {"shards": []})["shards"]
    entry = {
        "shards": shards,
        "parameters": int(header["parameters"]),
        "trained": _in_words(header) if trained is None else trained,
    }
    index[name] = entry
    temporary = directory / f".{INDEX}.{os.getpid()}.tmp"
    temporary.write_text(json.dumps(index, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    os.replace(temporary, directory / INDEX)
    if "problems" in header:
        with (directory / HISTORY).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"name": name, "file": shards[0]["file"], **_history(header)}) + "\n")
    kept = {shard["file"] for shard in shards}
    for shard in old:
        if shard["file"] not in kept:
            (directory / shard["file"]).unlink(missing_ok=True)
    return entry


def _history(header: dict[str, str]) -> dict[str, Any]:
    """What the trainer wrote into a checkpoint about its run."""
    run = {key: json.loads(header[key]) for key in ("problems", "steps", "seconds", "held_out", "parameters")}
    return {"recipe": json.loads(header["recipe"])["name"], "device": header["device"], **run}


def _in_words(header: dict[str, str]) -> str:
    if "problems" not in header:
        return header.get("trained", "")
    run = _history(header)
    return f"recipe {run['recipe']}, {run['problems']} problems in {run['seconds']:.0f} s on {run['device']}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m nesymres_sk.model.registry", description="The package's weights.")
    commands = parser.add_subparsers(dest="command", required=True)
    add = commands.add_parser("add", help="copy a checkpoint into the registry")
    add.add_argument("name")
    add.add_argument("source", nargs="+", type=Path, help="a directory, a file, or all files of a checkpoint")
    add.add_argument("--trained", help="how it was trained; by default what its own header says")
    commands.add_parser("verify", help="check all files against their checksums")
    options = parser.parse_args(arguments)
    try:
        if options.command == "add":
            source = options.source[0] if len(options.source) == 1 else options.source
            entry = register(options.name, source, options.trained)
            print(f"{options.name}: {entry['parameters']} parameters in {len(entry['shards'])} files")
            return 0
        names = list(read_index())
    except (FileNotFoundError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    failures = 0
    for name in names:
        try:
            print(f"{name}: {len(resolve(name))} files, correct")
        except (FileNotFoundError, ValueError) as error:
            failures += 1
            print(f"{name}: {error}", file=sys.stderr)
    return min(failures, 1)


if __name__ == "__main__":
    raise SystemExit(main())
