"""Sums of products as mappings from the factors of their terms to coefficients: multiplied out, divided, rooted.

Factors are those of :mod:`nesymres_sk.expressions.canonical_values`: whatever is no product counts as a variable, and
exponents may be negative. Coefficients are measured, so that what cancels up to a tolerance is nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from itertools import combinations

from nesymres_sk.expressions.canonical_values import ADD, Base, Factors

#: Coefficients by the factors of terms.
Sum = dict[Factors, float]

#: Terms up to which sums are multiplied out, and the largest power of one that is.
_MOST_TERMS, _LARGEST_POWER = 64, 3
#: Terms of the longest square root.
_LONGEST_ROOT = 4
#: Powers of a variable that has differences as factors.
_POWERS = range(10)


def factors_of(powers: dict[Base, float]) -> Factors:
    """Sorted factors of a product, by exponents that are not zero."""
    return tuple(sorted((base, exponent) for base, exponent in powers.items() if exponent))


def times(a: Factors, b: Iterable[tuple[Base, float]], power: float = 1) -> Factors:
    """Factors of ``a * b**power``."""
    powers = dict(a)
    for base, exponent in b:
        powers[base] = powers.get(base, 0) + exponent * power
    return factors_of(powers)


def add_term(terms: Sum, factors: Factors, coefficient: float) -> None:
    """Add a term to a sum, in place."""
    terms[factors] = terms.get(factors, 0.0) + coefficient


def multiple(terms: Sum, factors: Factors, coefficient: float = 1.0, power: float = 1) -> Sum:
    """A sum times ``coefficient * factors**power``."""
    return {times(own, factors, power): coefficient * c for own, c in terms.items()}


def total(sums: Iterable[Sum], tolerance: float) -> Sum:
    """Sum of sums; terms that cancel are gone."""
    out: Sum = {}
    sizes: Sum = {}
    for terms in sums:
        for factors, coefficient in terms.items():
            add_term(out, factors, coefficient)
            add_term(sizes, factors, abs(coefficient))
    return {factors: c for factors, c in out.items() if abs(c) > tolerance * sizes[factors]}


def multiplied_out(terms: Sum, tolerance: float) -> Sum | None:
    """The sum without products and small powers of sums; None if it gets too long, or is nothing."""
    done: list[Sum] = []
    waiting = list(terms.items())
    while waiting:
        factors, coefficient = waiting.pop()
        sums = (base for base, exponent in factors if base[0] == ADD and exponent in range(1, _LARGEST_POWER + 1))
        base = next(sums, None)
        if base is None:
            done.append({factors: coefficient})
        else:
            rest = times(factors, ((base, 1),), -1)
            waiting += [(times(rest, inner), coefficient * c) for inner, c in base[2]]
        if len(done) + len(waiting) > _MOST_TERMS:
            return None
    return total(done, tolerance) or None


def square_root(terms: Sum, tolerance: float) -> Sum | None:
    """The sum whose square a sum is, or None; of more than one term."""
    lead = _leading(terms)
    if terms[lead] <= 0.0 or any(exponent % 2 for _, exponent in lead):
        return None
    first, scale = times((), lead, 0.5), math.sqrt(terms[lead])
    root = {first: scale}
    rest = {factors: c for factors, c in terms.items() if factors != lead}
    while rest:
        lead = _leading(rest)
        new, size = times(lead, first, -1), 0.5 * rest[lead] / scale
        if new in root or len(root) == _LONGEST_ROOT:
            return None
        change = [multiple(root, new, -2.0 * size), {times((), new, 2): -size * size}]
        rest = total([rest, *change], tolerance)
        root[new] = size
    return root if len(root) > 1 else None


def _leading(terms: Sum) -> Factors:
    """Factors of the first term in an order that products keep: by the exponents of one base after the other."""
    bases = sorted({base for factors in terms for base, _ in factors})
    return max(terms, key=lambda factors: [dict(factors).get(base, 0) for base in bases])


def linear_factors(terms: Sum, tolerance: float) -> Iterator[tuple[Sum, Sum]]:
    """Divisors ``u - w`` and ``u + w`` of a polynomial in which ``u`` and ``w`` have powers, with the quotients."""
    raised = {base for factors in terms for base, exponent in factors if exponent > 1}
    wholes = [b for b in sorted(raised) if all(dict(factors).get(b, 0) in _POWERS for factors in terms)]
    for u, w in combinations(wholes, 2):
        by_power: dict[int, Sum] = {}
        for factors, coefficient in terms.items():
            power = int(dict(factors).get(u, 0))
            by_power.setdefault(power, {})[times(factors, ((u, power),), -1)] = coefficient
        for sign in (1.0, -1.0):
            quotient = _quotient(by_power, ((w, 1),), sign, u, tolerance)
            if quotient is not None:
                yield {((u, 1),): 1.0, ((w, 1),): -sign}, quotient


def _quotient(by_power: dict[int, Sum], w: Factors, sign: float, u: Base, tolerance: float) -> Sum | None:
    """Quotient of a polynomial in ``u`` and ``u - sign*w``, None if there is a remainder (Horner's scheme)."""
    carried: Sum = {}
    quotient: Sum = {}
    for power in range(max(by_power), -1, -1):
        carried = total([by_power.get(power, {}), multiple(carried, w, sign)], tolerance)
        if power:
            quotient |= multiple(carried, ((u, power - 1),)) if power > 1 else carried
    return None if carried or not quotient else quotient


def divided(terms: Sum, divisor: Sum, tolerance: float) -> tuple[Sum, Sum] | None:
    """Quotient and remainder, where each step of the division leaves fewer terms; None if there is no such step."""
    quotient: Sum = {}
    rest = dict(terms)
    while True:
        steps = [
            (times(factors, lead, -1), coefficient / divisor[lead])
            for factors, coefficient in rest.items()
            for lead in divisor
        ]
        left = [total([rest, multiple(divisor, factors, -c)], tolerance) for factors, c in steps]
        best = min(range(len(steps)), key=lambda i: len(left[i]), default=None)
        if best is None or len(left[best]) >= len(rest):
            return (quotient, rest) if quotient else None
        add_term(quotient, *steps[best])
        rest = left[best]
