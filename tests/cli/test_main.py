"""The command line as a whole: what it hands on, what it refuses, and what it is in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

import nesymres_sk
from nesymres_sk.cli.main import main
from nesymres_sk.export.saved_model import load_model

ROOT = Path(nesymres_sk.__file__).parent.parent


def nesymres(*arguments, cwd, **options):
    """Run the command in a process of its own."""
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "nesymres_sk", *map(str, arguments)]
    return subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": path}, **options
    )


def test_from_a_table_to_a_model_in_real_processes(table, tmp_path):
    done = nesymres("fit", "data.csv", "--target", "energy", "--time", 30, "--out", "m.json", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["r2"] > 1 - 1e-9
    assert found["equation"] == found["equations"][found["best_index"]]["equation"]
    assert "top speed" in found["equation"]
    values = load_model(tmp_path / "m.json").predict(table[["mass", "top speed"]])
    np.testing.assert_allclose(values, table["energy"], rtol=1e-6)
    done = nesymres("predict", "m.json", "-", cwd=tmp_path, input="mass\n1\n")
    assert done.returncode == 1
    assert done.stderr == "error: - lacks 'top speed', which the model was fitted on; it has 'mass'\n"


def test_help_loads_nothing_heavy(tmp_path):
    code = (
        "import sys; from nesymres_sk.cli.main import main\n"
        "try: main(['--help'])\n"
        "except SystemExit as end: assert end.code == 0\n"
        "heavy = {'numpy', 'pandas', 'sklearn', 'torch', 'numba', 'sympy'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path,
                          env={**os.environ, "PYTHONPATH": str(ROOT)})  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "nesymres fit data.csv --target y" in done.stdout
    assert "exit status" in done.stdout


@pytest.mark.parametrize("command", ["train", "prior", "benchmark"])
def test_whole_programs_are_handed_their_arguments(command, monkeypatch):
    from nesymres_sk.cli.main import _PROGRAMS

    seen = []
    module = import_module(_PROGRAMS[command][0])
    monkeypatch.setattr(module, "main", lambda arguments: seen.append(arguments) or (3 if command == "train" else None))
    assert main([command, "--seed", "1"]) == (3 if command == "train" else 0)
    assert seen == [["--seed", "1"]]


@pytest.mark.parametrize("arguments", [[], ["foo"], ["fit", "data.csv"], ["fit", "d", "--target", "y", "--time", "-1"]])
def test_wrong_command_lines(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    assert "usage: nesymres" in capsys.readouterr().err
