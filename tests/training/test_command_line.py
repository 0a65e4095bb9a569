"""The command line, from problems of the prior to weights on disk."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from nesymres_sk.benchmarks import out_of_sample
from nesymres_sk.model.checkpoint import load_network, read_header
from nesymres_sk.model.inputs import table_to_batch
from nesymres_sk.model.shards import shards_named
from nesymres_sk.training.__main__ import main
from nesymres_sk.training.batches import to_step
from nesymres_sk.training.state import load_state

RECIPE = """
prior = "base"
batch_size = 8
length_parts = 2
muon_rate = 5e-3
adam_rate = 3e-3
evaluation_problems = 16
checkpoint_seconds = 0.2
[model]
preset = "tiny"
width = 32
"""


def command(tmp_path: Path, seconds: float, *more: str) -> list[str]:
    recipe = tmp_path / "short.toml"
    recipe.write_text(RECIPE)
    options = ["--recipe", str(recipe), "--out", str(tmp_path / "out"), "--time-limit", str(seconds)]
    return [*options, "--device", "cpu", "--threads", "1", *more]


def test_trains_exports_and_stops_on_a_signal(tmp_path: Path, environment: dict[str, str]) -> None:
    arguments = [sys.executable, "-m", "nesymres_sk.training", *command(tmp_path, 60.0)]
    out = tmp_path / "out"
    process = subprocess.Popen(arguments, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdout is not None
    # the first line comes when training starts
    assert process.stdout.readline().startswith("start recipe short")
    end = time.monotonic() + 60.0
    while not (out / "state.pt").exists() and time.monotonic() < end:
        time.sleep(0.05)
    # the whole group, as torchrun does: the makers of problems must leave the stopping to the trainer
    os.killpg(process.pid, signal.SIGTERM)
    text = process.communicate(timeout=30)[0]
    assert process.returncode == 0
    assert text.splitlines()[-1].startswith("end step")
    state = load_state(out)
    assert state is not None
    progress = state["progress"]
    assert progress["step"] > 0
    assert progress["problems"] == 8 * progress["step"]
    shards = shards_named(out, "short")
    header = read_header(shards[0])
    assert json.loads(header["recipe"])["prior"] == "base"
    assert json.loads(header["steps"]) == progress["step"]
    X = np.random.default_rng(0).normal(size=(20, 2))
    batch = table_to_batch(X, X[:, 0], max_points=16, rng=np.random.default_rng(0))
    part = to_step(batch, 0).parts[0]
    with torch.no_grad():
        memory = load_network(shards).encode(*part[:4])
    assert memory.isfinite().all()


def test_mistakes_end_with_a_message(
    tmp_path: Path, environment: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--recipe", "huge", "--out", str(tmp_path), "--time-limit", "5"]) == 2
    assert "known ones are ablation, base" in capsys.readouterr().err
    nowhere = [*command(tmp_path, 5.0), "--resume", str(tmp_path / "nowhere")]
    arguments = [sys.executable, "-m", "nesymres_sk.training", *nowhere]
    ended = subprocess.run(arguments, env=environment, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert ended.returncode == 2
    assert "nothing to resume" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_bundled_hold_out_never_reaches_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Asked(Exception):
        pass

    def stream(*arguments: object, exclude: frozenset[int] = frozenset()) -> None:
        raise Asked(exclude)

    monkeypatch.setattr("nesymres_sk.prior.stream.ProblemStream", stream)
    with pytest.raises(Asked) as asked:
        main(command(tmp_path, 5.0))
    assert asked.value.args[0] == out_of_sample.held_out()
