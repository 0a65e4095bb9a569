"""Numeric fingerprints of skeletons: one number for one family of equations, however it is spelled.

Held-out equations are recognised by their values, not by their tokens, in the manner of Biggio et al. (2021): the
constants of a skeleton are erased, factors to 1 and summands to 0, and what is left is evaluated at fixed random
points. The rounded values are the fingerprint. Both forms that the network may learn have one: of the skeleton itself,
``x1**2 + 2*x1*x2 + x2**2`` is caught as ``(x1 + x2)**2``; of its closure under a change of units, ``x1 - 2*x2`` is
caught as ``x1 + x2``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nesymres_sk.compilation import kernel
from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions._kernels import ADD, ARITY, BLOCK, POW, SUB, forward, link
from nesymres_sk.expressions.canonical import canonical
from nesymres_sk.expressions.closure import close
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.expressions.machine import compile_programs

#: Skeletons with more variables have no fingerprint: the held-out suites have at most three.
MAX_VARIABLES = 3
#: Fingerprint of what cannot be identified: too many variables, undefined, or constant once its constants are erased.
UNKNOWN = 0

_C = v.CONSTANT
_FIRST_VARIABLE = v.FIRST_VARIABLE
_FIRST_INTEGER = v.FIRST_INTEGER
_FIRST_OPERATOR = v.FIRST_OPERATOR
_N_VARIABLES = v.MAX_VARIABLES
_EXPONENT = 1.618  # an exponent has no neutral value that keeps the power a power
_N_POSITIVE, _N_MIXED = 16, 112
_LEAST = 4  # points at which a skeleton must be defined
_DROPPED_BITS = 26  # of the 52 of the mantissa: 27 bits stay, eight digits
_TINY = 1e-10  # what differences of equal terms leave behind

_rng = np.random.default_rng(20_211)
# Positive points come first: there two spellings with different domains, log(x1*x2) and log(x1) + log(x2), agree.
_POSITIVE = _rng.uniform(0.1, 2.0, (MAX_VARIABLES, _N_POSITIVE))
_MIXED = _rng.uniform(-2.0, 2.0, (MAX_VARIABLES, _N_MIXED))  # many, since asin(x1 + exp(x2)) is defined at few
_MULTIPLIERS = _rng.integers(0, 2**64, _N_MIXED, dtype=np.uint64) | np.uint64(1)


@kernel
def _neutral(code: Any, left: Any, right: Any, length: int, constants: Any) -> None:
    """Link a program; ``constants`` receives values that erase its constants: factors 1, summands 0."""
    link(code, length, left, right)
    constants[:] = 1.0
    for i in range(length):
        token = code[i]
        if token < _FIRST_OPERATOR:
            continue
        for side in range(ARITY[token]):
            operand = left[i] if side == 0 else right[i]
            if code[operand] == _C:
                if token == ADD or token == SUB:
                    constants[left[operand]] = 0.0
                elif token == POW:
                    constants[left[operand]] = math.e if side == 0 else _EXPONENT


@kernel
def _erased_values(codes: Any, lengths: Any, XT: Any, out: Any) -> None:
    """Values ``out[P, n]`` of programs with erased constants, their variables moved to the first columns in order."""
    size = max(codes.shape[1], 1)
    rows = np.empty((size, BLOCK))
    left = np.zeros(size, np.int64)
    right = np.zeros(size, np.int64)
    skip = np.zeros(size, np.bool_)
    constants = np.empty(size)
    columns = np.empty(_N_VARIABLES, np.int64)
    n = out.shape[1]
    for p in range(lengths.size):
        code = codes[p]
        length = lengths[p]
        _neutral(code, left, right, length, constants)
        columns[:] = -1
        for i in range(length):
            if code[i] >= _FIRST_VARIABLE and code[i] < _FIRST_INTEGER:
                columns[left[i]] = 0
        n_used = 0
        for j in range(_N_VARIABLES):
            if columns[j] == 0:
                columns[j] = n_used
                n_used += 1
        if n_used > XT.shape[0]:
            out[p, :] = np.nan
            continue
        for i in range(length):
            if code[i] >= _FIRST_VARIABLE and code[i] < _FIRST_INTEGER:
                left[i] = columns[left[i]]
        forward(code, left, right, length, skip, XT, 0, n, constants, rows)
        for j in range(n):
            out[p, j] = rows[length - 1, j]


def fingerprints(skeletons: Sequence[Expression]) -> NDArray[np.uint64]:
    """Fingerprints of skeletons.

    Parameters
    ----------
    skeletons : sequence of Expression
        Constants count as free. Which columns the variables are does not matter, their order does: ``x2 / x7`` is
        ``x1 / x2``.

    Returns
    -------
    uint64 array of shape (P,)
        :data:`UNKNOWN` for what cannot be identified.

    Notes
    -----
    Two to three microseconds for each skeleton in batches of hundreds. ``x1`` and ``abs(x1)`` have the same
    fingerprint, because positive points decide where a skeleton is defined at enough of them.
    """
    programs = compile_programs(skeletons)
    values = np.empty((len(skeletons), _N_POSITIVE))
    _erased_values(programs.codes, programs.lengths, _POSITIVE, values)
    hashes = _digest(values)
    rest = np.flatnonzero(hashes == UNKNOWN)
    values = np.empty((rest.size, _N_MIXED))
    _erased_values(programs.codes[rest], programs.lengths[rest], _MIXED, values)
    hashes[rest] = _digest(values)
    return hashes


def _digest(values: NDArray[np.float64]) -> NDArray[np.uint64]:
    """One hash for every row of values, :data:`UNKNOWN` if they do not identify a function."""
    defined = np.isfinite(values)
    settled = np.where(np.abs(values) < _TINY, 0.0, np.where(defined, values, 1e300))
    words = (settled.view(np.int64) + (1 << (_DROPPED_BITS - 1))) >> _DROPPED_BITS
    known = defined.sum(axis=1) >= _LEAST
    first = np.take_along_axis(words, defined.argmax(axis=1)[:, None], axis=1)
    known &= ((words != first) & defined).any(axis=1)
    hashes = (words.view(np.uint64) * _MULTIPLIERS[: words.shape[1]]).sum(axis=1, dtype=np.uint64)
    return np.where(known, np.maximum(hashes, np.uint64(1)), np.uint64(UNKNOWN))


def hold_out(skeletons: Iterable[Expression]) -> frozenset[int]:
    """Fingerprints to keep out of training: the skeletons and their closures in every order of their variables.

    Parameters
    ----------
    skeletons : iterable of Expression
        Constants count as free. At most three variables each.

    Returns
    -------
    frozenset of int
        For the ``exclude`` of :class:`nesymres_sk.prior.problems.ProblemMaker` and
        :class:`nesymres_sk.prior.stream.ProblemStream`.

    Raises
    ------
    ValueError
        If a skeleton cannot be identified.
    """
    forms: list[Expression] = []
    for skeleton in skeletons:
        used = [v.variable(i) for i in skeleton.variables]
        if len(used) > MAX_VARIABLES:
            raise ValueError(f"hold-outs have at most {MAX_VARIABLES} variables: {' '.join(skeleton.names())}")
        for order in permutations(used):
            renamed = dict(zip(used, order, strict=True))
            other = Expression.skeleton_of(renamed.get(token, token) for token in skeleton.tokens)
            forms += [other, close(other)]
    hashes = fingerprints(forms)
    for form, value in zip(forms, hashes.tolist(), strict=True):
        if value == UNKNOWN:
            raise ValueError(f"undefined or constant once its constants are erased: {' '.join(form.names())}")
    return frozenset(hashes.tolist())


def are_held_out(
    skeletons: Sequence[Expression], closures: Sequence[Expression], held_out: NDArray[np.uint64]
) -> NDArray[np.bool_]:
    """Which skeletons have, themselves or in their closures, a fingerprint among ``held_out``; bool[P]."""
    if not held_out.size:
        return np.zeros(len(skeletons), dtype=np.bool_)
    return np.isin(fingerprints(skeletons), held_out) | np.isin(fingerprints(closures), held_out)


def erase(skeleton: Expression) -> Expression | None:
    """What a fingerprint looks at: a skeleton without its constants, canonical; None if that is undefined."""
    program = compile_programs([skeleton])
    code, length = program.codes[0], len(skeleton.tokens)
    left, right = np.zeros(length, np.int64), np.zeros(length, np.int64)
    constants = np.empty(length)
    _neutral(code, left, right, length, constants)
    return canonical(skeleton.with_constants(constants[: len(skeleton.constants)].tolist()))
