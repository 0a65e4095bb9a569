"""A library of short functions and their values on a few rows, to be matched against a target.

Most entries are distinct random trees of the prior without constants, in the user's own units, because laws in
natural units have unit coefficients. The others have inner constants drawn relative to the data, or are parts of
equations that are known already. The short entries stay; the others change from one call of :meth:`Library.renew`
to the next, so that a search that goes on sees new ones.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.expression import Expression, subtree_end
from nesymres_sk.expressions.machine import evaluate_many
from nesymres_sk.search.grammar import Grammar
from nesymres_sk.search.library.customary import customary_terms
from nesymres_sk.search.library.inner_constants import draw_terms
from nesymres_sk.search.library.short_functions import core_terms
from nesymres_sk.search.random_skeletons import RandomSkeletons

#: Longest entries; what is longer is found as a combination of entries.
_LONGEST = 14
#: The shortest of all enumerated functions and how many others a call draws of them; random trees that stay, and
#: how many others a call draws.
_N_CORE, _N_OTHERS, _N_KEPT, _N_DRAWN = 1600, 1000, 1000, 1000
#: Functions with inner constants that a call draws: of columns, and of so many short entries.
_N_OF_COLUMNS, _N_OF_OTHERS, _N_OPERANDS = 800, 800, 60
#: Relative change of a constant for the derivative with respect to it.
_STEP = 1e-6
#: Values beyond this, or that vary by less than this share, are of no use.
_LARGEST, _LEAST_SPREAD = 1e100, 1e-9


class Library:
    """Functions of the columns with their values.

    Parameters
    ----------
    X : float64 array of shape (n, d)
        Rows to evaluate on.
    grammar : Grammar
        Operators and columns; constants are drawn only if it allows them.
    rng : numpy.random.Generator

    Attributes
    ----------
    terms : list of Expression
        Distinct functions, the short before the long, constants with their values.
    values : float64 array of shape (len(terms), n)
        Finite, not constant, in the user's units.
    sizes : int array of shape (len(terms),)
        Nodes of each.
    natural : bool array of shape (len(terms),)
        Whether a term has no constant, or that of a customary unit.
    common : int array of shape (len(terms),)
        The terms, the common before the rare: those that are enumerated, then the others, the short before the long.
    families : int array of shape (len(terms),)
        The same for terms that differ in their constants only.
    moving : int array of shape (k,)
        Terms with exactly one constant.
    tangents : float64 array of shape (k, n)
        Their derivatives with respect to it, finite.
    """

    def __init__(self, X: NDArray[np.float64], grammar: Grammar, rng: np.random.Generator) -> None:
        self._X = X
        self._grammar = grammar
        self._rng = rng
        parts = grammar.for_parts()
        plain = Grammar(min(_LONGEST, grammar.max_length), grammar.n_variables, parts.constraints, False)
        self._trees = iter(RandomSkeletons(plain, rng))
        enumerated = core_terms(parts)
        self._places = {tokens: place for place, tokens in enumerate(enumerated)}
        self._core = self._evaluate([Expression(tokens) for tokens in enumerated[:_N_CORE]])
        self._others = enumerated[_N_CORE:]
        self._customary = self._evaluate(customary_terms(grammar))
        self._kept = self._evaluate([])
        self.terms: list[Expression] = []
        self.values: NDArray[np.float64] = np.empty((0, len(X)))
        self.sizes: NDArray[np.int64] = np.empty(0, np.int64)
        self.natural: NDArray[np.bool_] = np.empty(0, bool)
        self.common: NDArray[np.intp] = np.empty(0, np.intp)
        self.families: NDArray[np.int64] = np.empty(0, np.int64)
        self.moving: NDArray[np.intp] = np.empty(0, np.intp)
        self.tangents: NDArray[np.float64] = np.empty((0, len(X)))

    def renew(self, known: Iterable[Expression] = ()) -> None:
        """Draw new entries.

        Parameters
        ----------
        known : iterable of Expression
            Fitted equations whose parts are entries of this call.
        """
        drawn = self._evaluate(next(self._trees, []))
        terms, values = [*self._kept[0], *drawn[0]], np.vstack((self._kept[1], drawn[1]))
        order = sorted(range(len(terms)), key=lambda i: len(terms[i].tokens))
        short, rest = order[:_N_KEPT], order[_N_KEPT : _N_KEPT + _N_DRAWN]
        self._kept = [terms[i] for i in short], values[short]
        some = self._rng.choice(len(self._others), min(_N_OTHERS, len(self._others)), replace=False).tolist()
        others = self._evaluate([Expression(self._others[i]) for i in some])
        blocks = [
            self._core,
            self._customary,
            others,
            self._kept,
            ([terms[i] for i in rest], values[rest]),
            self._evaluate(self._parts(known)),
        ]
        if self._grammar.allow_constants and self._core[0]:
            columns = sum(len(term.tokens) == 1 for term in self._core[0])
            for n_operands, n in ((columns, _N_OF_COLUMNS), (_N_OPERANDS, _N_OF_OTHERS)):
                operands, inner = self._core[0][:n_operands], self._core[1][:n_operands]
                blocks.append(self._evaluate(draw_terms(operands, inner, n, self._grammar, self._rng)))
        self.terms, self.values = _distinct(
            [term for block in blocks for term in block[0]], np.vstack([block[1] for block in blocks])
        )
        self.sizes = np.array([len(term.tokens) for term in self.terms], dtype=np.int64)
        customary = set(self._customary[0])
        self.natural = np.array([not term.constants or term in customary for term in self.terms], dtype=bool)
        places = [self._places.get(term.tokens, len(self._places)) for term in self.terms]
        self.common = np.argsort(places, kind="stable")
        numbers: dict[tuple[int, ...], int] = {}
        families = [numbers.setdefault(term.tokens, len(numbers)) for term in self.terms]
        self.families = np.array(families, dtype=np.int64)
        self._turn()

    def _turn(self) -> None:
        """Derivatives with respect to single constants, by differences: they only say where a constant should go."""
        rows = np.array([i for i, term in enumerate(self.terms) if len(term.constants) == 1], dtype=np.intp)
        terms = [self.terms[i] for i in rows]
        steps = np.array([_STEP * (term.constants[0] or 1.0) for term in terms])
        moved = [
            term.with_constants((term.constants[0] + step,)) for term, step in zip(terms, steps.tolist(), strict=True)
        ]
        with np.errstate(all="ignore"):
            tangents = (evaluate_many(moved, self._X) - self.values[rows]) / steps[:, None]
        good = np.isfinite(tangents).all(axis=1)
        self.moving, self.tangents = rows[good], tangents[good]

    def _parts(self, known: Iterable[Expression]) -> list[Expression]:
        """Equations and their parts that have at least one operator."""
        parts: dict[Expression, None] = {}
        for expression in known:
            before = np.cumsum([0, *(token == v.CONSTANT for token in expression.tokens)])
            for start in range(len(expression.tokens)):
                end = subtree_end(expression.tokens, start)
                if 1 < end - start <= self._grammar.max_length:
                    values = expression.constants[before[start] : before[end]]
                    parts[Expression(expression.tokens[start:end], values)] = None
        return list(parts)

    def _evaluate(self, terms: list[Expression]) -> tuple[list[Expression], NDArray[np.float64]]:
        """The terms that are finite and vary on the rows, and their values."""
        if not terms:
            return [], np.empty((0, len(self._X)))
        values = evaluate_many(terms, self._X)
        with np.errstate(all="ignore"):
            size = np.abs(values).max(axis=1)
            good = (size < _LARGEST) & (size > 1.0 / _LARGEST)  # false for NaN
            good &= np.ptp(values, axis=1) > _LEAST_SPREAD * size
        return [terms[i] for i in np.flatnonzero(good)], values[good]


def _distinct(terms: list[Expression], values: NDArray[np.float64]) -> tuple[list[Expression], NDArray[np.float64]]:
    """The shortest of all terms that are multiples of each other on the rows, the short before the long."""
    if not terms:
        return terms, values
    order = sorted(range(len(terms)), key=lambda i: len(terms[i].tokens))
    terms, values = [terms[i] for i in order], values[order]
    largest = values[np.arange(len(values)), np.abs(values).argmax(axis=1)]
    prints = np.round(values / largest[:, None], 9) + 0.0  # no negative zeros
    seen: dict[bytes, int] = {}
    for i, row in enumerate(prints):
        seen.setdefault(row.tobytes(), i)
    kept = sorted(seen.values())
    return [terms[i] for i in kept], values[kept]
