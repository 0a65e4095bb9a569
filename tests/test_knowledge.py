import math

import numpy as np
import pytest

from nesymres_sk import NeuralSymbolicRegressor
from nesymres_sk.expressions.parser import ParseError
from nesymres_sk.knowledge import Knowledge, column_indices

NAMES = ["mass", "speed", "sepal width (cm)", *(f"c{i}" for i in range(20))]


def of(**parameters):
    return Knowledge.of(NeuralSymbolicRegressor(**parameters), NAMES)


def test_columns_by_name_and_index():
    assert column_indices(["speed", 0, np.int64(1)], NAMES, "p") == (0, 1)
    assert column_indices(None, NAMES, "p") == ()
    knowledge = of(required_variables=["c3"], excluded_variables=["mass", 1])
    assert knowledge.required == (6,)
    assert knowledge.allowed.tolist() == list(range(2, 23))
    assert knowledge.constraints(np.array([2, 6, 9])).required == (1,)


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        (
            {"required_variables": ["weight"]},
            ValueError,
            "no column 'weight' of required_variables; the columns are mass",
        ),
        ({"excluded_variables": [23]}, ValueError, "no column 23 of excluded_variables; there are 23"),
        ({"excluded_variables": [-1]}, ValueError, "no column -1"),
        ({"excluded_variables": [1.5]}, TypeError, "names or indices"),
        ({"excluded_variables": NAMES}, ValueError, "leave no column"),
        ({"excluded_variables": [0], "required_variables": ["mass"]}, ValueError, "'mass' is both"),
        ({"required_variables": list(range(11))}, ValueError, "name 11 columns"),
        ({"guesses": [7]}, TypeError, "texts"),
        ({"guesses": ["mass * width"]}, ParseError, "unknown name 'width'"),
        ({"guesses": ["1 + C"]}, ValueError, "constant or undefined"),
        ({"guesses": ["C * mass"], "excluded_variables": ["mass"]}, ValueError, "excluded column 'mass'"),
        ({"guesses": ["C * mass"], "required_variables": ["speed"]}, ValueError, "lacks the required column 'speed'"),
        ({"guesses": ["sin(mass)"], "excluded_operators": ["sin"]}, ValueError, "'sin.mass.' contains sin, which"),
        ({"guesses": ["sin(mass) * speed"], "max_complexity": 3}, ValueError, "4 nodes"),
        (
            {"guesses": ["sin(mass + sin(speed))"], "nested_constraints": {"sin": {"sin": 0}}},
            ValueError,
            "nests sin too deep",
        ),
    ],
)
def test_what_does_not_fit_is_named(parameters, error, message):
    with pytest.raises(error, match=message):
        of(**parameters)


def test_lists_may_be_arrays():
    knowledge = of(
        operators=np.array(["add", "mul"]), required_variables=np.array(["c3"]), excluded_variables=np.array([0, 1])
    )
    assert knowledge.required == (6,)
    assert knowledge.allowed.tolist() == list(range(2, 23))


def test_unknown_names_are_answered_in_the_order_of_the_table():
    for guess in ("b * zzz", "zzz * b", "zzz"):
        with pytest.raises(ParseError, match="the columns are a, b, c "):
            Knowledge.of(NeuralSymbolicRegressor(guesses=[guess]), ["a", "b", "c"])


def test_guesses_in_the_columns_of_the_search():
    knowledge = of(guesses=["C * c15 + 2.5 * mass", "sqrt(c1)", "sepal width (cm) ** 2"])
    assert knowledge.named == (0, 18, 4, 2)
    first, second, third = knowledge.candidates(np.array([0, 2, 4, 18]))
    assert first.skeleton.names() == ("add", "mul", "C", "x4", "mul", "C", "x1")
    assert all(math.isnan(value) for value in first.skeleton.constants)
    assert first.initial == (1.0, 2.5)
    assert second.skeleton.names() == ("sqrt", "x3")
    assert second.initial is None
    assert third.skeleton.names() == ("square", "x2")


def test_columns_without_names():
    knowledge = Knowledge.of(NeuralSymbolicRegressor(guesses=["x12 + x1"]), [f"x{i + 1}" for i in range(30)])
    assert knowledge.named == (0, 11)
    assert knowledge.candidates(np.array([0, 11]))[0].skeleton.names() == ("add", "x2", "x1")
