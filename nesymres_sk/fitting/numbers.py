"""Simple numbers: integers, fractions, multiples of pi and short decimals, near a value and by their cost."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

#: Largest probability that a value lies so close to a simple number by chance.
_MAX_CHANCE = 0.01
#: Standard errors within which two numbers count as one.
MAX_DEVIATION = 2.6

_DENOMINATORS = (2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 16)
_PI_DENOMINATORS = (1, 2, 3, 4, 6, 8, 12)
#: Numbers whose square is a whole number, or a simple multiple of pi or of its inverse, up to this size.
_LARGEST_SQUARE = 100.0
#: Half-integer multiples of the inverse of pi go by its quarters: 1 / (4 * pi), 3 / (2 * pi).
_INVERSE_PI = 0.25 / math.pi
_SQUARES = (1.0, 0.5 * math.pi, 0.5 / math.pi)
_MAX_DIGITS = 6
_LARGEST_INTEGER = 1e6
_RELATIVE = 4e-15
#: The same few numbers are asked for again and again while an equation is rewritten.
_CACHED = 8192


class SimpleNumber(NamedTuple):
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
    small denominator and of 1 / (4 pi), the numbers ``e`` and ``1 / e``, square roots of whole numbers and of half
    multiples of pi and its inverse, and the value rounded to one, two … six significant digits.
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
        if numerator := round(value / _INVERSE_PI):
            yield SimpleNumber(numerator * _INVERSE_PI, 0.5 * _INVERSE_PI)
        sign = math.copysign(1.0, value)
        for number in (math.e, 1.0 / math.e):
            yield SimpleNumber(sign * number, 0.5 * number)
        if value * value < _LARGEST_SQUARE:
            for unit in _SQUARES:
                if numerator := round(value * value / unit):
                    root = math.sqrt(numerator * unit)
                    yield SimpleNumber(sign * root, 0.25 * unit / root)
    exponent = math.floor(math.log10(abs(value)))
    for digits in range(1, _MAX_DIGITS + 1):
        spacing = 10.0 ** (exponent - digits + 1)
        if spacing == 0.0:  # the smallest numbers have fewer digits
            break
        yield SimpleNumber(float(f"{value:.{digits - 1}e}"), spacing)


@lru_cache(_CACHED)
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


@lru_cache(_CACHED)
def nearest_simple(value: float, sigma: float, accuracy: float = 0.0) -> tuple[float, float] | None:
    """The plainest simple number that a value may stand for.

    Parameters
    ----------
    value : float
    sigma : float
        Its standard error.
    accuracy : float, optional
        Distance that is always allowed.

    Returns
    -------
    (float, float) or None
        Probability to be so close to a simple number by chance, at most 1 %, and the number.
    """
    if not math.isfinite(sigma):
        return None
    reach = max(MAX_DEVIATION * sigma, accuracy)
    for number in simple_numbers(value):
        distance = abs(number.value - value)
        chance = 2.0 * max(distance, sigma) / number.spacing
        if distance <= reach and chance <= _MAX_CHANCE:
            return chance, number.value
    return None
