"""Links: undone by their operators, weighted by their slopes, and robust against noise at the ends of their ranges."""

from __future__ import annotations

import numpy as np
import pytest

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.expressions.machine import evaluate
from nesymres_sk.search.pursuit.links import CUSTOMARY, FROM_ONE, LINKS, Link, Scaled

BOUNDED = [link for link in LINKS if np.isfinite(link.low) or np.isfinite(link.high)]


def repr_of(link: Link) -> str:
    return type(link).__name__ + "/".join(("", *link.operators))


def inside(link: Link, n: int = 64) -> np.ndarray:
    unit = link.factor if isinstance(link, Scaled) else 1.0
    low, high = max(link.low, -2.0 * unit), min(link.high, 2.0 * unit)
    width = high - low
    return np.linspace(low + 0.1 * width, high - 0.08 * width, n)


@pytest.mark.parametrize("link", [*LINKS, *CUSTOMARY, *FROM_ONE], ids=repr_of)
def test_operators_undo_a_link_and_slopes_are_derivatives(link: Link) -> None:
    y = inside(link)
    transformed = link.apply(y)
    assert transformed is not None
    target, slope = transformed
    back = Expression.from_tree(link.undone((v.variable(0),)))
    np.testing.assert_allclose(evaluate(back, target[:, None]), y, rtol=1e-9)
    step = 1e-6 * np.maximum(np.abs(target), 1e-3)
    moved = evaluate(back, (target + step)[:, None]) - evaluate(back, (target - step)[:, None])
    # the bounds of slopes change them a little where they are steep
    np.testing.assert_allclose(slope, np.abs(moved) / (2.0 * step), rtol=0.2, atol=1e-6)


@pytest.mark.parametrize("link", BOUNDED, ids=lambda link: "/".join(link.operators))
def test_rows_that_noise_carries_out_of_the_range_have_no_weight(link: Link) -> None:
    y = inside(link)
    outside = link.low - 0.01 if np.isfinite(link.low) else link.high + 0.01
    before = link.apply(y)
    after = link.apply(np.append(y, outside))
    assert before is not None and after is not None
    assert after[1][-1] == 0.0
    assert np.isfinite(after[0]).all()
    np.testing.assert_array_equal(after[0][:-1], before[0])
    np.testing.assert_allclose(after[1][:-1], before[1], rtol=0.01)


@pytest.mark.parametrize("link", BOUNDED, ids=lambda link: "/".join(link.operators))
def test_targets_beyond_the_range_are_no_values_of_the_inverse(link: Link) -> None:
    y = inside(link)
    far = link.low - 3.0 if np.isfinite(link.low) else link.high + 3.0
    assert link.apply(np.append(y, far)) is None
    assert link.apply(np.where(np.arange(64) % 2, y, link.low if np.isfinite(link.low) else link.high) - 1e3) is None


def test_weights_of_small_roots_are_bounded() -> None:
    link = next(link for link in LINKS if link.operators == ("sqrt",))
    transformed = link.apply(np.array([1e-12, 1.0, 1.0, 1.0]))
    assert transformed is not None
    assert transformed[1].max() < 20.0
