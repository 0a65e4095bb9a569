"""Sparse linear combinations of many functions that reproduce a target, by matrix products alone.

Orthogonal matching pursuit (Pati, Rezaiifar and Krishnaprasad 1993) with a beam in place of the greedy choice, and
with all pairs of a part of the functions. A base that every combination may use is projected out beforehand of
target and functions alike (Frisch and Waugh 1933), so that it costs nothing later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Rows = tuple[int, ...]

#: Share of a function's squared length that projections must leave: what is shorter is rounding.
_LEFT = 1e-13
#: The same for tangents, which are worth nothing if they are nearly their functions.
_LEAST_TURN = 1e-8
#: Squared sine of the angle between the functions of a pair below which its gain is rounding.
_LEAST_ANGLE = 1e-5
#: Functions that are looked at for each one of another family.
_OVERSAMPLED = 6
#: Rows of a block of the matrix of all pairs, which should stay in the cache.
_BLOCK = 128
#: Functions that are projected at a time, for the same reason.
_STRIP = 256


@dataclass(frozen=True)
class Match:
    """Functions that explain a target together with the base.

    Attributes
    ----------
    rows : tuple of int
        Sorted rows of the design.
    error : float
        Squared residual over the squared length of the target.
    """

    rows: Rows
    error: float


class State(NamedTuple):
    """What is left to explain, and by what, after some functions have been used; arrays over beams and functions.

    Attributes
    ----------
    residuals : array of shape (b, n)
        Of the target.
    cosines, left : array of shape (b, m)
        Products of the residual with every function, and the share of the function's squared length outside of the
        span of those used.
    turn_cosines, turn_left, cross : array of shape (b, k)
        The same for the tangents, and the products of each tangent with its function.
    """

    residuals: Array
    cosines: Array
    left: Array
    turn_cosines: Array
    turn_left: Array
    cross: Array


@dataclass(frozen=True)
class Beam:
    """Matches that are to be extended, best first.

    Attributes
    ----------
    matches : list of Match
        ``b`` matches of as many functions each.
    bases : array of shape (b, any, n)
        Orthonormal rows of the span of their functions and tangents, and zeros.
    state : tuple of arrays
    """

    matches: list[Match]
    bases: Array
    state: State


class Design:
    """Target and functions with the base projected out.

    Parameters
    ----------
    functions : array of shape (m, n)
        Values of the functions, finite.
    base : array of shape (b, n)
        Functions that every combination may use.
    target : array of shape (n,)
    slope : array of shape (n,)
        Non-negative factors of the residuals.
    families : int array of shape (m,), optional
        Of the matches whose functions are of the same families, only the best counts; all differ by default.
    moving : int array of shape (k,), optional
        Functions with a constant that may still move.
    tangents : array of shape (k, n), optional
        Their derivatives with respect to it. A match may use a function's tangent together with the function: what
        it leaves is then of second order in the error of the constant.
    """

    def __init__(
        self,
        functions: Array,
        base: Array,
        target: Array,
        slope: Array,
        families: NDArray[np.int64] | None = None,
        moving: NDArray[np.intp] | None = None,
        tangents: Array | None = None,
    ) -> None:
        m, n = functions.shape
        self._families = np.arange(m) if families is None else families
        self._moving = np.empty(0, np.intp) if moving is None else moving
        self._turn_of = np.full(m, -1)
        self._turn_of[self._moving] = np.arange(len(self._moving))
        weighted = target * slope
        length = float(np.sqrt(weighted @ weighted)) or 1.0
        basis = _orthonormal(base * slope)
        self._rest = _outside(functions, slope, basis)
        self._turns = np.zeros((0, n))
        if tangents is not None:
            turns = _outside(tangents, slope, basis)
            own = self._rest[self._moving]
            turns -= np.einsum("kn,kn->k", turns, own)[:, None] * own
            self._turns = _outside(turns, np.ones(n), np.empty((0, n)), _LEAST_TURN)
        residual = weighted / length
        for _ in range(2):
            residual -= (residual @ basis.T) @ basis
        self.base_error = float(residual @ residual)
        self._start = State(
            residual[None],
            (self._rest @ residual)[None],
            np.ones((1, m)),
            (self._turns @ residual)[None],
            np.ones((1, len(self._turns))),
            np.zeros((1, len(self._turns))),
        )

    def _gains(self, state: State) -> Array:
        """What each function would explain of the rest, together with its tangent, shape (b, m)."""
        with np.errstate(all="ignore"):
            gains = np.where(state.left > _LEFT, np.square(state.cosines) / state.left, 0.0)
            if len(self._turns):
                p, q = state.cosines[:, self._moving], state.turn_cosines
                pp, qq, pq = state.left[:, self._moving], state.turn_left, state.cross
                determinant = pp * qq - np.square(pq)
                both = (np.square(p) * qq - 2.0 * p * q * pq + np.square(q) * pp) / determinant
                usable = (determinant > _LEFT) & (pp > _LEFT)
                gains[:, self._moving] = np.where(usable, both, gains[:, self._moving])
        return gains

    def singles(self, n: int) -> list[Match]:
        """The ``n`` functions that explain most."""
        gains = self._gains(self._start)[0]
        best = self._best_of_families(gains, n)
        return [Match((row,), max(self.base_error - float(gains[row]), 0.0)) for row in best]

    def _best_of_families(self, gains: Array, n: int) -> list[int]:
        """Functions of the largest gains, of different families."""
        seen: dict[int, int] = {}
        for row in largest(gains, _OVERSAMPLED * n):
            seen.setdefault(int(self._families[row]), row)
        return list(seen.values())[:n]

    def _key(self, rows: Rows) -> Rows:
        return tuple(sorted(self._families[list(rows)].tolist()))

    def beam(self, matches: list[Match]) -> Beam:
        """State for extending matches that all have the same number of functions."""
        count = len(matches)
        start = State(*(np.broadcast_to(array, (count, array.shape[1])) for array in self._start))
        beam = Beam(matches, np.empty((count, 0, self._rest.shape[1])), start)
        for rows in zip(*(match.rows for match in matches), strict=True):
            beam = self._with(beam, list(range(count)), list(rows), matches)
        return beam

    def extend(self, beam: Beam, n_each: int, n_kept: int) -> tuple[list[Match], Beam]:
        """Add one more function to each match, the ``n_each`` best ones.

        Returns
        -------
        list of Match, Beam
            All extensions, best first, and the state of the ``n_kept`` best.
        """
        gains = self._gains(beam.state)
        found: dict[Rows, tuple[Match, int, int]] = {}
        for i, (match, residual) in enumerate(zip(beam.matches, beam.state.residuals, strict=True)):
            error = float(residual @ residual)
            for row in self._best_of_families(gains[i], n_each):
                rows = tuple(sorted((*match.rows, row)))
                rest = max(error - float(gains[i, row]), 0.0)
                key = self._key(rows)
                if row not in match.rows and (key not in found or rest < found[key][0].error):
                    found[key] = Match(rows, rest), i, row
        order = sorted(found.values(), key=lambda item: item[0].error)
        matches = [match for match, _, _ in order]
        parents = [parent for _, parent, _ in order[:n_kept]]
        added = [row for _, _, row in order[:n_kept]]
        return matches, self._with(beam, parents, added, matches[:n_kept])

    def _with(self, beam: Beam, parents: list[int], rows: list[int], matches: list[Match]) -> Beam:
        """The matches ``parents`` of a beam with one more function each, and its tangent."""
        bases, state = beam.bases[parents], State(*(array[parents] for array in beam.state))
        turns = self._turn_of[rows]
        bases, state = self._add(bases, state, self._rest[rows])
        if np.any(turns >= 0):
            bases, state = self._add(bases, state, self._turns[turns] * (turns >= 0)[:, None])
        return Beam(matches, bases, state)

    def _add(self, bases: Array, state: State, new: Array) -> tuple[Array, State]:
        """One more direction for each beam; none where it lies in the span already."""
        for _ in range(2):
            new = new - np.einsum("bk,bkn->bn", np.einsum("bkn,bn->bk", bases, new), bases)
        lengths = np.sqrt(np.einsum("bn,bn->b", new, new))
        new = new * np.where(lengths > _LEFT, 1.0 / np.maximum(lengths, _LEFT), 0.0)[:, None]
        step = np.einsum("bn,bn->b", new, state.residuals)[:, None]
        along, turned = new @ self._rest.T, new @ self._turns.T
        return np.concatenate((bases, new[:, None]), axis=1), State(
            state.residuals - step * new,
            state.cosines - step * along,
            state.left - np.square(along),
            state.turn_cosines - step * turned,
            state.turn_left - np.square(turned),
            state.cross - along[:, self._moving] * turned,
        )

    def pairs(self, rows: NDArray[np.intp], n: int) -> list[Match]:
        """The best partner of each of ``rows`` among them; the ``n`` best pairs."""
        rest = self._rest[rows]
        cosines = self._start.cosines[0, rows]
        best = np.empty(len(rows))
        partner = np.empty(len(rows), np.intp)
        squares = np.square(cosines)
        for start in range(0, len(rows), _BLOCK):
            block = slice(start, start + _BLOCK)
            gram = rest[block] @ rest.T
            gains = gram * cosines
            gains *= -2.0 * cosines[block, None]
            gains += squares
            gains += squares[block, None]
            np.square(gram, out=gram)
            np.subtract(1.0, gram, out=gram)
            gram[gram < _LEAST_ANGLE] = np.inf
            gains /= gram
            partner[block] = gains.argmax(axis=1)
            best[block] = gains[np.arange(len(gains)), partner[block]]
        # most pairs are named by both partners; their gains are differences of large numbers: take errors again
        first = np.array(largest(best, 4 * n), dtype=np.intp)
        a, b = rest[first], rest[partner[first]]
        b = b - np.einsum("in,in->i", a, b)[:, None] * a
        b /= np.maximum(np.sqrt(np.einsum("in,in->i", b, b)), _LEFT)[:, None]
        residuals = self._start.residuals - (a @ self._start.residuals[0])[:, None] * a
        residuals -= np.einsum("in,in->i", b, residuals)[:, None] * b
        errors = np.einsum("in,in->i", residuals, residuals)
        found: dict[Rows, Match] = {}
        for i in np.argsort(errors, kind="stable").tolist():
            pair = tuple(sorted((int(rows[first[i]]), int(rows[partner[first[i]]]))))
            found.setdefault(self._key(pair), Match(pair, float(errors[i])))
        return list(found.values())[:n]


def _outside(rows: Array, slope: Array, basis: Array, least: float = _LEFT) -> Array:
    """Weighted rows of unit length with the basis projected out; zeros where less than a share of them is left.

    Rows whose squares leave the range of floating point numbers become zeros, too.
    """
    out = np.empty_like(rows)
    with np.errstate(all="ignore"):
        for start in range(0, len(rows), _STRIP):
            strip = np.multiply(rows[start : start + _STRIP], slope, out=out[start : start + _STRIP])
            before = np.einsum("ij,ij->i", strip, strip)
            strip -= (strip @ basis.T) @ basis
            after = np.einsum("ij,ij->i", strip, strip)
            usable = (after > least * before) & np.isfinite(after) & (after > 0.0)
            strip *= np.where(usable, 1.0 / np.sqrt(after), 0.0)[:, None]
            strip[~usable] = 0.0
    return out


def _orthonormal(rows: Array) -> Array:
    """Orthonormal rows of the same span, twice Gram–Schmidt; rows that depend on earlier ones are left out."""
    kept: list[Array] = []
    for row in rows:
        largest = float(np.abs(row).max(initial=0.0))
        if not 0.0 < largest < np.inf:
            continue
        unit = row / largest
        before = float(unit @ unit)
        for _ in range(2):
            for other in kept:
                unit = unit - (unit @ other) * other
        after = float(unit @ unit)
        if after > _LEFT * before:
            kept.append(unit / np.sqrt(after))
    return np.array(kept).reshape(len(kept), rows.shape[1])


def largest(values: Array, n: int) -> list[int]:
    """Indices of the largest positive values, in order."""
    n = min(n, len(values))
    best = np.argpartition(-values, n - 1)[:n] if n < len(values) else np.arange(len(values))
    order = best[np.argsort(-values[best], kind="stable")]
    return [int(i) for i in order if values[i] > 0.0]


def shortest_of_best(errors: Array, lengths: Sequence[int]) -> list[int]:
    """Order in which the best of each length come first, then the second best of each, the short before the long."""
    by_length: dict[int, int] = {}
    ranked = []
    for i in np.argsort(errors, kind="stable").tolist():
        place = by_length.get(lengths[i], 0)
        by_length[lengths[i]] = place + 1
        ranked.append((place, lengths[i], i))
    return [i for _, _, i in sorted(ranked)]
