"""How fast problems are made, stage by stage in one process and by a stream of several."""

from __future__ import annotations

import multiprocessing
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.closure import close
from nesymres_sk.prior.fingerprints import fingerprints
from nesymres_sk.prior.problems import ProblemMaker
from nesymres_sk.prior.recipes import PriorConfig
from nesymres_sk.prior.skeletons import SkeletonSampler
from nesymres_sk.prior.stream import ProblemStream
from nesymres_sk.prior.supports import draw_points

_BATCH = 1024


def stage_rates(config: PriorConfig, seed: int, seconds: float = 3.0) -> list[tuple[str, float]]:
    """Items of each stage per second of processor time of one core, at the recipe's most frequent number of rows.

    The last two are whole problems, with all stages before them. One skeleton serves several problems, with other
    points and constants, so that they may come faster than skeletons.
    """
    sampler = SkeletonSampler(config, seed)
    maker = ProblemMaker(config, np.random.default_rng(seed))
    rng = np.random.default_rng(seed)
    rows = max(config.point_buckets, key=lambda bucket: bucket[1])[0]
    XT = np.zeros((_BATCH, v.MAX_VARIABLES, rows))
    families = np.zeros((_BATCH, v.MAX_VARIABLES), dtype=np.int64)
    n_points = np.full(_BATCH, rows)
    n_columns = np.full(_BATCH, 3)
    skeletons = sampler.sample(_BATCH)
    closures = [close(skeleton) for skeleton in skeletons]
    stages: list[tuple[str, Callable[[], object]]] = [
        ("canonical skeletons", lambda: sampler.sample(_BATCH)),
        ("closures", lambda: [close(skeleton) for skeleton in skeletons]),
        ("fingerprints of the hold-out", lambda: fingerprints(closures)),
        (f"points, {rows} rows of 3 columns", lambda: draw_points(rng, n_columns, n_points, True, XT, families)),
        (f"problems of {rows} rows with constants, values and noise", lambda: maker.draw(_BATCH, rows)),
        (f"the same as ready batches of {_BATCH}", lambda: maker.batch(_BATCH, rows)),
    ]
    return [(name, _BATCH * _repeats_per_second(stage, seconds)) for name, stage in stages]


def _repeats_per_second(stage: Callable[[], object], seconds: float) -> float:
    stage()  # compiles, and fills the decks
    start, count = time.process_time(), 0
    while time.process_time() - start < seconds:
        stage()
        count += 1
    return count / (time.process_time() - start)


class StreamRate(NamedTuple):
    """What a reader gets from a stream of several processes.

    Attributes
    ----------
    problems, bytes : float
        Per second of wall-clock time.
    problems_per_processor : float or None
        Per second of the workers' processor time, which other work on the machine hardly changes; None where the
        system does not tell (it does on Linux).
    """

    problems: float
    bytes: float
    problems_per_processor: float | None


def stream_rate(config: PriorConfig, seed: int, n_workers: int, seconds: float = 10.0) -> StreamRate:
    """Measure a stream of several processes."""
    with ProblemStream(config, _BATCH, seed, n_workers) as stream:
        for _ in range(3 * n_workers):  # all are at work, and what was ready before the clock starts is gone
            next(stream)
        start, used, count, size = time.perf_counter(), _workers_time(), 0, 0
        while time.perf_counter() - start < seconds:
            size += sum(array.nbytes for array in next(stream))
            count += 1
        elapsed, used = time.perf_counter() - start, _workers_time() - used
    problems = _BATCH * count
    return StreamRate(problems / elapsed, size / elapsed, problems / used if used > 0.0 else None)


def _workers_time() -> float:
    """Processor time of all child processes so far; 0 if unknown."""
    if sys.platform != "linux":
        return 0.0
    # the clock of another process has a number made from its own, see clock_getcpuclockid(3)
    return sum(time.clock_gettime((~child.pid << 3) | 2) for child in multiprocessing.active_children() if child.pid)
