"""All looks at one target, what finds most for its time first: the order of a pursuit."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nesymres_sk.deadline import Deadline
from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.expression import Expression, Node
from nesymres_sk.expressions.machine import evaluate_many
from nesymres_sk.search.grammar import Grammar
from nesymres_sk.search.library.library import Library
from nesymres_sk.search.pursuit.links import LINKS, SHARES, Link
from nesymres_sk.search.pursuit.matcher import DEEPEST, DEPTH, Matcher
from nesymres_sk.search.pursuit.parts import PLAIN, Part, divides, part_of
from nesymres_sk.search.pursuit.separation import separated
from nesymres_sk.search.pursuit.singles import singles
from nesymres_sk.search.pursuit.symmetry import combined_pair
from nesymres_sk.search.pursuit.trees import product
from nesymres_sk.search.pursuit.views import Views

Array = NDArray[np.float64]
Task = Callable[[], list[Expression]]
_IDENTITY, _INVERSE, _EXPONENTIAL, _ROOT = LINKS[:4]

#: Shortest functions that may be above and below the line of a quotient.
_IN_QUOTIENTS = 1500
#: Factors of a sine that are tried, and how many of the shortest functions they are drawn from.
_FACTORS_OF_WAVES, _SHORT = 4, 60
#: Equations of each look at a target without its factors, and the relative error from which on all others go.
_FEW, _EXACT = 3, 1e-20
#: Links, the first ones, below which sums of inverse powers are sought.
_FREQUENT = 4
#: Nats for a node.
_NODE = math.log(v.SIZE)
#: Functions of the target in which curves with asymptotes are sought.
_CURVED = [link for link in LINKS if link.operators in ((), ("inv",), ("exp",), ("log",), ("sqrt",))]
#: Those in which oscillations are sought after the target itself and its logarithm.
_OSCILLATING = [link for link in LINKS if link.operators in (("inv",), ("log",), ("sqrt",))]


class Look(NamedTuple):
    """A look that waits for its turn.

    Attributes
    ----------
    task : callable
        Returns equations.
    productive : bool
        Whether it is worth its time even where many equations have been found.
    """

    task: Task
    productive: bool


class Looks:
    """The views of one target, one after the other.

    Parameters
    ----------
    X : array of shape (n, d)
    y : array of shape (n,)
    weight : array of shape (n,)
        Square roots of the weights of the rows.
    given : array of shape (n,)
        The same without what was done for the sake of robustness.
    grammar : Grammar
    rng : numpy.random.Generator
    """

    def __init__(
        self, X: Array, y: Array, weight: Array, given: Array, grammar: Grammar, rng: np.random.Generator
    ) -> None:
        self._X = X
        self._grammar = grammar
        self._rng = rng
        self._library = Library(X, grammar, rng)
        self._views = Views(X, y, weight, given)
        self._matcher = Matcher(self._library, self._views)

    def tasks(self, known: Sequence[Expression], deadline: Deadline) -> Iterator[Look]:
        """The looks, after new functions were drawn.

        Parameters
        ----------
        known : sequence of Expression
            Fitted equations whose parts are functions, too, and the first of them factors.
        deadline : Deadline
            What takes long looks at it.
        """
        self._library.renew(known)
        if self._library.terms:
            yield from (Look(task, True) for task in self._productive(deadline))
            yield from (Look(task, False) for task in self._further(known))

    def singles(self) -> list[Expression]:
        """The best functions of the present library by themselves."""
        return singles(self._library, self._views.y, self._views.weight)

    def _productive(self, deadline: Deadline, whole: bool = True) -> Iterator[Task]:
        """What finds most for its time, without what takes longer if this is not the whole target."""
        polynomial = self._polynomial
        yield lambda: self._matcher.match(self._views.sums(self._library, _IDENTITY), DEEPEST, pairs=True)
        if self._allows("mul", "div"):
            yield self._groups(_IDENTITY)
        yield self._sums(_IDENTITY, polynomial, 2)
        if self._allows("div"):
            yield self._quotients(_IDENTITY, False)
            yield self._quotients(_IDENTITY, True)
        yield self._products(False)
        if whole and self._allows("add", "mul"):
            yield lambda: self._matcher.additive(_IDENTITY, self._quadratic, self._allows, deadline)
        if self._allows("mul", "div"):
            yield from self._of_fewer_columns(deadline, whole)
            if whole:
                yield self._groups(_IDENTITY, replaced=True)
            # what is not exact here is long as a rule, and would take the places of others
            yield lambda: self._best(self._powers_of_columns(), 1)
            if self._allows("add", "sub", "sqrt"):
                yield lambda: self._best(self._matcher.quadratics(), 1)
        yield from (self._sums(link, polynomial, 2) for link in (_INVERSE, _ROOT, _EXPONENTIAL) if link in self._links)
        if self._allows("div"):
            for monomials in (False, True):
                yield from (self._quotients(link, monomials) for link in (_INVERSE, _ROOT) if link in self._links)
        yield from (self._sums(link) for link in self._links[1:])
        if whole and self._allows("mul", "div"):
            yield lambda: self._best([e for link in (_IDENTITY, _INVERSE, _ROOT) for e in self._modulated(link)], 1)
            yield from (partial(self._of_share, share) for share in SHARES)
        if whole and self._allows("sin"):
            yield from (self._oscillations(link) for link in (_IDENTITY, _EXPONENTIAL) if link in self._links)
        if whole and self._allows("exp"):
            yield from (self._curves(link) for link in self._links if link in _CURVED)
        yield self._matcher.simple_groups

    def _further(self, known: Sequence[Expression]) -> Iterator[Task]:
        polynomial, links = self._polynomial, self._links
        if self._allows("exp"):
            yield self._products(True)
        if self._allows("sin"):
            yield from (self._oscillations(link) for link in links if link in _OSCILLATING)
        yield self._factors(_IDENTITY)
        if self._allows("sin"):
            yield self._waves()
        yield from (self._sums(_IDENTITY, polynomial, factor=part) for part in self._parts(known[:2]))
        if self._allows("div"):
            yield self._quotients(_IDENTITY, False, pairs=True)
            yield from (self._quotients(link, True) for link in links[2:5])
        yield from (self._factors(link) for link in links[1:4])
        if self._allows("sin"):
            yield from (self._waves(part) for part in self._random_factors())

    @cached_property
    def _links(self) -> list[Link]:
        return [link for link in LINKS if self._allows(*link.operators)]

    @cached_property
    def _polynomial(self) -> list[Part]:
        return self._views.monomials() if self._allows("mul") else []

    @cached_property
    def _inverse_powers(self) -> list[Part]:
        return self._views.monomials(inverse=True)

    @cached_property
    def _quadratic(self) -> list[Part]:
        return [part for part in self._polynomial if part.degree == 2]

    @cached_property
    def _trends(self) -> list[list[Part]]:
        return [[], self._quadratic] if self._quadratic else [[]]

    @cached_property
    def _exponents(self) -> list[list[Part]]:
        ratios = self._views.ratios() if self._allows("div") else []
        return [*self._trends, ratios] if ratios else self._trends

    def _sums(self, link: Link, extra: Sequence[Part] = (), depth: int = DEPTH, factor: Part | None = None) -> Task:
        return lambda: self._matcher.match(self._views.sums(self._library, link, extra, factor), depth)

    def _powers_of_columns(self) -> list[Expression]:
        """Polynomials, with inverse powers for the more frequent links."""
        out = []
        for place, link in enumerate(self._links):
            powers = self._inverse_powers if place < _FREQUENT else self._polynomial
            out += self._matcher.of_base(self._views.sums(self._library, link, powers))
        return out

    def _modulated(self, link: Link) -> list[Expression]:
        return self._matcher.modulated(link) if link in self._links else []

    def _quotients(self, link: Link, monomials: bool, pairs: bool = False) -> Task:
        def task() -> list[Expression]:
            view = self._views.quotients(self._library, link, _IN_QUOTIENTS, monomials)
            return self._matcher.match(view, DEPTH - monomials, pairs)

        return task

    def _products(self, exponentials: bool) -> Task:
        return lambda: self._matcher.match(self._views.products(self._library, exponentials), DEPTH, pairs=True)

    def _groups(self, link: Link, replaced: bool = False) -> Task:
        return lambda: self._matcher.groups(link, self._allows, replaced)

    def _factors(self, link: Link) -> Task:
        return lambda: self._matcher.factors(link, self._polynomial, self._allows("inv"))

    def _curves(self, link: Link) -> Task:
        return lambda: self._matcher.curves(link, self._exponents)

    def _oscillations(self, link: Link) -> Task:
        return lambda: self._matcher.oscillations(link, self._trends)

    def _waves(self, factor: Part | None = None) -> Task:
        return lambda: self._matcher.waves(factor)

    def _of_share(self, share: Link) -> list[Expression]:
        """Some looks at what is missing to one, or at its odds, if the target is between 0 and 1."""
        transformed = share.apply(self._views.y)
        if transformed is None:
            return []
        target, slope = transformed
        if not (target > 0.0).any():
            return []
        # rows without weight have a logarithm, too
        target = np.where(target > 0.0, target, target[target > 0.0].min())
        views = Views(self._X, target, self._views.weight * slope, self._views.given * slope)
        matcher = Matcher(self._library, views)
        found = [
            *matcher.groups(_IDENTITY, self._allows),
            *matcher.match(views.sums(self._library, _IDENTITY), DEPTH),
            *matcher.match(views.products(self._library), DEPTH, pairs=True),
            *matcher.match(views.sums(self._library, _EXPONENTIAL), DEPTH),
        ]
        return self._best([Expression.from_tree(share.undone(equation.to_tree())) for equation in found], 1)

    def _of_fewer_columns(self, deadline: Deadline, whole: bool) -> Iterator[Task]:
        """The same looks where columns that are factors are divided out, or one column stands for two.

        Both are tried for the whole target. What is left of it has only one of them, lest these looks double with
        every column.
        """
        columns, y = self._views.columns, self._views.y
        with np.errstate(all="ignore"):
            without_factor = separated(columns, y, self._views.weight, self._allows)
            joined = combined_pair(columns, y, self._views.given, self._allows)
        if without_factor is not None:
            factor, places = without_factor
            yield from self._looks_at([columns[place] for place in places], factor, deadline)
        if joined is not None and (whole or without_factor is None):
            column, places = joined
            yield from self._looks_at([*(columns[place] for place in places), column], None, deadline)

    def _looks_at(self, columns: Sequence[Part], factor: Part | None, deadline: Deadline) -> Iterator[Task]:
        """Looks at what is left of the target beside a factor, as a function of other columns."""
        factors = np.ones(len(self._views.y)) if factor is None else factor.values
        scale = np.abs(factors)
        inner = Looks(
            np.asfortranarray(np.column_stack([column.values for column in columns])),
            self._views.y / factors,
            self._views.weight * scale,
            self._views.given * scale,
            Grammar(self._grammar.max_length, len(columns), self._grammar.operators, self._grammar.allow_constants),
            self._rng,
        )
        nodes = [column.node for column in columns]

        def whole(task: Task) -> list[Expression]:
            trees = (_substituted(equation.to_tree(), nodes) for equation in inner._best(task()))
            return [Expression.from_tree(tree if factor is None else product([factor.node, tree])) for tree in trees]

        inner._library.renew()
        if inner._library.terms:
            yield from (partial(whole, task) for task in inner._productive(deadline, whole=False))

    def _best(self, equations: list[Expression], n: int = _FEW) -> list[Expression]:
        """The exact ones if there are any, else the few best: not so many that no room is left for others."""
        if not equations:
            return []
        y, weight = self._views.y, self._views.weight
        with np.errstate(all="ignore"):
            errors = np.mean(np.square((evaluate_many(equations, self._X) - y) * weight), axis=1)
        errors = errors / (float(np.mean(np.square(y * weight))) or 1.0)
        exact = np.flatnonzero(errors <= _EXACT)
        if len(exact):
            return [equations[i] for i in exact]
        lengths = [description_length(e, error, len(y)) for e, error in zip(equations, errors.tolist(), strict=True)]
        return [equations[i] for i in np.argsort(lengths)[:n]]

    def _allows(self, *operators: str) -> bool:
        return all(self._grammar.tokens[v.operator_token(operator)] for operator in operators)

    def _parts(self, known: Sequence[Expression]) -> list[Part]:
        """Fitted equations as functions of a view."""
        parts = []
        for expression in known:
            values = evaluate_many([expression], self._X)[0]
            if np.isfinite(values).all() and divides(values) and len(expression.variables) > 0:
                parts.append(Part(PLAIN, expression.to_tree(), values))
        return parts

    def _random_factors(self) -> list[Part]:
        """Short functions that are nowhere zero, at random."""
        values = self._library.values[:_SHORT]
        rows = np.flatnonzero(divides(values))
        some = self._rng.choice(rows, min(_FACTORS_OF_WAVES, len(rows)), replace=False).tolist()
        return [part_of(PLAIN, self._library.terms[i], self._library.values[i]) for i in some]


def description_length(equation: Expression, error: float, n_rows: int) -> float:
    """Nats for an equation and for what it leaves of some rows, a relative squared error: rounding at least."""
    if not math.isfinite(error):
        return math.inf
    return 0.5 * n_rows * math.log(max(error, _EXACT)) + _NODE * len(equation.tokens)


def _substituted(node: Node, columns: Sequence[Node]) -> Node:
    """A tree with nodes in the place of its variables."""
    if v.is_variable(node[0]):
        return columns[node[0] - v.FIRST_VARIABLE]
    if len(node) == 1 or node[0] == v.CONSTANT:
        return node
    return (node[0], *(_substituted(child, columns) for child in node[1:]))
