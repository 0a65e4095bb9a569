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

from nesymres_sk.deadline import Deadline
from nesymres_sk.search.beam import complete_best
from nesymres_sk.search.candidate import Candidate, CandidatePool
from nesymres_sk.search.decoding import Frontier
from nesymres_sk.search.grammar import Grammar

if TYPE_CHECKING:
    from nesymres_sk.model.network import Network


@torch.inference_mode()
def sample(
    network: Network,
    memory: Tensor,
    n: int,
    grammar: Grammar,
    temperature: float,
    deadline: Deadline,
    generator: torch.Generator,
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
    temperature : float
        Logits are divided by it: below 1 the draws are closer to the mode, above 1 more varied.
    deadline : Deadline
        Looked at between steps, as in :func:`nesymres_sk.search.beam.beam_search`.
    generator : torch.Generator
        Source of randomness, on the CPU whatever the network's device.

    Returns
    -------
    list of Candidate
        Distinct by canonical form, most probable first; log-probabilities are those at temperature 1.
    """
    frontier = Frontier(network, memory, grammar)
    device = memory.device
    tempered = torch.zeros(1, dtype=torch.float64, device=device)  # log-probability at the temperature
    perturbed = torch.zeros(1, dtype=torch.float64, device=device)
    finished: list[tuple[tuple[int, ...], float]] = []
    finished_perturbed = torch.zeros(0, dtype=torch.float64, device=device)

    while not deadline.passed:
        logits, allowed = frontier.expand()
        totals = frontier.log_probs[:, None] + logits.log_softmax(dim=1)
        conditional = (logits / temperature).masked_fill(~allowed, -math.inf).log_softmax(dim=1)
        children = tempered[:, None] + conditional
        noise = torch.rand(children.shape, dtype=torch.float64, generator=generator).to(device)
        keys = _condition_on_maximum(children - torch.log(-torch.log(noise)), perturbed)

        values, flat = keys.flatten().topk(min(n, keys.numel()))
        # a finished sequence holds its place as long as it is among the n largest
        floor = torch.cat([values, finished_perturbed]).topk(min(n, len(values) + len(finished))).values[-1]
        kept = (values >= floor) & (values > -math.inf)
        values, flat = values[kept], flat[kept]
        rows, tokens = flat // logits.shape[1], flat % logits.shape[1]

        done = frontier.completes(rows, tokens)
        log_probs = totals[rows, tokens]
        finished += zip(frontier.sequences(rows[done], tokens[done]), log_probs[done].tolist(), strict=True)
        finished_perturbed = torch.cat([finished_perturbed, values[done]])
        live = ~done
        if not bool(live.any()):
            break
        rows, tokens, perturbed = rows[live], tokens[live], values[live]
        tempered = children[rows, tokens]
        frontier.advance(rows, tokens, log_probs[live])

    pool = CandidatePool(grammar)
    for index in finished_perturbed.argsort(descending=True)[:n].tolist():
        sequence, log_prob = finished[index]
        pool.add(sequence, log_prob, log_prob)
    if not len(pool):
        complete_best(frontier, grammar, pool)
    return pool.best(n)


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
