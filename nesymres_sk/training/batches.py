"""From the generator's numpy batches to tensors of one optimiser step."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.model.inputs import Batch


class Part(NamedTuple):
    """Tensors of one forward and backward pass; as in :class:`nesymres_sk.model.inputs.Batch`, token ids int64."""

    points: Tensor
    n_points: Tensor
    present: Tensor
    log_scales: Tensor
    tokens: Tensor


class StepBatch(NamedTuple):
    """Parts whose gradients add up to one step, with the number of problems and of predicted tokens in them."""

    parts: list[Part]
    n_problems: int
    n_tokens: int


def split_by_length(batch: Batch, n_parts: int) -> list[Batch]:
    """Sort a batch by sequence length and cut it into parts without the padding that each does not need.

    The longest sequence of a batch is several times the mean one; two or three parts save most of the decoder's work.
    """
    lengths = (batch.tokens != v.PAD).sum(axis=1)
    order = np.argsort(lengths, kind="stable")
    parts = []
    for rows in np.array_split(order, min(n_parts, len(order))):
        width, n = int(lengths[rows].max()), int(batch.n_points[rows].max())
        parts.append(
            Batch(
                points=batch.points[rows, :n],
                n_points=batch.n_points[rows],
                present=batch.present[rows],
                log_scales=batch.log_scales[rows],
                tokens=batch.tokens[rows, :width],
            )
        )
    return parts


def to_step(batch: Batch, n_parts: int, *, pin: bool = False) -> StepBatch:
    """Tensors on the host; ``n_parts = 0`` keeps the batch whole and its shape fixed, as compiled code needs it."""
    batches = [batch] if n_parts == 0 else split_by_length(batch, n_parts)
    parts = []
    for piece in batches:
        arrays = piece._replace(tokens=piece.tokens.astype(np.int64))
        tensors = [torch.from_numpy(np.ascontiguousarray(array)) for array in arrays]
        parts.append(Part(*(tensor.pin_memory() if pin else tensor for tensor in tensors)))
    # the start token is given, all others are predicted
    n_tokens = int((batch.tokens[:, 1:] != v.PAD).sum())
    return StepBatch(parts, len(batch.tokens), n_tokens)


def to_device(step: StepBatch, device: torch.device) -> StepBatch:
    """The same step on a device; transfers from pinned memory are asynchronous."""
    parts = [Part(*(tensor.to(device, non_blocking=True) for tensor in part)) for part in step.parts]
    return step._replace(parts=parts)


def stream_steps(source: Iterable[Batch], device: torch.device, n_parts: int) -> Generator[StepBatch, None, None]:
    """Steps of a source of batches on the device, in order; on CUDA a thread prepares and transfers them ahead."""
    if device.type == "cuda":
        yield from _prefetched(source, device)
        return
    for batch in source:
        yield to_device(to_step(batch, n_parts), device)


def _prefetched(source: Iterable[Batch], device: torch.device, depth: int = 4) -> Iterator[StepBatch]:
    ready: queue.Queue[tuple[StepBatch, torch.cuda.Event] | BaseException | None] = queue.Queue(maxsize=depth)
    closed = threading.Event()

    def offer(item: tuple[StepBatch, torch.cuda.Event] | BaseException | None) -> None:
        while not closed.is_set():
            try:
                ready.put(item, timeout=0.2)
                return
            except queue.Full:
                continue

    def work() -> None:
        try:
            side = torch.cuda.Stream(device)
            with torch.cuda.stream(side):
                for batch in source:
                    step = to_device(to_step(batch, 0, pin=True), device)
                    event = torch.cuda.Event()
                    event.record(side)
                    offer((step, event))
                    if closed.is_set():
                        return
            offer(None)
        except BaseException as error:  # handed to the consumer, who raises it
            offer(error)

    thread = threading.Thread(target=work, name="prefetch", daemon=True)
    thread.start()
    try:
        while (item := ready.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            step, event = item
            current = torch.cuda.current_stream(device)
            current.wait_event(event)
            for part in step.parts:
                for tensor in part:
                    # the side stream's allocator must not reuse the memory before this stream has read it
                    tensor.record_stream(current)
            yield step
    finally:
        closed.set()
        thread.join(timeout=5.0)
