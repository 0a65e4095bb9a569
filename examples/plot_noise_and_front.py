"""
Noise, and which equation to trust
==================================

With noise on the target a longer equation always fits a little better. The front of error against length shows where
this stops to be worth it.
"""

# %%
# An amplitude that fades, measured with an error of a tenth of its spread.

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from nesymres_sk import NeuralSymbolicRegressor
from nesymres_sk.plotting.pareto import ParetoDisplay
from nesymres_sk.plotting.prediction import PredictionDisplay

rng = np.random.default_rng(0)
X = pd.DataFrame({"time": rng.uniform(0, 4, 200), "width": rng.uniform(1, 3, 200)})
truth = 2.5 * X["width"] * np.exp(-0.8 * X["time"])
y = (truth + rng.normal(0, 0.1 * truth.std(), len(X))).rename("amplitude")
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)

model = NeuralSymbolicRegressor(decoding="sampling", beam_size=256, random_state=0).fit(X_train, y_train)
print("amplitude =", model.equation_)

# %%
# Every point is the best equation of its length. After the knee the error hardly falls: further nodes describe the
# noise. The default rule weighs the bits that an equation takes against the bits that it saves.

ParetoDisplay.from_estimator(model)

# %%
# Rows that the search has not seen tell whether the choice was right. Every row of the table can be asked.

scores = [
    1 - np.mean((model.predict(X_test, index=row) - y_test) ** 2) / np.var(y_test)
    for row in range(len(model.equations_))
]
print(model.equations_[["complexity", "r2"]].assign(r2_test=scores).round(4).to_string())

# %%
# Predicted against measured values of these rows.

PredictionDisplay.from_estimator(model, X_test, y_test)
