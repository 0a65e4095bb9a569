import multiprocessing
import os
import signal
import sys
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest

from nesymres_sk.prior.problems import ProblemMaker
from nesymres_sk.prior.recipes import RECIPES
from nesymres_sk.prior.slots import Slots
from nesymres_sk.prior.stream import ProblemStream, _numbers_of_rows

CONFIG = replace(RECIPES["base"], flatten=0.0, column_weights=(1.0,))


def test_in_process_stream_is_reproducible() -> None:
    first, second = ProblemStream(CONFIG, 8, seed=1), ProblemStream(CONFIG, 8, seed=1)
    for _ in range(3):
        for a, b in zip(next(first), next(second), strict=True):
            np.testing.assert_array_equal(a, b)
    first.close()
    with pytest.raises(StopIteration):
        next(first)


def test_workers_deliver_and_end() -> None:
    with ProblemStream(CONFIG, 8, seed=1, n_workers=2) as stream:
        batches = [next(stream) for _ in range(6)]
        assert all(batch.tokens.shape == (8, CONFIG.max_length + 2) for batch in batches)
        labels = {batch.points.tobytes() for batch in batches}
        assert len(labels) == 6  # the workers' seeds differ
        assert len(multiprocessing.active_children()) == 2
    assert not multiprocessing.active_children()
    stream.close()
    with pytest.raises(StopIteration):
        next(stream)


def test_one_worker_makes_the_batches_of_the_stream_without_workers() -> None:
    with ProblemStream(CONFIG, 8, seed=5, n_workers=1) as stream:
        worked = next(stream)
    np.testing.assert_array_equal(worked.points, next(ProblemStream(CONFIG, 8, seed=5)).points)


def test_slots_keep_batches_apart() -> None:
    maker = ProblemMaker(CONFIG, np.random.default_rng(0), chunk=16)
    batches = [maker.batch(7, bucket=bucket) for bucket in (32, 256)]
    slots = Slots.allocate(multiprocessing.get_context("spawn"), 2, 7, 256, CONFIG.max_length + 2)
    rows = [slots.write(slot, batch) for slot, batch in enumerate(batches)]
    assert rows == [32, 256]
    copies = [slots.read(slot, n_rows) for slot, n_rows in enumerate(rows)]
    slots.write(0, batches[1])  # a copy is no view
    for copied, batch in zip(copies, batches, strict=True):
        for a, b in zip(copied, batch, strict=True):
            np.testing.assert_array_equal(a, b)
            assert a.dtype == b.dtype


@pytest.mark.parametrize("n_workers", [0, 2])
def test_streams_agree_on_the_numbers_of_rows(n_workers: int) -> None:
    config = replace(CONFIG, point_buckets=((8, 1.0), (16, 3.0), (32, 0.0)))
    with ProblemStream(config, 2, 1, n_workers, rows_seed=5) as one, ProblemStream(config, 2, 2, rows_seed=5) as other:
        first, second = ([next(stream) for _ in range(12)] for stream in (one, other))
    for mine, theirs in zip(first, second, strict=True):
        assert mine.points.shape == theirs.points.shape
        assert not np.array_equal(mine.points, theirs.points)
    assert {batch.points.shape[1] for batch in first} == {8, 16}


def test_numbers_of_rows_have_the_shares_of_the_recipe_for_every_worker() -> None:
    config = replace(CONFIG, point_buckets=((8, 1.0), (16, 3.0)))
    turns = [list(islice(_numbers_of_rows(config, 5, turn, 3), 1000)) for turn in range(3)]
    assert all(abs(rows.count(8) / 1000 - 0.25) < 0.05 for rows in turns)
    in_order = [rows for together in zip(*turns, strict=True) for rows in together]
    assert in_order == list(islice(_numbers_of_rows(config, 5, 0, 1), 3000))


@pytest.mark.skipif(sys.platform != "linux", reason="open files are listed under /proc")
def test_streams_leave_no_files_open() -> None:
    def open_files() -> int:
        return len(os.listdir("/proc/self/fd"))

    counts = []
    for _ in range(2):
        with ProblemStream(CONFIG, 600, n_workers=1) as stream:
            next(stream)
        del stream
        counts.append(open_files())
    assert counts[0] == counts[1]


def test_killed_worker_raises() -> None:
    with ProblemStream(CONFIG, 8, n_workers=1) as stream:
        next(stream)
        os.kill(stream._workers[0].pid, signal.SIGKILL)
        with pytest.raises(RuntimeError, match="died without a message"):
            list(islice(stream, 50))
    assert not multiprocessing.active_children()


def test_failing_worker_hands_on_its_traceback() -> None:
    stream = ProblemStream(CONFIG, 8, n_workers=1, exclude=["no fingerprint"])  # type: ignore[list-item]
    with pytest.raises(RuntimeError, match="Traceback"):
        next(stream)
    assert not multiprocessing.active_children()
