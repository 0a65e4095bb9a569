from __future__ import annotations

import os
import shlex
import sys
import types

import pytest

from nesymres_sk.benchmarks import measured
from nesymres_sk.benchmarks.__main__ import main
from nesymres_sk.benchmarks.results import read_rows


def test_suite_runs_in_fresh_processes_prints_its_rows_and_goes_on_where_it_stopped(capsys, tmp_path):
    before = dict(os.environ)
    file = tmp_path / "rows.json"
    arguments = shlex.split("--suite nguyen --estimator prior --problems Nguyen-8 --time 1 --points 40 -v --json")
    assert main([*arguments, str(file), "--stop-after", "0"]) == 0
    assert "nguyen: 1 of 1 fits are left; the same command makes them" in capsys.readouterr().out
    assert main([*arguments, str(file)]) == 0
    output = capsys.readouterr().out
    assert "### nguyen: 1 problems, 40 points, noise 0" in output
    assert "| prior" in output
    (row,) = read_rows(file)
    assert (row.case.problem, row.case.time) == ("Nguyen-8", 1.0)
    assert row.score is not None and row.score.solved
    assert row.seconds < 3
    written = file.read_bytes()
    assert main([*arguments, str(file)]) == 0
    assert capsys.readouterr().out == output
    assert file.read_bytes() == written
    assert dict(os.environ) == before


def test_fitting_suite_prints_its_report(capsys, monkeypatch: pytest.MonkeyPatch):
    module = types.ModuleType("nesymres_sk.benchmarks.fitting")
    module.report = lambda seed, n: f"report of {n} skeletons, seed {seed}"
    monkeypatch.setitem(sys.modules, module.__name__, module)
    assert main(["--suite", "fitting", "--seed", "3", "--number", "7"]) == 0
    assert capsys.readouterr().out == "report of 7 skeletons, seed 3\n"


def test_measured_tables_are_chosen_by_their_names(capsys, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(
        measured,
        "report",
        lambda estimators, times, seed, jobs, names, verbose, suite: f"{estimators} on {' '.join(names)}",
    )
    assert main(["--suite", "measured", "--estimator", "prior", "--problems", "iris,diabetes"]) == 0
    assert capsys.readouterr().out == "['prior'] on diabetes iris\n\n"


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--suite", "keijzer"],
        ["--suite", "nguyen", "--estimator", "magic"],
        ["--suite", "nguyen", "--problems", "Korns"],
        ["--suite", "sums", "--number", "2", "--problems", "Korns"],
        ["--suite", "measured", "--problems", "Korns"],
    ],
)
def test_wrong_arguments_are_explained(arguments: list[str], capsys):
    with pytest.raises(SystemExit) as error:
        main(arguments)
    assert error.value.code == 2
    assert "usage" in capsys.readouterr().err
