"""Sums of functions with inner constants, all constants of a sum being found together.

Orthogonal matching pursuit on a grid of constants finds no law whose constants lie between the points of the grid, and
what it chose first stays wrong. Here the inner constants of all functions chosen so far are refined after every choice,
by Gauss-Newton steps on the residual that is left once all coefficients are optimal (variable projection: Golub and
Pereyra, SIAM J. Numer. Anal. 1973; Mamandipoor, Ramasamy and Madhow, IEEE Trans. Signal Process. 2016, for waves), and
each function is chosen anew once the others are there (Jain, Tewari and Dhillon, NeurIPS 2011).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nesymres_sk.deadline import Deadline
from nesymres_sk.expressions.expression import Node
from nesymres_sk.search.pursuit.atoms import Atoms, Dictionary
from nesymres_sk.search.pursuit.parts import Part
from nesymres_sk.search.pursuit.regression import orthonormal, outside, solve_many
from nesymres_sk.search.pursuit.trees import scaled, total

Array = NDArray[np.float64]

#: Functions of a sum beside the base.
_MOST_ATOMS = 4
#: Sums that are extended, families of functions that each is extended by, and sums that are refined to the end.
_BEAM, _FAMILIES, _FINALISTS = 3, 24, 12
#: Sums whose functions are chosen anew, and how often; another time only if the error falls below this part.
_REVISED, _REVISIONS, _WORTH_ANOTHER = 2, 2, 0.3
#: Steps of a first and of a full refinement, and of one that is to end at rounding.
_FIRST_STEPS, _STEPS, _LAST_STEPS = 4, 12, 30
#: Longest step of an inner constant, in units of the scaled operands.
_LONGEST_STEP = 1.5
#: Damping at first, after success and after failure, and its bounds: with less, what few rows cannot tell is singular.
_DAMPING, _EASED, _STIFFENED, _LEAST_DAMPING, _STIFFEST = 1e-2, 0.1, 8.0, 1e-10, 1e6
#: Factor of the error that is worth another step.
_BETTER = 0.9999
#: Errors that are rounding, and that are close to an exact sum, as parts of the squared target.
_EXACT, _CLOSE = 1e-24, 1e-9
#: Share of a function's squared length that must be outside of what others span.
_LEFT = 1e-7
#: Importance of a function below which it is left out: of the error, more of it in sums that are not exact, and of
#: rounding.
_PER_ROW, _STRICT, _ROUNDING = 4.0, 8.0, 1e-24
#: Nats that another function must be worth: the best of thousands is worth about ten by chance.
_WORTH_OF_AN_ATOM = 15.0
#: Grid points looked at for each family that is to be found among them.
_OVERSAMPLED = 60


class _Sums(NamedTuple):
    """Sums of equally many atoms, best first: arrays of shape (sums, atoms), and squared errors."""

    atoms: Atoms
    errors: Array


class AdditivePursuit:
    """Approximates one target by sums.

    Parameters
    ----------
    dictionary : Dictionary
    base : sequence of Part
        Functions without inner constants that every sum may use.
    target, slope : array of shape (n,)
        What is to be approximated, and the weights of its residuals.
    """

    def __init__(self, dictionary: Dictionary, base: Sequence[Part], target: Array, slope: Array) -> None:
        self._dictionary = dictionary
        self._base = list(base)
        self._slope = slope
        weighted = target * slope
        self._unit = float(np.abs(weighted).max()) or 1.0  # squares of the target must not overflow
        self._weighted = weighted / self._unit
        self._power = float(self._weighted @ self._weighted)
        self._rows = np.array([part.values for part in base]) * slope
        self._basis = orthonormal(self._rows)
        self._rest = outside(self._weighted, self._basis)
        with np.errstate(all="ignore"):
            grid = dictionary.values * slope
            before = np.einsum("mn,mn->m", grid, grid)
            grid -= (grid @ self._basis.T) @ self._basis
            after = np.einsum("mn,mn->m", grid, grid)
            usable = np.isfinite(after) & (after > _LEFT * before)
            grid /= np.sqrt(after)[:, None]
        grid[~usable] = 0.0
        self._grid = grid

    def trees(self, deadline: Deadline) -> list[Node]:
        """Trees of the best sums of one function, two and so on, until a deadline."""
        found: list[Node] = []
        error = float(self._rest @ self._rest)
        if not len(self._grid) or error <= _EXACT * self._power:
            return found
        sums = self._extended(None)
        for n_atoms in range(1, _MOST_ATOMS + 1):
            if not len(sums.errors) or deadline.passed or len(self._basis) + 4 * n_atoms >= len(self._rest):
                break
            if n_atoms > 1:
                sums = self._revised(sums, deadline)
            found += self._trees(_Sums(sums.atoms[:_REVISED], sums.errors[:_REVISED]))
            best = float(sums.errors[0])
            worth = len(self._rest) * math.log(error / max(best, 1e-300))
            if best <= _EXACT * self._power or worth < _WORTH_OF_AN_ATOM or n_atoms == _MOST_ATOMS:
                break
            error = best
            sums = self._extended(sums.atoms)
        return found

    def _revised(self, sums: _Sums, deadline: Deadline) -> _Sums:
        """Sums with one of their atoms replaced, and the sums themselves: the best of them."""
        for _ in range(_REVISIONS):
            before = float(sums.errors[0])
            if before <= _EXACT * self._power or deadline.passed:
                break
            some = sums.atoms[:_REVISED]
            k = some.shape.shape[1]
            without = Atoms.joined([some[:, [j for j in range(k) if j != i]] for i in range(k)])
            sums = self._extended(without, sums)
            if sums.errors[0] > _WORTH_ANOTHER * before:
                break
        return sums

    def _extended(self, atoms: Atoms | None, others: _Sums | None = None) -> _Sums:
        """Sums with one more atom, and others of the same size: the best of different families."""
        candidates = self._candidates(atoms)
        sums = self._refined(candidates, _FIRST_STEPS)
        some = np.argsort(sums.errors, kind="stable")[:_FINALISTS]
        sums = _Sums(sums.atoms[some], sums.errors[some])
        if not sums.errors[0] <= _EXACT * self._power:
            sums = self._refined(sums.atoms, _STEPS)
        if others is not None:
            sums = _Sums(Atoms.joined([others.atoms, sums.atoms]), np.concatenate((others.errors, sums.errors)))
        families = np.sort(self._dictionary.families_of(sums.atoms), axis=1).tolist()
        kept: dict[tuple[int, ...], int] = {}
        for i in np.argsort(sums.errors, kind="stable").tolist():
            if np.isfinite(sums.errors[i]):
                kept.setdefault(tuple(families[i]), i)
        best = list(kept.values())[:_BEAM]
        return _Sums(sums.atoms[best], sums.errors[best])

    def _candidates(self, atoms: Atoms | None) -> Atoms:
        """Each sum with the atoms that explain most of what it leaves, one of each family."""
        residuals, spans = self._remains(atoms)
        gains = np.square(residuals @ self._grid.T)
        if spans.shape[1]:
            along = spans.reshape(-1, spans.shape[2]) @ self._grid.T
            left = 1.0 - np.square(along.reshape(*spans.shape[:2], -1)).sum(axis=1)
            gains = np.where(left > _LEFT, gains / np.maximum(left, _LEFT), 0.0)
        out = []
        n = min(_OVERSAMPLED * _FAMILIES, gains.shape[1])
        for i, row in enumerate(gains):
            largest = np.argpartition(-row, n - 1)[:n]
            largest = largest[np.argsort(-row[largest], kind="stable")]
            _, first = np.unique(self._dictionary.families[largest], return_index=True)
            chosen = self._dictionary.atoms[largest[np.sort(first)[:_FAMILIES]]][:, None]
            if atoms is not None:
                chosen = Atoms.joined([atoms[np.full(len(chosen.shape), i)], chosen], axis=1)
            out.append(chosen)
        return Atoms.joined(out)

    def _remains(self, atoms: Atoms | None) -> tuple[Array, Array]:
        """Residuals of sums, shape (sums, n), and orthonormal rows of their atoms' spans, (sums, atoms, n)."""
        if atoms is None:
            return self._rest[None], np.empty((1, 0, len(self._rest)))
        values = self._dictionary.evaluate(atoms)[0] * self._slope
        spans = np.linalg.qr(outside(values, self._basis).transpose(0, 2, 1))[0].transpose(0, 2, 1)
        return self._rest - ((spans @ self._rest)[:, None] @ spans)[:, 0], spans

    def _refined(self, atoms: Atoms, n_steps: int) -> _Sums:
        """Sums after damped Gauss-Newton steps for their inner constants."""
        count, k = atoms.shape.shape
        numbers = atoms.numbers.copy()
        errors, residuals, jacobians = self._linearised(atoms)
        damping = np.full(count, _DAMPING)
        diagonal = np.arange(3 * k)
        for _ in range(n_steps):
            system = jacobians @ jacobians.transpose(0, 2, 1)
            right = (jacobians @ residuals[:, :, None])[:, :, 0]
            lengths = system[:, diagonal, diagonal]
            moves = lengths > 1e-20 * self._power  # constants that are not free have no derivative
            units = np.where(moves, 1.0 / np.sqrt(np.where(moves, lengths, 1.0)), 0.0)
            system *= units[:, :, None] * units[:, None]
            system[:, diagonal, diagonal] = 1.0 + damping[:, None]
            steps = (units * np.linalg.solve(system, (units * right)[:, :, None])[:, :, 0]).reshape(count, k, 3)
            steps = np.clip(np.nan_to_num(steps), -_LONGEST_STEP, _LONGEST_STEP)
            new_errors, new_residuals, new_jacobians = self._linearised(atoms.with_numbers(numbers + steps))
            better = new_errors < errors
            ended = np.where(better, new_errors > _BETTER * errors, damping > _STIFFEST)
            numbers[better] += steps[better]
            residuals[better], jacobians[better] = new_residuals[better], new_jacobians[better]
            errors = np.where(better, new_errors, errors)
            damping = np.maximum(damping * np.where(better, _EASED, _STIFFENED), _LEAST_DAMPING)
            if ended.all() or errors.min() <= _EXACT * self._power:
                break
        return _Sums(atoms.with_numbers(numbers), errors)

    def _linearised(self, atoms: Atoms) -> tuple[Array, Array, Array]:
        """Squared errors, residuals, and what the inner constants change of these."""
        values, turns = self._dictionary.evaluate(atoms, slopes=True)
        count, k, n = values.shape
        broken = ~(np.isfinite(values).all(axis=(1, 2)) & np.isfinite(turns).all(axis=(1, 2, 3)))
        values[broken], turns[broken] = 0.0, 0.0
        functions = outside(values * self._slope, self._basis)
        lengths = np.sqrt(np.einsum("ckn,ckn->ck", functions, functions))
        lengths[~(lengths > 0.0)] = 1.0
        q, r = np.linalg.qr((functions / lengths[:, :, None]).transpose(0, 2, 1))
        broken |= (np.abs(np.einsum("ckk->ck", r)) < 1e-9).any(axis=1)
        r[broken] = np.eye(k)
        projections = self._rest @ q
        residuals = self._rest - (q @ projections[:, :, None])[:, :, 0]
        residuals -= (q @ (residuals[:, None] @ q).transpose(0, 2, 1))[:, :, 0]
        coefficients = np.linalg.solve(r, projections[:, :, None])[:, :, 0] / lengths
        jacobians = (turns * (coefficients[:, :, None, None] * self._slope)).reshape(count, 3 * k, n)
        jacobians = jacobians - (jacobians @ self._basis.T) @ self._basis
        jacobians -= (jacobians @ q) @ q.transpose(0, 2, 1)
        errors = np.einsum("cn,cn->c", residuals, residuals)
        errors[broken | ~np.isfinite(errors)] = np.inf
        return errors, residuals, jacobians

    def _trees(self, sums: _Sums) -> list[Node]:
        """Trees of sums that are exact, otherwise what matters most of the best."""
        if sums.errors[0] < _CLOSE * self._power:
            sums = self._refined(sums.atoms, _LAST_STEPS)
        exact = sums.errors <= _EXACT * self._power
        if exact.any():
            nodes = [self._tree(sums.atoms[i], 1.0) for i in np.flatnonzero(exact).tolist()]
        else:
            nodes = [self._tree(sums.atoms[0], _STRICT)]
        return [node for node in nodes if node is not None]

    def _tree(self, atoms: Atoms, bar: float) -> Node | None:
        """Tree of one sum, functions of less importance than ``bar`` times their chance share left out."""
        rows = np.concatenate((self._rows, self._dictionary.evaluate(atoms)[0] * self._slope))
        kept = np.arange(len(rows))
        while len(kept):
            coefficients, importance, errors = (a[0] for a in solve_many(rows[kept][None], self._weighted))
            if not np.isfinite(coefficients).all():
                return None
            least = max(bar * _PER_ROW * float(errors) / len(self._weighted), _ROUNDING)
            small = np.flatnonzero(importance <= least)
            if not len(small):
                break
            # not all at once: one of two that are alike may be all that is needed
            kept = np.delete(kept, small[np.argsort(importance[small])[: (len(small) + 1) // 2]])
        else:
            return None
        n_base = len(self._base)
        nodes = [
            scaled(c, self._base[i].node) if i < n_base else self._dictionary.tree(atoms[i - n_base], c)
            for i, c in zip(kept.tolist(), (coefficients * self._unit).tolist(), strict=True)
        ]
        return total(nodes)
