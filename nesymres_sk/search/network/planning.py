"""Monte-Carlo tree search over the decoder with the error of the fitted equation as reward (Shojaee et al. 2023).

A node is a prefix, an action the next token. A selection walks down from the empty prefix by the rule of PUCT, with
the network's probabilities as prior and the best reward below a child as its value; where it leaves the tree, the
network completes the prefix. What came of a completion is known only after it was fitted, so the search is cut in
two: :meth:`PlanningProposer.propose` makes many selections and completes them all at once, and
:meth:`PlanningProposer.learn` takes the rewards up the tree. Within one call a selection counts as a visit at once,
which sends the next one elsewhere.

Unlike in the released code of TPSR, every completion is a candidate of its own, whether the walk ever comes back to
it or not; no token is committed; and nothing is asked of the network or of the fit twice: the next tokens of every
prefix that a completion passes are kept, and rewards belong to canonical forms.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from nesymres_sk.deadline import Deadline
from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.canonical import canonical
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.search.candidate import Candidate, Identity, Proposer, identity
from nesymres_sk.search.grammar import Grammar
from nesymres_sk.search.network.views import show
from nesymres_sk.table import Table

if TYPE_CHECKING:
    import torch

    from nesymres_sk.model.network import Network
    from nesymres_sk.search.network.decoding import Completion, Continuation

Prefix = tuple[int, ...]

#: Children of a node: the most probable next tokens.
_WIDTH = 16
#: Weight of the exploration term.
_EXPLORATION = 1.0
#: Weight of brevity in the reward.
_BREVITY = 0.1
#: Selections at a time: more are cheaper, fewer are better informed.
_SELECTIONS = 128
#: Passes without anything new after which the search is over.
_PATIENCE = 8
#: Reward of a constant, without the part for brevity: what is no better has no value.
_WORTHLESS = 0.5
_ARITY: tuple[int, ...] = tuple(v.ARITY.tolist())


@dataclass(slots=True)
class _Node:
    """Statistics of the children of a prefix."""

    tokens: list[int]
    priors: list[float]
    visits: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    open: list[bool] = field(default_factory=list)

    def __post_init__(self) -> None:
        n = len(self.tokens)
        self.visits, self.values, self.open = [0] * n, [0.0] * n, [True] * n


class PlanningProposer(Proposer):
    """Skeletons from a tree search whose rewards come from the fit.

    Parameters
    ----------
    network : Network
        Network in evaluation mode, on any device; it is only read.
    table : Table
        Data.
    grammar : Grammar
        Rules for the skeletons.
    seed : int
        Seed of the completions and of the rows that the network is shown.

    Raises
    ------
    ValueError
        If the grammar allows longer expressions than the network knows.
    """

    def __init__(self, network: Network, table: Table, grammar: Grammar, *, seed: int = 0) -> None:
        import torch

        if grammar.max_length > network.config.max_length:
            raise ValueError(
                f"max_length is {grammar.max_length}, but the network writes at most {network.config.max_length} tokens"
            )
        self._network = network
        self._table = table
        self._grammar = grammar
        self._rng = np.random.default_rng(seed)
        self._generator = torch.Generator().manual_seed(seed)
        self._memory: torch.Tensor | None = None
        self._nodes: dict[Prefix, _Node] = {}
        self._continuations: dict[Prefix, Continuation] = {}
        self._rewards: dict[Identity, float | None] = {}  # None: proposed and not fitted yet
        self._paths: dict[Identity, list[Prefix]] = {}  # completions that wait for the reward of their form
        self._spare: list[Candidate] = []
        self._highest = 1.0

    def propose(self, n: int, deadline: Deadline) -> list[Candidate]:
        """Up to ``n`` new skeletons, most probable first."""
        from nesymres_sk.search.network.decoding import complete, encode_problem

        if self._memory is None:
            batch = show(self._table.X, self._table.y, self._grammar, self._rng)
            self._memory = encode_problem(self._network, batch)
        found, self._spare = self._spare, []
        barren = 0
        while len(found) < n and barren < _PATIENCE and not deadline.passed:
            selected = [leaf for _ in range(_SELECTIONS) if (leaf := self._select()) is not None]
            if not selected:
                break  # every completion within reach has been made
            unfinished = [leaf for leaf, _ in selected if _missing(leaf)]
            finished = [completion for completion in selected if not _missing(completion[0])]
            if unfinished:
                completions, continuations = complete(
                    self._network, self._memory, unfinished, self._grammar, deadline, self._generator, _WIDTH
                )
                self._continuations.update(continuations)
                for prefix in unfinished:
                    self._expand(prefix)
                finished += [completion for completion in completions if completion is not None]
            new = [candidate for completion in finished for candidate in self._take(*completion)]
            barren = 0 if new else barren + 1
            found += new
        self._spare = found[n:]
        return sorted(found[:n], key=lambda candidate: -candidate.log_prob)

    def learn(self, candidates: Sequence[Candidate], errors: Sequence[float]) -> None:
        """Take the rewards of the last proposals up the tree."""
        variance = self._table.variance or 1.0
        for candidate, error in zip(candidates, errors, strict=True):
            key = identity(candidate.skeleton)
            brevity = math.exp(-candidate.skeleton.complexity / self._grammar.max_length)
            reward = 1.0 / (1.0 + error / variance) + _BREVITY * brevity if math.isfinite(error) else 0.0
            self._rewards[key] = reward
            self._highest = max(self._highest, reward)
            for path in self._paths.pop(key, ()):
                self._back_up(path, reward)

    def _select(self) -> Completion | None:
        """Walk to a prefix outside the tree or to a complete expression, and its log-probability on the way there.

        Returns ``None`` if the tree has been walked to all its ends.
        """
        while True:
            prefix: Prefix = ()
            log_prob = 0.0
            above: tuple[_Node, int] | None = None
            while (node := self._nodes.get(prefix)) is not None and (child := self._best_child(node)) is not None:
                node.visits[child] += 1
                above = node, child
                prefix = (*prefix, node.tokens[child])
                log_prob += math.log(node.priors[child])
                if not _missing(prefix):
                    node.open[child] = False
                    return prefix, log_prob
            if node is None:
                self._expand(prefix)
                return prefix, log_prob
            if above is None:
                return None
            above[0].open[above[1]] = False  # nothing is left below this child: walk again

    def _expand(self, prefix: Prefix) -> None:
        """Take a prefix into the tree, if the next tokens are known."""
        if prefix not in self._nodes and prefix in self._continuations:
            self._nodes[prefix] = _Node(*self._continuations[prefix])

    def _best_child(self, node: _Node) -> int | None:
        spread = self._highest - _WORTHLESS
        explore = _EXPLORATION * math.sqrt(1 + sum(node.visits))
        best, chosen = -math.inf, None
        for i, (value, prior, visits) in enumerate(zip(node.values, node.priors, node.visits, strict=True)):
            score = max(0.0, value - _WORTHLESS) / spread + explore * prior / (1 + visits)
            if node.open[i] and score > best:
                best, chosen = score, i
        return chosen

    def _take(self, sequence: Prefix, log_prob: float) -> list[Candidate]:
        """The candidate of a completion, if its canonical form is new; otherwise its reward goes up the tree."""
        raw = Expression.skeleton_of(sequence)
        form = canonical(raw)
        if form is None or not form.variables:
            return []
        skeleton = form if self._grammar.allows(form) else raw
        key = identity(skeleton)
        if key not in self._rewards:
            self._rewards[key] = None
            self._paths[key] = [sequence]
            return [Candidate(skeleton, log_prob)]
        reward = self._rewards[key]
        if reward is None:
            self._paths.setdefault(key, []).append(sequence)
        else:
            self._back_up(sequence, reward)
        return []

    def _back_up(self, sequence: Prefix, reward: float) -> None:
        for length, token in enumerate(sequence):
            node = self._nodes.get(sequence[:length])
            if node is None:
                return
            if token in node.tokens:
                child = node.tokens.index(token)
                node.values[child] = max(node.values[child], reward)


def _missing(prefix: Prefix) -> int:
    """Operands that a prefix lacks."""
    return 1 + sum(_ARITY[token] - 1 for token in prefix)
