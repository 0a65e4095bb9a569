"""Endless batches from worker processes that never import torch."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Collection, Iterator
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any

import numpy as np

from nesymres_sk.model.inputs import Batch
from nesymres_sk.prior.problems import ProblemMaker
from nesymres_sk.prior.recipes import PriorConfig

_POLL = 0.1  # seconds after which a worker with nothing to do looks whether it is still wanted
_GRACE = 1.0  # seconds to finish the batch in hand
_READY_AHEAD = 2


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
    exclude : collection of tuple of int, optional
        Canonical token sequences that never become equations (hold-out).

    Raises
    ------
    RuntimeError
        From iteration, when a worker died; the message has the worker's own traceback if it left one.

    Notes
    -----
    Use it as a context manager, or call :meth:`close`. Workers are daemons: they also end with the process.
    """

    def __init__(
        self,
        config: PriorConfig,
        batch_size: int,
        seed: int = 0,
        n_workers: int = 0,
        exclude: Collection[tuple[int, ...]] = (),
    ) -> None:
        self._maker: ProblemMaker | None = None
        self._batch_size = batch_size
        self._workers: list[Any] = []
        self._pipes: list[Connection] = []
        seeds = np.random.SeedSequence(seed).spawn(max(n_workers, 1))
        if n_workers == 0:
            self._maker = ProblemMaker(config, np.random.default_rng(seeds[0]), exclude)
            return
        context = multiprocessing.get_context("spawn")
        excluded = frozenset(exclude)
        with _bare_children():
            for child in seeds:
                # A pipe for each worker: a worker that dies in the middle of a message spoils no other's, and its
                # death shows as the end of its pipe.
                receiver, sender = context.Pipe(duplex=False)
                worker = context.Process(target=_work, args=(config, batch_size, child, excluded, sender), daemon=True)
                worker.start()
                sender.close()
                self._workers.append(worker)
                self._pipes.append(receiver)

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        if self._maker is not None:
            return self._maker.batch(self._batch_size)
        if not self._pipes:
            raise StopIteration
        ready = set(multiprocessing.connection.wait(self._pipes))
        turn = next(i for i, pipe in enumerate(self._pipes) if pipe in ready)
        pipe, worker = self._pipes[turn], self._workers[turn]
        try:
            item = pipe.recv()
        except (EOFError, OSError):
            worker.join(_GRACE)
            code = worker.exitcode
            self.close()
            raise RuntimeError(f"a worker of the problem stream died without a message (exit code {code})") from None
        if isinstance(item, str):
            self.close()
            raise RuntimeError(f"a worker of the problem stream failed:\n{item}")
        for mine in (self._pipes, self._workers):  # the next batch comes from another worker if one has it ready
            mine.append(mine.pop(turn))
        return Batch(*item)

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
        self._pipes, self._workers = [], []

    def __enter__(self) -> ProblemStream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _bare_children:
    """While workers start: one numerical thread each, and the caller's main module (torch and all) not imported."""

    _NAMES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")

    def __enter__(self) -> None:
        self._before = {name: os.environ.get(name) for name in self._NAMES}
        os.environ.update(dict.fromkeys(self._NAMES, "1"))
        main = sys.modules["__main__"]
        self._spec, self._file = getattr(main, "__spec__", None), getattr(main, "__file__", None)
        main.__spec__ = None
        if self._file is not None:
            del main.__file__

    def __exit__(self, *_: object) -> None:
        for name, value in self._before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        main = sys.modules["__main__"]
        main.__spec__ = self._spec
        if self._file is not None:
            main.__file__ = self._file


def _work(
    config: PriorConfig,
    batch_size: int,
    seed: np.random.SeedSequence,
    exclude: frozenset[tuple[int, ...]],
    sender: Connection,
) -> None:
    """Body of a worker: batches into the pipe until nobody reads it, as the stream was closed or its owner died."""
    sys.setswitchinterval(5e-4)  # a pipe takes 64 KiB at a time, and the sender waits for the interpreter each time
    # Ctrl-C and SIGTERM, which shells and launchers send to whole process groups, are the owner's to handle: it closes
    # the stream. A worker that ended in the middle of a batch would leave its owner waiting for the rest of it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    ready: queue.Queue[Any] = queue.Queue(maxsize=_READY_AHEAD)
    ended = threading.Event()

    def send() -> None:
        try:
            while (item := ready.get()) is not None:
                sender.send(item)
        except OSError:
            pass
        ended.set()

    threading.Thread(target=send, daemon=True).start()
    try:
        maker = ProblemMaker(config, np.random.default_rng(seed), exclude)
        while not ended.is_set():
            item = tuple(maker.batch(batch_size))
            while not ended.is_set():
                try:
                    ready.put(item, timeout=_POLL)
                    break
                except queue.Full:
                    continue
    except Exception:
        ready.put(traceback.format_exc())
        ready.put(None)
        ended.wait()
