"""Numbers as features of plus and minus one.

``total`` covers all of float32 and never wraps; ``half`` repeats the sixteen bits of Biggio et al. 2021
(section 3.1), with the defects of their code, for comparison.
"""

from __future__ import annotations

import torch
from torch import Tensor

from nesymres_sk.model.config import HALF, TOTAL

_EXPONENT_BITS = 8
_MANTISSA_BITS = 14
_FLOAT32_MANTISSA = 23
_FLOAT32_BIAS = 127

#: Features per number of each encoding.
FEATURES: dict[str, int] = {TOTAL: 2 + _EXPONENT_BITS + _MANTISSA_BITS, HALF: 16}


def _signs(bits: Tensor, first: int, count: int) -> Tensor:
    """Bits ``first``, ``first - 1``, … of int32 numbers as a last axis of -1.0 and 1.0."""
    shifts = torch.arange(first, first - count, -1, device=bits.device, dtype=torch.int32)
    return (((bits[..., None] >> shifts) & 1) * 2 - 1).float()


def encode_total(values: Tensor, present: Tensor) -> Tensor:
    """Presence, sign, 8 exponent and 14 leading mantissa bits of float32 numbers.

    Parameters
    ----------
    values : float32 tensor [B, N, c]
        Finite numbers.
    present : bool tensor [B, c]
        Columns that exist.

    Returns
    -------
    float32 tensor [B, N, c, 24]
        Bits as -1 and 1. A zero has presence alone, and an absent column is all zeros: neither may look like a
        small number, which is what the bit pattern of zero would say.
    """
    bits = values.contiguous().view(torch.int32)
    exists = present[:, None, :, None].to(values.dtype).expand(*values.shape, 1)
    # one run of bits from the sign (31) over the exponent (30 to 23) to the mantissa
    code = _signs(bits, 31, 1 + _EXPONENT_BITS + _MANTISSA_BITS)
    return torch.cat([exists, code * ((values != 0)[..., None] * exists)], dim=-1)


def encode_half(values: Tensor) -> Tensor:
    """The 16 features of the 2021 code: sign, 5 exponent bits, 10 mantissa bits, each -1 or 1.

    The original's behaviour is kept: the sign is that of ``value + 0.001``, exponents outside of -15 … 16 wrap, and
    zero is the code of exponent -15.

    Parameters
    ----------
    values : float32 tensor [B, N, c]

    Returns
    -------
    float32 tensor [B, N, c, 16]
    """
    bits = values.contiguous().view(torch.int32)
    exponent = ((bits >> _FLOAT32_MANTISSA) & 255) - _FLOAT32_BIAS + 15
    exponent = torch.where(values == 0, 0, exponent)
    sign = -torch.sign(values + 0.001)
    return torch.cat([sign[..., None], _signs(exponent, 4, 5), _signs(bits, _FLOAT32_MANTISSA - 1, 10)], dim=-1)


#: Angular frequencies of the waves in :func:`encode_log_scales`; the fastest resolves about one percent.
_FREQUENCIES = (0.25, 1.0, 4.0)
LOG_SCALE_FEATURES = 3 + 2 * len(_FREQUENCIES)


def encode_log_scales(log_scales: Tensor, present: Tensor) -> Tensor:
    """Smooth features of the natural logarithms of the columns' scales.

    Parameters
    ----------
    log_scales : float32 tensor [B, c]
        Up to about 60 in magnitude.
    present : bool tensor [B, c]

    Returns
    -------
    float32 tensor [B, c, 9]
        Presence, a linear and a saturating feature, and waves of three lengths; zeros for absent columns.
    """
    exists = present.to(log_scales.dtype)[..., None]
    values = log_scales[..., None]
    waves = [wave(values * frequency) for frequency in _FREQUENCIES for wave in (torch.sin, torch.cos)]
    return torch.cat([exists, values / 10.0, torch.tanh(values / 2.0), *waves], dim=-1) * exists
