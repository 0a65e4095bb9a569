"""Local search: neighbours of the best equations so far, wherever those came from.

Two kinds of neighbours take turns. *Matched* ones (:mod:`nesymres_sk.search.local.matching`) put into an equation what
the data ask for at one of its places; they climb fast. *Mutated* ones (:mod:`nesymres_sk.search.local.mutations`) are
blind, and reach what no single place asks for. Constants of the parent are free again, and start from their fitted
values.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random
from typing import NamedTuple

import numpy as np

from nesymres_sk.archive import Archive
from nesymres_sk.deadline import Deadline
from nesymres_sk.expressions.canonical import canonical
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.search.candidate import Candidate, Proposer, identity
from nesymres_sk.search.grammar import Grammar
from nesymres_sk.search.library.library import Library
from nesymres_sk.search.local.matching import Matcher
from nesymres_sk.search.local.mutations import Mutator
from nesymres_sk.search.local.prefix import Prefix, regrouped, to_expression, to_prefix
from nesymres_sk.table import Table

#: Rows on which terms are matched, and calls after which new ones are drawn.
_ROWS, _LIFETIME = 64, 8
#: Places of an equation that are matched, terms for each, and how many of all these are fitted.
_PLACES, _EACH, _BEST = 24, 4, 24
#: Mutations tried for each one asked for, at most.
_ATTEMPTS = 30
#: Chance that a mutated equation is mutated once more.
_AGAIN = 0.25
#: Decades of error above the front over which a parent's chance falls by a factor e, and rounds without a better
#: front after which that doubles.
_NEAR, _PATIENCE = 0.15, 8
#: Part of the choice among changes that does not depend on their success.
_EXPLORATION = 0.3
#: What counts as better: the factor of the error, and how fast successes are forgotten.
_BETTER, _DECAY = 0.99, 0.97
_MATCH = "match"
#: Smallest and largest part of the neighbours that are matched.
_LEAST, _MOST = 0.3, 0.9
#: Chance that a parent is matched with other constants than its own.
_LOOSENED = 0.3


class _Parent(NamedTuple):
    prefix: Prefix
    expression: Expression
    weight: float


class LocalSearch(Proposer):
    """Neighbours of archived equations, none twice.

    Parameters
    ----------
    table : Table
        Data; candidates are in its units.
    archive : Archive
        Where the parents come from; read at each call.
    grammar : Grammar
        Operators, columns and length of the candidates. Constants may scale and shift whatever the operators are.
    rng : numpy.random.Generator
    """

    def __init__(self, table: Table, archive: Archive, grammar: Grammar, rng: np.random.Generator) -> None:
        self._table = table
        self._archive = archive
        self._grammar = grammar
        self._rng = rng
        self._random = Random(int(rng.integers(2**63)))
        self._sample = table.subset(_ROWS, rng)
        self._library = Library(self._sample.X, grammar.for_parts(), rng)
        self._age = 0
        self._renew()
        self._kinds = list(self._mutator.kinds)
        kinds = [*self._kinds, _MATCH]
        self._tried = dict.fromkeys(kinds, 1.0)
        self._won = dict.fromkeys(kinds, 0.1)
        self._seen: set[int] = set()
        self._visits: dict[tuple[int, ...], int] = {}
        self._made_by: list[tuple[str, ...]] = []
        self._bars: list[tuple[int, float]] = []
        self._stagnation = 0

    def _renew(self) -> None:
        """Draw new material, parts of the front among it."""
        library = self._library
        library.renew(entry.expression for entry in self._archive.front())
        self._matcher = Matcher(library.terms, library.values, self._sample, self._rng)
        terms = [to_prefix(term) for term in sorted(library.terms, key=lambda term: term.complexity)]
        self._mutator = Mutator(self._grammar, terms, self._table.x_scales.tolist(), self._random)
        self._age = 0

    def propose(self, n: int, deadline: Deadline) -> list[Candidate]:
        """Up to ``n`` new neighbours."""
        self._bars = [(entry.complexity, max(entry.error, self._archive.floor)) for entry in self._archive.front()]
        self._made_by = []
        parents = self._parents()
        if not parents:
            return []
        if self._age == _LIFETIME:
            self._renew()
        self._age += 1
        found = self._matched(parents, round(self._share_of_matching() * n), deadline)
        found += self._mutated(parents, n - len(found), deadline)
        return found

    def learn(self, candidates: Sequence[Candidate], errors: Sequence[float]) -> None:
        """Kinds of change that improved the front are chosen more often."""
        for kind in self._tried:
            self._tried[kind] *= _DECAY
            self._won[kind] *= _DECAY
        any_won = False
        for candidate, error, made_by in zip(candidates, errors, self._made_by, strict=True):
            won = error < _BETTER * self._bar(candidate.skeleton.complexity)
            any_won = any_won or won
            for kind in made_by:
                self._tried[kind] += 1.0 / len(made_by)
                self._won[kind] += won / len(made_by)
        self._stagnation = 0 if any_won else self._stagnation + 1

    def _share_of_matching(self) -> float:
        """Part of the neighbours that are matched: the larger, the more often they improve the front."""
        matched = self._won[_MATCH] / self._tried[_MATCH]
        mutated = sum(self._won[kind] for kind in self._kinds) / sum(self._tried[kind] for kind in self._kinds)
        return _LEAST + (_MOST - _LEAST) * matched / (matched + mutated)

    def _parents(self) -> list[_Parent]:
        """Equations on the front and near it; of those with the same values the shortest."""
        near = _NEAR * 2.0 ** min(self._stagnation / _PATIENCE, 3.0)
        parents = []
        errors: set[float] = set()
        bar = math.inf
        for entry in self._archive:
            error = max(entry.error, self._archive.floor)
            bar = min(bar, error)
            rounded = float(f"{error:.5e}")
            if rounded in errors:
                continue
            errors.add(rounded)
            visits = self._visits.get(entry.expression.tokens, 0)
            weight = math.exp(-math.log10(error / bar) / near) / (1.0 + visits)
            if weight > 1e-6:
                parents.append(_Parent(to_prefix(entry.expression), entry.expression, weight))
        return parents

    def _bar(self, complexity: int) -> float:
        """Smallest error of the front up to a complexity."""
        return min((error for size, error in self._bars if size <= complexity), default=math.inf)

    def _matched(self, parents: list[_Parent], n: int, deadline: Deadline) -> list[Candidate]:
        """Neighbours that should fit, of parents that are drawn without replacement."""
        found: list[Candidate] = []
        unit = self._table.y_scale
        order = sorted(parents, key=lambda parent: -parent.weight * self._random.expovariate(1.0))
        for parent in order:
            if len(found) >= n or deadline.passed:
                break
            self._visits[parent.expression.tokens] = self._visits.get(parent.expression.tokens, 0) + 1
            prefix = regrouped(self._loosened(parent.prefix), self._random)
            matches = self._matcher.matches(prefix, _PLACES, _EACH)
            # the scale one by one: its square may be beyond the range of numbers
            promise = [match.error / unit / unit / self._bar(match.complexity) for match in matches]
            best = 0
            for index in np.argsort(promise).tolist():
                if best >= _BEST or len(found) >= n:
                    break
                for neighbour in self._matcher.write(matches[index]):
                    best += self._take(neighbour, (_MATCH,), found)
        return found

    def _loosened(self, prefix: Prefix) -> Prefix:
        """The equation as it is, or with other constants.

        A constant inside a function does what the missing part of the equation should do, and is then far from what
        it will be; linear ones need no such help, because matching projects them out.
        """
        if self._random.random() >= _LOOSENED:
            return prefix
        return tuple(self._loosened_constant(item) if type(item) is float else item for item in prefix)

    def _loosened_constant(self, value: float) -> float:
        chance = self._random.random()
        if chance < 0.4:
            return math.copysign(1.0, value)
        return value * self._random.lognormvariate(0.0, 1.0) if chance < 0.7 else value

    def _mutated(self, parents: list[_Parent], n: int, deadline: Deadline) -> list[Candidate]:
        """Random neighbours."""
        prefixes = [parent.prefix for parent in parents]
        weights = np.cumsum([parent.weight for parent in parents]).tolist()
        rates = np.array([self._won[kind] / self._tried[kind] for kind in self._kinds])
        chances = np.cumsum(_EXPLORATION / len(rates) + (1.0 - _EXPLORATION) * rates / rates.sum()).tolist()
        found: list[Candidate] = []
        for attempt in range(_ATTEMPTS * n):
            if len(found) >= n or (attempt % 64 == 63 and deadline.passed):
                break
            neighbour: Prefix | None
            neighbour, mate = self._random.choices(prefixes, cum_weights=weights, k=2)
            made_by: tuple[str, ...] = ()
            while neighbour is not None and (not made_by or self._random.random() < _AGAIN):
                kind = self._random.choices(self._kinds, cum_weights=chances)[0]
                neighbour = self._mutator.kinds[kind](neighbour, mate)
                made_by += (kind,)
            if neighbour is not None:
                self._take(neighbour, made_by, found)
        return found

    def _take(self, neighbour: Prefix, made_by: tuple[str, ...], found: list[Candidate]) -> bool:
        """Add a neighbour if it is new and keeps the rules."""
        if len(neighbour) > 2 * self._grammar.max_length:
            return False
        # the hash of the tokens alone comes first: it costs a tenth of a canonical form
        if not self._is_new(hash(tuple(item if type(item) is int else None for item in neighbour))):
            return False
        form = canonical(to_expression(neighbour))
        if form is None or not form.variables or not self._grammar.allows(form):
            return False
        skeleton = form.skeleton()
        if not self._is_new(hash(identity(skeleton))):
            return False
        found.append(Candidate(skeleton, math.nan, form.constants))
        self._made_by.append(made_by)
        return True

    def _is_new(self, key: int) -> bool:
        if key in self._seen:
            return False
        self._seen.add(key)
        return True
