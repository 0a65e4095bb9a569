"""Shared memory in which batches travel from the processes that make them to the one that reads them."""

from __future__ import annotations

import ctypes
import math
from dataclasses import dataclass
from multiprocessing.context import BaseContext
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nesymres_sk.model.inputs import POINT_WIDTH, Batch

_ALIGNMENT = 64


@dataclass(frozen=True)
class Slots:
    """Room for a few batches.

    A batch of a thousand problems has 5 MB. Through a pipe it would be pickled, cut into pieces of 64 KiB and put
    together again, and the reader would have to wait for the interpreter after every piece; here it is copied once
    on each side.

    The memory has no name in the system: it ends with the last process that has it, whichever way that ends.

    Attributes
    ----------
    memory : ctypes array
        What the processes share. It travels to a new process as an argument, and in no other way.
    size : int
        Bytes of a slot.
    batch_size, label_width : int
        Problems of a batch and columns of its tokens.
    """

    memory: Any
    size: int
    batch_size: int
    label_width: int

    @classmethod
    def allocate(cls, context: BaseContext, count: int, batch_size: int, max_points: int, label_width: int) -> Slots:
        """``count`` slots for batches with up to ``max_points`` rows for each problem."""
        size = sum(_room(shape, dtype) for shape, dtype in _layout(batch_size, max_points, label_width))
        return cls(context.RawArray(ctypes.c_byte, count * size), size, batch_size, label_width)

    def view(self, slot: int, n_rows: int) -> Batch:
        """The arrays of a batch with ``n_rows`` rows for each problem, in place."""
        arrays: list[Any] = []
        offset = slot * self.size
        for shape, dtype in _layout(self.batch_size, n_rows, self.label_width):
            arrays.append(np.frombuffer(self.memory, dtype, math.prod(shape), offset).reshape(shape))
            offset += _room(shape, dtype)
        return Batch(*arrays)

    def write(self, slot: int, batch: Batch) -> int:
        """Put a batch into a slot; returns its number of rows, which :meth:`read` needs."""
        n_rows = batch.points.shape[1]
        targets: tuple[NDArray[Any], ...] = self.view(slot, n_rows)
        for target, source in zip(targets, batch, strict=True):
            target[...] = source
        return n_rows

    def read(self, slot: int, n_rows: int) -> Batch:
        """Copy of the batch in a slot."""
        return Batch._make(array.copy() for array in self.view(slot, n_rows))


def _layout(batch_size: int, n_rows: int, label_width: int) -> list[tuple[tuple[int, ...], type]]:
    """Shapes and types of the arrays of a batch."""
    return [
        ((batch_size, n_rows, POINT_WIDTH), np.float32),
        ((batch_size,), np.int32),
        ((batch_size, POINT_WIDTH), np.bool_),
        ((batch_size, POINT_WIDTH), np.float32),
        ((batch_size, label_width), np.int16),
    ]


def _room(shape: tuple[int, ...], dtype: type) -> int:
    """Bytes of an array, rounded up so that the next one is aligned."""
    return -(-math.prod(shape) * np.dtype(dtype).itemsize // _ALIGNMENT) * _ALIGNMENT
