"""How far the numbers of a target were rounded before they came here.

Tables are often texts: their numbers have a few digits, or were printed from single precision. What is lost by
that is no noise. It is a function of the columns, the same in all rows that are equal, which a search can learn, so
that a long equation describes the rounding of a short law.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

#: Significant digits that count as rounded: with fewer many laws of whole numbers are as exact, and with more there is
#: nothing to learn.
_FEWEST, _MOST = 4, 13
#: Fewest and most digits of shortest texts of single precision, and its relative spacing.
_OF_SINGLE, _SINGLE = (7, 9), 2.0**-23
#: Relative distance from a number of single precision of its text with fifteen digits.
_AS_TEXT = 1e-14
#: Rows that tell most tables apart.
_FEW_ROWS = 64
#: Square of the largest rounding error in units of the last digit: in tables with few different rows it may be usual.
_SQUARE = 0.25


def rounding_error(y: Array) -> float:
    """Largest mean squared error that rounding to decimals can have made.

    Parameters
    ----------
    y : array of shape (n,)
        Finite.

    Returns
    -------
    float
        In units of ``y`` squared; 0 if the numbers are not rounded, or to less than four digits.
    """
    digits = _digits(y[:_FEW_ROWS])
    if digits <= _MOST:
        digits = _digits(y)
    if not _FEWEST <= digits <= _MOST:
        return 0.0
    with np.errstate(all="ignore"):
        places = _places(y, digits)
        coarsest = np.full_like(places, places.min())
        if _is_rounded(y, coarsest):  # to decimals, as most tables are, and not to digits
            places = coarsest
        units = 10.0**-places
        few = y[:_FEW_ROWS]
        shortest = _OF_SINGLE[0] <= digits <= _OF_SINGLE[1]
        if shortest and np.array_equal(few.astype(np.float32).astype(str).astype(np.float64), few):
            units = np.maximum(units, _SINGLE * np.abs(y))
        error = float(_SQUARE * np.mean(np.square(units)))
    return error if np.isfinite(error) else 0.0


def is_single(y: Array) -> bool:
    """Whether all numbers are of single precision, but for what fifteen digits leave of them."""
    with np.errstate(over="ignore"):
        return bool(np.all(np.abs(y.astype(np.float32) - y) <= _AS_TEXT * np.abs(y)))


def _digits(y: Array) -> int:
    """Significant digits that no number has more of, one more than the most that are looked for if there is none."""
    with np.errstate(all="ignore"):
        return next((n for n in range(1, _MOST + 1) if _is_rounded(y, _places(y, n))), _MOST + 1)


def _is_rounded(y: Array, places: Array) -> bool:
    # a whole number times a power of ten, or divided by it, is the double next to the decimal
    above, below = 10.0 ** np.maximum(places, 0.0), 10.0 ** np.maximum(-places, 0.0)
    return np.array_equal(np.rint(y * above / below) / above * below, y)


def _places(y: Array, digits: int) -> Array:
    """Place behind the decimal point of the last of some digits of each number."""
    return digits - 1.0 - np.floor(np.log10(np.where(y == 0.0, 1.0, np.abs(y))))
