"""Set-up of all tests, and what many of them share: a network that has learned nothing, and a table with names."""

from __future__ import annotations

import os

# One thread per test process: the suite runs in parallel processes, and thread pools would only get in each other's
# way. Libraries read these when they are imported, which happens after this file.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, settings

# The first example of a test may compile a kernel, so neither deadlines nor health checks by time.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.load_profile("suite")


@pytest.fixture(scope="session")
def network():
    """A small untrained network: what the parts around it promise does not depend on good proposals."""
    import torch

    from nesymres_sk.model.config import PRESETS
    from nesymres_sk.model.network import Network

    torch.manual_seed(0)
    return Network(PRESETS["tiny"]).eval()


@pytest.fixture(scope="session")
def random_weights(network, tmp_path_factory):
    """Path of the weights of the untrained network, as the estimator's first parameter."""
    from nesymres_sk.model.checkpoint import save_network

    directory = tmp_path_factory.mktemp("weights")
    save_network(network, directory, "random", {"trained": "not at all"})
    return str(directory)


@pytest.fixture(scope="module")
def frame():
    """A table with named columns."""
    rng = np.random.default_rng(0)
    return pd.DataFrame({"mass": rng.uniform(1, 3, 90), "speed": rng.uniform(0.5, 2, 90)})
