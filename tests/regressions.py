"""Plain regressions, which the linear algebra of the pursuit is compared with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def relative_error(rows: Array, target: Array, slope: Array) -> float:
    """Squared residual of a weighted regression over the squared length of the target."""
    system, weighted = (rows * slope).T, target * slope
    rest = weighted - system @ np.linalg.lstsq(system, weighted, rcond=None)[0]
    return float(rest @ rest / (weighted @ weighted))
