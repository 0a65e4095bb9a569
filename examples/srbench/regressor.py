"""Drop-in for SRBench: copy this folder to ``methods/nesymres_sk`` of its repository.

The benchmark sets ``random_state`` and ``max_time`` (seconds) on ``est`` before ``fit``, hands over a data frame, and
reads the equation with ``model``. If it has to interrupt ``fit``, the best equation so far is the answer.
"""

from __future__ import annotations

import keyword
import re

import pandas as pd

from nesymres_sk import NeuralSymbolicRegressor
from nesymres_sk.expressions.infix import to_infix

est = NeuralSymbolicRegressor(max_time=3600.0)

# The estimator scales columns and target itself, and undoes it, so that the equation is in the units of the data.
eval_kwargs = {"scale_x": False, "scale_y": False}


def model(est: NeuralSymbolicRegressor, X: pd.DataFrame) -> str:
    """Chosen equation as text that SymPy reads: plain operators, ``sqrt``, ``log``, …, all digits of the constants."""
    names = [spelling(str(name), position) for position, name in enumerate(X.columns)]
    return to_infix(est.expressions_[est.best_index_], [names[column] for column in est.columns_])


def complexity(est: NeuralSymbolicRegressor) -> int:
    """Nodes of the chosen equation."""
    return est.expressions_[est.best_index_].complexity


def spelling(name: str, position: int) -> str:
    """How to write a column so that the benchmark reads the same one.

    It replaces ``x_0``, ``x0``, … by the names of the columns at these positions, wherever they stand. A column that
    is itself named like that, or in a way that is no name in Python, is therefore written by its position.
    """
    looks_like = re.fullmatch(r"[xX]_?(\d+)", name)
    if looks_like:
        return name if int(looks_like[1]) == position else f"x_{position}"
    plain = name.isidentifier() and not keyword.iskeyword(name) and not re.search(r"[xX]_?\d", name)
    return name if plain else f"x_{position}"
