"""Set-up of all tests."""

from __future__ import annotations

import os

# One thread per test process: the suite runs in parallel processes, and thread pools would only get in each other's
# way. Libraries read these when they are imported, which happens after this file.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

from hypothesis import HealthCheck, settings

# The first example of a test may compile a kernel, so neither deadlines nor health checks by time.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.load_profile("suite")
