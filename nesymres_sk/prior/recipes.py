"""Recipes of the prior: which equations, which points and which noise the network is trained on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.operators import BY_NAME, OPERATORS
from nesymres_sk.prior.raw import MAX_RAW
from nesymres_sk.prior.trees import MAX_OPERATORS

FloatArray = NDArray[np.float64]

#: Constants of a skeleton, at most.
MAX_CONSTANTS = 12
#: Rows of a problem, at least.
MIN_ROWS = 8
_KINDS = ("wide", "paper")


@dataclass(frozen=True)
class PriorConfig:
    """Everything that decides the distribution of the generated problems.

    Attributes
    ----------
    name : str
        Name of the recipe.
    column_weights : tuple of float
        Relative frequency of tables with 1, 2, ... columns.
    irrelevant : float
        Share of the tables with several columns in which the equation leaves at least one column out.
    operator_counts : tuple of float
        Relative frequency of trees with 1, 2, ... operators, before constants are put in. Trees with too few
        operators for the variables of the equation are left out.
    operator_weights : tuple of (str, float)
        Relative frequency of each operator within its arity; operators that are not named never occur.
    unary_share : float
        Weight of a unary against a binary node when the shape of a tree is drawn (1 is Lample and Charton).
    structured : float
        Share of trees built as sums, products and quotients of simple factors, the way laws and benchmarks look.
    nesting : float
        Factor on the weight of a transcendental function for each transcendental function it would stand in.
    integers : float
        Chance that a leaf, once every variable has one, is a small integer.
    constant_counts : tuple of float
        Relative frequency of 0, 1, 2, ... inserted constants.
    constant_values : str
        ``wide`` (log-uniform magnitudes, both signs, some round numbers) or ``paper`` (uniform on [1, 5]).
    supports : str
        ``wide`` (all the shapes of :mod:`nesymres_sk.prior.supports`) or ``paper`` (sub-intervals of [-10, 10]).
    flatten : float
        Exponent of the acceptance ``count ** -flatten`` of a skeleton drawn ``count`` times in the calibration
        of :class:`nesymres_sk.prior.skeletons.SkeletonSampler`; 0 keeps the raw frequencies.
    rescaled : float
        Share of problems whose columns and target are in arbitrary units and whose label is closed.
    noisy : float
        Share of problems with noise on the target.
    point_buckets : tuple of (int, float)
        Rows of a batch, at least :data:`MIN_ROWS`, and their relative frequency.
    max_length : int
        Largest number of tokens of a label.

    Raises
    ------
    ValueError
        If a setting is not what the sampler can work with, or if settings contradict each other so that some of the
        problems could never be drawn.
    """

    name: str
    column_weights: tuple[float, ...]
    irrelevant: float
    operator_counts: tuple[float, ...]
    operator_weights: tuple[tuple[str, float], ...]
    unary_share: float
    structured: float
    nesting: float
    integers: float
    constant_counts: tuple[float, ...]
    constant_values: str
    supports: str
    flatten: float
    rescaled: float
    noisy: float
    point_buckets: tuple[tuple[int, float], ...]
    max_length: int = 40

    def __post_init__(self) -> None:
        for name in ("irrelevant", "structured", "integers", "rescaled", "noisy"):
            if not (_is_number(share := getattr(self, name)) and share <= 1.0):
                raise ValueError(f"{name} is a share between 0 and 1, got {share!r}")
        for name in ("unary_share", "nesting", "flatten"):
            if not _is_number(value := getattr(self, name)):
                raise ValueError(f"{name} is a finite number of at least 0, got {value!r}")
        for name in ("constant_values", "supports"):
            if (kind := getattr(self, name)) not in _KINDS:
                raise ValueError(f"{name} is one of {', '.join(_KINDS)}, got {kind!r}")
        _check_weights("column_weights", self.column_weights, v.MAX_VARIABLES)
        _check_weights("operator_counts", self.operator_counts, MAX_OPERATORS)
        _check_weights("constant_counts", self.constant_counts, MAX_CONSTANTS + 1)
        self._check_operators()
        sizes = _column_of_pairs("point_buckets", self.point_buckets)
        if not all(isinstance(rows, int) and rows >= MIN_ROWS for rows in sizes):
            raise ValueError(f"point_buckets has whole numbers of rows, at least {MIN_ROWS}, got {list(sizes)}")
        self._check_sizes()

    def _check_operators(self) -> None:
        names = _column_of_pairs("operator_weights", self.operator_weights)
        unknown = [str(name) for name in names if not isinstance(name, str) or name not in BY_NAME]
        if unknown:
            raise ValueError(f"unknown operators: {', '.join(unknown)}; known ones are {', '.join(BY_NAME)}")
        if not self.weights(2).any():
            raise ValueError("operator_weights needs at least one binary operator, such as add")
        if not self.weights(1).any() and max(self.unary_share, self.structured) > 0.0:
            raise ValueError("without unary operators in operator_weights, unary_share and structured must be 0")

    def _check_sizes(self) -> None:
        """Equations in all columns need trees with as many leaves, and fit in the label."""
        columns, operators = _last(self.column_weights), _last(self.operator_counts)
        constants = _last(self.constant_counts) - 1
        shortest = max(2, 2 * columns - 1)
        if not (isinstance(self.max_length, int) and shortest <= self.max_length <= MAX_RAW):
            raise ValueError(
                f"max_length is a whole number from {shortest}, the tokens of an equation in {columns} columns, "
                f"to {MAX_RAW}, got {self.max_length!r}"
            )
        if self.structured > 0.0:
            return  # such trees have as many leaves as they need
        if columns > operators + 1:
            raise ValueError(
                f"trees with at most {operators} operators have no room for {columns} columns: "
                "give operator_counts more entries, column_weights fewer, or let some be structured"
            )
        # two beside the root, two below each operator, and an exponent on each leaf
        if constants > 3 * (operators + 1):
            raise ValueError(
                f"trees with at most {operators} operators have no room for {constants} constants: "
                "give operator_counts more entries, or constant_counts fewer"
            )

    def weights(self, arity: int) -> FloatArray:
        """Weight of every token as an operator of one arity, zero elsewhere, float64 of the vocabulary's size."""
        weights = np.zeros(v.SIZE)
        for name, weight in self.operator_weights:
            if BY_NAME[name].arity == arity:
                weights[v.operator_token(name)] = weight
        return weights


def _is_number(value: Any) -> bool:
    """Whether a setting is a finite number of at least 0."""
    return isinstance(value, Real) and not isinstance(value, bool) and 0.0 <= float(value) < math.inf


def _check_weights(name: str, weights: Any, most: int) -> None:
    if not isinstance(weights, tuple) or not 1 <= len(weights) <= most:
        raise ValueError(f"{name} is a row of 1 to {most} weights, got {weights!r}")
    if not all(map(_is_number, weights)) or not any(weights):
        raise ValueError(f"{name} has finite weights of at least 0, one of them positive, got {list(weights)}")


def _column_of_pairs(name: str, pairs: Any) -> tuple[Any, ...]:
    """First entries of pairs whose second ones are weights."""
    if not (isinstance(pairs, tuple) and pairs and all(isinstance(pair, tuple) and len(pair) == 2 for pair in pairs)):
        raise ValueError(f"{name} is a row of pairs, the second of each a weight, got {pairs!r}")
    _check_weights(name, tuple(weight for _, weight in pairs), len(pairs))
    return tuple(first for first, _ in pairs)


def _last(weights: tuple[float, ...]) -> int:
    """Number of the last positive weight, counted from 1."""
    return max(i for i, weight in enumerate(weights, 1) if weight > 0.0)


# Draws with these operators are rarely defined on the points, or fold away: the proposal makes up for a part of it.
_PROPOSED_MORE = {
    "sqrt": 1.3, "log": 1.5, "exp": 1.6, "sin": 1.4, "cos": 1.4, "asin": 4.0, "acos": 4.0, "tan": 1.3, "tanh": 1.2,
    "neg": 0.7, "pow": 0.3,
}  # fmt: skip

RECIPES: dict[str, PriorConfig] = {
    # Biggio et al. 2021, section 4 and appendix A: at most three variables, 3 to 5 operators, three constants.
    "paper": PriorConfig(
        name="paper",
        column_weights=(1.0, 1.0, 1.0),
        irrelevant=0.0,
        operator_counts=(0, 0, 1, 1, 1),
        operator_weights=(
            ("add", 10), ("mul", 10), ("sub", 5), ("div", 5), ("sqrt", 4), ("square", 4), ("cube", 2), ("pow4", 1),
            ("pow5", 1), ("log", 4), ("exp", 4), ("sin", 4), ("cos", 4), ("tan", 4), ("asin", 2),
        ),
        unary_share=1.0,
        structured=0.0,
        nesting=1.0,
        integers=0.0,
        constant_counts=(1, 1, 1, 1),
        constant_values="paper",
        supports="paper",
        flatten=0.0,
        rescaled=0.0,
        noisy=0.0,
        point_buckets=((32, 1.0), (128, 1.0), (512, 1.0)),
    ),
    "base": PriorConfig(
        name="base",
        column_weights=(0.20, 0.25, 0.22, 0.13, 0.08, 0.05, 0.03, 0.02, 0.01, 0.01),
        irrelevant=0.13,
        operator_counts=(2, 5, 8, 9, 9, 8, 7, 5, 4, 3, 2, 1.5),
        operator_weights=tuple((row.name, row.weight * _PROPOSED_MORE.get(row.name, 1.0)) for row in OPERATORS),
        unary_share=0.7,
        structured=0.4,
        nesting=0.12,
        integers=0.12,
        constant_counts=(0.24, 0.26, 0.22, 0.14, 0.08, 0.04, 0.02),
        constant_values="wide",
        supports="wide",
        flatten=0.5,
        rescaled=0.5,
        noisy=0.3,
        point_buckets=((32, 0.25), (64, 0.25), (128, 0.3), (256, 0.2)),
    ),
}  # fmt: skip
