"""The ODE-Strogatz suite: derivatives of seven two-state systems along simulated trajectories.

The systems, starts and rows are those of La Cava, Danai and Spector (2016), which are also in PMLB and SRBench: four
trajectories of 100 steps of 0.1. Rows are simulated anew when the suite is loaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from nesymres_sk.benchmarks.problems import Problem, Table
from nesymres_sk.expressions.machine import evaluate
from nesymres_sk.expressions.parser import parse

_STEP, _STEPS = 0.1, 100
_NAMES = ("x", "y")
#: Rows that no training table contains: the quarter that SRBench tests on.
_TEST_ROWS = 100


@dataclass(frozen=True)
class System:
    """Two equations of motion and the states that the four trajectories start from."""

    dx: str
    dy: str
    starts: tuple[tuple[float, float], ...]


SYSTEMS = {
    # bacterial respiration
    "bacres": System(
        "20 - x - x * y / (1 + 0.5 * x**2)",
        "10 - x * y / (1 + 0.5 * x**2)",
        (
            (9.01502740318998, 12.8015055992981),
            (3.48540194192317, 13.0700662237925),
            (5.81391692721814, 9.93621498579038),
            (5.80195472817425, 9.79266054660331),
        ),
    ),
    # bar magnets
    "barmag": System(
        "0.5 * sin(x - y) - sin(x)",
        "0.5 * sin(y - x) - sin(y)",
        (
            (4.26461875246862, 4.76102165511013),
            (4.66923900501058, 2.46443504621593),
            (4.1184890487447, 1.07559768164234),
            (4.43621840643643, 0.200011672644315),
        ),
    ),
    # glider: speed and angle
    "glider": System(
        "-0.05 * x**2 - sin(y)",
        "x - cos(y) / x",
        (
            (5.60327245284247, 1.8551204022395),
            (2.46553213651184, 0.872156816895428),
            (5.35766048171177, -1.32283061311855),
            (4.51350174933492, 0.346591870877256),
        ),
    ),
    # Lotka-Volterra competition
    "lv": System(
        "3 * x - 2 * x * y - x**2",
        "2 * y - x * y - y**2",
        ((1.0, 3.0), (4.0, 1.0), (8.0, 2.0), (3.0, 3.0)),
    ),
    # predator and prey
    "predprey": System(
        "x * (4 - x - y / (1 + x))",
        "y * (x / (1 + x) - 0.075 * y)",
        (
            (4.86070775030401, 11.5069474930959),
            (6.58096270030409, 11.4336027281584),
            (5.75343217591914, 8.77853103772431),
            (5.80475500292961, 11.6491125241285),
        ),
    ),
    # shear flow: two angles
    "shearflow": System(
        "cos(x) / tan(y)",
        "(cos(y)**2 + 0.1 * sin(y)**2) * sin(x)",
        (
            (-1.40163422326322, -1.42574462518204),
            (-2.53129567286853, 1.01617273721913),
            (1.22414434129968, -0.574598929778554),
            (2.82882856222944, -1.462580773342),
        ),
    ),
    # van der Pol oscillator
    "vdp": System(
        "10 * (y - (x**3 - x) / 3)",
        "-x / 10",
        (
            (0.357300705035804, 0.216697932367009),
            (0.677280004283046, 0.736014713740831),
            (0.0100185705081634, 0.355914314193773),
            (0.239954583001563, 0.927608731363223),
        ),
    ),
}


@dataclass(frozen=True)
class Trajectories(Problem):
    """The derivative of one state of a system; the box is that of the states visited.

    Parameters
    ----------
    name, formula, variables, low, high
        See :class:`~nesymres_sk.benchmarks.problems.Problem`.
    system : str
        Key of :data:`SYSTEMS`.
    """

    system: str

    #: Three quarters of the rows, as in SRBench.
    default_points: ClassVar[int] = 4 * _STEPS - _TEST_ROWS

    def training(self, n: int, rng: np.random.Generator) -> Table:
        """Random rows of the trajectories; at most 300, the others are for the test."""
        if n > self.default_points:
            raise ValueError(f"{self.name} has {self.default_points} rows for training, got points={n}")
        rows = self._rows()[0][_TEST_ROWS:]
        return self._table(rng.choice(rows, n, replace=False))

    def inside(self, seed: int) -> Table:
        """The rows of the trajectories that no training table of any size contains."""
        return self._table(self._rows()[0][:_TEST_ROWS])

    def _rows(self) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        states = simulate(self.system)
        return self.generator(0, "split").permutation(len(states)), states

    def _table(self, rows: NDArray[np.intp]) -> Table:
        X = simulate(self.system)[rows]
        return X, evaluate(self.expression, X)


@cache
def simulate(system: str) -> NDArray[np.float64]:
    """States along the trajectories of a system, one after the other, of shape (400, 2); do not write to it.

    The published rows come from a Simulink model with the third-order solver of Bogacki and Shampine. They show that
    the slope of x is held in a step while y is integrated along that line, which is done here, too. The steps are too
    long for the fast parts of some systems, but a derivative belongs to the state of its own row, so the law is exact.
    """
    motion = SYSTEMS[system]
    dx, dy = parse(motion.dx, names=_NAMES), parse(motion.dy, names=_NAMES)
    state = np.array(motion.starts)
    states = np.empty((len(state), _STEPS, 2))
    for step in range(_STEPS):
        states[:, step] = state
        slope_x, slope = evaluate(dx, state), evaluate(dy, state)
        slopes = [slope]
        for part in (0.5, 0.75):
            slope = evaluate(dy, state + part * _STEP * np.column_stack((slope_x, slope)))
            slopes.append(slope)
        state = state + _STEP * np.column_stack((slope_x, np.array([2.0, 3.0, 4.0]) / 9.0 @ np.array(slopes)))
    out = states.reshape(-1, 2)
    out.setflags(write=False)
    return out


def load() -> list[Trajectories]:
    """The 14 problems: ``bacres1`` is the derivative of x, ``bacres2`` that of y, and so on."""
    problems = []
    for system, motion in SYSTEMS.items():
        states = simulate(system)
        low, high = tuple(states.min(axis=0).tolist()), tuple(states.max(axis=0).tolist())
        for number, formula in enumerate((motion.dx, motion.dy), 1):
            problems.append(Trajectories(f"{system}{number}", formula, _NAMES, low, high, system))
    return problems
