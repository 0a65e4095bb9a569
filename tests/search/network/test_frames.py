"""Equations with a hole."""

import numpy as np
import pytest

from nesymres_sk.expressions.expression import Expression
from nesymres_sk.expressions.machine import evaluate
from nesymres_sk.search.network.frames import HOLE, Frame, frames_of, transforms

X = np.random.default_rng(0).uniform(0.5, 2.0, size=(30, 3))
EQUATIONS = [
    "add C mul x1 sin mul C x2",
    "div sub x1 C mul x2 square add x3 C",
    "exp neg div square x1 x2",
    "pow add x1 x2 C",
    "sqrt log add C mul x1 cube x3",
    "tanh cos mul C x1",
    "neg pow4 sub x1 mul C x2",
]


def fitted(names):
    expression = Expression.from_names(names)
    return expression.with_constants(np.linspace(1.7, 2.9, len(expression.constants)))


@pytest.mark.parametrize("names", EQUATIONS)
def test_what_belongs_in_a_hole_is_what_was_there(names):
    equation = fitted(names)
    y = evaluate(equation, X)
    frames = frames_of(equation)
    assert len(frames) == equation.complexity + 1  # every node but the root, a term and a factor
    for frame in frames[:-2]:
        part = Expression.from_tree(frame.present)
        assert frame.size == equation.complexity - part.complexity
        np.testing.assert_allclose(frame.target(X, y), evaluate(part, X), rtol=1e-6)
        np.testing.assert_allclose(evaluate(frame.fill(part), X), y, rtol=1e-9)


def test_residuals_and_quotients():
    known, y = fitted("add C x1"), X[:, 1] ** 2
    term, factor = frames_of(known)[-2:]
    np.testing.assert_allclose(term.target(X, y), y - evaluate(known, X))
    np.testing.assert_allclose(factor.target(X, y), y / evaluate(known, X))


def test_transforms_of_the_target_are_undone():
    y = 1.0 + X[:, 0] * X[:, 1]
    frames = transforms(3)
    assert len({frame.tree for frame in frames}) == len(frames) == 5 + 4 * 3
    rows = np.hstack([X, np.zeros((30, 1))])
    for frame in frames:
        rows[:, 3] = frame.target(X, y)
        np.testing.assert_allclose(evaluate(frame.fill(Expression.from_names("x4")), rows), y, rtol=1e-9)


def test_nothing_belongs_where_nothing_fits():
    logarithm = next(
        frame
        for frame in transforms(1)
        if frame.tree == Frame((*Expression.from_names("exp x1").to_tree()[:1], HOLE)).tree
    )
    target = logarithm.target(X[:3], np.array([1.0, -1.0, np.e]))
    assert np.isfinite(target).tolist() == [True, False, True]
    np.testing.assert_allclose(target[[0, 2]], [0.0, 1.0], atol=1e-15)


def test_an_answer_keeps_the_constants_of_the_frame():
    frame = frames_of(fitted("add C mul x1 C"))[-1]
    filled = frame.fill(Expression.from_names("add x2 C"))
    values = [value for value in filled.constants if np.isfinite(value)]
    assert values
    assert set(values) <= {1.7, 2.9}
    assert len(filled.constants) > len(values)
