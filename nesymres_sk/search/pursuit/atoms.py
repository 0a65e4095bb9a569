"""Functions with inner constants that sums of many terms are made of, on a grid of these constants.

An atom is ``m * g(a*u + c*w + b)``: ``g`` is one of a few shapes, ``u`` a column, a product or a quotient of two, ``w``
another column or nothing, and ``m`` a column or 1. In exponentials, ``u`` and ``w`` may be logarithms of columns, which
makes powers, their products and ``x1**a * exp(c*x2)``; in hyperbolic tangents ``u`` may be one, which makes Hill's
saturation ``x1**a / (K + x1**a)``. Operands are scaled to values from -1/2 to 1/2, so that one grid suits columns of
any unit, and so do the steps of a refinement.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.expression import Node
from nesymres_sk.search.pursuit.parts import Part, divides
from nesymres_sk.search.pursuit.trees import constant, power, product, quotient, scaled

Array = NDArray[np.float64]
Ints = NDArray[np.intp]

_ADD, _NEG, _SQUARE, _EXP, _LOG = (v.operator_token(name) for name in ("add", "neg", "square", "exp", "log"))
#: Columns up to which quotients and sums of two are operands, too.
_FEW = 6
#: Distance from a singularity that an argument keeps, as a part of the operand's range.
_MARGIN = 1e-3
#: Offset up to which the exponential of twice as much is a number.
_LARGEST_EXPONENT = 300.0
#: Factor between the spans of two columns beyond which sums are tried where both weigh the same, too.
_UNEQUAL = 2.0

#: How much faster than a power the factor beside it grows: powers of both, in scaled operands.
_PACES = (0.3, 1.0, 3.0)

_RATES = tuple(2.0 * np.pi * periods for periods in (0.1, 0.2, 0.35, 0.5, 0.7, 0.9, 1.15, 1.4, 1.7, 2.0, 2.5, 3.0))
_PHASES = tuple(np.pi * k / 4.0 for k in range(4))
_STEEP = (0.4, 1.0, 2.0, 4.0, 8.0)
_ONE_SIDED = tuple((side, 0.5 + gap) for side in (1.0, -1.0) for gap in (0.01, 0.03, 0.1, 0.3, 1.0, 3.0))


def _centred(steepness: Sequence[float], centres: Sequence[float]) -> tuple[tuple[float, float], ...]:
    return tuple((a, -a * centre) for a in steepness for centre in centres)


class Shape(NamedTuple):
    """A function of one variable.

    Attributes
    ----------
    operator : str
        The outermost of its tree.
    value, slope : callable
        ``g(z)``, and its derivative as a function of ``z`` and ``g(z)``.
    grid : tuple of (float, float)
        Pairs ``(a, b)`` that are tried.
    free : tuple of bool
        Whether ``a`` and ``b`` change more than a factor of the atom, or a summand.
    """

    operator: str
    value: Callable[[Array], Array]
    slope: Callable[[Array, Array], Array]
    grid: tuple[tuple[float, float], ...]
    free: tuple[bool, bool]


SHAPES = (
    Shape("sin", np.sin, lambda z, g: np.cos(z), tuple((a, b) for a in _RATES for b in _PHASES), (True, True)),
    Shape("exp", np.exp, lambda z, g: g, tuple((sign * a, 0.0) for a in _STEEP for sign in (1.0, -1.0)), (True, False)),
    Shape(
        "exp",
        lambda z: np.exp(-z * z),
        lambda z, g: -2.0 * z * g,
        _centred((1.0, 2.0, 4.0), (-0.6, -0.4, -0.2, 0.0, 0.2, 0.4, 0.6)),
        (True, True),
    ),
    Shape(
        "tanh",
        np.tanh,
        lambda z, g: 1.0 - g * g,
        _centred((1.5, 4.0, 10.0), (-0.5, -0.25, 0.0, 0.25, 0.5)),
        (True, True),
    ),
    Shape("log", np.log, lambda z, g: 1.0 / z, _ONE_SIDED, (False, True)),
    Shape("sqrt", np.sqrt, lambda z, g: 0.5 / g, _ONE_SIDED, (False, True)),
    Shape("inv", lambda z: 1.0 / z, lambda z, g: -g * g, _ONE_SIDED, (False, True)),
)
_WAVE, _EXPONENTIAL, _BELL, _STEP, _LOGARITHM, _ROOT, _INVERSE = range(len(SHAPES))
_FREE = np.array([(free_a, True, free_b) for free_a, free_b in (shape.free for shape in SHAPES)])


class Operand(NamedTuple):
    """What a shape is applied to, its values scaled: ``values * span + middle`` are those of the node."""

    node: Node
    values: Array
    middle: float
    span: float

    @classmethod
    def of(cls, node: Node, values: Array) -> Operand:
        """Operand of a node with its values."""
        low, high = float(values.min()), float(values.max())
        middle, span = 0.5 * low + 0.5 * high, high - low
        return cls(node, (values - middle) / span, middle, span)


@dataclass(frozen=True)
class Atoms:
    """Many atoms, as arrays of one shape.

    Attributes
    ----------
    shape : int array
        Which of :data:`SHAPES`.
    first, second, modulator : int array
        Operands ``u`` and ``w``, and the column ``m``; -1 for none.
    numbers : float array with one more axis, of length 3
        ``a``, ``c`` and ``b``.
    """

    shape: Ints
    first: Ints
    second: Ints
    modulator: Ints
    numbers: Array

    def __getitem__(self, index: Any) -> Atoms:
        return Atoms(*(array[index] for array in self.arrays()))

    def arrays(self) -> list[NDArray[Any]]:
        """All arrays, in their order."""
        return [getattr(self, field.name) for field in fields(self)]

    def with_numbers(self, numbers: Array) -> Atoms:
        """The same with other constants."""
        return Atoms(self.shape, self.first, self.second, self.modulator, numbers)

    @staticmethod
    def joined(parts: Sequence[Atoms], axis: int = 0) -> Atoms:
        """Atoms one after the other along an axis."""
        return Atoms(*(np.concatenate(arrays, axis=axis) for arrays in zip(*(p.arrays() for p in parts), strict=True)))


class Dictionary:
    """The atoms of some columns on the grid.

    Parameters
    ----------
    columns : sequence of Part
        Not constant.
    allowed : callable
        Whether an operator may be used.

    Attributes
    ----------
    atoms : Atoms
        All arrays have one axis.
    values : array of shape (number of atoms, n)
        Finite.
    families : int array
        The same for atoms that differ in their constants only.
    """

    def __init__(self, columns: Sequence[Part], allowed: Callable[[str], bool]) -> None:
        self._columns = list(columns)
        self._modulators = np.array([part.values for part in columns])
        self._operands = [Operand.of(part.node, part.values) for part in columns]
        d = len(columns)
        pairs, logarithms = self._combine(allowed), self._take_logarithms(allowed)
        self._scaled = np.array([*(operand.values for operand in self._operands), np.zeros_like(columns[0].values)])
        modulators = range(d) if allowed("mul") else ()
        alone = [(i, -1, 0.0, -1) for i in (*range(d), *pairs)]
        alone += [(i, -1, 0.0, m) for i in range(d) for m in modulators]
        alone += self._sums(allowed)
        usual = {
            index: alone
            for index, shape in enumerate(SHAPES)
            if allowed(shape.operator) and (index != _BELL or allowed("square"))
        }
        # their trees have neither an exponential nor a hyperbolic tangent
        raised = {_EXPONENTIAL: [(i, -1, 0.0, -1) for i in logarithms] + self._powers(logarithms, allowed)}
        if allowed("div"):
            raised[_STEP] = [(i, -1, 0.0, -1) for i in logarithms]
        blocks = [self._on_grid(i, [*usual.get(i, []), *raised.get(i, [])]) for i in range(len(SHAPES))]
        atoms = Atoms.joined(blocks)
        values = self.evaluate(atoms)[0]
        usable = np.isfinite(values).all(axis=1)
        self.atoms, self.values = atoms[usable], values[usable]
        self.families = self.families_of(self.atoms)

    def families_of(self, atoms: Atoms) -> Ints:
        """Numbers that are the same for atoms that differ in their constants only."""
        n, d = len(self._operands) + 1, len(self._columns) + 1
        return np.asarray(((atoms.shape * n + atoms.first) * n + atoms.second + 1) * d + atoms.modulator + 1)

    def evaluate(self, atoms: Atoms, slopes: bool = False) -> tuple[Array, Array]:
        """Values, and if asked for derivatives.

        Parameters
        ----------
        atoms : Atoms
        slopes : bool

        Returns
        -------
        values : array of shape (..., n)
            NaN where an atom is not defined.
        slopes : array of shape (..., 3, n)
            By ``a``, ``c`` and ``b``; zero for those that are not free. Empty if not asked for.
        """
        a, c, b = np.moveaxis(atoms.numbers, -1, 0)[..., None]
        first, second = self._scaled[atoms.first], self._scaled[atoms.second]
        z = a * first + c * second + b
        values, slope = np.empty_like(z), np.empty_like(z)
        with np.errstate(all="ignore"):
            for index, shape in enumerate(SHAPES):
                rows = atoms.shape == index
                if rows.any():
                    inner = z[rows] if index < _LOGARITHM else np.where(z[rows] > _MARGIN, z[rows], np.nan)
                    values[rows] = shape.value(inner)
                    if slopes:
                        slope[rows] = shape.slope(inner, values[rows])
            factors = np.where((atoms.modulator >= 0)[..., None], self._modulators[atoms.modulator], 1.0)
            values *= factors
            if not slopes:
                return values, np.empty(0)
            slope *= factors
            turns = np.stack((slope * first, slope * second, slope), axis=-2)
            turns *= _FREE[atoms.shape][..., None]
        return values, turns

    def tree(self, atom: Atoms, coefficient: float) -> Node:
        """Tree of one atom times a coefficient."""
        shape = int(atom.shape)
        a, c, b = atom.numbers.tolist()
        u = self._operands[int(atom.first)]
        rate, offset = a / u.span, b - a * u.middle / u.span
        if shape >= _LOGARITHM:  # the constant next to the operand is one: it only changes a factor, or a summand
            coefficient *= {_LOGARITHM: 1.0, _ROOT: abs(rate) ** 0.5, _INVERSE: 1.0 / abs(rate)}[shape]
        unit = abs(rate) if shape >= _LOGARITHM else 1.0
        inner = scaled(rate / unit, u.node)
        if atom.second >= 0:
            w = self._operands[int(atom.second)]
            inner = (_ADD, inner, scaled(c / w.span / unit, w.node))
            offset -= c * w.middle / w.span
        is_number = abs(offset) < _LARGEST_EXPONENT
        if shape == _EXPONENTIAL and is_number:
            coefficient *= float(np.exp(offset))
            if u.node[0] == _LOG:  # the exponential of a logarithm is a power
                raised = [power(u.node[1], rate)]
                if atom.second >= 0:
                    pace = c / w.span
                    raised.append(power(w.node[1], pace) if w.node[0] == _LOG else (_EXP, scaled(pace, w.node)))
                node = product(raised)
            else:
                node = (_EXP, inner)
        elif shape == _STEP and u.node[0] == _LOG and is_number:  # tanh(z) is 1 - 2/(1 + exp(2*z))
            raised_twice = scaled(float(np.exp(2.0 * offset)), power(u.node[1], 2.0 * rate))
            node = (_ADD, constant(1.0), quotient(constant(-2.0), (_ADD, constant(1.0), raised_twice)))
        else:
            inner = (_ADD, inner, constant(offset / unit))
            node = (v.operator_token(SHAPES[shape].operator), (_NEG, (_SQUARE, inner)) if shape == _BELL else inner)
        if shape == _LOGARITHM:
            node = (_ADD, node, constant(float(np.log(unit))))
        if atom.modulator >= 0:
            node = product((self._columns[int(atom.modulator)].node, node))
        return scaled(coefficient, node)

    def _append(self, node: Node, values: Array) -> list[int]:
        """Place of a new operand, nothing if it is of no use."""
        if not (np.isfinite(values).all() and 0.0 < np.ptp(values) < np.inf):
            return []
        self._operands.append(Operand.of(node, values))
        return [len(self._operands) - 1]

    def _combine(self, allowed: Callable[[str], bool]) -> list[int]:
        """Products of two columns and, where these are few, quotients."""
        out: list[int] = []
        for p, q in combinations(self._columns, 2):
            with np.errstate(all="ignore"):
                if allowed("mul"):
                    out += self._append(product((p.node, q.node)), p.values * q.values)
                if allowed("div") and len(self._columns) <= _FEW:
                    for above, below in ((p, q), (q, p)):
                        if divides(below.values):
                            out += self._append(quotient(above.node, below.node), above.values / below.values)
        return out

    def _take_logarithms(self, allowed: Callable[[str], bool]) -> list[int]:
        """Logarithms of positive columns: exponentials of them are powers."""
        if not allowed("pow"):
            return []
        positive = [part for part in self._columns if part.values.min() > 0.0]
        return [i for part in positive for i in self._append((_LOG, part.node), np.log(part.values))]

    def _sums(self, allowed: Callable[[str], bool]) -> list[tuple[int, int, float, int]]:
        """Sums and differences of two columns, in their own units and, where these differ, with equal weight."""
        if not allowed("add") or len(self._columns) > _FEW:
            return []
        sums = []
        for i, j in combinations(range(len(self._columns)), 2):
            natural = self._operands[j].span / self._operands[i].span
            ratios = [natural] if 1.0 / _UNEQUAL < natural < _UNEQUAL else [natural, 1.0]
            sums += [(i, j, sign * ratio, -1) for ratio in ratios for sign in (1.0, -1.0)]
        return sums

    def _powers(self, logarithms: Sequence[int], allowed: Callable[[str], bool]) -> list[tuple[int, int, float, int]]:
        """Powers of a column times powers or exponentials of a column: exponentials of sums with a logarithm."""
        if not allowed("mul") or len(self._columns) > _FEW:
            return []
        pairs = list(combinations(logarithms, 2))
        if allowed("exp"):
            pairs += [(i, j) for i in logarithms for j in range(len(self._columns))]
        return [(i, j, sign * ratio, -1) for i, j in pairs for ratio in _PACES for sign in (1.0, -1.0)]

    @staticmethod
    def _on_grid(shape: int, which: Sequence[tuple[int, int, float, int]]) -> Atoms:
        """Atoms of one shape, for all of some operands ``(u, w, c/a, m)``."""
        grid = np.array(SHAPES[shape].grid)
        first, second, modulator = (np.repeat(np.array([w[k] for w in which], np.intp), len(grid)) for k in (0, 1, 3))
        ratio = np.repeat(np.array([w[2] for w in which], np.float64), len(grid))
        a, b = np.tile(grid, (len(which), 1)).T
        width = 1.0 + np.abs(ratio)  # of the sum of two operands
        a, b = (a, b * width) if shape >= _LOGARITHM else (a / width, b)
        return Atoms(
            np.full(len(first), shape, np.intp), first, second, modulator, np.stack((a, a * ratio, b), axis=-1)
        )
