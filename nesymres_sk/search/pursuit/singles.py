"""The best single function of each length, which is how short equations of a Pareto front are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nesymres_sk.expressions.expression import Expression
from nesymres_sk.search.library.library import Library
from nesymres_sk.search.pursuit.trees import constant, scaled, total

Array = NDArray[np.float64]

#: Longest functions that are looked at by themselves.
_LONGEST = 8


def singles(library: Library, y: Array, weight: Array) -> list[Expression]:
    """``c * f`` and ``c * f + c'`` with the best function ``f`` of each length.

    Parameters
    ----------
    library : Library
    y, weight : array of shape (n,)
        Target, and weights of its residuals.
    """
    square = np.square(weight)
    means = library.values @ square / square.sum()
    out = []
    for offset in (False, True):
        functions = library.values - means[:, None] if offset else library.values
        target = y - float(np.average(y, weights=square)) if offset else y
        with np.errstate(all="ignore"):
            shared, lengths = functions @ (square * target), np.square(functions) @ square
            gains = np.nan_to_num(np.square(shared) / lengths, nan=0.0, posinf=0.0)
        for size in range(1, _LONGEST + 1):
            rows = np.flatnonzero((library.sizes == size) & (gains > 0.0))
            if len(rows):
                best = int(rows[gains[rows].argmax()])
                factor = float(shared[best] / lengths[best])
                node = scaled(factor, library.terms[best].to_tree())
                if offset:
                    node = total([node, constant(float(np.average(y, weights=square)) - factor * float(means[best]))])
                out.append(Expression.from_tree(node))
    return out
