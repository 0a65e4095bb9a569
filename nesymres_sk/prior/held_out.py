"""The problems of a validation, made by several processes side by side."""

from __future__ import annotations

import multiprocessing
import signal
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from nesymres_sk.model.inputs import Batch
from nesymres_sk.prior.problems import held_out_batch
from nesymres_sk.prior.recipes import PriorConfig
from nesymres_sk.prior.stream import without_main
from nesymres_sk.processes import one_thread_each

_CHUNK = 512


def held_out_batches(config: PriorConfig, n: int, seed: int, n_processes: int = 1) -> list[Batch]:
    """``n`` problems in batches of 512, the last one with what is left, whose seeds count up from ``seed``.

    A batch takes seconds, because skeletons are drawn for tables of every width, and knows nothing of the others.
    """
    sizes = [min(_CHUNK, n - first) for first in range(0, n, _CHUNK)]
    seeds = range(seed, seed + len(sizes))
    make = partial(held_out_batch, config)
    n_processes = min(n_processes, len(sizes))
    if n_processes <= 1:
        return list(map(make, sizes, seeds))
    context = multiprocessing.get_context("spawn")
    with one_thread_each(), without_main(), ProcessPoolExecutor(n_processes, context, _leave_signals_alone) as pool:
        return list(pool.map(make, sizes, seeds))


def _leave_signals_alone() -> None:
    """Signals go to the whole group of processes; what they mean is for the first one to say."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
