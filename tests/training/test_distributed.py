"""Two processes with half the batch each are one process with the whole batch."""

from __future__ import annotations

import itertools
import socket
import subprocess
import sys
from pathlib import Path

import torch
import toy

from nesymres_sk.model.inputs import Batch
from nesymres_sk.training.loop import Trainer
from nesymres_sk.training.recipe import Recipe
from nesymres_sk.training.state import load_state

N_STEPS = 6
SCRIPT = """
import sys, pathlib, torch, toy
from nesymres_sk.training.distributed import Group
from test_distributed import half, train
group = Group.from_environment(torch.device("cpu"))
train(pathlib.Path(sys.argv[1]), (half(batch, group.rank) for batch in toy.batches(32, seed=3)), group)
group.close()
"""


def half(batch: Batch, rank: int) -> Batch:
    return Batch(*(array[rank::2] for array in batch))


def train(out: Path, batches: object, group: object = None) -> None:
    settings = {**toy.RECIPE.__dict__, "length_parts": 2, "decay_fraction": 0.0}
    trainer = Trainer(Recipe(**settings), out, device=torch.device("cpu"), time_limit=600.0, group=group)  # type: ignore[arg-type]
    trainer.run(itertools.islice(batches, N_STEPS))  # type: ignore[call-overload]


def test_two_processes_equal_one(tmp_path: Path, environment: dict[str, str]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {**environment, "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    processes = [
        subprocess.Popen([sys.executable, "-c", SCRIPT, str(tmp_path / "two")], env={**shared, "RANK": str(rank)})
        for rank in range(2)
    ]
    train(tmp_path / "one", toy.batches(32, seed=3))
    assert [process.wait(timeout=60) for process in processes] == [0, 0]
    one, two = load_state(tmp_path / "one"), load_state(tmp_path / "two")
    assert one is not None
    assert two is not None
    assert two["progress"]["problems"] == one["progress"]["problems"] == 32 * N_STEPS
    torch.testing.assert_close(two["network"], one["network"], rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(two["averaged"], one["averaged"], rtol=1e-3, atol=1e-4)
