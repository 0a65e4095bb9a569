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
from nesymres_sk.search.pursuit.links import CUSTOMARY, FROM_ONE, LINKS, Link
from nesymres_sk.search.pursuit.matcher import DEEPEST, DEPTH, Matcher
from nesymres_sk.search.pursuit.modulated import modulated_views
from nesymres_sk.search.pursuit.parts import PLAIN, Part, divides, part_of
from nesymres_sk.search.pursuit.powers import power_views
from nesymres_sk.search.pursuit.rational import Quotients
from nesymres_sk.search.pursuit.rational_in_function import QuotientsInFunction, functions_of
from nesymres_sk.search.pursuit.reductions import Reduction, reductions, without_factor
from nesymres_sk.search.pursuit.singles import singles
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
#: Where the least difference from one is larger, one is hardly a number of the law; shares are always looked at.
_LARGEST_DIFFERENCE = 1.0
#: Nats for a node.
_NODE = math.log(v.SIZE)
#: Functions of the target in which curves with asymptotes are sought.
_CURVED = [link for link in LINKS if link.operators in ((), ("inv",), ("exp",), ("log",), ("sqrt",))]
#: Those that may be quotients of polynomials and a function.
_WITH_FUNCTION = [link for link in LINKS if link.operators in ((), ("exp",), ("log",), ("sqrt",), ("asin",), ("acos",))]
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
        if self._allows("add", "mul", "div"):
            yield lambda: self._rational(self._links)
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
        if self._allows("add", "mul", "div"):
            yield lambda: self._rational([link for link in self._links if link in _WITH_FUNCTION], functions=True)
        yield from (self._sums(link, polynomial, 2) for link in (_INVERSE, _ROOT, _EXPONENTIAL) if link in self._links)
        if self._allows("div"):
            for monomials in (False, True):
                yield from (self._quotients(link, monomials) for link in (_INVERSE, _ROOT) if link in self._links)
        yield from (self._sums(link) for link in self._links[1:])
        if self._allows("mul", "div"):
            if self._allows("exp", "log"):
                yield lambda: self._best(self._powers(), 1)
            if whole:
                yield lambda: self._best(self._modulated(_IDENTITY, _INVERSE, _ROOT), 1)
            if self._allows("div"):
                yield lambda: self._best(self._modulated(_IDENTITY, ratios=True), 1)
            yield lambda: self._best(self._in_customary_units(whole), 1)
            for link in FROM_ONE:
                if self._allows(*link.operators):
                    yield from self._from_one(link, deadline, whole)
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

    def _rational(self, links: Sequence[Link], functions: bool = False) -> list[Expression]:
        """Exact quotients of polynomials, of the columns alone or with a function, for the first link that has one."""
        columns, n = self._views.columns, len(self._views.y)
        quotients = QuotientsInFunction(columns, functions_of(self._library), n) if functions else Quotients(columns, n)
        for link in links:
            linked = self._views.linked(link, robust=False)
            found = quotients.equation(linked[0]) if linked is not None and linked[1].all() else None
            if found is not None:
                return [Expression.from_tree(link.undone(found.to_tree()))]
        return []

    def _powers_of_columns(self) -> list[Expression]:
        """Polynomials, with inverse powers for the more frequent links."""
        out = []
        for place, link in enumerate(self._links):
            powers = self._inverse_powers if place < _FREQUENT else self._polynomial
            out += self._matcher.of_base(self._views.sums(self._library, link, powers))
        return out

    def _in_customary_units(self, whole: bool) -> list[Expression]:
        """Logarithms to other bases, and arcs in degrees; decibels alone of what is left of a target."""
        out = []
        for link in CUSTOMARY if whole else CUSTOMARY[:1]:
            if self._allows("mul", *link.operators):
                out += self._matcher.match(self._views.sums(self._library, link), DEPTH, pairs=link is CUSTOMARY[0])
                out += self._matcher.of_base(self._views.sums(self._library, link, self._inverse_powers))
        return out

    def _modulated(self, *links: Link, ratios: bool = False) -> list[Expression]:
        views = (modulated_views(self._library, self._views, link, ratios) for link in links if link in self._links)
        return [equation for some in views for view in some for equation in self._matcher.of_base(view)]

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

    def _powers(self, matcher: Matcher | None = None) -> list[Expression]:
        """Powers with exponents that vary, and exponentials of such."""
        matcher = matcher or self._matcher
        out = self._with_powers(matcher)
        logarithm = self._transformed(_EXPONENTIAL, matcher.views)
        if logarithm is not None:
            out += [Expression.from_tree(_EXPONENTIAL.undone(e.to_tree())) for e in self._with_powers(logarithm)]
        return out

    def _with_powers(self, matcher: Matcher) -> list[Expression]:
        views = power_views(self._library, matcher.views, self._allows)
        return [equation for view in views for equation in matcher.of_base(view)]

    def _transformed(self, link: Link, views: Views) -> Matcher | None:
        """The same for a function of the target, ``None`` where it is not defined."""
        transformed = link.apply(views.y)
        if transformed is None:
            return None
        target, slope = transformed
        return Matcher(self._library, Views(self._X, target, views.weight * slope, views.given * slope))

    def _from_one(self, link: Link, deadline: Deadline, whole: bool) -> Iterator[Task]:
        """Looks at what is missing to one or beyond it, and what is left of it beside a factor; at shares closely."""
        transformed = self._transformed(link, self._views)
        if transformed is None or not (transformed.views.y > 0.0).any():
            return
        # rows without weight have a logarithm, too
        y = transformed.views.y
        transformed.views.y = np.where(y > 0.0, y, y[y > 0.0].min())
        is_share = link.operators in ((), ("inv",)) and link.high == 1.0
        if not is_share and y.min() > _LARGEST_DIFFERENCE:
            return

        def task() -> list[Expression]:
            found = transformed.groups(_IDENTITY, self._allows)
            found += self._powers(transformed) if is_share else self._with_powers(transformed)
            if is_share:
                found += [
                    *transformed.match(transformed.views.sums(self._library, _IDENTITY), DEPTH),
                    *transformed.match(transformed.views.products(self._library), DEPTH, pairs=True),
                    *transformed.match(transformed.views.sums(self._library, _EXPONENTIAL), DEPTH),
                ]
            return self._best([Expression.from_tree(link.undone(equation.to_tree())) for equation in found], 1)

        yield task
        rest = without_factor(transformed.views, self._allows) if whole else None
        if rest is not None:
            yield from self._looks_at(rest, transformed.views, lambda node: link.undone(rest.whole(node)), deadline)

    def _of_fewer_columns(self, deadline: Deadline, whole: bool) -> Iterator[Task]:
        """The same looks where columns that are factors are divided out, or one column stands for two, or is added."""
        for reduction in reductions(self._views, self._allows, whole):
            yield from self._looks_at(reduction, self._views, reduction.whole, deadline)

    def _looks_at(
        self, reduction: Reduction, views: Views, outside: Callable[[Node], Node], deadline: Deadline
    ) -> Iterator[Task]:
        """Looks at what is left of the target of some views; ``outside`` makes its trees those of the whole target."""
        columns = reduction.columns
        inner = Looks(
            np.asfortranarray(np.column_stack([column.values for column in columns])),
            reduction.y,
            views.weight * reduction.scale,
            views.given * reduction.scale,
            Grammar(self._grammar.max_length, len(columns), self._grammar.operators, self._grammar.allow_constants),
            self._rng,
        )
        nodes = [column.node for column in columns]

        def whole(task: Task) -> list[Expression]:
            trees = (_substituted(equation.to_tree(), nodes) for equation in inner._best(task()))
            return [Expression.from_tree(outside(tree)) for tree in trees]

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
