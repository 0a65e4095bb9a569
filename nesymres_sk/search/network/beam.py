"""Beam search (Biggio et al. 2021, section 3.3) with a key/value cache, a grammar and a stopping rule."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from nesymres_sk.deadline import Deadline
from nesymres_sk.search.candidate import Candidate, CandidatePool
from nesymres_sk.search.grammar import Grammar
from nesymres_sk.search.network.decoding import Frontier, affordable

if TYPE_CHECKING:
    from nesymres_sk.model.network import Network


@torch.inference_mode()
def beam_search(
    network: Network,
    memory: Tensor,
    beam_size: int,
    grammar: Grammar,
    deadline: Deadline,
    length_penalty: float = 0.0,
) -> list[Candidate]:
    """Most probable skeletons of one problem.

    Finished hypotheses leave the beam and are kept. The search stops when no live hypothesis can still beat the
    worst of the ``beam_size`` best distinct skeletons.

    Parameters
    ----------
    network : Network
        Network in evaluation mode.
    memory : Tensor, shape (1, latents, width)
        Encoded problem.
    beam_size : int
        Live hypotheses at each step, and greatest number of skeletons returned.
    grammar : Grammar
        Rules for the expressions.
    deadline : Deadline
        Looked at between steps, which a wide beam narrows for. Once it has passed, what is finished is returned; if
        nothing is, the best live hypothesis is completed with variables.
    length_penalty : float
        A finished hypothesis scores its summed log-probability divided by ``length ** length_penalty``. 0 keeps the
        most probable skeletons; 1 is the mean per token, as in the released code of the paper.

    Returns
    -------
    list of Candidate
        Distinct by canonical form, most probable first.
    """
    frontier = Frontier(network, memory, grammar)
    pool = CandidatePool(grammar)
    longest = grammar.max_length**length_penalty
    while not deadline.passed:
        started, n_live = deadline.elapsed, len(frontier)
        logits, allowed = frontier.expand()
        totals = frontier.log_probs[:, None] + logits.log_softmax(dim=1)
        totals = totals.masked_fill(~allowed, -math.inf).flatten()
        # twice the beam: at least beam_size of the best are unfinished, if there are so many
        values, flat = totals.topk(min(2 * beam_size, totals.numel()))
        possible = values > -math.inf
        values, flat = values[possible], flat[possible]
        rows, tokens = flat // logits.shape[1], flat % logits.shape[1]

        complete = frontier.completes(rows, tokens)
        norm = (frontier.position + 1) ** length_penalty
        worst = pool.worst_kept(beam_size)
        done = complete & (values / norm > worst)
        for sequence, value in zip(frontier.sequences(rows[done], tokens[done]), values[done].tolist(), strict=True):
            pool.add(sequence, value, value / norm)
            if deadline.passed:
                break

        # log-probabilities only fall, so a live hypothesis never scores above its sum over the greatest length
        live = ~complete & (values / longest > pool.worst_kept(beam_size))
        keep = live.nonzero()[:beam_size, 0]
        if not len(keep):
            break
        frontier.advance(rows[keep], tokens[keep], values[keep])
        beam_size = affordable(beam_size, n_live, deadline.elapsed - started, deadline)
    if not len(pool):
        complete_best(frontier, grammar, pool)
    return pool.best(beam_size)


def complete_best(frontier: Frontier, grammar: Grammar, pool: CandidatePool) -> None:
    """Complete the best live hypothesis with variables, so that a late search has an answer."""
    order = frontier.log_probs.argsort(descending=True).tolist()
    for row in order:
        value = float(frontier.log_probs[row])
        pool.add(grammar.complete(frontier.tokens[row].tolist()), value, value)
        if len(pool):
            return
