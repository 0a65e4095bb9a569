"""Simpler targets of fewer columns: a factor divided out, an offset taken away, one column in the place of two."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nesymres_sk.expressions.expression import Node
from nesymres_sk.search.pursuit.offset import offset_column
from nesymres_sk.search.pursuit.parts import Part
from nesymres_sk.search.pursuit.separation import separated
from nesymres_sk.search.pursuit.symmetry import combined_pair
from nesymres_sk.search.pursuit.trees import product, total
from nesymres_sk.search.pursuit.views import Views

Array = NDArray[np.float64]


class Reduction(NamedTuple):
    """What is left of a target.

    Attributes
    ----------
    columns : sequence of Part
        What it depends on.
    y, scale : array of shape (n,)
        And by how much more its errors count than those of the whole target.
    whole : callable
        From its tree to that of the whole target.
    """

    columns: Sequence[Part]
    y: Array
    scale: Array
    whole: Callable[[Node], Node]


def without_factor(views: Views, allowed: Callable[[str], bool]) -> Reduction | None:
    """What is left when columns that are factors only are divided out."""
    with np.errstate(all="ignore"):
        found = separated(views.columns, views.y, views.weight, allowed)
    if found is None:
        return None
    factor, places = found
    return Reduction(
        [views.columns[place] for place in places],
        views.y / factor.values,
        np.abs(factor.values),
        lambda node: product([factor.node, node]),
    )


def reductions(views: Views, allowed: Callable[[str], bool], whole: bool) -> Iterator[Reduction]:
    """All simpler targets; only one of what is itself left of a target, lest they double with every column.

    Parameters
    ----------
    views : Views
        Of the target.
    allowed : callable
        Whether an operator may be used.
    whole : bool
        Whether this is the whole target.
    """
    columns, y = views.columns, views.y
    rest = without_factor(views, allowed)
    if rest is not None:
        yield rest
        if not whole:
            return
    with np.errstate(all="ignore"):
        joined = combined_pair(columns, y, views.given, allowed)
        added = offset_column(columns, y, views.weight, allowed)
    if joined is not None:
        column, places = joined
        yield Reduction([*(columns[place] for place in places), column], y, np.ones(len(y)), lambda node: node)
    if added is not None:
        offset, others = added
        yield Reduction(others, y - offset.values, np.ones(len(y)), lambda node: total([offset.node, node]))
