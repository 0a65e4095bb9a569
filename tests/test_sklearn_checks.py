import os
import subprocess
import sys

from sklearn.utils.estimator_checks import check_estimator

from nesymres_sk import NeuralSymbolicRegressor


def test_all_checks_of_scikit_learn_pass():
    results = check_estimator(NeuralSymbolicRegressor(), on_fail=None, on_skip=None)
    failed = {result["check_name"]: result["exception"] for result in results if result["status"] == "failed"}
    assert not failed
    skipped = {result["check_name"] for result in results if result["status"] != "passed"}
    assert skipped <= {"check_array_api_input"}, "it needs a variable from before scipy is imported, see below"
    assert len(results) > 50


def test_the_check_of_array_api_input_passes():
    code = (
        "from sklearn.utils.estimator_checks import check_array_api_input\n"
        "from nesymres_sk import NeuralSymbolicRegressor\n"
        "check_array_api_input('NeuralSymbolicRegressor', NeuralSymbolicRegressor(), array_namespace='numpy',"
        " expect_only_array_outputs=False)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "SCIPY_ARRAY_API": "1"}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
