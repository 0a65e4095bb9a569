"""How numerical kernels are compiled: by numba, once on a machine, nothing twice, and side by side.

Numba optimises a callee once more inside each of its callers. Large functions with several callers are therefore
*linked*: compiled by themselves and called through a symbol, which also lets several processes compile them at
the same time. The annotations of their arguments say what is compiled, so that no other types can slip in and set off
another half a minute of compilation.
"""

from __future__ import annotations

import atexit
import importlib
import inspect
import logging
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from typing import Annotated, Any, get_args, get_type_hints

import joblib
import numba
from llvmlite import binding, ir
from numba.core import cgutils, types
from numba.extending import intrinsic

#: Arrays as the kernels read them: contiguous, writable, with these types of numbers.
Codes = Annotated[Any, numba.int16[::1]]
Ints = Annotated[Any, numba.int64[::1]]
Floats = Annotated[Any, numba.float64[::1]]
Flags = Annotated[Any, numba.boolean[::1]]
Rows = Annotated[Any, numba.float64[:, ::1]]
#: ``numpy.random.Generator``.
Generator = Annotated[Any, types.npy_rng]

_logger = logging.getLogger("nesymres_sk")
#: What all kernels have in common.
OPTIONS: dict[str, Any] = {"cache": True, "error_model": "numpy"}

_SCALARS = {int: types.int64, float: types.float64, bool: types.boolean, type(None): types.void}
#: Modules whose kernels one process compiles; each takes about as long as the others. They stand above this one,
#: hence by name; a module that is missing here is compiled where it is needed.
_GROUPS = (
    ("nesymres_sk.search.random_skeletons",),
    ("nesymres_sk.expressions._kernels",),
    ("nesymres_sk.fitting.starts", "nesymres_sk.fitting.screening"),
    ("nesymres_sk.fitting.levenberg_marquardt",),
    ("nesymres_sk.expressions._derivatives", "nesymres_sk.fitting.least_squares", "nesymres_sk.fitting.peeling"),
)
#: A process that takes longer than this hangs; what it has not compiled is compiled where it is needed.
_PATIENCE = 300.0
#: Address of functions that another process compiles: nothing calls them in this one.
_ELSEWHERE = 1

#: The modules that this process is there to compile; ``None`` in a process that is there for something else.
_mine: frozenset[str] | None = None
#: Processes that have been started to compile, by module; ``None`` as long as everything was on the disk.
_workers: dict[str, subprocess.Popen[bytes]] | None = None
#: The linked functions; their code must not be released.
_kept: list[Any] = []


def _ensure_cache() -> None:
    """Give numba a folder where it has none, since it would refuse to work: the package read-only, no home."""
    try:
        numba.njit(_ensure_cache, **OPTIONS)
    except RuntimeError:
        folder = tempfile.mkdtemp(prefix="nesymres_sk-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        # for numba in this process, and in those that this one starts
        config: Any = numba.config
        config.CACHE_DIR = os.environ["NUMBA_CACHE_DIR"] = folder
        _logger.warning(
            "no folder for compiled kernels is writable: every process compiles them unless the "
            "environment variable NUMBA_CACHE_DIR names one"
        )


_ensure_cache()

#: For functions of one caller, or small ones: they are compiled as a part of their callers.
kernel: Callable[[Any], Any] = numba.njit(nogil=True, **OPTIONS)


def entry(function: Any) -> Any:
    """Compile a function for calls from Python; it takes arguments of the annotated types alone."""
    if _mine is not None and function.__module__ not in _mine:
        return function
    _wait_for(function.__module__)
    return numba.njit(signature_of(function), nogil=True, **OPTIONS)(function)


def linked(function: Any) -> Any:
    """Compile a function by itself, for calls from other kernels."""
    signature = signature_of(function)
    symbol = f"{function.__module__}.{function.__qualname__}"
    binding.add_symbol(symbol, _address_of(function, signature))

    def generate(context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        arguments = [context.get_value_type(argument) for argument in signature.args]
        declared = ir.FunctionType(context.get_value_type(signature.return_type), arguments)
        return builder.call(cgutils.get_or_insert_function(builder.module, declared, symbol), values)

    def typed(_context: Any, *_arguments: Any) -> Any:
        return signature, generate

    context = inspect.Parameter("_context", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    described: Any = typed
    described.__signature__ = inspect.Signature([context, *inspect.signature(function).parameters.values()])
    described.__name__, described.__doc__ = function.__name__, function.__doc__
    return intrinsic(described)


def signature_of(function: Any) -> Any:
    """Numba's signature of a function, by its annotations."""
    hints = get_type_hints(function, include_extras=True)
    result = _type_of(hints.pop("return"))
    return result(*map(_type_of, hints.values()))


def _type_of(hint: Any) -> Any:
    """Numba's type for a number, an array of this module, or a named tuple of such."""
    if hint in _SCALARS:
        return _SCALARS[hint]
    if isinstance(hint, type):
        return types.NamedTuple(tuple(map(_type_of, get_type_hints(hint, include_extras=True).values())), hint)
    return get_args(hint)[1]


def _address_of(function: Any, signature: Any) -> int:
    """Where the compiled function lies; the first one that is not on the disk yet has all others compiled, too."""
    global _workers
    if _mine is not None and function.__module__ not in _mine:
        return _ELSEWHERE
    _wait_for(function.__module__)
    compiled: Any = numba.cfunc(signature, **OPTIONS)(function)
    _kept.append(compiled)
    if not compiled.cache_hits and _mine is None and _workers is None:
        _logger.info("compiling the numerical kernels: this happens once and takes some seconds")
        # processes of a pool compile for themselves: together they would start too many others
        alone = multiprocessing.current_process().name == "MainProcess" and joblib.cpu_count() > 1
        _workers = _start() if alone and sys.executable and not hasattr(sys, "frozen") else {}
    return int(compiled.address)


def _start() -> dict[str, subprocess.Popen[bytes]]:
    """Processes that fill numba's cache, by the modules that they compile."""
    path = os.pathsep.join(folder or os.getcwd() for folder in sys.path)
    workers: dict[str, subprocess.Popen[bytes]] = {}
    for group in _GROUPS:
        order = f"from {__name__} import compile_only; compile_only({group!r})"
        try:
            worker = subprocess.Popen(
                [sys.executable, "-P", "-c", order],
                env={**os.environ, "PYTHONPATH": path},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        except OSError:  # no more processes are allowed: this one compiles the rest
            break
        atexit.register(_leave, worker)
        workers.update(dict.fromkeys(group, worker))
    return workers


def _leave(worker: subprocess.Popen[bytes]) -> None:
    """Let a process finish by itself; without a return code there would be a warning that it is still running."""
    if worker.poll() is None:
        worker.returncode = 0


def _wait_for(module: str) -> None:
    """Let the process that compiles a module finish, if there is one."""
    worker = (_workers or {}).get(module)
    if worker is None:
        return
    try:
        worker.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        worker.kill()


def compile_only(modules: Sequence[str]) -> None:
    """Compile the kernels of some modules, none of those that they call."""
    global _mine
    _mine = frozenset(modules)
    for module in modules:
        importlib.import_module(module)
