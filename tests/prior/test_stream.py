import multiprocessing
import os
import signal
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest

from nesymres_sk.prior.recipes import RECIPES
from nesymres_sk.prior.stream import ProblemStream

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


def test_killed_worker_raises() -> None:
    with ProblemStream(CONFIG, 8, n_workers=1) as stream:
        next(stream)
        os.kill(stream._workers[0].pid, signal.SIGKILL)
        with pytest.raises(RuntimeError, match="died without a message"):
            list(islice(stream, 50))
    assert not multiprocessing.active_children()


def test_failing_worker_hands_on_its_traceback() -> None:
    broken = replace(CONFIG, point_buckets=())
    stream = ProblemStream(broken, 8, n_workers=1)
    with pytest.raises(RuntimeError, match="Traceback"):
        next(stream)
    assert not multiprocessing.active_children()
