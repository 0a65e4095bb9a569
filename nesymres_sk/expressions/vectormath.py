"""exp, log, sin, cos and powers of a row of points, the first four within about two units in the last place.

The C library computes one number per call; these loops have no calls and no branches, so LLVM vectorises them,
which makes the machine five times faster on transcendental functions. Methods and coefficients are those of FreeBSD's
msun (Sun Microsystems 1993): Cody-Waite reduction, then a polynomial. Points that these are not made for are left to
the C library, one by one: a value never depends on the other points of its row.

``a ** b`` is ``exp(b * log(a))``, which the rounding of the exponent makes less accurate: its error is about
``1 + abs(b * log(a))`` units in the last place, hundreds of them near the ends of the range of float64.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numba
from numba import types
from numba.extending import intrinsic

from nesymres_sk.compilation import OPTIONS

_kernel: Callable[[Any], Any] = numba.njit(nogil=True, fastmath={"contract"}, **OPTIONS)

#: Adding this rounds to an integer, which then stands in the low bits.
_MAGIC = 6755399441055744.0
_MAGIC_BITS = 0x4338000000000000
_LN2_HIGH, _LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
_PIO2_1, _PIO2_2, _PIO2_3 = 1.57079632673412561417e00, 6.07710050630396597660e-11, 2.02226624879595063154e-21
#: Largest argument of sin and cos for which the reduction above is exact.
_REDUCIBLE = 1e6
#: Exponents from this size on are left to the C library.
_LARGEST_POWER = 64.0
_HALF_ROOT_BITS = 0x3FE6A09E667F3BCD


def _float_to_bits(typingctx: Any, value: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], context.get_value_type(types.int64))

    return types.int64(types.float64), generate


def _bits_to_float(typingctx: Any, value: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], context.get_value_type(types.float64))

    return types.float64(types.int64), generate


_bits: Any = intrinsic(_float_to_bits)
_from_bits: Any = intrinsic(_bits_to_float)


@_kernel
def exp_row(a: Any, out: Any, n: int) -> None:
    """Exponential."""
    for i in range(n):
        x = a[i]
        x = x if x < 750.0 else 750.0
        x = x if x > -750.0 else -750.0
        shifted = x * 1.4426950408889634 + _MAGIC
        k = shifted - _MAGIC
        r = (x - k * _LN2_HIGH) - k * _LN2_LOW
        p = 1.0 / 6227020800.0
        p = p * r + 1.0 / 479001600.0
        p = p * r + 1.0 / 39916800.0
        p = p * r + 1.0 / 3628800.0
        p = p * r + 1.0 / 362880.0
        p = p * r + 1.0 / 40320.0
        p = p * r + 1.0 / 5040.0
        p = p * r + 1.0 / 720.0
        p = p * r + 1.0 / 120.0
        p = p * r + 1.0 / 24.0
        p = p * r + 1.0 / 6.0
        p = p * r + 0.5
        p = (p * r * r + r) + 1.0
        # two powers of two, since one would overflow before the result does
        whole = _bits(shifted) - _MAGIC_BITS
        half = whole >> 1
        p = p * _from_bits((half + 1023) << 52) * _from_bits((whole - half + 1023) << 52)
        out[i] = p if a[i] == a[i] else a[i]


@_kernel
def log_row(a: Any, out: Any, n: int) -> None:
    """Natural logarithm; NaN below zero, minus infinity at zero."""
    for i in range(n):
        x = a[i]
        tiny = x < 2.2250738585072014e-308
        bits = _bits(x * 18014398509481984.0 if tiny else x)
        exponent = (bits - _HALF_ROOT_BITS) >> 52
        f = _from_bits(bits - (exponent << 52)) - 1.0
        k = _from_bits(exponent + _MAGIC_BITS) - _MAGIC - (54.0 if tiny else 0.0)
        s = f / (2.0 + f)
        z = s * s
        p = 1.479819860511658591e-01
        p = p * z + 1.531383769920937332e-01
        p = p * z + 1.818357216161805012e-01
        p = p * z + 2.222219843214978396e-01
        p = p * z + 2.857142874366239149e-01
        p = p * z + 3.999999999940941908e-01
        p = p * z + 6.666666666666735130e-01
        half = 0.5 * f * f
        value = k * _LN2_HIGH - ((half - (s * (half + p * z) + k * _LN2_LOW)) - f)
        value = value if x < math.inf else x
        value = value if x != 0.0 else -math.inf
        out[i] = math.nan if x < 0.0 else value


@_kernel
def _sine(a: Any, out: Any, n: int, quarter: int) -> None:
    """Sine of ``a`` plus ``quarter`` times pi / 2."""
    for i in range(n):
        x = a[i]
        shifted = x * 0.6366197723675814 + _MAGIC
        k = shifted - _MAGIC
        r = ((x - k * _PIO2_1) - k * _PIO2_2) - k * _PIO2_3
        turn = _bits(shifted) + quarter
        z = r * r
        s = 1.58969099521155010221e-10
        s = s * z - 2.50507602534068634195e-08
        s = s * z + 2.75573137070700676789e-06
        s = s * z - 1.98412698298579493134e-04
        s = s * z + 8.33333333332248946124e-03
        s = s * z - 1.66666666666666324348e-01
        s = r + r * z * s if z > 0.0 else r  # the sum of two zeros would lose its sign
        c = -1.13596475577881948265e-11
        c = c * z + 2.08757232129817482790e-09
        c = c * z - 2.75573143513906633035e-07
        c = c * z + 2.48015872894767294178e-05
        c = c * z - 1.38888888888741095749e-03
        c = c * z + 4.16666666666666019037e-02
        c = 1.0 - (0.5 * z - z * z * c)
        value = c if turn & 1 else s
        out[i] = -value if turn & 2 else value


@_kernel
def _reducible(a: Any, n: int) -> bool:
    beyond = 0
    for i in range(n):
        beyond += not abs(a[i]) <= _REDUCIBLE
    return beyond == 0


@_kernel
def sin_row(a: Any, out: Any, n: int) -> None:
    """Sine; ``out`` is another row than ``a``."""
    _sine(a, out, n, 0)
    if not _reducible(a, n):
        for i in range(n):
            if not abs(a[i]) <= _REDUCIBLE:
                out[i] = math.sin(a[i])


@_kernel
def cos_row(a: Any, out: Any, n: int) -> None:
    """Cosine; ``out`` is another row than ``a``."""
    _sine(a, out, n, 1)
    if not _reducible(a, n):
        for i in range(n):
            if not abs(a[i]) <= _REDUCIBLE:
                out[i] = math.cos(a[i])


@_kernel
def power_row(a: Any, b: Any, out: Any, n: int) -> None:
    """``a ** b``; ``out`` is another row than ``a`` and ``b``."""
    plain = 0
    for i in range(n):
        plain += (a[i] > 0.0) & (a[i] < math.inf) & (abs(b[i]) < _LARGEST_POWER)
    if plain > 0:
        log_row(a, out, n)
        for i in range(n):
            out[i] *= b[i]
        exp_row(out, out, n)
    if plain < n:
        for i in range(n):
            if not (0.0 < a[i] < math.inf and abs(b[i]) < _LARGEST_POWER):
                out[i] = a[i] ** b[i]
