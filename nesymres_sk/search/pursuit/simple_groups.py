"""Laws of one group with simple exponents, for data with noise.

Where there is noise, free exponents fit a part of it, and many functions of a group fit about as well. Exponents of
laws are whole numbers and halves, so these are tried instead: along the directions that a regression shows, those of
the group, the powers of each function, and then those of the power law before it. Laws are compared by their
description length, and each function has its best one, since they may differ by less than the noise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.search.pursuit.group_functions import EXPONENTIAL, GROUP_FUNCTIONS, SUMS
from nesymres_sk.search.pursuit.regression import outside
from nesymres_sk.search.pursuit.trees import simple_exponent

Array = NDArray[np.float64]

#: Greatest exponents within a group, and powers of a function.
_SCALES, _POWERS = np.array((0.5, 1.0, 1.5, 2.0, 3.0, 4.0)), np.array((-3.0, -2.0, -1.0, -0.5, 0.5, 1.0, 2.0, 3.0))
#: Groups and powers of each function that are fitted, steps of a fit, and how often exponents are rounded again.
_PER_FUNCTION, _STEPS, _ROUNDINGS = 8, 5, 2
#: Laws of which others with exponents nearby are tried.
_VARIED = 8
#: Laws that are returned of each function, and of sums, which are more frequent.
_RETURNED, _RETURNED_SUMS = 1, 3
#: Nats by which a law may be longer than the shortest one, twice.
_LONGER = 40.0
#: What an exponent within a group is moved by.
_MOVES = (-1.0, -0.5, 0.5, 1.0)
#: Nats for a node of the tree, twice: the logarithm of an error counts half.
_NODE = 6.0
#: Nodes that an exponent is worth: none, one, another whole number, a half, any other number.
_NOTHING, _ONE, _WHOLE, _HALF, _ANY = 0.0, 2.0, 3.0, 4.0, 6.0
#: Nodes of a coefficient, and standard errors between one that is no constant and 1.
_COEFFICIENT, _DEVIATION = 2.0, 2.5
#: Nodes of each function, without its group.
_SIZES = [Expression.from_tree(row.tree(1.0, (v.variable(0),))).complexity - 1 for row in GROUP_FUNCTIONS]


class LogTable(NamedTuple):
    """A table in logarithms, weighted.

    Attributes
    ----------
    logs : array of shape (k, n)
        Of the columns, their means subtracted.
    centres : array of shape (k,)
        These means.
    target : array of shape (n,)
        Times the weight, without its mean.
    weight : array of shape (n,)
    signs : array of shape (n,)
        Of the group.
    base : array of shape (k + 1, n)
        One and the logarithms, times the weight.
    basis : array of shape (any, n)
        Orthonormal rows of the same span.
    """

    logs: Array
    centres: Array
    target: Array
    weight: Array
    signs: Array
    base: Array
    basis: Array


class GroupLaw(NamedTuple):
    """A fitted law.

    Attributes
    ----------
    function : int
        Which of :data:`~nesymres_sk.search.pursuit.group_functions.GROUP_FUNCTIONS`.
    inner : array of shape (k,)
        Exponents ``a`` within the group.
    offset : float
        Logarithm of the group's coefficient ``b``.
    power : float
        Exponent ``q`` of the function.
    outer : array of shape (k,)
        Exponents ``p`` of the power law.
    error : float
        Squared error in logarithms over the squared deviation of the target's logarithm from its mean.
    """

    function: int
    inner: Array
    offset: float
    power: float
    outer: Array
    error: float


class _Trial(NamedTuple):
    """A law whose fit is not finished: function, exponents of its group, power, offset and, if known, power law.

    It is natural if the coefficient of the group is 1 within its error.
    """

    function: int
    inner: Array
    power: float
    offset: float
    error: float
    outer: Array | None = None
    natural: bool = False

    @property
    def key(self) -> tuple[int, bytes, float]:
        return self.function, self.inner.tobytes(), self.power

    def length(self, n: int) -> float:
        """Twice the description length, in nats, of ``n`` rows and of what is known of the law."""
        inner, power = self.inner.tolist(), self.power
        outer = [0.0] * len(inner) if self.outer is None else self.outer.tolist()
        nodes = _SIZES[self.function] + _nodes(power) - _ONE + (0.0 if self.natural else _COEFFICIENT)
        if self.function in SUMS:
            for a, p in zip(inner, outer, strict=True):
                s = shared_exponent(a, p, power)
                nodes += _nodes(p - power * s) + _nodes(s) + _nodes(a + s)
        else:
            nodes += sum(map(_nodes, (*inner, *outer)))
        return n * math.log(max(self.error, 1e-300)) + _NODE * nodes


def shared_exponent(inner: float, outer: float, power: float) -> float:
    """Exponent ``s`` for which ``x**(outer - q*s) * (x**s + c * x**(inner + s))**q`` is written shortest."""

    def length(s: float) -> float:
        return sum(_nodes(exact_exponent(exponent)) for exponent in (outer - power * s, s, inner + s))

    return min((0.0, -inner, exact_exponent(outer / power)), key=length)


def exact_exponent(exponent: float) -> float:
    """Sums and quotients of exponents without rounding errors."""
    simple = simple_exponent(exponent, 1e-9)
    return exponent if simple is None else simple


def simple_laws(table: LogTable, functions: Sequence[int], directions: Sequence[Array], n: int) -> list[GroupLaw]:
    """The ``n`` laws of the shortest description.

    Parameters
    ----------
    table : LogTable
    functions : sequence of int
        That may be used.
    directions : sequence of arrays of shape (k,)
        Exponents within the group, up to a factor.
    n : int
    """
    n_rows = len(table.target)
    scaled = np.concatenate([np.outer(_SCALES, d / np.abs(d).max()) for d in directions])
    inner = np.unique(np.concatenate((np.round(scaled), np.round(2.0 * scaled) / 2.0)) + 0.0, axis=0)
    inner = inner[inner.any(axis=1)]
    trials = [trial for function in functions for trial in _trials(table, function, inner)]
    found = _judged(table, trials)
    varied = _neighbours(_of_each(found, n_rows)[:_VARIED], {trial.key for trial in found})
    best = _of_each([*found, *_judged(table, varied)], n_rows)
    power = float(table.target @ table.target)
    return [
        GroupLaw(
            trial.function,
            trial.inner,
            trial.offset - float(trial.inner @ table.centres),
            trial.power,
            trial.outer,
            trial.error / power,
        )
        for trial in best[:n]
        if trial.outer is not None
    ]


def _of_each(trials: Sequence[_Trial], n_rows: int) -> list[_Trial]:
    """The shortest of each function, in order, that are not much longer than the shortest of all."""
    counts: dict[int, int] = {}
    chosen = []
    ordered = sorted(((trial.length(n_rows), i) for i, trial in enumerate(trials)))
    for length, i in ordered:
        function = trials[i].function
        counts[function] = counts.get(function, 0) + 1
        most = _RETURNED_SUMS if function in SUMS else _RETURNED
        if counts[function] <= most and length <= ordered[0][0] + _LONGER:
            chosen.append(trials[i])
    return chosen


def _neighbours(trials: Sequence[_Trial], known: set[tuple[int, bytes, float]]) -> list[_Trial]:
    """Trials that are not known, with one exponent of the group moved."""
    out = []
    for trial in trials:
        for place in range(len(trial.inner)):
            for step in _MOVES:
                inner = trial.inner.copy()
                inner[place] += step
                moved = trial._replace(inner=inner)
                if inner.any() and moved.key not in known:
                    known.add(moved.key)
                    out.append(moved)
    return out


def _trials(table: LogTable, function: int, inner: Array) -> list[_Trial]:
    """The best powers of a function and groups, each with the best of the places where a fit may start."""
    row = GROUP_FUNCTIONS[function]
    if not row.symmetric:
        inner = np.concatenate((inner, -inner)) + 0.0
    u = inner @ table.logs
    offsets = row.starts(u)
    values = row.linearised(u[:, None] + offsets[:, :, None], table.signs)[0] * table.weight
    values, rest = outside(values, table.basis), outside(table.target, table.basis)
    products, squares = values @ rest, np.einsum("son,son->so", values, values)
    if function == EXPONENTIAL:
        powers = (products / squares)[None]
    else:
        powers = np.broadcast_to(_POWERS[:, None, None], (len(_POWERS), *products.shape))
    gains = powers * (2.0 * products - powers * squares)
    gains[~np.isfinite(gains)] = 0.0
    places = gains.argmax(axis=2)
    errors = float(rest @ rest) - np.take_along_axis(gains, places[:, :, None], axis=2)[:, :, 0]
    nodes = np.array([sum(map(_nodes, exponents)) for exponents in inner.tolist()])
    if function != EXPONENTIAL:
        nodes = nodes + np.array([_nodes(power) for power in _POWERS.tolist()])[:, None]
    lengths = len(rest) * np.log(np.maximum(errors, 1e-300)) + _NODE * nodes
    order = np.argsort(lengths, axis=None)[:_PER_FUNCTION].tolist()
    chosen = [(*divmod(i, len(inner)), int(places.flat[i])) for i in order]
    return [
        _with_coefficient(_Trial(function, inner[s], float(powers[q, s, o]), float(offsets[s, o]), float(errors[q, s])))
        for q, s, o in chosen
        if gains[q, s, o] > 0.0
    ]


def _with_coefficient(trial: _Trial) -> _Trial:
    """A trial with the power of an exponential, which is the coefficient of its group, in its offset."""
    if trial.function != EXPONENTIAL:
        return trial
    return trial._replace(power=math.copysign(1.0, trial.power), offset=trial.offset + math.log(abs(trial.power)))


def _judged(table: LogTable, trials: Sequence[_Trial]) -> list[_Trial]:
    """Trials with their offsets fitted and the exponents of the power law rounded."""
    if not trials:
        return []
    fit = _Fit(table, trials)
    offsets = fit.offsets(np.array([trial.offset for trial in trials]), table.target, table.basis)[0]
    natural = np.array([trial.inner for trial in trials]) @ table.centres
    coefficients_of = np.linalg.pinv(table.base, rcond=1e-12)
    for _ in range(_ROUNDINGS):
        left = table.target - fit.values(offsets)
        outer = np.round(2.0 * np.nan_to_num((left @ coefficients_of)[:, 1:])) / 2.0 + 0.0
        offsets, errors, sigmas = fit.offsets(offsets, table.target - outer @ table.base[1:], table.basis[:1])
    simple = np.abs(offsets - natural) <= _DEVIATION * sigmas
    return [
        trial._replace(offset=offset, error=error, outer=exponents, natural=is_one)
        for trial, offset, error, exponents, is_one in zip(
            trials, offsets.tolist(), errors.tolist(), outer, simple.tolist(), strict=True
        )
        if math.isfinite(error)
    ]


class _Fit:
    """Offsets of many laws at once."""

    def __init__(self, table: LogTable, trials: Sequence[_Trial]) -> None:
        functions = np.array([trial.function for trial in trials])
        self._rows = [(i, functions == i) for i in np.unique(functions).tolist()]
        self._u = np.array([trial.inner for trial in trials]) @ table.logs
        self._factors = np.array([trial.power for trial in trials])[:, None] * table.weight
        self._signs = table.signs

    def values(self, offsets: Array) -> Array:
        """Weighted logarithms of the functions' powers."""
        return self._linearised(offsets)[0]

    def _linearised(self, offsets: Array) -> tuple[Array, Array]:
        values, slopes = np.empty_like(self._u), np.empty_like(self._u)
        for i, rows in self._rows:
            values[rows], slopes[rows] = GROUP_FUNCTIONS[i].linearised(self._u[rows] + offsets[rows, None], self._signs)
        return values * self._factors, slopes * self._factors

    def offsets(self, offsets: Array, target: Array, basis: Array) -> tuple[Array, Array, Array]:
        """Offsets after Gauss-Newton steps, squared errors outside of a basis, and standard errors of the offsets."""

        def linearised(offsets: Array) -> tuple[Array, Array, Array]:
            values, slopes = self._linearised(offsets)
            residuals, slopes = outside(target - values, basis), outside(slopes, basis)
            errors, squares = np.einsum("mn,mn->m", residuals, residuals), np.einsum("mn,mn->m", slopes, slopes)
            moves = np.einsum("mn,mn->m", slopes, residuals) / squares
            moves[~np.isfinite(moves)] = 0.0
            return np.where(np.isfinite(errors), errors, np.inf), moves, squares

        errors, moves, squares = linearised(offsets)
        shrink = np.ones(len(offsets))
        for _ in range(_STEPS):
            new_errors, new_moves, new_squares = linearised(offsets + shrink * moves)
            better = new_errors < errors
            offsets = np.where(better, offsets + shrink * moves, offsets)
            errors, moves = np.where(better, new_errors, errors), np.where(better, new_moves, moves)
            squares = np.where(better, new_squares, squares)
            shrink = np.where(better, 1.0, 0.25 * shrink)
        return offsets, errors, np.sqrt(errors / (len(self._signs) * squares))


def _nodes(exponent: float) -> float:
    """Nodes of a power within a product; a little more for quotients, which are harder to read."""
    size = abs(exponent)
    if size in (0.0, 1.0):
        nodes = _ONE if size else _NOTHING
    else:
        nodes = _WHOLE if size == round(size) else _HALF if 2.0 * size == round(2.0 * size) else _ANY
    return nodes if exponent >= 0.0 else nodes + 0.1
