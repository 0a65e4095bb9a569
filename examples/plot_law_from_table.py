"""
A law from a table
==================

The periods of small swings of pendulums of several lengths, on several worlds. Which law do they follow, and how does
one get it out of the estimator: as text, as LaTeX, as a plain function?
"""

# %%
# The table has the length of the pendulum in metres, the gravity in metres per second squared, and the period in
# seconds, rounded to a millisecond as a stopwatch would.

import itertools

import numpy as np
import pandas as pd

from nesymres_sk import NeuralSymbolicRegressor
from nesymres_sk.export.numpy_function import to_function
from nesymres_sk.plotting.slices import SliceDisplay

GRAVITY = {"Moon": 1.62, "Mars": 3.73, "Venus": 8.87, "Earth": 9.81, "Neptune": 11.15}
LENGTHS = [0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0]

table = pd.DataFrame(itertools.product(LENGTHS, GRAVITY.values()), columns=["length", "gravity"])
table["period"] = (2 * np.pi * np.sqrt(table["length"] / table["gravity"])).round(3)
X, y = table[["length", "gravity"]], table["period"]
table.head()

# %%
# The names of the columns are the names in the equation. With a time limit, ``max_time``, the search would go on until
# it is over, or until an equation is exact.

model = NeuralSymbolicRegressor(beam_size=128, random_state=0).fit(X, y)
print("period =", model.equation_)

# %%
# All equations that are the best of their length are in a table; the chosen one is a row of it.

print(model.equations_[["complexity", "loss", "equation"]].to_string())

# %%
# Each of them is there as text, for SymPy, in LaTeX, and as the source of a function that needs nothing but NumPy.

print(model.sympy())
print(model.latex())
print(to_function(model).source)

# %%
# Along one column at a time, the other one at its median. Rows near this median are darker: they lie on the line.

SliceDisplay.from_estimator(model, X, y)
