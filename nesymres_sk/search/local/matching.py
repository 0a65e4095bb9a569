"""Neighbours that fit: of thousands of subtrees, those that an equation needs in one of its places.

A random subtree in a random place hardly ever helps, and a fit is needed to see that it does not. Here the values that
a place *should* have are computed from the data (:mod:`nesymres_sk.search.inverses`), and those of every term of a
:mod:`library <nesymres_sk.search.library.library>` are compared with them at once: one product of matrices in place of
thousands of fits. The comparison is a weighted linear regression. Its weights are the derivatives of the equation with
respect to the place, so that errors count as they do in the end; the term may be scaled and shifted; and what the other
constants of the equation could do about the error, to first order, is projected out of it, as in orthogonal matching
pursuit (Pati et al. 1993).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.search.inverses import Array, wanted_operands
from nesymres_sk.search.local.prefix import Prefix, arity, is_integer, is_variable, subtree_ends, to_prefix
from nesymres_sk.table import Table

_ADD, _MUL, _DIV = (v.operator_token(name) for name in ("add", "mul", "div"))
#: Part of the rows on which a place must have a value for a comparison.
_DEFINED = 0.7
#: Directions of the other constants that are projected out, at most.
_NUISANCE = 6
#: Scale that is within this of 1 is left out: natural coefficients are worth a try.
_NEAR_ONE = 1e-3
#: Offset that matters, in units of the term.
_NEEDED = 1e-4
#: What a node of a term must gain, in units of the logarithm of the error.
_COST_OF_NODE = 0.1
#: Smallest error that single precision can tell from zero.
_RESOLUTION = 1e-7


@dataclass(frozen=True)
class _Place:
    """Where a term could go, and what is wanted of it.

    ``head + term + tail`` is the new equation; ``weight * (wanted - term)`` is the error of the equation, of which the
    columns of ``nuisance`` can be taken away by other constants.
    """

    head: Prefix
    tail: Prefix
    wanted: Array
    weight: Array
    nuisance: list[Array]


class Match(NamedTuple):
    """A term in a place: number of nodes and mean squared error to expect of the new equation."""

    error: float
    complexity: int
    place: _Place
    term: int
    factor: float


class Matcher:
    """Terms with their values on some rows, for equations to choose from.

    Parameters
    ----------
    terms : sequence of Expression
        Constants with their values.
    values : float64 array of shape (len(terms), n)
        Values of the terms, finite.
    rows : Table
        These rows.
    rng : numpy.random.Generator
        Choice of the places.
    """

    def __init__(self, terms: Sequence[Expression], values: Array, rows: Table, rng: np.random.Generator) -> None:
        self._X, self._y, self._rng = rows.X, rows.y, rng
        self._weight: Array = np.ones(rows.n_rows) if rows.weight is None else np.sqrt(rows.weight)
        self._terms = terms
        largest = np.abs(values).max(axis=1, keepdims=True)  # squares could overflow
        self._sizes = largest[:, 0] * np.sqrt(np.mean(np.square(values / largest), axis=1))
        self._values = (values / self._sizes[:, None]).astype(np.float32)
        self._squares = np.square(self._values)
        self._costs = np.array([_COST_OF_NODE * len(term.tokens) for term in terms], np.float32)

    def matches(self, prefix: Prefix, n_places: int, n_each: int) -> list[Match]:
        """The best few terms for some places of an equation.

        Parameters
        ----------
        prefix : Prefix
            Fitted equation.
        n_places : int
            Places, at most, drawn at random.
        n_each : int
            Terms for each place.
        """
        with np.errstate(all="ignore"):
            places = [place for place in self._places(prefix) if _is_usable(place)]
            if len(places) > n_places:
                places = [places[i] for i in self._rng.choice(len(places), n_places, replace=False).tolist()]
            return self._best(places, n_each) if places and self._terms else []

    def _places(self, prefix: Prefix) -> list[_Place]:
        ends = subtree_ends(prefix)
        values, weights, wanted = self._walk(prefix, ends)
        columns = {i: weights[i] for i, item in enumerate(prefix) if type(item) is float}
        places = []
        for i, end in enumerate(ends):
            head, tail = prefix[:i], prefix[end:]
            outside = [column for j, column in columns.items() if not i <= j < end]
            every = list(columns.values())
            here, target, weight = values[i], wanted[i], weights[i]
            places.append(_Place(head, tail, target, weight, [*outside, weight]))
            if type(prefix[i]) is float:
                continue
            node = prefix[i:end]
            places.append(_Place((*head, _ADD, *node), tail, target - here, weight, [*every, weight * here, weight]))
            slope = weight * here
            places.append(_Place((*head, _MUL, *node), tail, target / here, slope, [*every, slope]))
            divisor = here / target
            slope = -weight * target / divisor
            places.append(_Place((*head, _DIV, *node), tail, divisor, slope, [*every, slope]))
        return places

    def _walk(self, prefix: Prefix, ends: list[int]) -> tuple[list[Array], list[Array], list[Array]]:
        """Values of each node, weighted derivatives of the equation with respect to it, and values it should have."""
        n = len(self._y)
        values: list[Array] = [self._y] * len(prefix)
        for i in range(len(prefix) - 1, -1, -1):
            item = prefix[i]
            if type(item) is float:
                values[i] = np.full(n, item)
            elif is_variable(item):
                values[i] = self._X[:, item - v.FIRST_VARIABLE]
            elif is_integer(item):
                values[i] = np.full(n, float(item - v.FIRST_INTEGER + 1))
            else:
                operands = [values[j] for j in _children(i, item, ends)]
                values[i] = v.operator_of(int(item)).value(*operands)
        weights, wanted = [self._weight] * len(prefix), [self._y] * len(prefix)
        for i, item in enumerate(prefix):
            if arity(item) == 0:
                continue
            children = _children(i, item, ends)
            operands = [values[j] for j in children]
            partials = v.operator_of(int(item)).partials(*operands)
            targets = wanted_operands(int(item), wanted[i], operands)
            for j, partial, target in zip(children, partials, targets, strict=True):
                weights[j] = weights[i] * partial
                wanted[j] = target
        return values, weights, wanted

    def _best(self, places: list[_Place], n_each: int) -> list[Match]:
        """Regress what is wanted of every place on every term; the best terms of each place."""
        columns: list[NDArray[np.float32]] = []
        squares: list[NDArray[np.float32]] = []
        spans, scales, remaining = [], [], []
        found: list[Match] = []
        for place in places:
            known = np.isfinite(place.wanted) & np.isfinite(place.weight)
            weight = np.where(known, place.weight, 0.0)
            target = np.where(known, place.wanted, 0.0) * weight
            basis = _basis([np.where(known & np.isfinite(c), c, 0.0) for c in place.nuisance])
            target = target - basis @ (basis.T @ target)
            target -= basis @ (basis.T @ target)
            norm = float(np.sqrt(target @ target)) or 1.0
            size = float(np.sqrt(np.mean(weight * weight))) or 1.0
            weight = weight / size
            first = len(columns)
            columns.append((weight * target / norm).astype(np.float32))
            columns.extend((weight * q).astype(np.float32) for q in basis.T)
            squares.append((weight * weight).astype(np.float32))
            spans.append((first, len(columns)))
            scales.append(norm / size)
            remaining.append(norm * norm / int(known.sum()))
        # a row for each column of the regressions: those of a place then lie together in memory
        products = np.array(columns) @ self._values.T
        lengths = np.array(squares) @ self._squares.T
        for place, length, (first, last), scale, rest in zip(places, lengths, spans, scales, remaining, strict=True):
            nuisance = products[first + 1 : last]
            left = length - np.einsum("kt,kt->t", nuisance, nuisance)
            left[~(left > 1e-5 * length)] = np.inf
            error = np.maximum(1.0 - np.square(products[first]) / left, _RESOLUTION)
            score = np.log(error) + self._costs
            score[~np.isfinite(score)] = np.inf  # where squares overflow, nothing is known
            for index in self._different(score, n_each):
                factor = float(products[first, index] / left[index]) * scale / float(self._sizes[index])
                predicted = float(error[index]) * rest
                if np.isfinite(factor) and factor != 0.0:
                    size = len(place.head) + len(self._terms[index].tokens) + len(place.tail)
                    found.append(Match(predicted, size, place, index, factor))
        return found

    def _different(self, score: NDArray[np.float32], n: int) -> list[int]:
        """The best terms, of several that do equally well the shortest."""
        best = np.argpartition(score, min(4 * n, len(score) - 1))[: 4 * n]
        chosen: dict[int, int] = {}
        for index in best[np.argsort(score[best])].tolist():
            if not np.isfinite(score[index]):
                break
            chosen.setdefault(round(float(score[index] - self._costs[index]) * 1e3), index)
        return list(chosen.values())[:n]

    def write(self, match: Match) -> list[Prefix]:
        """The new equation, with the term scaled, and with the term scaled and shifted."""
        place, factor = match.place, match.factor
        term = to_prefix(self._terms[match.term])
        if abs(factor - 1.0) > _NEAR_ONE:
            term = (_MUL, factor, *term)
        written = [place.head + term + place.tail]
        values = factor * self._sizes[match.term] * self._values[match.term]
        known = np.isfinite(place.wanted) & np.isfinite(place.weight)
        squares = np.square(place.weight[known])
        with np.errstate(all="ignore"):
            offset = float(squares @ (place.wanted - values)[known] / squares.sum())
            needed = abs(offset) > _NEEDED * float(np.sqrt(np.mean(np.square(values))))
        if needed and np.isfinite(offset):
            written.append((*place.head, _ADD, offset, *term, *place.tail))
        return written


def _children(position: int, item: int | float, ends: list[int]) -> list[int]:
    first = position + 1
    return [first] if arity(item) == 1 else [first, ends[first]]


def _is_usable(place: _Place) -> bool:
    known = np.isfinite(place.wanted) & np.isfinite(place.weight) & (place.weight != 0.0)
    return bool(known.mean() >= _DEFINED)


def _basis(columns: list[Array]) -> Array:
    """Orthonormal basis of some columns."""
    sizes = [float(np.linalg.norm(column)) for column in columns]
    scaled = [column / size for column, size in zip(columns, sizes, strict=True) if 0.0 < size < np.inf]
    if not scaled:
        return np.zeros((len(columns[0]), 0))
    # the last ones are those of the place itself
    u, s, _ = np.linalg.svd(np.array(scaled[-_NUISANCE:]).T, full_matrices=False)
    basis: Array = u[:, s > 1e-6]
    return basis
