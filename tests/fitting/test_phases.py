import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nesymres_sk.expressions.infix import to_infix
from nesymres_sk.expressions.machine import evaluate
from nesymres_sk.expressions.parser import parse
from nesymres_sk.fitting.phases import turn_phases
from nesymres_sk.fitting.refinement import Target
from nesymres_sk.fitting.snapping import snap

X = np.random.default_rng(0).uniform(0.5, 4.0, (200, 2))


@given(
    form=st.sampled_from(["sin({})", "cos({})", "x2*sin({})**2", "exp(cos({}))/x2", "sin({})*cos({})"]),
    argument=st.sampled_from(["x1+C", "C-x1", "C*(x1-C)", "(x1+C)/3", "x1*x2-C+x2", "-(x1+C)", "2*(C*x1+C)"]),
    constants=st.lists(st.floats(0.1, 40.0), min_size=4, max_size=4),
    error=st.sampled_from([0.0, 1e-9, 1e-3]),
)
def test_turned_phases_give_the_same_values(form, argument, constants, error):
    skeleton = parse(form.replace("{}", argument))
    fitted = skeleton.with_constants(constants[: len(skeleton.constants)])
    turned = turn_phases(fitted, [error] * len(fitted.constants))
    assert evaluate(turned, X) == pytest.approx(evaluate(fitted, X), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("phase", [0.2, -3.0, 3.1, 20.3, -40.7])
def test_phases_are_at_most_half_a_turn(phase):
    turned = turn_phases(parse("sin(x1+C)").with_constants([phase * math.sqrt(1.01)]), [1e-12])
    assert abs(turned.constants[0]) <= math.pi


@pytest.mark.parametrize("constants", [(1e200, 1e200), (1e-200, 1e-200), (-1e300, 1e308)])
def test_phases_beyond_the_range_are_left_alone(constants):
    for text in ("sin(C*(x1+C))", "cos(C*(C-x1))"):
        turned = turn_phases(parse(text).with_constants(constants), [0.0, 0.0])
        assert np.isfinite(turned.constants).all()


def test_equations_without_phases_are_left_alone():
    for text in ("x1+7.3", "sin(7.3*x1)", "sin(exp(x1+7.3))", "x1*sin(x2)"):
        expression = parse(text)
        assert turn_phases(expression, [1e-9] * len(expression.constants)) is expression


@pytest.mark.parametrize(
    ("found", "law"),
    [
        ("0.05*x2*sin(3*x1+3.14159265359)+10", "10-0.05*x2*sin(3*x1)"),
        ("0.8*sin(1.3*x1-10.595574287564277)-1.5*x2", "0.8*cos(1.3*x1+0.4)-1.5*x2"),
        ("sin(2*(x1+2.356194490192345))", "-cos(2*x1)"),
        ("x2*cos(x1-1.5707963)", "x2*sin(x1)"),
        ("sin(x1+1.1)", "sin(x1+1.1)"),
        ("3+sin(x1-7.5)", "3+sin(x1-7.5)"),
    ],
)
def test_phases_of_laws_come_back(found, law):
    y = evaluate(parse(law), X)
    target = Target(X, y, float(y.std()), None, 200.0, 1e-26)
    shown = to_infix(snap(parse(found), target))
    assert shown.replace(" ", "") == law.replace("3+sin(x1-7.5)", "sin(x1-7.5)+3")


def test_noise_hides_no_quarter_turn():
    y = 10 - 0.05 * X[:, 1] * np.sin(3 * X[:, 0])
    y += 0.01 * y.std() * np.random.default_rng(1).standard_normal(len(y))
    target = Target(X, y, float(y.std()), None, 200.0, 1e-26)
    assert to_infix(snap(parse("0.05*x2*sin(3*x1+3.2)+10"), target)).endswith("* sin(3 * x1)")
