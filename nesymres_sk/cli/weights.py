"""``nesymres weights``: the networks of this installation."""

from __future__ import annotations

import argparse

from nesymres_sk.cli.output import Output, add_options


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Options of the command."""
    parser = commands.add_parser("weights", help="list or verify the networks that come with the package")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, text in (("list", "names, sizes and origin"), ("verify", "check all files against their checksums")):
        action = actions.add_parser(name, help=text, description=text)
        add_options(action)
        action.set_defaults(run=run)


def run(options: argparse.Namespace, output: Output) -> int:
    """List or verify; returns the exit status."""
    from nesymres_sk.model.registry import read_index, resolve, weights_directory

    index = read_index()
    if options.action == "list":
        directory = weights_directory()
        entries = []
        for name, entry in sorted(index.items()):
            sizes = [directory / shard["file"] for shard in entry["shards"]]
            size = sum(path.stat().st_size for path in sizes if path.is_file())
            entries.append({"name": name, **entry, "bytes": size})
        lines = [f"{e['name']:10} {e['parameters']:>12,} parameters {e['bytes'] / 1e6:7.1f} MB  {e['trained']}"
                 for e in entries]  # fmt: skip
        output.result({"directory": str(directory), "weights": entries}, "\n".join(lines) or "no weights")
        return 0
    found: dict[str, str | None] = {}
    for name in sorted(index):
        try:
            resolve(name)
            found[name] = None
        except (FileNotFoundError, ValueError) as error:
            found[name] = str(error)
    correct = not any(found.values())
    lines = [f"{name}: {'correct' if fault is None else fault}" for name, fault in found.items()]
    output.result({"correct": correct, "faults": found}, "\n".join(lines) or "no weights")
    return 0 if correct else 1
