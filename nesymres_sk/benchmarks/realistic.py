"""Laws of physics with the magnitudes that their quantities have: the suite ``realistic``.

The 120 equations of the Feynman database with ranges from laboratory and nature, logarithmic for the most part, and
with the constants of nature as numbers (SRSD: Matsubara et al. 2022; FastSRB: Martinek 2025).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nesymres_sk.benchmarks.problems import Problem


@dataclass(frozen=True)
class Realistic(Problem):
    """A law whose columns have spacings and signs of their own.

    Parameters
    ----------
    spacings : tuple of str
        Of each column: ``"uni"`` is uniform, ``"log"`` uniform in the logarithm, ``"int"`` whole numbers.
    signs : tuple of str
        Of each column: ``"pos"`` as drawn, ``"pos_neg"`` times a random sign.
    """

    spacings: tuple[str, ...]
    signs: tuple[str, ...]

    def place(self, n: int, rng: np.random.Generator, widen: float, keep_signs: bool) -> NDArray[np.float64]:
        """Points of the box; a logarithmic range is widened by factors."""
        columns = []
        for low, high, spacing, sign in zip(self.low, self.high, self.spacings, self.signs, strict=True):
            ends = np.log([low, high]) if spacing == "log" else np.array([low, high])
            margin = widen * (ends[1] - ends[0])
            low_end, high_end = ends[0] - margin, ends[1] + margin
            if keep_signs and spacing != "log" and low >= 0.0:
                low_end = max(low_end, 0.0)
            values = rng.uniform(low_end, high_end, n)
            if spacing == "log":
                values = np.exp(values)
            elif spacing == "int":
                values = np.round(values)
            if sign == "pos_neg":
                values *= rng.choice([-1.0, 1.0], n)
            columns.append(values)
        return np.column_stack(columns)
