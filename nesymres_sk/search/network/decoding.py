"""One cached step of the decoder for all live hypotheses of a problem; beam search and sampling are built on it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from nesymres_sk.deadline import Deadline
from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.search.grammar import COMPLETE, Grammar

if TYPE_CHECKING:
    from nesymres_sk.model.inputs import Batch
    from nesymres_sk.model.network import Network

#: Hypotheses that no deadline makes fewer, part of the time left that a step may take, and hypotheses from which on the
#: time of a step says how long a wider one takes.
_ALWAYS, _SHARE, _TELLING = 512, 0.1, 64

#: A complete token sequence and its log-probability.
Completion = tuple[tuple[int, ...], float]
#: The most probable next tokens and their probabilities.
Continuation = tuple[list[int], list[float]]


@torch.inference_mode()
def encode_problem(network: Network, batch: Batch) -> Tensor:
    """Memory of one problem, shape (1, latents, width), on the network's device."""
    device = next(network.parameters()).device
    points, n_points, present, log_scales = (torch.from_numpy(np.ascontiguousarray(field)) for field in batch[:4])
    memory: Tensor = network.encode(points.to(device), n_points.to(device), present.to(device), log_scales.to(device))
    return memory


class Frontier:
    """Unfinished hypotheses of one problem, with the decoder's cache; starts as one empty hypothesis.

    A finished hypothesis leaves the batch as soon as its last operand is written: the end token is then the only one
    that the grammar allows, so that asking the network for it would change nothing.

    Attributes
    ----------
    tokens : Tensor of int64, shape (H, position)
        Tokens written so far, without the start token.
    open_slots : Tensor of int64, shape (H,)
        Operands still missing, at least 1.
    log_probs : Tensor of float64, shape (H,)
        Sum of the network's log-probabilities of the tokens, at temperature 1 and without the mask: a whitelist
        of operators makes forbidden expressions impossible but not the others more probable.
    """

    def __init__(self, network: Network, memory: Tensor, grammar: Grammar) -> None:
        device = memory.device
        self._network = network
        self._max_length = grammar.max_length
        self._table = torch.from_numpy(grammar.table).to(device)
        self._arity = torch.from_numpy(v.ARITY.astype(np.int64)).to(device)
        self._context = grammar.start_context()
        self._cache = network.start_cache(memory)
        self._last = torch.full((1,), v.START, dtype=torch.int64, device=device)
        self.tokens = torch.zeros((1, 0), dtype=torch.int64, device=device)
        self.open_slots = torch.ones(1, dtype=torch.int64, device=device)
        self.log_probs = torch.zeros(1, dtype=torch.float64, device=device)

    def __len__(self) -> int:
        return self.tokens.shape[0]

    @property
    def position(self) -> int:
        """Tokens written so far in every hypothesis."""
        return self.tokens.shape[1]

    def expand(self) -> tuple[Tensor, Tensor]:
        """Run the network once.

        Returns
        -------
        logits : Tensor of float64, shape (H, V)
        allowed : Tensor of bool, shape (H, V)
            Next tokens that the grammar allows.
        """
        logits = self._network.step(self._last, self._cache).double()
        slack = self._max_length - self.position - self.open_slots
        allowed = self._table[slack.clamp(max=COMPLETE - 1)]
        if self._context is not None:
            restricted = self._context.restrict(allowed.cpu().numpy(), self.position)
            allowed = torch.from_numpy(restricted).to(allowed.device)
        return logits, allowed

    def completes(self, rows: Tensor, tokens: Tensor) -> Tensor:
        """Whether hypothesis ``rows[i]`` followed by ``tokens[i]`` is a complete expression."""
        return self.open_slots[rows] + self._arity[tokens] == 1

    def sequences(self, rows: Tensor, tokens: Tensor) -> list[tuple[int, ...]]:
        """Token sequences of hypothesis ``rows[i]`` followed by ``tokens[i]``."""
        return [tuple(row) for row in torch.cat([self.tokens[rows], tokens[:, None]], dim=1).tolist()]

    def advance(self, rows: Tensor, tokens: Tensor, log_probs: Tensor) -> None:
        """Replace the hypotheses by ``rows[i]`` followed by ``tokens[i]``, all of them unfinished."""
        self._cache.reorder(rows)
        if self._context is not None:
            self._context = self._context.advance(rows.cpu().numpy(), tokens.cpu().numpy())
        self._last = tokens
        self.open_slots = self.open_slots[rows] + self._arity[tokens] - 1
        self.tokens = torch.cat([self.tokens[rows], tokens[:, None]], dim=1)
        self.log_probs = log_probs


def affordable(width: int, n_hypotheses: int, seconds: float, deadline: Deadline) -> int:
    """How many hypotheses to go on with, so that neither the next step nor what becomes of them is too late.

    Parameters
    ----------
    width : int
        Number that was asked for.
    n_hypotheses : int
        Number in the last step.
    seconds : float
        What that step took.
    deadline : Deadline
        Without a limit the answer is ``width``, since nothing may depend on the clock.
    """
    if n_hypotheses < _TELLING or math.isinf(deadline.at):
        return width
    return min(width, max(_ALWAYS, int(_SHARE * deadline.remaining * n_hypotheses / max(seconds, 1e-6))))


@torch.inference_mode()
def complete(
    network: Network,
    memory: Tensor,
    prefixes: Sequence[tuple[int, ...]],
    grammar: Grammar,
    deadline: Deadline,
    generator: torch.Generator,
    width: int,
) -> tuple[list[Completion | None], dict[tuple[int, ...], Continuation]]:
    """Complete many prefixes at random, each as the network would, in one pass of the decoder.

    Prefixes and completions that begin alike share their steps as far as they do.

    Parameters
    ----------
    network : Network
        Network in evaluation mode.
    memory : Tensor, shape (1, latents, width)
        Encoded problem.
    prefixes : sequence of tuple of int
        Unfinished token sequences that the grammar allows, without the start token; one may occur several times.
    grammar : Grammar
        Rules for the expressions.
    deadline : Deadline
        Looked at between steps; what is not complete by then is ``None``.
    generator : torch.Generator
        Source of randomness, on the CPU whatever the network's device.
    width : int
        Most probable next tokens to report.

    Returns
    -------
    completions : list of (sequence, log-probability) or None
        In the order of ``prefixes``; log-probabilities are those of whole sequences, without the mask.
    continuations : dict
        Of every prefix passed on the way: its most probable next tokens that the grammar allows, and their
        probabilities among all that it allows, most probable first.
    """
    frontier = Frontier(network, memory, grammar)
    longest = max(len(prefix) for prefix in prefixes)
    forced = torch.full((len(prefixes), longest), -1, dtype=torch.int64)
    for i, prefix in enumerate(prefixes):
        forced[i, : len(prefix)] = torch.tensor(prefix)
    forced = forced.to(memory.device)
    found: list[Completion | None] = [None] * len(prefixes)
    continuations: dict[tuple[int, ...], Continuation] = {}
    waiting = torch.arange(len(prefixes), device=memory.device)
    rows = torch.zeros_like(waiting)  # hypothesis that each of them follows
    while len(waiting) and not deadline.passed:
        logits, allowed = frontier.expand()
        totals = frontier.log_probs[:, None] + logits.log_softmax(dim=1)
        probs = logits.masked_fill(~allowed, -math.inf).softmax(dim=1)
        top, tokens = probs.topk(width, dim=1)
        for prefix, some, chances in zip(frontier.tokens.tolist(), tokens.tolist(), top.tolist(), strict=True):
            n = sum(chance > 0.0 for chance in chances)
            continuations[tuple(prefix)] = some[:n], chances[:n]

        noise = torch.rand(len(waiting), 1, dtype=torch.float64, generator=generator).to(memory.device)
        # the first token at which the sum of probabilities exceeds the random number
        chosen = (probs.cumsum(dim=1)[rows] <= noise).sum(dim=1).clamp(max=v.SIZE - 1)
        if frontier.position < longest:
            given = forced[waiting, frontier.position]
            chosen = torch.where(given >= 0, given, chosen)
        values = totals[rows, chosen]
        done = frontier.completes(rows, chosen)
        sequences = frontier.sequences(rows[done], chosen[done])
        for i, sequence, value in zip(waiting[done].tolist(), sequences, values[done].tolist(), strict=True):
            found[i] = sequence, value
        waiting, rows, chosen = waiting[~done], rows[~done], chosen[~done]
        pairs, rows = (rows * v.SIZE + chosen).unique(return_inverse=True)
        if len(pairs):
            parents, last = pairs // v.SIZE, pairs % v.SIZE
            frontier.advance(parents, last, totals[parents, last])
    return found, continuations
