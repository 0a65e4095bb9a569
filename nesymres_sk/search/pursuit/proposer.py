"""Equations met in the middle: a library of short functions matched against the target, transformed in many ways.

A search that writes equations token by token has to guess all of their parts at once. Here the outer structure is
solved instead: with the values of thousands of short functions at hand, linear algebra finds the few of them whose
sum, quotient or product is the target (:mod:`nesymres_sk.search.pursuit.views`, in the order of
:mod:`nesymres_sk.search.pursuit.looks`), and for exact data the right ones are unmistakable. What comes out are
skeletons with a start for their constants; fit, polish and choice are the solver's.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from nesymres_sk.archive import Archive
from nesymres_sk.deadline import Deadline
from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.canonical import canonical
from nesymres_sk.expressions.expression import Expression, Node
from nesymres_sk.expressions.factorisation import factorise
from nesymres_sk.expressions.machine import evaluate_many
from nesymres_sk.expressions.squares import complete_squares
from nesymres_sk.search.candidate import Candidate, Proposer, identity
from nesymres_sk.search.grammar import Grammar
from nesymres_sk.search.pursuit.looks import Look, Looks, description_length
from nesymres_sk.table import Table

Array = NDArray[np.float64]

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
#: Part of the time that the first call takes, since what it leaves may not have its turn for long, and seconds that are
#: not counted: a search that is hardly longer needs them for the others.
_FIRST_TURN, _NOT_COUNTED = 0.25, 1.0
#: Part of the time left that a call takes at most: tight rules may let nothing pass.
_PATIENCE = 0.5
#: Constants below functions in an equation that is not exact: with more of them a fit takes long and says little.
_MOST_INNER = 4
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
        self._power = float(np.mean(np.square(rows.y * weight))) or 1.0
        self._weight = weight
        self._looks = Looks(rows.X, rows.y, weight, given, grammar, rng)
        self._deadline = Deadline()
        self._given: set[int] = set()
        self._is_first = True
        self._queue: Iterator[Look] = iter(())
        self._waiting: Look | None = None
        self._allowed = grammar.tokens.copy()
        self._allowed[[v.CONSTANT, v.operator_token("add"), v.operator_token("mul")]] = True

    def propose(self, n: int, deadline: Deadline) -> list[Candidate]:
        """Up to ``n`` new skeletons, view by view, until one of them is exact; in the first call also single functions.

        The best of each length and those of the shortest description come first, in turns.

        With a deadline a call ends as soon as there are enough, so that others have their turns, too; the first takes a
        part of the time all the same, and none more than half of what is left, however few there are. Without one there
        may be no other call: what finds most for its time is always looked at, the rest while there are too few.
        """
        self._deadline = deadline
        timed = math.isfinite(deadline.at)
        part = _FIRST_TURN * max(deadline.remaining - _NOT_COUNTED, 0.0) if self._is_first else 0.0
        turn = Deadline(part) if timed else deadline
        patience = Deadline(max(part, _PATIENCE * deadline.remaining)) if timed else deadline
        first, self._is_first = self._is_first, False
        close: list[tuple[float, Expression]] = []
        solved: list[Candidate] = []
        further = _FURTHER_VIEWS
        renewals = 0
        while further and not patience.passed:
            look = self._waiting or next(self._queue, None)
            self._waiting = None
            if look is None:
                if close or renewals == _RENEWALS:
                    break
                renewals += 1
                self._queue = self._looks.tasks(self._known(), deadline)
                continue
            if len(close) >= n and (turn.passed or not look.productive):
                self._waiting = look
                break
            found = self._with_errors(look.task())
            exact = [equation for error, equation in found if error < _EXACT]
            solved += self._new(sorted(exact, key=lambda equation: len(equation.tokens)), _N_EXACT, True)
            close += found
            if solved:
                further -= 1  # another view may show the same law in a shorter form
        if solved:
            return solved
        # without them the front has gaps where it begins
        short = self._new(self._looks.singles() if first else [], n, False)
        return short + self._new(_in_turns(_by_layers(close), _by_length(close, len(self._y))), n - len(short), False)

    def _known(self) -> list[Expression]:
        """Equations of the archive, best first."""
        front = [entry.expression for entry in reversed(self._archive.front()) if entry.expression.variables]
        return front[:_N_KNOWN]

    def _with_errors(self, equations: list[Expression]) -> list[tuple[float, Expression]]:
        """Those that are allowed and defined on all rows."""
        equations = [equation for equation in equations if self._is_allowed(equation)]
        if not equations:
            return []
        values = evaluate_many(equations, self._X)
        with np.errstate(all="ignore"):
            errors = np.mean(np.square((values - self._y) * self._weight), axis=1) / self._power
        return [(error, e) for error, e in zip(errors.tolist(), equations, strict=True) if math.isfinite(error)]

    def _new(self, equations: Iterable[Expression], n: int, exact: bool) -> list[Candidate]:
        """Skeletons of the first ``n`` equations that are new."""
        found: list[Candidate] = []
        for equation in equations:
            if len(found) >= n or (found and self._deadline.passed):
                break
            candidate = self._candidate(equation, exact)
            if candidate is not None:
                found.append(candidate)
        return found

    def _is_allowed(self, equation: Expression) -> bool:
        return len(equation.tokens) <= 2 * self._grammar.max_length and bool(self._allowed[list(equation.tokens)].all())

    def _candidate(self, equation: Expression, exact: bool) -> Candidate | None:
        """The canonical form with its constants free, if it is new and allowed."""
        fitted = canonical(equation)
        if fitted is not None and len(fitted.tokens) > self._grammar.max_length:
            # squares of several columns are much shorter, products of sums as well
            fitted = complete_squares(fitted) or (factorise(fitted) if exact else None)
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


def _by_layers(close: list[tuple[float, Expression]]) -> list[Expression]:
    """Equations of the Pareto front of error and length first, then those of the front of the others, and so on."""
    last: list[float] = []  # errors of the layers up to this length
    layers: list[list[Expression]] = []
    for error, equation in sorted(close, key=lambda pair: (len(pair[1].tokens), pair[0])):
        layer = next((i for i, least in enumerate(last) if error < least), len(last))
        if layer == len(last):
            last.append(error)
            layers.append([])
        last[layer] = error
        layers[layer].append(equation)
    return [equation for layer in layers for equation in layer]


def _by_length(close: list[tuple[float, Expression]], n_rows: int) -> list[Expression]:
    """Equations in the order of their description length: the right one comes first where there is noise."""
    ordered = sorted(close, key=lambda pair: description_length(pair[1], pair[0], n_rows))
    return [equation for _, equation in ordered]


def _in_turns(first: list[Expression], second: list[Expression]) -> list[Expression]:
    """Two orders of the same equations, one from each in turn."""
    return list(dict.fromkeys(chain.from_iterable(zip(first, second, strict=True))))


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
