"""Numbers as features: bits of plus and minus one, or a few smooth quantities.

``total`` covers all of float32 and never wraps; ``half`` repeats the sixteen bits of Biggio et al. 2021
(section 3.1), with the defects of their code, for comparison; ``scientific`` is sign, mantissa and exponent as numbers.
"""

from __future__ import annotations

import torch
from torch import Tensor

from nesymres_sk.model.config import HALF, SCIENTIFIC, TOTAL

_EXPONENT_BITS = 8
_MANTISSA_BITS = 14
_FLOAT32_MANTISSA = 23
_FLOAT32_BIAS = 127

#: Magnitudes at which the saturating features of ``scientific`` bend.
_BENDS = (0.25, 1.0, 4.0)
#: Features per number of each encoding.
FEATURES: dict[str, int] = {TOTAL: 2 + _EXPONENT_BITS + _MANTISSA_BITS, HALF: 16, SCIENTIFIC: 4 + len(_BENDS)}


def _signs(bits: Tensor, first: int, count: int) -> Tensor:
    """Bits ``first``, ``first - 1``, … of int32 numbers as a last axis of -1.0 and 1.0."""
    shifts = torch.arange(first, first - count, -1, device=bits.device, dtype=torch.int32)
    return (((bits[..., None] >> shifts) & 1) * 2 - 1).float()


_LOW_BITS = 11  # of the 23 leading bits, so that both tables are small
_TOTAL_BITS = 1 + _EXPONENT_BITS + _MANTISSA_BITS


def _with_special_rows(table: Tensor, *rows: float) -> Tensor:
    """Table with rows that are zero but for their first entry."""
    special = torch.zeros(len(rows), table.shape[1])
    special[:, 0] = torch.tensor(rows)
    return torch.cat([table, special])


def _all_codes(n_bits: int) -> Tensor:
    return _signs(torch.arange(2**n_bits, dtype=torch.int32), n_bits - 1, n_bits)


#: Features by the leading bits, with presence first, then of a zero and of nothing; and by the bits that follow.
_HIGH = _with_special_rows(torch.nn.functional.pad(_all_codes(_TOTAL_BITS - _LOW_BITS), (1, 0), value=1.0), 1.0, 0.0)
_LOW = _with_special_rows(_all_codes(_LOW_BITS), 0.0)


def _look_up_total(values: Tensor, present: Tensor) -> Tensor:
    """:func:`encode_total` from tables: a third of the time on a CPU, where it is a tenth of a training step."""
    bits = values.contiguous().view(torch.int32) >> (32 - _TOTAL_BITS)
    zero, absent = values == 0, ~present[:, None].expand(values.shape)
    high = ((bits >> _LOW_BITS) & (len(_HIGH) - 3)).masked_fill(zero, len(_HIGH) - 2)
    low = (bits & (len(_LOW) - 2)).masked_fill(zero | absent, len(_LOW) - 1)
    lookup = torch.nn.functional.embedding
    return torch.cat([lookup(high.masked_fill(absent, len(_HIGH) - 1), _HIGH), lookup(low, _LOW)], dim=-1)


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
    return (_look_up_total if values.device.type == "cpu" else _compute_total)(values, present)


def _compute_total(values: Tensor, present: Tensor) -> Tensor:
    """:func:`encode_total` by arithmetic, which a compiler fuses on other devices."""
    bits = values.contiguous().view(torch.int32)
    exists = present[:, None, :, None].to(values.dtype).expand(*values.shape, 1)
    # one run of bits from the sign (31) over the exponent (30 to 23) to the mantissa
    code = _signs(bits, 31, _TOTAL_BITS)
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


def encode_scientific(values: Tensor, present: Tensor) -> Tensor:
    """Presence, sign, mantissa, exponent and saturating values of float32 numbers.

    Parameters
    ----------
    values : float32 tensor [B, N, c]
        Finite numbers.
    present : bool tensor [B, c]
        Columns that exist.

    Returns
    -------
    float32 tensor [B, N, c, 7]
        Mantissa and most exponents between -1 and 1. A zero has presence alone, an absent column is all zeros.
    """
    bits = values.contiguous().view(torch.int32)
    exists = present[:, None, :].to(values.dtype).expand(values.shape)
    there = (values != 0) * exists
    exponent = ((bits >> _FLOAT32_MANTISSA) & 255) - _FLOAT32_BIAS
    mantissa = (bits & (2**_FLOAT32_MANTISSA - 1)).float() * (2.0 / 2**_FLOAT32_MANTISSA) - 1.0
    bent = [torch.tanh(values / bend) * exists for bend in _BENDS]
    return torch.stack([exists, torch.sign(values) * exists, mantissa * there, exponent * there / 8.0, *bent], dim=-1)


def encode_numbers(values: Tensor, present: Tensor, encoding: str) -> Tensor:
    """Features [B, N, c, f] of numbers [B, N, c] by name of the encoding; ``present`` [B, c] as above."""
    if encoding == HALF:
        return encode_half(values)
    return (encode_total if encoding == TOTAL else encode_scientific)(values, present)


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
