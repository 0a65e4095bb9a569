"""Starting equations of the user as a source of candidates."""

from __future__ import annotations

from collections.abc import Sequence

from nesymres_sk.deadline import Deadline
from nesymres_sk.search.candidate import Candidate, Proposer


class Guesses(Proposer):
    """Gives candidates that are known beforehand, in their order.

    Parameters
    ----------
    candidates : sequence of Candidate
    """

    def __init__(self, candidates: Sequence[Candidate]) -> None:
        self._left = list(candidates)

    def propose(self, n: int, deadline: Deadline) -> list[Candidate]:
        """The next ``n`` of them."""
        given, self._left = self._left[:n], self._left[n:]
        return given
