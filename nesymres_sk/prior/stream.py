"""Endless batches from worker processes that never import torch."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import signal
import sys
import time
import traceback
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from itertools import repeat
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any

import numpy as np

from nesymres_sk.model.inputs import Batch
from nesymres_sk.prior.problems import ProblemMaker
from nesymres_sk.prior.recipes import PriorConfig
from nesymres_sk.prior.slots import Slots
from nesymres_sk.processes import one_thread_each

_GRACE = 1.0  # seconds to finish the batch in hand
_READY_AHEAD = 2  # batches that a worker may have finished and nobody has read


class ProblemStream:
    """Iterates over batches for ever.

    Parameters
    ----------
    config : PriorConfig
        The recipe.
    batch_size : int
        Problems in a batch. All problems of a batch have the same number of rows in the arrays (``N``), drawn from
        the recipe's buckets.
    seed : int
        Worker ``i`` draws from the ``i``-th child of this seed. With one worker, or none, the order of the batches
        is reproducible as well; with more, it depends on who is ready first.
    n_workers : int
        Processes; 0 makes the batches in this one.
    exclude : collection of int, optional
        Fingerprints of skeletons that never become equations (hold-out), from
        :func:`nesymres_sk.prior.fingerprints.hold_out`.
    rows_seed : int, optional
        Seed of the numbers of rows alone. Streams with the same one have batches of equal numbers of rows at every
        step, whatever their problems and workers; workers then take turns.

    Raises
    ------
    RuntimeError
        From iteration, when a worker died; the message has the worker's own traceback if it left one.

    Notes
    -----
    Use it as a context manager, or call :meth:`close`. Workers are daemons: they also end with the process.
    Batches come through shared memory, up to 24 MB for each worker of the recipe ``base`` at 1024 problems.
    """

    def __init__(
        self,
        config: PriorConfig,
        batch_size: int,
        seed: int = 0,
        n_workers: int = 0,
        exclude: Collection[int] = (),
        rows_seed: int | None = None,
    ) -> None:
        self._maker: ProblemMaker | None = None
        self._in_turns = rows_seed is not None
        self._rows = _numbers_of_rows(config, rows_seed, 0, 1)
        self._batch_size = batch_size
        self._workers: list[Any] = []
        self._pipes: list[Connection] = []
        self._slots: list[Slots] = []
        seeds = np.random.SeedSequence(seed).spawn(max(n_workers, 1))
        if n_workers == 0:
            self._maker = ProblemMaker(config, np.random.default_rng(seeds[0]), exclude)
            return
        context = multiprocessing.get_context("spawn")
        excluded = frozenset(exclude)
        most_rows = max(rows for rows, _ in config.point_buckets)
        with one_thread_each(), without_main():
            for index, child in enumerate(seeds):
                # A pipe for each worker: a worker that dies in the middle of a message spoils no other's, and its
                # death shows as the end of its pipe.
                mine, theirs = context.Pipe()
                slots = Slots.allocate(context, _READY_AHEAD, batch_size, most_rows, config.max_length + 2)
                turn = (rows_seed, index, n_workers)
                arguments = (config, batch_size, child, excluded, slots, theirs, turn)
                worker = context.Process(target=_work, args=arguments, daemon=True)
                worker.start()
                theirs.close()
                self._workers.append(worker)
                self._pipes.append(mine)
                self._slots.append(slots)

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        if self._maker is not None:
            return self._maker.batch(self._batch_size, next(self._rows))
        if not self._pipes:
            raise StopIteration
        turn = 0
        if not self._in_turns:
            ready = set(multiprocessing.connection.wait(self._pipes))
            turn = next(i for i, pipe in enumerate(self._pipes) if pipe in ready)
        pipe, worker = self._pipes[turn], self._workers[turn]
        try:
            item = pipe.recv()
            if not isinstance(item, str):
                slot, n_rows = item
                batch = self._slots[turn].read(slot, n_rows)
                pipe.send(slot)  # free again
        except (EOFError, OSError):
            worker.join(_GRACE)
            code = worker.exitcode
            self.close()
            raise RuntimeError(f"a worker of the problem stream died without a message (exit code {code})") from None
        if isinstance(item, str):
            self.close()
            raise RuntimeError(f"a worker of the problem stream failed:\n{item}")
        queues: tuple[list[Any], ...] = (self._pipes, self._workers, self._slots)
        for queue in queues:  # the next batch comes from another worker, the one whose turn it is or that has one ready
            queue.append(queue.pop(turn))
        return batch

    def close(self) -> None:
        """End the workers; iteration stops. May be called twice, from the thread that iterates."""
        self._maker = None
        for pipe in self._pipes:  # a worker ends when nobody reads any more
            pipe.close()
        end = time.monotonic() + _GRACE
        for worker in self._workers:
            worker.join(max(0.0, end - time.monotonic()))
            if worker.is_alive():
                worker.kill()
                worker.join()
        self._pipes, self._workers, self._slots = [], [], []

    def __enter__(self) -> ProblemStream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@contextmanager
def without_main() -> Iterator[None]:
    """Processes that are started meanwhile do not import the caller's main module, torch and all."""
    main = sys.modules["__main__"]
    spec, file = getattr(main, "__spec__", None), getattr(main, "__file__", None)
    main.__spec__ = None
    if file is not None:
        del main.__file__
    try:
        yield
    finally:
        main.__spec__ = spec
        if file is not None:
            main.__file__ = file


def _numbers_of_rows(config: PriorConfig, seed: int | None, turn: int, n_turns: int) -> Iterator[int | None]:
    """Rows of the batches that one of several takes its turn with; without a seed None, for what its maker draws."""
    if seed is None:
        yield from repeat(None)
    rng = np.random.default_rng(seed)
    shares = np.array([share for _, share in config.point_buckets])
    while True:
        drawn = rng.choice(shares.size, size=n_turns, p=shares / shares.sum())
        yield config.point_buckets[drawn[turn]][0]


def _work(
    config: PriorConfig,
    batch_size: int,
    seed: np.random.SeedSequence,
    exclude: frozenset[int],
    slots: Slots,
    pipe: Connection,
    turn: tuple[int | None, int, int],
) -> None:
    """Body of a worker: batches into free slots until nobody reads them, as the stream was closed or its owner died.

    A message to the owner is a slot with its number of rows, or the text of an error; one from it is a slot that has
    been read.
    """
    # Ctrl-C and SIGTERM, which shells and launchers send to whole process groups, are the owner's to handle: it closes
    # the stream. A worker that ended in the middle of a batch would be taken for a failure.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    free = list(range(_READY_AHEAD))
    try:
        maker = ProblemMaker(config, np.random.default_rng(seed), exclude)
        for rows in _numbers_of_rows(config, *turn):
            batch = maker.batch(batch_size, rows)
            slot = free.pop() if free else pipe.recv()
            pipe.send((slot, slots.write(slot, batch)))
    except (EOFError, ConnectionError):
        return
    except Exception:
        with suppress(ConnectionError):
            pipe.send(traceback.format_exc())
