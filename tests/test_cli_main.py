"""The command line as a whole: what it hands on, and what it refuses."""

from importlib import import_module

import pytest

from nesymres_sk.cli.main import main


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
