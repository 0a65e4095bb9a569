"""The command line, from problems of the prior to weights on disk."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import toy

from nesymres_sk.benchmarks import out_of_sample
from nesymres_sk.model.checkpoint import load_network, read_header
from nesymres_sk.model.inputs import Batch, table_to_batch
from nesymres_sk.model.shards import shards_named
from nesymres_sk.prior.recipes import PriorConfig
from nesymres_sk.training.__main__ import main
from nesymres_sk.training.batches import to_step
from nesymres_sk.training.distributed import Group
from nesymres_sk.training.loop import Trainer
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


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--time-limit", "0"], "time limits are positive seconds"),
        (["--time-limit", "nan"], "time limits are positive seconds"),
        (["--total-time", "-5"], "time limits are positive seconds"),
        (["--device", "cuda"], "finds 0 GPUs here"),
    ],
)
def test_options_that_cannot_be(
    options: list[str],
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert main([*command(tmp_path, 5.0), *options]) == 2
    assert message in capsys.readouterr().err


def test_a_recipe_that_cannot_be_trained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = command(tmp_path, 5.0)
    (tmp_path / "short.toml").write_text(RECIPE.replace('"tiny"', '"teeny"'))
    assert main(arguments) == 2
    assert "no preset 'teeny' of the model" in capsys.readouterr().err
    monkeypatch.setenv("WORLD_SIZE", "9")
    assert main(command(tmp_path, 5.0)) == 2
    assert "a batch_size of 8 is too small for 9 processes" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("file", ["state.pt", "short-00001-of-00001.safetensors"])
def test_no_run_is_overwritten(file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = command(tmp_path, 5.0)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / file).write_bytes(b"of another run")
    assert main(arguments) == 2
    out = tmp_path / "out"
    assert f"{out} has a run already: go on with it by --resume {out}" in capsys.readouterr().err
    assert (out / file).read_bytes() == b"of another run"


class Recorded(Trainer):
    """Writes down what it is given instead of training."""

    def run(self, source: object, held_out: Sequence[Batch] = ()) -> None:
        RECORD.append(("run", [len(batch.tokens) for batch in held_out]))


RECORD: list[Any] = []


def test_workers_start_before_the_held_out_problems_are_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    RECORD.clear()

    @contextlib.contextmanager
    def stream(*arguments: object) -> Iterator[None]:
        RECORD.append(("stream", signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL))
        yield

    def batches(prior: PriorConfig, n: int, *arguments: object) -> list[Batch]:
        RECORD.append(("held out", n))
        return [toy.batch(n, seed=1)]

    monkeypatch.setattr("nesymres_sk.prior.stream.ProblemStream", stream)
    monkeypatch.setattr("nesymres_sk.prior.held_out.held_out_batches", batches)
    monkeypatch.setattr("nesymres_sk.training.loop.Trainer", Recorded)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        assert main(command(tmp_path, 5.0)) == 0
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert RECORD == [("stream", True), ("held out", 16), ("run", [16])]


@pytest.mark.parametrize("rank", [0, 1])
def test_processes_share_the_batch_and_the_order_of_its_sizes(
    rank: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[Any, ...]] = []

    @contextlib.contextmanager
    def stream(*arguments: Any) -> Iterator[None]:
        asked.append(arguments)
        yield

    monkeypatch.setattr("nesymres_sk.prior.stream.ProblemStream", stream)
    monkeypatch.setattr("nesymres_sk.prior.held_out.held_out_batches", lambda *arguments: [])
    monkeypatch.setattr("nesymres_sk.training.loop.Trainer", Recorded)
    monkeypatch.setattr(Group, "from_environment", lambda device: Group(rank, 2))
    monkeypatch.setattr(Group, "wrap", lambda self, network: network)
    monkeypatch.setattr(Group, "close", lambda self: None)
    monkeypatch.setattr(signal, "signal", lambda *arguments: None)
    assert main(command(tmp_path, 5.0, "--seed", "6")) == 0
    ((_, batch_size, seed, _, _, rows_seed),) = asked
    assert (batch_size, rows_seed) == (4, 6)
    assert seed == np.random.SeedSequence((6, rank, 0)).generate_state(1)[0]


def test_weights_that_cannot_be_written_end_with_a_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("nesymres_sk.training.loop.save_network", full)
    monkeypatch.setattr(signal, "signal", lambda *arguments: None)
    assert main(command(tmp_path, 3.0, "--workers", "0")) == 1
    assert "error: the weights could not be written to" in capsys.readouterr().err


def test_bundled_hold_out_never_reaches_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Asked(Exception):
        pass

    def stream(prior: object, size: int, seed: int, n_workers: int, exclude: frozenset[int], *more: object) -> None:
        raise Asked(exclude)

    monkeypatch.setattr("nesymres_sk.prior.stream.ProblemStream", stream)
    monkeypatch.setattr(signal, "signal", lambda *arguments: None)
    with pytest.raises(Asked) as asked:
        main(command(tmp_path, 5.0))
    assert asked.value.args[0] == out_of_sample.held_out()
