"""Two tables of real measurements, and the laws behind them.

Run from the root of the repository: ``python examples/quickstart.py``.
"""

from __future__ import annotations

import time

import pandas as pd

from nesymres_sk import NeuralSymbolicRegressor
from nesymres_sk.expressions.infix import to_infix

# Mean distance from the Sun in astronomical units and sidereal period in days, Mercury to Neptune.
# Source: N. Strobel, "Astronomy Notes", table "Planets: Orbital Properties", where the last four periods are in years.
YEAR = 365.26
PLANETS = pd.DataFrame(
    {
        "distance": [0.387, 0.723, 1.0, 1.524, 5.203, 9.539, 19.182, 30.06],
        "period": [87.97, 224.70, 365.26, 686.98, 11.86 * YEAR, 29.46 * YEAR, 84.01 * YEAR, 164.79 * YEAR],
    },
    index=["Mercury", "Venus", "Earth", "Mars", "Jupiter", "Saturn", "Uranus", "Neptune"],
)

# Room taken by the air in the closed leg of a bent tube (in marks on the glass) and the pressure on it (in inches of
# mercury, sixteenths as he wrote them). Source: Robert Boyle, "A Defence of the Doctrine Touching the Spring and
# Weight of the Air", London 1662, "A Table of the Condensation of the Air", columns A and D.
AIR = pd.DataFrame(
    {
        "volume": [48, 46, 44, 42, 40, 38, 36, 34, 32, 30, 28, 26, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12],
        "pressure": [
            *(29 + 2 / 16, 30 + 9 / 16, 31 + 15 / 16, 33 + 8 / 16, 35 + 5 / 16, 37, 39 + 5 / 16, 41 + 10 / 16),
            *(44 + 3 / 16, 47 + 1 / 16, 50 + 5 / 16, 54 + 5 / 16, 58 + 13 / 16, 61 + 5 / 16, 64 + 1 / 16),
            *(67 + 1 / 16, 70 + 11 / 16, 74 + 2 / 16, 77 + 14 / 16, 82 + 12 / 16, 87 + 14 / 16, 93 + 1 / 16),
            *(100 + 7 / 16, 107 + 13 / 16, 117 + 9 / 16),
        ],
    }
)


def discover(title: str, table: pd.DataFrame, target: str) -> NeuralSymbolicRegressor:
    """Fit one table and print what was found."""
    X, y = table.drop(columns=target), table[target]
    model = NeuralSymbolicRegressor(max_time=5, random_state=0)
    started = time.perf_counter()
    model.fit(X, y)
    seconds = time.perf_counter() - started
    print(f"{title}\n{'-' * len(title)}")
    front = model.equations_.copy()
    front["equation"] = [
        to_infix(expression, list(X.columns), digits=5) for expression in model.expressions_
    ]  # short enough to read
    print(front.to_string(index=False, float_format=lambda value: f"{value:.4g}"))
    print(f"law      {target} = {model.equation_}")
    print(f"R2       {model.score(X, y):.6f}")
    print(f"seconds  {seconds:.2f}\n")
    return model


def main() -> None:
    print("The first run compiles the numerical kernels, which takes 10 to 30 seconds, once.\n")
    discover("The planets (Kepler 1619: the square of the period is as the cube of the distance)", PLANETS, "period")
    discover("The spring of the air (Boyle 1662: pressure is inverse to volume)", AIR, "pressure")


if __name__ == "__main__":
    main()
