import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nesymres_sk.model import numbers
from nesymres_sk.model.config import ENCODINGS


def total(*values: float) -> np.ndarray:
    points = torch.tensor(values, dtype=torch.float32)[None, :, None]
    return numbers.encode_total(points, torch.ones(1, 1, dtype=torch.bool))[0, :, 0].numpy()


def half(*values: float) -> np.ndarray:
    return numbers.encode_half(torch.tensor(values, dtype=torch.float32)[None, :, None])[0, :, 0].numpy()


def signs(text: str) -> list[float]:
    return [1.0 if digit == "1" else -1.0 for digit in text if digit in "01"]


def test_total_known_values() -> None:
    one, minus_six = total(1.0, -6.0)
    assert one.tolist() == [1.0, *signs("0 01111111 00000000000000")]
    assert minus_six.tolist() == [1.0, *signs("1 10000001 10000000000000")]


@given(st.floats(width=32, allow_nan=False, allow_infinity=False, allow_subnormal=False).filter(bool))
def test_total_can_be_decoded_over_all_of_float32(value: float) -> None:
    features = total(value)[0]
    assert set(features.tolist()) <= {-1.0, 1.0}
    bits = (features[1:] > 0).astype(int)
    exponent = int("".join(map(str, bits[1:9])), 2) - 127
    mantissa = 1.0 + int("".join(map(str, bits[9:])), 2) / 2**14
    decoded = (-1.0) ** bits[0] * math.ldexp(mantissa, exponent)
    assert abs(decoded - value) <= abs(value) * 2.0**-14


@given(st.floats(width=32, allow_nan=False, allow_infinity=False, allow_subnormal=False).filter(bool))
def test_scientific_is_sign_mantissa_and_exponent(value: float) -> None:
    points = torch.tensor([[[value, 0.0, value]]], dtype=torch.float32)
    features = numbers.encode_scientific(points, torch.tensor([[True, True, False]]))[0, 0]
    assert features.shape == (3, numbers.FEATURES["scientific"])
    _, sign, mantissa, exponent, *bent = features[0].tolist()
    decoded = sign * math.ldexp((mantissa + 3.0) / 2.0, round(8.0 * exponent))
    assert decoded == value
    assert bent == pytest.approx(
        [math.tanh(4.0 * value), math.tanh(value), math.tanh(value / 4.0)], rel=1e-5, abs=1e-30
    )
    assert features[1].tolist() == [1.0] + 6 * [0.0]
    assert not features[2].any()


def test_every_encoding_by_name() -> None:
    values, present = torch.randn(3, 4, 2), torch.tensor([[True, True]]).expand(3, 2)
    features = {name: numbers.encode_numbers(values, present, name) for name in ENCODINGS}
    assert {name: tensor.shape[-1] for name, tensor in features.items()} == numbers.FEATURES
    assert torch.equal(features["scientific"], numbers.encode_scientific(values, present))
    assert torch.equal(features["half"], numbers.encode_half(values))


def test_tables_and_arithmetic_agree() -> None:
    bits = torch.randint(-(2**31), 2**31 - 1, (7, 300, 5), generator=torch.Generator().manual_seed(0))
    values = bits.to(torch.int32).view(torch.float32).nan_to_num()
    values[0, :40] = 0.0
    values[0, 20:40] = -0.0
    present = torch.tensor([[True, True, False, True, False]]).expand(7, 5)
    computed = numbers._compute_total(values, present)
    assert torch.equal(numbers._look_up_total(values, present), computed)
    assert computed.shape[-1] == numbers.FEATURES["total"]


def test_zero_has_presence_only_and_absent_columns_nothing() -> None:
    values = torch.tensor([[[0.0, 2.0, 0.0], [-0.0, 3.0, 0.0]]])
    features = numbers.encode_total(values, torch.tensor([[True, True, False]]))
    assert features.shape == (1, 2, 3, numbers.FEATURES["total"])
    assert features[0, :, 0, 0].tolist() == [1.0, 1.0]
    assert not features[0, :, 0, 1:].any()
    assert features[0, :, 1].abs().eq(1).all()
    assert not features[0, :, 2].any()


@pytest.mark.parametrize("value", [1.0, -1.5, 0.1, 3.14159, 1000.0, -65504.0, 6.2e-5])
def test_half_is_the_numpy_half_inside_its_range(value: float) -> None:
    # the original truncates where numpy rounds, so the value is made representable first
    value = float(np.float16(value))
    pattern = format(int(np.float16(value).view(np.uint16)), "016b")
    assert half(value)[0].tolist() == signs(pattern)


def test_half_keeps_the_defects_of_the_original() -> None:
    zero, tiny_negative, edge, wrapped, large = half(0.0, -0.0005, -0.001, 1e-5, 2.0**17)
    assert zero.tolist() == signs("0 00000 0000000000")
    assert tiny_negative[0] == -1.0, "signs of numbers above -0.001 are lost"
    assert edge[0] == 0.0, "half a bit"
    # 1e-5 = 1.31072 * 2 ** -17 has the exponent code -2, which wraps to 30
    assert wrapped[1:6].tolist() == signs("11110")
    assert large[1:6].tolist() == signs("00000")


def test_truncated_mantissa() -> None:
    # 1 + 2047 / 2048 would round up to 2
    assert half(1.0 + 2047 / 2048)[0].tolist() == signs("0 01111 1111111111")


def test_log_scales_are_smooth_and_zero_where_absent() -> None:
    scales = torch.tensor([[0.0, 60.0, -60.0, 5.0]])
    present = torch.tensor([[True, True, True, False]])
    features = numbers.encode_log_scales(scales, present)
    assert features.shape == (1, 4, numbers.LOG_SCALE_FEATURES)
    assert features.abs().max() <= 6.0
    assert not features[0, 3].any()
    assert features[0, 0, 0] == 1.0
    # scales one percent apart can be told apart after rounding to bfloat16
    near = numbers.encode_log_scales(torch.tensor([[3.0, 3.01]]), torch.ones(1, 2, dtype=torch.bool)).bfloat16()
    assert (near[0, 0] != near[0, 1]).any()
