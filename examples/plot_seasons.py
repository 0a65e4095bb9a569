"""
A season on a trend, and the years to come
==========================================

Weekly measurements that grow a little faster every year and go up and down with the seasons. A forest of trees
interpolates them well and knows nothing of the next year; an equation goes on.
"""

# %%
# Twenty years of one measurement a week, one in three of them missing, with an error. The numbers are made up after the
# carbon dioxide of Mauna Loa.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestRegressor
from sklearn.metrics import r2_score

from nesymres_sk import NeuralSymbolicRegressor

rng = np.random.default_rng(0)
year = np.arange(1980.0, 2000.0, 7 / 365.25)
year = year[rng.random(len(year)) > 1 / 3]
truth = 316 + 0.0123 * (year - 1950) ** 2 + 2.9 * np.sin(2 * np.pi * year + 0.5)
X = pd.DataFrame({"year": year})
y = truth + rng.normal(0, 0.4, len(year))

model = NeuralSymbolicRegressor(random_state=0).fit(X, y)
print("ppm =", model.equation_)

# %%
# The next five years.

future = pd.DataFrame({"year": np.arange(2000.0, 2005.0, 7 / 365.25)})
expected = 316 + 0.0123 * (future["year"] - 1950) ** 2 + 2.9 * np.sin(2 * np.pi * future["year"] + 0.5)
forest = RandomForestRegressor(random_state=0).fit(X, y)
print(f"R² of the equation {r2_score(expected, model.predict(future)):.3f}, of the forest", end=" ")
print(f"{r2_score(expected, forest.predict(future)):.1f}")

_, axes = plt.subplots(figsize=(8, 4))
axes.plot(year, y, ".", markersize=3, color="0.6", label="measured")
axes.plot(future["year"], model.predict(future), label="equation")
axes.plot(future["year"], forest.predict(future), label="forest")
axes.set(xlabel="year", ylabel="ppm")
axes.legend()
