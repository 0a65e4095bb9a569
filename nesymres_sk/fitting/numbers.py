"""Simple numbers: integers, fractions, multiples of pi and short decimals, near a value and by their cost."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

_DENOMINATORS = (2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 16)
_PI_DENOMINATORS = (1, 2, 3, 4, 6, 8, 12)
_MAX_DIGITS = 6
_LARGEST_INTEGER = 1e6
_RELATIVE = 4e-15


@dataclass(frozen=True)
class SimpleNumber:
    """A simple number near some value.

    Attributes
    ----------
    value : float
    spacing : float
        Typical distance between the numbers of its kind: a value hits one within ``t`` by chance with
        probability about ``2 * t / spacing``.
    """

    value: float
    spacing: float


def simple_numbers(value: float) -> Iterator[SimpleNumber]:
    """Simple numbers near a value, one of each kind, plain kinds first.

    Yields the nearest integer, the nearest fraction of each small denominator (not zero), multiples of pi over a
    small denominator, and the value rounded to one, two … six significant digits.
    """
    if not math.isfinite(value) or value == 0.0:
        return
    if abs(value) < _LARGEST_INTEGER:
        nearest = float(round(value))
        if nearest:
            yield SimpleNumber(nearest, 1.0)
        for denominator in _DENOMINATORS:
            # Fractions of every denominator up to q together lie about 1 / q**2 apart.
            numerator = round(value * denominator)
            if numerator and math.gcd(numerator, denominator) == 1:
                yield SimpleNumber(numerator / denominator, 1.0 / denominator**2)
        for denominator in _PI_DENOMINATORS:
            numerator = round(value / math.pi * denominator)
            if numerator and math.gcd(numerator, denominator) == 1:
                yield SimpleNumber(numerator * math.pi / denominator, 0.5 * math.pi / denominator**2)
    exponent = math.floor(math.log10(abs(value)))
    for digits in range(1, _MAX_DIGITS + 1):
        rounded = float(f"{value:.{digits - 1}e}")
        yield SimpleNumber(rounded, 10.0 ** (exponent - digits + 1))


def simple_number_cost(value: float) -> float:
    """Nats that name a simple number; infinite if the value is none.

    An integer costs ``log(1 + 2 |n|)``, a fraction its numerator and denominator, pi one bit more, a decimal its
    digits.
    """
    if value == 0.0:
        return math.log(2.0)
    best = math.inf
    for number in simple_numbers(value):
        if abs(number.value - value) <= _RELATIVE * abs(value):
            # The kinds' spacing says how many numbers of this kind there are up to the value.
            cost = math.log(1.0 + 2.0 * abs(value) / number.spacing) + (0.0 if number.spacing == 1.0 else math.log(2.0))
            best = min(best, cost)
    return best
