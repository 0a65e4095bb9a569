"""The log of a run: lines always, curves where tensorboard is installed, and never an error for the sake of curves."""

from __future__ import annotations

import errno
import importlib.util
import itertools
import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
import toy

from nesymres_sk.training.distributed import Group
from nesymres_sk.training.log import Log
from nesymres_sk.training.loop import Trainer


def lines(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]


def events(out: Path) -> list[Path]:
    return list(out.glob("events.out.tfevents.*"))


def written_earlier(out: Path) -> None:
    """Make the event file older than the next one: their names sort by the second they were opened in."""
    (file,) = events(out)
    file.rename(out / "events.out.tfevents.0000000001.host.1.0")


def curves(out: Path) -> dict[str, list[tuple[int, float]]]:
    """Points of every curve, as tensorboard reads them."""
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator").EventAccumulator
    read = accumulator(str(out)).Reload()
    return {tag: [(point.step, point.value) for point in read.Scalars(tag)] for tag in read.Tags()["scalars"]}


def train(out: Path, n_steps: int, **settings: Any) -> None:
    trainer = Trainer(toy.RECIPE, out, device=torch.device("cpu"), time_limit=600.0, **settings)
    trainer.run(itertools.islice(toy.batches(8, seed=1), n_steps), [toy.batch(16, seed=2)])


def test_a_training_and_its_continuation_are_one_curve(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    train(tmp_path, 3)
    written_earlier(tmp_path)
    train(tmp_path, 2, resume=tmp_path)
    found = curves(tmp_path)
    for kind in ("train", "evaluation"):
        records = [record for record in lines(tmp_path) if record["kind"] == kind]
        assert [record["problems"] for record in records] == [24, 40]
        names = set(records[0]) - {"kind", "problems", "step", "seconds"}
        assert {tag for tag in found if tag.startswith(kind)} == {f"{kind}/{name}" for name in names}
        for name in names:
            assert found[f"{kind}/{name}"] == [
                (record["problems"], pytest.approx(record[name], rel=1e-6)) for record in records
            ]
    assert {"train/loss", "train/problems_per_second", "evaluation/loss", "evaluation/recovery"} <= set(found)
    assert {tag.partition("/")[0] for tag in found} == {"train", "evaluation"}


def test_what_a_kill_undid_is_hidden(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    killed = Log(tmp_path)
    killed.open_curves(0)
    for problems, loss in ((100, 3.0), (200, 2.5), (300, 2.25)):
        killed.write("train", problems=problems, loss=loss)
    written_earlier(tmp_path)
    # the kill came in the middle of a record
    with events(tmp_path)[0].open("ab") as file:
        file.write(b"\x18\x00\x00")
    resumed = Log(tmp_path)
    resumed.open_curves(200)
    resumed.write("train", problems=250, loss=2.0)
    assert curves(tmp_path) == {"train/loss": [(100, 3.0), (200, 2.5), (250, 2.0)]}
    resumed.close_curves()
    killed.close_curves()


def test_a_line_is_on_the_disk_when_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = pytest.importorskip("tensorboard.summary.writer.record_writer").RecordWriter
    write = writer.write

    def slow(self: Any, data: bytes) -> None:
        time.sleep(0.05)  # tensorboard writes in a thread, which the log has to wait for
        write(self, data)

    monkeypatch.setattr(writer, "write", slow)
    log = Log(tmp_path)
    log.open_curves(0)
    log.write("evaluation", problems=8, loss=1.5, recovery=0.5)
    assert curves(tmp_path) == {"evaluation/loss": [(8, 1.5)], "evaluation/recovery": [(8, 0.5)]}
    log.close_curves()


def test_without_tensorboard_there_is_the_log_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == "tensorboard" else find(name))
    # an import would fail, and tell
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    train(tmp_path, 2)
    assert [record["kind"] for record in lines(tmp_path)] == ["start", "train", "evaluation", "end"]
    assert events(tmp_path) == []
    assert capsys.readouterr().err == ""


def test_a_broken_tensorboard_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    log = Log(tmp_path)
    log.open_curves(0)
    for problems in (1, 2):
        log.write("train", problems=problems, loss=3.0)
    log.close_curves()
    assert [record["problems"] for record in lines(tmp_path)] == [1, 2]
    assert capsys.readouterr().err.count("no more curves for TensorBoard: ModuleNotFoundError") == 1


# the thread that writes dies of the error, too
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_full_disk_ends_the_curves_and_not_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    writer = pytest.importorskip("tensorboard.summary.writer.record_writer").RecordWriter
    write, n_records = writer.write, itertools.count()

    def fill(self: Any, data: bytes) -> None:
        if next(n_records) >= 5:  # three of them open the file
            raise OSError(errno.ENOSPC, "No space left on device")
        write(self, data)

    monkeypatch.setattr(writer, "write", fill)
    train(tmp_path, 2)
    assert [record["kind"] for record in lines(tmp_path)] == ["start", "train", "evaluation", "end"]
    assert (tmp_path / "state.pt").exists()
    assert capsys.readouterr().err.count("no more curves for TensorBoard: OSError: [Errno 28]") == 1
    assert len(curves(tmp_path)) == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_ends_no_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = Log(tmp_path)
    (tmp_path / "log.jsonl").symlink_to("/dev/full")
    log.write("train", problems=8, loss=1.5)
    told = capsys.readouterr()
    assert "the next line is not in the log: [Errno 28]" in told.err
    assert told.out == "train problems 8 loss 1.5\n"
    (tmp_path / "log.jsonl").unlink()
    log.write("train", problems=16, loss=1.25)
    assert [record["problems"] for record in lines(tmp_path)] == [16]


def test_our_own_mistakes_are_not_taken_for_tensorboards(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    log = Log(tmp_path)
    log.open_curves(0)
    with pytest.raises(KeyError, match="problems"):
        log.write("train", loss=3.0)
    log.close_curves()


def test_only_the_leader_writes(tmp_path: Path) -> None:
    train(tmp_path, 2, group=Group(rank=1))
    assert list(tmp_path.iterdir()) == []
