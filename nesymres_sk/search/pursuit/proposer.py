"""Equations met in the middle: a library of short functions matched against the target, transformed in many ways.

A search that writes equations token by token has to guess all of their parts at once. Here the outer structure is
solved instead: with the values of thousands of short functions at hand, linear algebra finds the few of them whose
sum, quotient or product is the target (:mod:`nesymres_sk.search.pursuit.views`), and for exact data the right ones
are unmistakable. What comes out are skeletons with a start for their constants; fit, polish and choice are the
solver's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from nesymres_sk.archive import Archive
from nesymres_sk.deadline import Deadline
from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.canonical import canonical
from nesymres_sk.expressions.expression import Expression, Node
from nesymres_sk.expressions.machine import evaluate_many
from nesymres_sk.expressions.squares import complete_squares
from nesymres_sk.search.candidate import Candidate, Proposer, identity
from nesymres_sk.search.grammar import Grammar
from nesymres_sk.search.library.library import Library
from nesymres_sk.search.pursuit.links import LINKS, Link
from nesymres_sk.search.pursuit.matcher import DEEPEST, DEPTH, Matcher, shortest_of_best
from nesymres_sk.search.pursuit.views import PLAIN, Part, Views, divides, part_of
from nesymres_sk.table import Table

Array = NDArray[np.float64]
#: A view waiting for its turn.
Task = Callable[[], list[Expression]]

#: Rows on which functions are matched.
_ROWS = 128
#: Relative error of an equation below which it is no coincidence.
_EXACT = 1e-20
#: Exact matches of a view, which are spellings of one law, that are returned: the shortest.
_N_EXACT = 4
#: Equations of the archive whose parts are functions to be matched.
_N_KNOWN = 6
#: Libraries that are drawn in search of a new match, before a call gives up.
_RENEWALS = 3
#: Views that are looked at after an exact match, this one included.
_FURTHER_VIEWS = 3
#: Shortest functions that may be above and below the line of a quotient.
_IN_QUOTIENTS = 1500
#: Factors of a sine that are tried, and how many of the shortest functions they are drawn from.
_FACTORS_OF_WAVES, _SHORT = 4, 60
#: Constants below functions in an equation that is not exact: with more of them a fit takes long and says little.
_MOST_INNER = 4
#: Functions of the target in which curves with asymptotes are sought.
_CURVED = [link for link in LINKS if link.operators in ((), ("inv",), ("exp",), ("log",), ("sqrt",))]
#: Those in which oscillations are sought after the target itself and its logarithm.
_OSCILLATING = [link for link in LINKS if link.operators in (("inv",), ("log",), ("sqrt",))]
_LINEAR = {v.operator_token(name) for name in ("add", "sub", "mul", "neg")}
_DIV = v.operator_token("div")
_LOG_TOKENS = math.log(v.SIZE)


class PursuitProposer(Proposer):
    """Skeletons from sparse combinations of library functions that reproduce the target.

    Each call draws new functions and looks at the target through all views, so that it is not exhausted; equations
    of the archive take part as functions and as factors, so that their residuals and ratios are matched as well.

    Parameters
    ----------
    table : Table
        Data, in the user's units.
    archive : Archive
        Of the search.
    grammar : Grammar
        Rules for the skeletons, scaling constants excepted.
    rng : numpy.random.Generator
    """

    def __init__(self, table: Table, archive: Archive, grammar: Grammar, rng: np.random.Generator) -> None:
        self._archive = archive
        self._grammar = grammar
        self._rng = rng
        rows = table.subset(_ROWS, rng)
        self._X, self._y = rows.X, rows.y
        # a few huge targets would decide alone, and what they say is little
        deviations = np.abs(rows.y - np.median(rows.y))
        given = np.ones(len(rows.y)) if rows.weight is None else np.sqrt(rows.weight)
        weight = given / (1.0 + deviations / (float(np.median(deviations)) or np.inf))
        self._library = Library(rows.X, grammar, rng)
        self._power = float(np.mean(np.square(rows.y * weight))) or 1.0
        self._views = Views(rows.X, rows.y, weight, given)
        self._matcher = Matcher(self._library, self._views)
        self._deadline = Deadline()
        self._given: set[int] = set()
        self._queue: Iterator[Task] = iter(())
        self._allowed = grammar.tokens.copy()
        self._allowed[[v.CONSTANT, v.operator_token("add"), v.operator_token("mul")]] = True

    def propose(self, n: int, deadline: Deadline) -> list[Candidate]:
        """Up to ``n`` new skeletons, view by view, until one of them is exact: of each length the best first."""
        self._deadline = deadline
        found: list[Candidate] = []
        solved: list[Candidate] = []
        further = _FURTHER_VIEWS
        renewals = 0
        while len(found) < n and further and not deadline.passed:
            task = next(self._queue, None)
            if task is None:
                if found or renewals == _RENEWALS:
                    break
                renewals += 1
                known = self._known()
                self._library.renew(known)
                self._queue = self._tasks(known) if self._library.terms else iter(())
                continue
            new, exact = self._best(task(), n - len(found), deadline)
            found += new
            if exact:
                solved += new
            if solved:
                further -= 1  # another view may show the same law in a shorter form
        return solved or found

    def _known(self) -> list[Expression]:
        """Equations of the archive, best first."""
        front = [entry.expression for entry in reversed(self._archive.front()) if entry.expression.variables]
        return front[:_N_KNOWN]

    def _tasks(self, known: Sequence[Expression]) -> Iterator[Task]:
        """Looks at the target, what finds most for its time first."""
        library, views, matcher = self._library, self._views, self._matcher
        polynomial = views.monomials() if self._allows("mul") else []
        quadratic = [part for part in polynomial if part.degree == 2]
        trends = [[], quadratic] if quadratic else [[]]
        ratios = views.ratios() if self._allows("div") else []
        exponents = [*trends, ratios] if ratios else trends
        links = [link for link in LINKS if self._allows(*link.operators)]
        identity_, inverse, exponential, root = LINKS[:4]

        def sums(link: Link, extra: Sequence[Part] = (), depth: int = DEPTH, factor: Part | None = None) -> Task:
            return lambda: matcher.match(views.sums(library, link, extra, factor), depth)

        def quotients(link: Link, monomials: bool, pairs: bool = False) -> Task:
            depth = DEPTH - monomials
            return lambda: matcher.match(views.quotients(library, link, _IN_QUOTIENTS, monomials), depth, pairs)

        def products(exponentials: bool) -> Task:
            return lambda: matcher.match(views.products(library, exponentials), DEPTH, pairs=True)

        def factors(link: Link) -> Task:
            return lambda: matcher.factors(link, polynomial, self._allows("inv"))

        def curves(link: Link) -> Task:
            return lambda: matcher.curves(link, exponents)

        def oscillations(link: Link) -> Task:
            return lambda: matcher.oscillations(link, trends)

        def groups(link: Link, replaced: bool = False) -> Task:
            return lambda: matcher.groups(link, self._allows, replaced)

        def waves(factor: Part | None = None) -> Task:
            return lambda: matcher.waves(factor)

        yield lambda: matcher.match(views.sums(library, identity_), DEEPEST, pairs=True)
        if self._allows("mul", "div"):
            yield groups(identity_)
        yield sums(identity_, polynomial, 2)
        if self._allows("div"):
            yield quotients(identity_, False)
        yield products(False)
        if self._allows("mul", "div"):
            yield groups(identity_, replaced=True)
        if self._allows("add", "mul"):
            yield lambda: matcher.additive(identity_, quadratic, self._allows, self._deadline)
        if self._allows("sin"):
            yield from (oscillations(link) for link in (identity_, exponential) if link in links)
        yield from (sums(link, polynomial, 2) for link in (inverse, root, exponential) if link in links)
        if self._allows("div"):
            yield from (quotients(link, False) for link in (inverse, root) if link in links)
            yield from (quotients(link, True) for link in (identity_, inverse, root) if link in links)
        if self._allows("exp"):
            yield from (curves(link) for link in links if link in _CURVED)
            yield products(True)
        if self._allows("sin"):
            yield from (oscillations(link) for link in links if link in _OSCILLATING)
        yield from (sums(link) for link in links[1:])
        yield factors(identity_)
        if self._allows("sin"):
            yield waves()
        yield from (sums(identity_, polynomial, factor=part) for part in self._parts(known[:2]))
        if self._allows("div"):
            yield quotients(identity_, False, pairs=True)
            yield from (quotients(link, True) for link in links[2:5])
        yield from (factors(link) for link in links[1:4])
        if self._allows("sin"):
            yield from (waves(part) for part in self._random_factors())

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

    def _best(self, equations: list[Expression], n: int, deadline: Deadline) -> tuple[list[Candidate], bool]:
        """New ones, the most accurate of each length before the next most accurate; whether one is exact."""
        equations = [equation for equation in equations if self._is_allowed(equation)]
        if not equations:
            return [], False
        values = evaluate_many(equations, self._X)
        with np.errstate(all="ignore"):
            errors = np.mean(np.square((values - self._y) * self._views.weight), axis=1) / self._power
        ranked = [i for i in shortest_of_best(errors, [len(e.tokens) for e in equations]) if np.isfinite(errors[i])]
        exact = [i for i in ranked if errors[i] < _EXACT]
        found: list[Candidate] = []
        for i in sorted(exact, key=lambda i: len(equations[i].tokens)) or ranked:
            if len(found) >= (_N_EXACT if exact else n) or (found and deadline.passed):
                break
            candidate = self._candidate(equations[i], bool(exact))
            if candidate is not None:
                found.append(candidate)
        return found, bool(exact and found)

    def _is_allowed(self, equation: Expression) -> bool:
        return len(equation.tokens) <= 2 * self._grammar.max_length and bool(self._allowed[list(equation.tokens)].all())

    def _candidate(self, equation: Expression, exact: bool) -> Candidate | None:
        """The canonical form with its constants free, if it is new and allowed."""
        fitted = canonical(equation)
        if fitted is not None and len(fitted.tokens) > self._grammar.max_length:
            fitted = complete_squares(fitted)  # of several columns, these are much shorter
        if fitted is None or not fitted.variables or len(fitted.tokens) > self._grammar.max_length:
            return None
        if len(fitted.constants) + 1 >= len(self._y) or not np.isfinite(fitted.constants).all():
            return None
        skeleton = fitted.skeleton()
        key = hash(identity(skeleton))
        if key in self._given or not self._grammar.allows(fitted):
            return None
        self._given.add(key)
        if not exact and _inner_constants(fitted.to_tree()) > _MOST_INNER:
            return None
        return Candidate(skeleton, -_LOG_TOKENS * skeleton.complexity, fitted.constants)


def _inner_constants(node: Node, inner: bool = False) -> int:
    """Constants below an operator that is not linear."""
    if node[0] == v.CONSTANT:
        return int(inner)
    if len(node) == 1:
        return 0
    if node[0] == _DIV:
        return _inner_constants(node[1], inner) + _inner_constants(node[2], True)
    inner = inner or node[0] not in _LINEAR
    return sum(_inner_constants(child, inner) for child in node[1:])
