"""Which token sequences have been drawn, so that sampling without replacement can go on where it ended.

The probability of every drawn sequence is taken away from each of its prefixes (incremental sampling without
replacement: Shi, Bieber and Singh, ICML 2020). What is left below a prefix then decides how often the next sample
goes there; no draw is lost on something known, and skeletons come in the order in which an endless sample would show
them, so that a rising temperature is not needed for new ones.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from nesymres_sk.expressions import vocabulary as v

#: Prefixes with less than this share of their probability left are exhausted; what seems left is rounding.
_EXHAUSTED = 1e-6
#: Nodes to begin with; doubled when they are used up.
_ROOM = 1024


class Drawn:
    """Tree of the prefixes of drawn sequences, with the probability that they took away from each.

    Belongs to one memory, because the probabilities do.

    Parameters
    ----------
    device : torch.device
        Of the memory.
    """

    def __init__(self, device: torch.device) -> None:
        # node 0 is the root, which is nobody's child, so that 0 also means none
        self._children = torch.zeros((_ROOM, v.SIZE), dtype=torch.int32, device=device)
        self._mass = torch.zeros(_ROOM, dtype=torch.float64, device=device)
        self._size = 1

    def child(self, nodes: Tensor, tokens: Tensor) -> Tensor:
        """Node of each prefix ``nodes[i]`` followed by ``tokens[i]``; -1 where nothing drawn begins so."""
        child = self._children[nodes.clamp(min=0), tokens].long()
        return child.masked_fill((nodes < 0) | (child == 0), -1)

    def remaining(self, nodes: Tensor, log_probs: Tensor) -> Tensor:
        """Logarithms of the probabilities that are left.

        Parameters
        ----------
        nodes : Tensor of int64, shape (H,)
            Nodes of the prefixes, -1 where nothing drawn begins so; 0 is the empty one.
        log_probs : Tensor of float64, shape (H, V)
            Log-probabilities of their continuations, summed from the start.

        Returns
        -------
        Tensor, shape (H, V)
            Minus infinity where everything was drawn.
        """
        children = self._children[nodes.clamp(min=0)].long()
        mass = self._mass[children].masked_fill_((children == 0) | (nodes < 0)[:, None], 0.0)
        left = 1.0 - mass * torch.exp(-log_probs)
        left = left.where((left > _EXHAUSTED) & (log_probs > -math.inf), 0.0)
        return log_probs + left.log()

    def add(self, sequences: Tensor, log_probs: Tensor) -> None:
        """Take away complete sequences.

        Parameters
        ----------
        sequences : Tensor of int64, shape (n, length)
            Different ones, padded with :data:`~nesymres_sk.expressions.vocabulary.PAD`.
        log_probs : Tensor of float64, shape (n,)
        """
        nodes = torch.zeros(len(sequences), dtype=torch.int64, device=sequences.device)
        probs = log_probs.exp()
        for tokens in sequences.T:
            live = tokens != v.PAD
            slots = nodes[live] * v.SIZE + tokens[live]
            new = slots[self._children.view(-1)[slots] == 0].unique()
            self._grow(len(new))
            names = torch.arange(self._size, self._size + len(new), dtype=torch.int32, device=new.device)
            self._children.view(-1)[new] = names
            self._size += len(new)
            nodes[live] = self._children.view(-1)[slots].long()
            self._mass.index_add_(0, nodes[live], probs[live])
        self._mass[nodes] = math.inf  # what was drawn is gone, whatever rounding says

    def _grow(self, n: int) -> None:
        if self._size + n > len(self._mass):
            more = max(n, len(self._mass))
            self._children = torch.cat([self._children, self._children.new_zeros(more, v.SIZE)])
            self._mass = torch.cat([self._mass, self._mass.new_zeros(more)])
