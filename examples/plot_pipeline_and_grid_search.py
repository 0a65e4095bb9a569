"""
In a pipeline, with a grid search
=================================

The estimator is a scikit-learn regressor like any other: it stands at the end of pipelines, and its parameters are
searched with cross-validation. Here the question is how long an equation may be.
"""

# %%
# Twelve columns of which two matter. A first step of the pipeline keeps the four that share most information with the
# target; with ``set_output`` they keep their names, too, and the equation is written in these.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.feature_selection import SelectKBest, mutual_info_regression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from nesymres_sk import NeuralSymbolicRegressor

rng = np.random.default_rng(0)
X = pd.DataFrame(rng.uniform(1, 5, (150, 12)), columns=[f"sensor_{letter}" for letter in "abcdefghijkl"])
y = X["sensor_c"] ** 2 / X["sensor_h"] + rng.normal(0, 0.1, len(X))


def information(X, y):
    """Mutual information of each column with the target, the same in every run."""
    return mutual_info_regression(X, y, random_state=0)


pipeline = Pipeline(
    [("select", SelectKBest(information, k=4)), ("equation", NeuralSymbolicRegressor(beam_size=16, random_state=0))]
).set_output(transform="pandas")

# %%
# Three-fold cross-validation for several limits on the number of nodes.

limits = [1, 3, 5, 7]
search = GridSearchCV(pipeline, {"equation__max_complexity": limits}, cv=3).fit(X, y)
print("nodes at most:", search.best_params_["equation__max_complexity"])
print("equation:     ", search.best_estimator_["equation"].equation_)

# %%
# The score on held-out folds no longer rises once the law fits within the limit.

mean = search.cv_results_["mean_test_score"]
spread = search.cv_results_["std_test_score"]
figure, ax = plt.subplots(figsize=(5, 3.2), layout="constrained")
ax.errorbar(limits, mean, spread, marker="o", capsize=3)
ax.set(xlabel="nodes at most", ylabel="R² on held-out folds")
