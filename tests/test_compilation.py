"""Kernels are compiled for the annotated types alone, linked ones by themselves, and in other processes if need be."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numba
import numpy as np
import pytest
from numba import types

from nesymres_sk import compilation
from nesymres_sk.compilation import Floats, Ints, Rows, entry, linked, signature_of


class Pair(NamedTuple):
    rows: Rows
    scale: float


@linked
def weighted_sum(pair: Pair, row: int, chosen: Ints) -> float:
    total = 0.0
    for i in chosen:
        total += pair.scale * pair.rows[row, i]
    return total


@entry
def weighted_sums(rows: Rows, scale: float, chosen: Ints, out: Floats) -> None:
    pair = Pair(rows, scale)
    for row in range(out.size):
        out[row] = weighted_sum(pair, row, chosen)


def test_signatures_are_those_of_the_annotations():
    signature = signature_of(weighted_sums.py_func)
    assert signature.return_type == types.void
    assert signature.args == (types.float64[:, ::1], types.float64, types.int64[::1], types.float64[::1])


def test_linked_functions_are_called_by_kernels():
    rows = np.arange(12.0).reshape(3, 4)
    out = np.empty(3)
    weighted_sums(rows, 2.0, np.array([0, 3]), out)
    assert out.tolist() == [6.0, 22.0, 38.0]


def test_callers_do_not_contain_linked_functions():
    @numba.njit
    def twice(rows, chosen):
        return 2.0 * weighted_sum(Pair(rows, 1.0), 0, chosen)

    assert twice(np.ones((1, 3)), np.array([1, 2])) == 4.0
    (code,) = twice.inspect_llvm().values()
    assert re.search(rf'declare double @"?{re.escape(__name__)}\.weighted_sum', code)


@pytest.mark.parametrize("wrong", [np.zeros((3, 4), np.float32), np.zeros((4, 3)).T], ids=["float32", "transposed"])
def test_entries_take_no_other_types(wrong):
    with pytest.raises(TypeError, match="No matching definition"):
        weighted_sums(wrong, 2.0, np.array([0]), np.empty(3))


def test_read_only_points_are_evaluated():
    from nesymres_sk.expressions.expression import Expression
    from nesymres_sk.expressions.machine import evaluate, evaluate_many, evaluate_with_gradient

    square = Expression.from_names("square x1")
    X = np.arange(4.0)[:, None]
    X.flags.writeable = False
    for values in (evaluate(square, X), evaluate_many([square], X)[0], evaluate_with_gradient(square, X)[0]):
        assert values.tolist() == [0.0, 1.0, 4.0, 9.0]


def test_kernels_are_kept_for_a_while_where_nothing_is_writable(monkeypatch, caplog):
    def refuse(*_args, **_options):
        raise RuntimeError("cannot cache function: no locator available")

    monkeypatch.setenv("NUMBA_CACHE_DIR", "/nowhere")
    monkeypatch.setattr(numba.config, "CACHE_DIR", "/nowhere")
    monkeypatch.setattr(numba, "njit", refuse)
    monkeypatch.setattr(compilation.atexit, "register", lambda remove, folder, **_options: folders.append(folder))
    folders: list[str] = []
    with caplog.at_level("WARNING"):
        compilation._ensure_cache()
    assert [os.environ["NUMBA_CACHE_DIR"]] == [numba.config.CACHE_DIR] == folders
    assert "NUMBA_CACHE_DIR" in caplog.text
    Path(folders[0]).rmdir()


#: The group that fails must not matter, the other one must have filled the cache when its module is imported.
SCRIPT = """
from nesymres_sk import compilation
compilation._GROUPS = (("nesymres_sk.expressions.no_such_module",), ("nesymres_sk.expressions._derivatives",))
from nesymres_sk.expressions import _derivatives, _kernels
print(sum(_derivatives.run_gradients.stats.cache_hits.values()), sum(_kernels.run_values.stats.cache_hits.values()))
"""


def run(script: str, cache: Path, **variables: str) -> str:
    command = [sys.executable, "-W", "error", "-X", "dev", "-c", script]
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache), **variables}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.skipif((os.cpu_count() or 1) == 1, reason="needs two processor cores")
def test_other_processes_fill_the_cache(tmp_path):
    assert run(SCRIPT, tmp_path).split() == ["1", "0"]
    assert run(SCRIPT, tmp_path).split() == ["1", "1"]


def test_groups_are_modules_with_kernels():
    import importlib

    from nesymres_sk.compilation import _GROUPS

    modules = [module for group in _GROUPS for module in group]
    assert len(modules) == len(set(modules))
    for module in modules:
        names = vars(importlib.import_module(module))
        assert {"entry", "linked"} & set(names), module
