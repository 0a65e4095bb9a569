"""Sampling without replacement: the network's random skeletons, none drawn twice.

Independent samples repeat themselves: a network that is sure of itself spends most of them on one skeleton. The
stochastic beam of Kool, van Hoof and Welling (ICML 2019) draws ``n`` *different* sequences from the same
distribution at the cost of a beam of width ``n``. Each hypothesis carries, beside its log-probability, that number
perturbed by Gumbel noise; the noise of its children is drawn such that the largest of them equals the parent's.
The ``n`` largest leaves of the whole tree are then a sample without replacement, and because perturbed values never
rise from parent to child, keeping the ``n`` largest at each step finds exactly them. Finished hypotheses keep their
place among the ``n``, so the batch shrinks as they leave it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from nesymres_sk.deadline import Deadline
from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.search.candidate import Candidate, CandidatePool
from nesymres_sk.search.grammar import Grammar
from nesymres_sk.search.network.beam import complete_best
from nesymres_sk.search.network.decoding import Frontier, affordable
from nesymres_sk.search.network.drawn import Drawn

if TYPE_CHECKING:
    from nesymres_sk.model.network import Network


@torch.inference_mode()
def sample(
    network: Network,
    memory: Tensor,
    n: int,
    grammar: Grammar,
    deadline: Deadline,
    generator: torch.Generator,
    drawn: Drawn | None = None,
) -> list[Candidate]:
    """Random skeletons of one problem.

    Parameters
    ----------
    network : Network
        Network in evaluation mode.
    memory : Tensor, shape (1, latents, width)
        Encoded problem.
    n : int
        Different token sequences to draw. Fewer skeletons come back, because spellings of one skeleton are one.
    grammar : Grammar
        Rules for the expressions; what they forbid has probability zero.
    deadline : Deadline
        Looked at between steps, as in :func:`nesymres_sk.search.network.beam.beam_search`.
    generator : torch.Generator
        Source of randomness, on the CPU whatever the network's device.
    drawn : Drawn, optional
        What earlier calls with the same memory drew: it is not drawn again, and what this call draws is added.

    Returns
    -------
    list of Candidate
        Distinct by canonical form, most probable first.
    """
    frontier = Frontier(network, memory, grammar)
    device = memory.device
    drawn = Drawn(device) if drawn is None else drawn
    nodes = torch.zeros(1, dtype=torch.int64, device=device)  # of the hypotheses in the tree of what was drawn
    conditional = torch.zeros(1, dtype=torch.float64, device=device)  # log-probability among what the grammar allows
    perturbed = torch.zeros(1, dtype=torch.float64, device=device)
    finished = _Finished(device)
    while not deadline.passed:
        started, n_live = deadline.elapsed, len(frontier)
        logits, allowed = frontier.expand()
        totals = frontier.log_probs[:, None] + logits.log_softmax(dim=1)
        children = conditional[:, None] + logits.masked_fill(~allowed, -math.inf).log_softmax(dim=1)
        noise = torch.rand(children.shape, dtype=torch.float64, generator=generator).to(device)
        left = drawn.remaining(nodes, children)
        keys = _condition_on_maximum(left - torch.log(-torch.log(noise)), perturbed)
        keys = keys.masked_fill(left == -math.inf, -math.inf)

        values, flat = keys.flatten().topk(min(n, keys.numel()))
        # a finished sequence holds its place as long as it is among the n largest
        floor = torch.cat([values, finished.perturbed]).topk(min(n, len(values) + len(finished.perturbed))).values[-1]
        kept = (values >= floor) & (values > -math.inf)
        values, flat = values[kept], flat[kept]
        rows, tokens = flat // logits.shape[1], flat % logits.shape[1]

        done = frontier.completes(rows, tokens)
        some, last = rows[done], tokens[done]
        sequences = torch.cat([frontier.tokens[some], last[:, None]], dim=1)
        finished.add(sequences, totals[some, last], children[some, last], values[done])
        live = ~done
        if not bool(live.any()):
            break
        rows, tokens, perturbed = rows[live], tokens[live], values[live]
        conditional = children[rows, tokens]
        nodes = drawn.child(nodes[rows], tokens)
        frontier.advance(rows, tokens, totals[rows, tokens])
        n = affordable(n, n_live, deadline.elapsed - started, deadline)

    pool = CandidatePool(grammar)
    best = finished.perturbed.argsort(descending=True)[:n]
    drawn.add(finished.sequences[best], finished.conditional[best])
    lengths = (finished.sequences[best] != v.PAD).sum(dim=1).tolist()
    rows_of_tokens = finished.sequences[best].tolist()
    for sequence, length, log_prob in zip(rows_of_tokens, lengths, finished.log_probs[best].tolist(), strict=True):
        pool.add(tuple(sequence[:length]), log_prob, log_prob)
    if not len(pool):
        complete_best(frontier, grammar, pool)
    return pool.best(n)


class _Finished:
    """Complete sequences, padded, with their log-probabilities and perturbed values."""

    def __init__(self, device: torch.device) -> None:
        self.sequences = torch.zeros((0, 0), dtype=torch.int64, device=device)
        self.log_probs, self.conditional, self.perturbed = torch.zeros((3, 0), dtype=torch.float64, device=device)

    def add(self, sequences: Tensor, log_probs: Tensor, conditional: Tensor, perturbed: Tensor) -> None:
        longer = sequences.shape[1] - self.sequences.shape[1]
        self.sequences = torch.cat([functional.pad(self.sequences, (0, longer), value=v.PAD), sequences])
        self.log_probs = torch.cat([self.log_probs, log_probs])
        self.conditional = torch.cat([self.conditional, conditional])
        self.perturbed = torch.cat([self.perturbed, perturbed])


def _condition_on_maximum(keys: Tensor, maximum: Tensor) -> Tensor:
    """Gumbel-perturbed values of the children, given that the largest in each row equals the parent's value.

    Numerically stable form of Kool et al. 2019, appendix B.3.

    Parameters
    ----------
    keys : Tensor, shape (H, V)
        Unconditional perturbed log-probabilities, minus infinity where forbidden.
    maximum : Tensor, shape (H,)
        Perturbed values of the parents.
    """
    largest = keys.amax(dim=1, keepdim=True)
    gap = keys - largest
    # log(1 - exp(gap)), minus infinity at the largest itself
    residual = torch.where(gap > -math.log(2.0), torch.log(-torch.expm1(gap)), torch.log1p(-torch.exp(gap)))
    shift = maximum[:, None] - keys + residual
    return maximum[:, None] - shift.clamp(min=0) - torch.log1p(torch.exp(-shift.abs()))
