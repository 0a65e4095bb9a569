"""The command ``nesymres``.

Exit status: 0 if all went well; 1 if a file, the data or the work is at fault; 2 if the command line is; 130 if it was
interrupted.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module

from nesymres_sk import __version__
from nesymres_sk.cli import fit, models, weights
from nesymres_sk.cli.errors import CommandError
from nesymres_sk.cli.output import Output

#: Commands that are whole programs of their own, and where these are.
_PROGRAMS = {
    "train": ("nesymres_sk.training.__main__", "train a network on a prior"),
    "prior": ("nesymres_sk.prior.__main__", "look at a prior over equations"),
    "benchmark": ("nesymres_sk.benchmarks.__main__", "compare with other methods on the benchmark suites"),
}
_EPILOG = """\
examples:
  nesymres fit data.csv --target y --time 10 --out model.json
  nesymres predict model.json new.csv
  nesymres show model.json --as latex
  nesymres show model.json --plot front.png

exit status: 0 success; 1 the files, the data or the work are at fault; 2 the command line is; 130 interrupted
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    arguments : sequence of str, optional
        Those of the process by default.

    Returns
    -------
    int
        Exit status, see above.
    """
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    if arguments and arguments[0] in _PROGRAMS:
        program: Callable[[list[str]], int | None] = import_module(_PROGRAMS[arguments[0]][0]).main
        return program(list(arguments[1:])) or 0
    options = _parser().parse_args(arguments)
    output = Output(options.json)
    if not options.json:
        _show_log()
    try:
        status: int = options.run(options, output)
        return status
    except CommandError as error:
        output.error(str(error), error.status)
        return error.status
    except BrokenPipeError:  # the reader, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        output.error(f"{error.filename}: {error.strerror}" if error.filename else str(error), 1)
        return 1
    except KeyboardInterrupt:
        output.error("interrupted", 130)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "nesymres",
        description="From a table to a short equation.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"nesymres {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    fit.add_parser(commands)
    models.add_parsers(commands)
    for name, (_, text) in _PROGRAMS.items():
        commands.add_parser(name, help=text)  # for the list; main() has handed it on before
    weights.add_parser(commands)
    return parser


def _show_log() -> None:
    """Let a person see that kernels are being compiled, which happens once and takes a while."""
    logger = logging.getLogger("nesymres_sk")
    if not logger.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(message)s"))
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)


if __name__ == "__main__":
    sys.exit(main())
