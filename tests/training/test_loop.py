"""The loop learns, keeps its files, and continues after a kill."""

from __future__ import annotations

import dataclasses
import itertools
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import toy
from torch.utils._python_dispatch import TorchDispatchMode

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.model import registry
from nesymres_sk.model.checkpoint import load_network, read_header
from nesymres_sk.model.inputs import Batch
from nesymres_sk.model.network import Network
from nesymres_sk.model.shards import shards_named
from nesymres_sk.training import state as files
from nesymres_sk.training.batches import split_by_length, to_device, to_step
from nesymres_sk.training.distributed import Group
from nesymres_sk.training.evaluation import evaluate, predict, token_loss
from nesymres_sk.training.loop import RESTART_STEPS, Trainer
from nesymres_sk.training.meter import Meter
from nesymres_sk.training.recipe import load_recipe

CPU = torch.device("cpu")


def make(out: Path, **settings: Any) -> Trainer:
    recipe = dataclasses.replace(toy.RECIPE, **settings.pop("recipe", {}))
    return Trainer(recipe, out, **{"device": CPU, "time_limit": 600.0, **settings})


def records(out: Path, kind: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    return [line for line in lines if line["kind"] == kind]


def test_learns_and_exports_the_average(tmp_path: Path) -> None:
    held_out = [toy.batch(128, seed=99)]
    trainer = make(tmp_path, recipe={"length_parts": 2})
    before = evaluate(trainer.averaged, [to_step(held_out[0], 1)], CPU)
    result = trainer.run(itertools.islice(toy.batches(32, seed=1), 200), held_out)
    assert result is not None
    assert before.recovery < 0.3
    assert result.loss < 0.3 * before.loss
    assert result.recovery > 0.5  # 0.7 here: sums of floats differ between machines
    exported = load_network(shards_named(tmp_path, "toy"))
    again = evaluate(exported, [to_step(held_out[0], 1)], CPU)
    assert again.loss == pytest.approx(result.loss, abs=0.02)
    header = read_header(shards_named(tmp_path, "toy")[0])
    assert json.loads(header["problems"]) == 200 * 32
    assert json.loads(header["held_out"])["recovery"] == result.recovery
    (evaluation,) = records(tmp_path, "evaluation")
    assert evaluation["loss"] == result.loss
    assert records(tmp_path, "train")[-1]["step"] == 200


def test_recovery_is_that_of_greedy_decoding(tmp_path: Path) -> None:
    trainer = make(tmp_path)
    trainer.run(itertools.islice(toy.batches(32, seed=1), 60))
    network, batch = trainer.averaged, toy.batch(64, seed=5)
    part = to_step(batch, 0).parts[0]
    right = 0
    with torch.no_grad():
        memory = network.encode(part.points, part.n_points, part.present, part.log_scales)
        cache = network.start_cache(memory)
        tokens = torch.full((64,), v.START)
        steps = []
        for _ in range(8):
            tokens = network.step(tokens, cache).argmax(-1)
            steps.append(tokens)
    decoded = torch.stack(steps, 1).tolist()
    for row, label in zip(decoded, batch.tokens.tolist(), strict=True):
        target = label[1 : label.index(v.END) + 1]
        right += row[: len(target)] == target
    assert 0 < right < 64
    assert evaluate(network, [to_step(batch, 2)], CPU).recovery == right / 64


def test_parts_have_the_gradient_of_the_whole() -> None:
    torch.manual_seed(0)
    network = Network(toy.RECIPE.model_config())
    batch = toy.batch(20, seed=3)
    batch.n_points[:] = np.arange(20) % 12 + 4
    gradients = []
    for n_parts in (0, 3):
        step = to_step(batch, n_parts)
        assert step.n_tokens == (batch.tokens[:, 1:] > 0).sum()
        for part in step.parts:
            (token_loss(predict(network, part), part.tokens) / step.n_tokens).backward()
        gradients.append([parameter.grad.clone() for parameter in network.parameters()])
        network.zero_grad()
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-3, atol=1e-5)
    widths = [piece.tokens.shape[1] for piece in split_by_length(batch, 2)]
    assert widths == [3, 5]
    assert len(split_by_length(toy.batch(2, seed=3), 3)) == 2


def test_bad_batches_are_skipped_and_counted(tmp_path: Path) -> None:
    def source() -> Any:
        for index, batch in enumerate(itertools.islice(toy.batches(8, seed=2), 10)):
            if index in (3, 6):
                batch.log_scales[0, 0] = np.nan
            yield batch

    trainer = make(tmp_path)
    trainer.run(source())
    (record,) = records(tmp_path, "train")
    assert (record["step"], record["skipped"]) == (10, 2)
    assert np.isfinite(record["loss"])
    assert all(parameter.isfinite().all() for parameter in trainer.averaged.parameters())


def test_resuming_equals_not_stopping(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"recipe": {"decay_fraction": 0.0}}
    whole = make(tmp_path / "whole", **settings)
    whole.run(itertools.islice(toy.batches(8, seed=4), 8))
    make(tmp_path / "parts", **settings).run(itertools.islice(toy.batches(8, seed=4), 5))
    second = make(tmp_path / "parts", resume=tmp_path / "parts", **settings)
    assert second.progress.step == 5
    second.run(itertools.islice(toy.batches(8, seed=4), 5, 8))
    torch.testing.assert_close(second.network.state_dict(), whole.network.state_dict(), rtol=0.0, atol=0.0)
    torch.testing.assert_close(second.averaged.state_dict(), whole.averaged.state_dict(), rtol=0.0, atol=0.0)
    assert second.progress.problems == whole.progress.problems == 64


def test_resuming_from_weights_warms_up_again(tmp_path: Path) -> None:
    first = make(tmp_path)
    first.run(itertools.islice(toy.batches(8, seed=4), 20))
    (tmp_path / "state.pt").unlink()
    second = make(tmp_path / "next", resume=tmp_path)
    for name, tensor in first.averaged.state_dict().items():
        torch.testing.assert_close(second.network.state_dict()[name], tensor, rtol=1e-3, atol=1e-4)
    second.run(itertools.islice(toy.batches(8, seed=5), 1))
    assert (second.progress.step, second.progress.problems) == (21, 168)
    assert records(tmp_path / "next", "train")[0]["lr_factor"] == pytest.approx(1 / 11)


def test_warm_up_from_weights_is_short(tmp_path: Path) -> None:
    make(tmp_path).run(itertools.islice(toy.batches(8, seed=4), 3))
    (tmp_path / "state.pt").unlink()
    resumed = make(tmp_path / "next", resume=tmp_path, recipe={"warmup_steps": 500})
    assert resumed.schedule.factor(RESTART_STEPS, 0.0) == 1.0
    # the full state carries on with the warm-up that it was in
    make(tmp_path / "slow", recipe={"warmup_steps": 500}).run(itertools.islice(toy.batches(8, seed=4), 3))
    carried_on = make(tmp_path / "slow", resume=tmp_path / "slow", recipe={"warmup_steps": 500})
    assert carried_on.schedule.factor(RESTART_STEPS, 0.0) < 0.1


def test_resumes_from_weights_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = make(tmp_path / "run")
    first.run(itertools.islice(toy.batches(8, seed=4), 3))
    monkeypatch.setattr(registry, "weights_directory", lambda: tmp_path / "weights")
    registry.register("landed", tmp_path / "run" / shards_named(tmp_path / "run", "toy")[0].name)
    second = make(tmp_path / "next", resume=Path("landed"))
    assert (second.progress.step, second.progress.problems) == (3, 24)
    with pytest.raises(ValueError, match="another shape than the network of recipe toy"):
        make(tmp_path / "next", resume=Path("landed"), recipe={"model": {"preset": "tiny"}})
    with pytest.raises(ValueError, match="known weights are landed"):
        make(tmp_path / "next", resume=Path("lost"))


def test_nothing_to_resume(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nothing to resume"):
        make(tmp_path, resume=tmp_path / "elsewhere")


def test_time_limit_and_shared_schedule(tmp_path: Path) -> None:
    begun = time.monotonic()
    trainer = make(tmp_path, time_limit=2.0, total_time=6.0)
    trainer.run(toy.batches(8, seed=6))
    assert 1.5 < time.monotonic() - begun < 2.5
    # two thirds of the schedule are left: no decay yet, and the whole two seconds are booked
    assert records(tmp_path, "train")[-1]["lr_factor"] == 1.0
    assert trainer.progress.elapsed == 2.0
    second = make(tmp_path, time_limit=4.0, total_time=6.0, resume=tmp_path, started=time.monotonic() - 3.0)
    second.run(toy.batches(8, seed=6))
    assert records(tmp_path, "train")[-1]["lr_factor"] < 0.1
    assert second.progress.elapsed == 6.0


def test_a_schedule_that_is_over(tmp_path: Path) -> None:
    ticks = itertools.count()
    trainer = make(tmp_path, time_limit=1000.0, total_time=50.0, clock=lambda: float(next(ticks)))
    trainer.run(toy.batches(8, seed=6))
    # the schedule ended the run, long before its time limit
    assert trainer.progress.elapsed == 50.0
    step = trainer.progress.step
    with pytest.raises(ValueError, match="the schedule of 50 s is over, 50 s have been trained; give a larger --total"):
        make(tmp_path, time_limit=10.0, total_time=50.0, resume=tmp_path)
    longer = make(tmp_path, time_limit=1000.0, total_time=80.0, resume=tmp_path, clock=lambda: float(next(ticks)))
    longer.run(toy.batches(8, seed=6))
    assert longer.progress.step > step
    assert longer.progress.elapsed == 80.0


@pytest.mark.parametrize("limits", [{"time_limit": 0.0}, {"time_limit": -1.0}, {"total_time": 0.0}])
def test_times_are_positive(limits: dict[str, float], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="time limits are positive seconds"):
        make(tmp_path / "out", **limits)
    assert not (tmp_path / "out").exists()


def test_another_clock_decides(tmp_path: Path) -> None:
    ticks = itertools.count()
    trainer = make(tmp_path, time_limit=100.0, clock=lambda: float(next(ticks)))
    trainer.run(toy.batches(8, seed=6))
    # a few readings of the clock at every step, none of them the time of day
    assert 20 < trainer.progress.step < 60
    assert trainer.progress.elapsed == 100.0
    assert records(tmp_path, "train")[-1]["lr_factor"] < 0.1


@pytest.mark.parametrize("stopped_later", [False, True])
def test_the_result_on_record_is_that_of_the_exported_weights(stopped_later: bool, tmp_path: Path) -> None:
    trainer = make(tmp_path, recipe={"evaluation_seconds": 0.0, "checkpoint_seconds": 0.0})

    def source() -> Any:
        yield toy.batch(8, seed=1)
        if stopped_later:
            trainer.recipe = dataclasses.replace(trainer.recipe, evaluation_seconds=1e9)
            yield toy.batch(8, seed=2)
        trainer.stop = True
        yield toy.batch(8, seed=3)

    result = trainer.run(source(), [toy.batch(16, seed=99)])
    assert result is not None
    assert len(records(tmp_path, "evaluation")) == 1
    held_out = json.loads(read_header(shards_named(tmp_path, "toy")[0])["held_out"])
    assert held_out == (None if stopped_later else result._asdict())


def failing(n_steps: int) -> Iterator[Batch]:
    yield from itertools.islice(toy.batches(8, seed=4), n_steps)
    raise RuntimeError("a worker of the problem stream died")


def test_what_was_learned_outlives_a_worker(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="a worker of the problem stream died"):
        make(tmp_path).run(failing(5), [toy.batch(16, seed=99)])
    assert make(tmp_path, resume=tmp_path).progress.step == 5
    assert json.loads(read_header(shards_named(tmp_path, "toy")[0])["steps"]) == 5
    with pytest.raises(RuntimeError, match="a worker"):
        make(tmp_path / "other", group=Group(rank=1)).run(failing(5))
    assert list((tmp_path / "other").iterdir()) == []


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), RuntimeError("PytorchStreamWriter failed")])
def test_a_checkpoint_that_cannot_be_written_ends_no_training(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save, n_saves = files.save_state, itertools.count()

    def full_at_first(*arguments: Any) -> None:
        if next(n_saves) < 2:
            raise error
        save(*arguments)

    monkeypatch.setattr(files, "save_state", full_at_first)
    make(tmp_path, recipe={"checkpoint_seconds": 0.0}).run(itertools.islice(toy.batches(8, seed=4), 4))
    first, second = records(tmp_path, "warning")
    assert (first["step"], second["step"]) == (1, 2)
    assert first["what"] == f"the state was not saved: {error}"
    state = files.load_state(tmp_path)
    assert state is not None
    assert state["progress"]["step"] == 4


def test_weights_that_cannot_be_written_are_an_error_at_the_end_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export, n_exports, fails = Trainer._export, itertools.count(), {0}

    def full(self: Trainer, result: Any) -> None:
        if next(n_exports) in fails:
            raise OSError(28, "No space left on device")
        export(self, result)

    monkeypatch.setattr(Trainer, "_export", full)
    settings = {"recipe": {"evaluation_seconds": 0.0}}
    held_out = [toy.batch(16, seed=99)]
    make(tmp_path, **settings).run(itertools.islice(toy.batches(8, seed=4), 1), held_out)
    (warning,) = records(tmp_path, "warning")
    assert warning["what"].startswith("the weights were not written: [Errno 28]")
    assert len(shards_named(tmp_path, "toy")) == 1
    fails.add(3)
    with pytest.raises(OSError, match="the weights could not be written to .*No space left"):
        make(tmp_path / "next", **settings).run(itertools.islice(toy.batches(8, seed=4), 1), held_out)
    assert records(tmp_path / "next", "end")


def test_the_compiler_takes_all_sizes_of_the_prior(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "compile", lambda network, **options: network)
    many = {"preset": "base", "point_buckets": [[rows, 1.0] for rows in range(8, 24)]}
    with torch._dynamo.config.patch(recompile_limit=8):
        make(tmp_path, recipe={"prior": many}, compiled=True)
        assert torch._dynamo.config.recompile_limit >= 16


def test_adamw_alone_learns(tmp_path: Path) -> None:
    trainer = make(tmp_path, recipe={"muon_rate": 0.0})
    assert trainer.optimiser.stacks == []
    held_out = [toy.batch(128, seed=99)]
    before = evaluate(trainer.averaged, [to_step(held_out[0], 1)], CPU)
    result = trainer.run(itertools.islice(toy.batches(32, seed=1), 100), held_out)
    assert result is not None
    assert result.loss < 0.6 * before.loss


class NoValues(TorchDispatchMode):
    """Fails where Python asks for a value of a tensor, which on CUDA waits for all that was launched before."""

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        assert function not in (torch.ops.aten._local_scalar_dense.default, torch.ops.aten.nonzero.default)
        return function(*args, **(kwargs or {}))


def test_no_step_waits_for_the_device(tmp_path: Path) -> None:
    trainer, meter = make(tmp_path), Meter(CPU)
    step = to_step(toy.batch(8, seed=1), 0)
    with NoValues():
        trainer._step(step, step.n_tokens, meter)
        with pytest.raises(AssertionError):
            meter.loss.item()
    assert trainer.progress.step == 1


@pytest.mark.parametrize("recipe", ["base", "small", "paper"])
def test_a_step_stays_on_its_device(tmp_path: Path, recipe: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # on "meta" every operation with a tensor that was left on the CPU fails, and every look at a value
    monkeypatch.setattr(torch, "autocast", lambda *arguments, **options: nullcontext())
    device = torch.device("meta")
    trainer, meter = Trainer(load_recipe(recipe), tmp_path, device=device, time_limit=600.0), Meter(device)
    step = to_device(to_step(toy.batch(8, seed=1), 0), device)
    trainer._step(step, step.n_tokens, meter)
    assert trainer.progress.step == 1
    assert meter.loss.device == device


KILLED = """
import sys, pathlib, dataclasses, torch, toy
from nesymres_sk.training.loop import Trainer
out = pathlib.Path(sys.argv[1])
recipe = dataclasses.replace(toy.RECIPE, checkpoint_seconds=0.2)
Trainer(recipe, out, device=torch.device("cpu"), time_limit=600.0).run(toy.batches(8, seed=7))
"""


def test_killed_run_resumes(tmp_path: Path, environment: dict[str, str]) -> None:
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], env=environment)
    try:
        end = time.monotonic() + 30.0
        while not (tmp_path / "state.pt").exists() and time.monotonic() < end:
            time.sleep(0.05)
        time.sleep(0.5)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    trainer = make(tmp_path, resume=tmp_path)
    step, problems = trainer.progress.step, trainer.progress.problems
    assert step > 0
    assert problems == 8 * step
    trainer.run(itertools.islice(toy.batches(8, seed=8), 5))
    assert trainer.progress.step == step + 5
