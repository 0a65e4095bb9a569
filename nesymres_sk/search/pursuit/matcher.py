"""From a view of the target to equations: matches by beam, their coefficients, and trees."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from nesymres_sk.deadline import Deadline
from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.expression import Expression, Node
from nesymres_sk.expressions.machine import evaluate_many
from nesymres_sk.search.library.library import Library
from nesymres_sk.search.pursuit.additive import AdditivePursuit
from nesymres_sk.search.pursuit.atoms import Dictionary
from nesymres_sk.search.pursuit.coordinates import Coordinate, combined, coordinates_of, signs_of
from nesymres_sk.search.pursuit.curves import Curves
from nesymres_sk.search.pursuit.group_trees import law_tree
from nesymres_sk.search.pursuit.groups import GroupSearch
from nesymres_sk.search.pursuit.links import Link
from nesymres_sk.search.pursuit.matching import Design, Match, shortest_of_best
from nesymres_sk.search.pursuit.oscillations import Oscillations
from nesymres_sk.search.pursuit.parts import PLAIN, Part, divides, part_of
from nesymres_sk.search.pursuit.quadratics import quadratic_views
from nesymres_sk.search.pursuit.regression import factored, needed, solve_many
from nesymres_sk.search.pursuit.simple_groups import GroupLaw
from nesymres_sk.search.pursuit.trees import product, scaled, wave_tree
from nesymres_sk.search.pursuit.views import View, Views
from nesymres_sk.search.pursuit.waves import waves

Array = NDArray[np.float64]

#: Matches of a view that become equations.
_PER_VIEW, _PER_RARE_VIEW = 20, 6
#: Shortest functions without constants of which all pairs are tried.
_SHORTEST = 800
#: Matches that are extended by another function, and functions tried in addition to each.
_BEAM, _EXTENSIONS = 30, 4
#: Factors of a sum that are tried, the functions kept for each, and the factors that are looked at closely.
_FACTORS, _PER_FACTOR, _CLOSE_FACTORS = 60, 3, 4
#: Functions in a match: so many at most, and so many if it is not exact.
DEEPEST, DEPTH = 7, 3
_NARROWEST = 6
#: Error of a match that is exact up to the rounding of matrix products.
_SOLVED = 1e-13
#: Factor between the errors of matches that are all exact.
_ROUNDING = 1e4
#: Importance of a function below which it is rounding, in an exact match.
_UNIMPORTANT = 1e-24
#: Shortest functions that are tried next to a factor.
_SECOND_FACTORS = 4000
#: Shortest functions that are added within a sine, and the waves that become equations.
_IN_WAVES, _WAVES = 400, 4
#: Share of the rows on which a law of one group must not be too small for a logarithm.
_DEFINED = 0.8
#: Sets of coordinates with functions of columns in which laws of one group are sought, those that promise most.
_REPLACED = 3
#: Part of the target's logarithm that a quadratic function of the others leaves of what is no law of one group, of
#: functions of columns and of the columns themselves.
_HOPELESS, _HOPELESS_FOR_COLUMNS = 0.3, 0.7
#: Nodes of a term beside its function: its coefficient, and the operators that join it to the others.
_IN_SUM = 3.0
#: Largest relative change of an inner constant by its tangent.
_LARGEST_MOVE = 0.5


class Matcher:
    """Equations of matches of library functions.

    Parameters
    ----------
    library : Library
    views : Views
        Of the target on the rows of the library.
    """

    def __init__(self, library: Library, views: Views) -> None:
        self.library = library
        self.views = views
        self._oscillations: list[Oscillations] | None = None
        self._dictionary: Dictionary | None = None
        self._searched: list[tuple[Link, Sequence[Coordinate], GroupSearch]] = []

    def factors(self, link: Link, polynomial: Sequence[Part], inverse: bool) -> list[Expression]:
        """``g(y) = c0 + f * (c1 + c2 * h)`` for short ``f`` and ``1 / f``, and longer sums times the best of them.

        Parameters
        ----------
        link : Link
        polynomial : sequence of Part
            What the longer sums may use, beside the columns.
        inverse : bool
            Whether ``1 / f`` is tried.
        """
        library = self.library
        target = self.views.linked(link)
        if target is None:
            return []
        short = np.arange(len(library.terms))[: 4 * _FACTORS]
        short = short[divides(library.values[short])][:_FACTORS]
        if not len(short):
            return []
        values = library.values[short]
        factors = np.vstack((values, 1.0 / values)) if inverse else values
        matches = factored(factors, library.values[:_SECOND_FACTORS], *target, _PER_FACTOR)
        best: dict[int, float] = {}
        for i, _, error in matches:
            best[i] = min(error, best.get(i, np.inf))
        nodes = [library.terms[i].to_tree() for i in short]
        nodes += [(v.operator_token("inv"), node) for node in nodes] if inverse else []
        out = []
        for i in sorted(best, key=lambda i: best[i])[:_CLOSE_FACTORS]:
            part = Part(PLAIN, nodes[i], factors[i])
            out += self.match(self.views.sums(library, link, polynomial, part), DEPTH)
        return out

    def waves(self, factor: Part | None) -> list[Expression]:
        """``y = m * (c + a * sin(f + g + phase))`` for all pairs of short functions without constants.

        Parameters
        ----------
        factor : Part, optional
            ``m``, 1 by default; nowhere zero.
        """
        library = self.library
        rows = np.flatnonzero(library.natural)[:_IN_WAVES]
        if not len(rows):
            return []
        target, slope = self.views.y, self.views.weight
        if factor is not None:
            target, slope = target / factor.values, slope * np.abs(factor.values)
        out = []
        for wave in waves(library.values[rows], target, slope, _WAVES):
            f, g = (library.terms[rows[i]].to_tree() for i in (wave.first, wave.second))
            node = wave_tree(f, scaled(wave.sign, g), wave.offset, wave.sine, wave.cosine)
            out.append(Expression.from_tree(node if factor is None else product((factor.node, node))))
        return out

    def curves(self, link: Link, extras: Sequence[Sequence[Part]]) -> list[Expression]:
        """``g(y) = a ± exp(s)``, and logistic functions between two asymptotes.

        Parameters
        ----------
        link : Link
        extras : sequence of sequences of Part
            What the sums ``s`` may use beside the columns, one sum after the other.
        """
        linked = self.views.linked(link)
        if linked is None:
            return []
        curves = Curves(link, *linked)
        linear = self.views.linear()
        sides = [(True, False), (False, True), *([(True, True)] if not link.operators else [])]
        nodes = [curves.fit([*linear, *extra], *side) for extra in extras for side in sides]
        return [Expression.from_tree(node) for node in nodes if node is not None]

    def additive(
        self, link: Link, extra: Sequence[Part], allowed: Callable[[str], bool], deadline: Deadline
    ) -> list[Expression]:
        """``g(y)`` as a sum of few functions with inner constants.

        Parameters
        ----------
        link : Link
        extra : sequence of Part
            What the sum may use beside the columns and these functions.
        allowed : callable
            Whether an operator may be used.
        deadline : Deadline
        """
        linked = self.views.linked(link)
        if linked is None or not self.views.columns:
            return []
        if self._dictionary is None:
            self._dictionary = Dictionary(self.views.columns, allowed)
        pursuit = AdditivePursuit(self._dictionary, [*self.views.linear(), *extra], *linked)
        return [Expression.from_tree(link.undone(node)) for node in pursuit.trees(deadline)]

    def groups(self, link: Link, allowed: Callable[[str], bool], replaced: bool = False) -> list[Expression]:
        """``g(y)`` as a power law times a function of one group of columns.

        Parameters
        ----------
        link : Link
        allowed : callable
            Whether an operator may be used.
        replaced : bool
            Whether the powers are those of functions of one or two columns as well.
        """
        linked = self.views.linked(link)
        if linked is None:
            return []
        target, slope = linked
        rows = divides(target[:, None])  # a few values may be too small to be numbers
        if rows.mean() < _DEFINED:
            return []
        logs, weight = np.log(np.abs(target[rows])), (np.abs(target) * slope)[rows]
        with np.errstate(all="ignore"):  # what overflows is not finite, and left out
            plain = coordinates_of(self.views.columns)
            sets = combined(self.views.columns, allowed) if replaced else [plain] if plain else []
            searches = [
                (
                    coordinates,
                    GroupSearch(np.array([c.logs[rows] for c in coordinates]), logs, weight, allowed, signs[rows]),
                )
                for coordinates in sets
                for signs in signs_of(coordinates)
            ]
            promise = [search.quadratic_error() for _, search in searches]
            most, largest = (_REPLACED, _HOPELESS) if replaced else (None, _HOPELESS_FOR_COLUMNS)
            chosen = [i for i in np.argsort(promise)[:most].tolist() if promise[i] < largest]
            laws = [(law, searches[i][0]) for i in chosen for law in searches[i][1].laws()]
            self._searched += [(link, *searches[i]) for i in chosen]
            return self._equations_of(laws, link)

    def simple_groups(self) -> list[Expression]:
        """Laws of one group with simple exponents, where :meth:`groups` came near since the last call of this."""
        searched, self._searched = self._searched, []
        with np.errstate(all="ignore"):
            return [
                equation
                for link, coordinates, search in searched
                for equation in self._equations_of([(law, coordinates) for law in search.simple()], link)
            ]

    def _equations_of(self, laws: Sequence[tuple[GroupLaw, Sequence[Coordinate]]], link: Link) -> list[Expression]:
        linked = self.views.linked(link)
        if linked is None:
            return []
        nodes = [law_tree(law, coordinates, self.views.X) for law, coordinates in laws]
        factors = [None if node is None else self._factor_of(node, *linked) for node in nodes]
        return [
            Expression.from_tree(link.undone(scaled(factor, node)))
            for node, factor in zip(nodes, factors, strict=True)
            if node is not None and factor is not None
        ]

    def _factor_of(self, node: Node, target: Array, slope: Array) -> float | None:
        """Coefficient of a function that has no other, ``None`` where it is not defined."""
        values = evaluate_many([Expression.from_tree(node)], self.views.X)[0] * slope
        factor = float(values @ (target * slope) / (values @ values))
        return factor if np.isfinite(factor) and factor != 0.0 else None

    def oscillations(self, link: Link, extras: Sequence[Sequence[Part]]) -> list[Expression]:
        """``g(y)`` as a trend with oscillations along one of the columns, the best with each number of them.

        Parameters
        ----------
        link : Link
        extras : sequence of sequences of Part
            What the trend may use beside the columns, one trend after the other.
        """
        # what is robust for curves takes the peaks off waves
        linked = self.views.linked(link, robust=False)
        if linked is None:
            return []
        if self._oscillations is None:
            self._oscillations = [Oscillations(column) for column in self.views.columns]
        linear = self.views.linear()
        best: dict[int, tuple[float, Node]] = {}  # by the number of oscillations
        for along_column in self._oscillations:
            for extra in extras:
                for modulators in (linear[:1], linear):  # two waves of one height may look like one whose height varies
                    found = along_column.trees(*linked, [*linear, *extra], modulators)
                    for number, tree in enumerate(found):
                        best[number] = min(best.get(number, tree), tree, key=lambda tree: tree[0])
        return [Expression.from_tree(link.undone(node)) for _, node in best.values()]

    def quadratics(self) -> list[Expression]:
        """Roots of quadratic equations whose coefficients are polynomials."""
        return [equation for view in quadratic_views(self.views) for equation in self.of_base(view)]

    def of_base(self, view: View | None) -> list[Expression]:
        """What the base of a view explains by itself."""
        return [] if view is None else self._equations(view, [Match((), 0.0)])

    def match(self, view: View | None, depth: int, pairs: bool = False) -> list[Expression]:
        """Equations of the best matches of a view.

        Parameters
        ----------
        view : View or None
            No view gives no equation.
        depth : int
            Greatest number of functions in a match.
        pairs : bool
            Whether all pairs of short functions are tried, constants move, and more matches are returned.
        """
        if view is None:
            return []
        if not pairs:
            view = replace(view, moving=view.moving[:0], tangents=view.tangents[:0])
        design = Design(
            view.functions, view.base_values, view.target, view.slope, view.families, view.moving, view.tangents
        )
        most = min(len(self.views.y) - len(view.base) - 1, depth)
        if most < 1:
            return []
        singles = design.singles(4 * _BEAM)
        matches = [Match((), design.base_error), *singles]
        if singles and singles[0].error > _SOLVED and most >= 2:
            found, beam = design.extend(design.beam(singles[:_BEAM]), _EXTENSIONS, _BEAM // 2)
            if pairs:
                sizes = self.library.sizes[view.terms]
                strongest = [match.rows[0] for match in singles]
                shortest = np.argsort(np.where(self.library.natural[view.terms], sizes, 1000), kind="stable")
                rows = np.unique(np.concatenate((shortest[:_SHORTEST], strongest)))
                found = sorted({*found, *design.pairs(rows, 2 * _BEAM)}, key=lambda match: match.error)
                beam = design.beam(found[: _BEAM // 2])
            matches += found
            for size in range(3, most + 1):
                if not found or found[0].error < _SOLVED:
                    break
                found, beam = design.extend(beam, _EXTENSIONS, max(_BEAM // size, _NARROWEST))
                # long combinations that are not exact say little
                matches += found if size <= DEPTH else [match for match in found if match.error < _SOLVED]
        sizes = self.library.sizes[view.terms]
        lengths = [sum(int(sizes[row]) + 2 for row in match.rows) for match in matches]
        order = shortest_of_best(np.array([match.error for match in matches]), lengths)
        # what is exact never gives way to what is shorter
        bar = min(_SOLVED, _ROUNDING * min(match.error for match in matches))
        order.sort(key=lambda i: matches[i].error > bar)
        return self._equations(view, [matches[i] for i in order[: _PER_VIEW if pairs else _PER_RARE_VIEW]])

    def _equations(self, view: View, matches: Sequence[Match]) -> list[Expression]:
        """Fitted equations of matches, functions of the base that are of no importance left out."""
        weighted = view.target * view.slope
        base = view.base_values * view.slope
        turn_of = np.full(len(view.functions), len(view.tangents))
        turn_of[view.moving] = np.arange(len(view.tangents))
        turns = np.vstack((view.tangents, np.zeros((1, len(weighted)))))
        degrees = np.array([part.degree for part in view.base])
        base_sizes = [Expression.from_tree(part.node).complexity for part in view.base]
        out = []
        for size in sorted({len(match.rows) for match in matches}):
            group = [match for match in matches if len(match.rows) == size]
            rows = np.array([match.rows for match in group], dtype=np.intp).reshape(len(group), size)
            fixed = np.broadcast_to(base, (len(group), *base.shape))
            systems = [fixed, view.functions[rows] * view.slope]
            if len(base) + 2 * size < len(weighted):  # constants move only where the rows can tell
                systems.append(turns[turn_of[rows]] * view.slope)
            system = np.concatenate(systems, axis=1)
            coefficients, importance, errors = solve_many(system, weighted)
            bar = np.maximum(4.0 * errors / len(self.views.y), _UNIMPORTANT)
            used = importance > bar[:, None]
            n = len(base) + size
            turning = (turn_of[rows] < len(view.tangents)) & (system.shape[1] > n)
            for match, functions, values, keep, turns_too, error in zip(
                group, system, coefficients, used, turning, errors.tolist(), strict=True
            ):
                if error > _SOLVED and degrees.max(initial=0) > 1:  # of many monomials noise would decide
                    # what moves constants comes last, and is no function of its own
                    sizes = np.array([*base_sizes, *self.library.sizes[view.terms[list(match.rows)]]]) + _IN_SUM
                    sizes = np.pad(sizes, (0, len(functions) - n), constant_values=_IN_SUM)
                    keep, values = needed(functions, weighted, sizes, np.pad(degrees, (0, len(functions) - len(base))))
                moves = np.where(turns_too, values[-size:], 0.0) if size else np.empty(0)
                if keep[:n].any() and not (keep[:n].all() or moves.any()):
                    # what is left out was a little of the others
                    values[:n][keep[:n]] = solve_many(functions[None, :n][:, keep[:n]], weighted)[0][0]
                parts = [*view.base]
                parts += [
                    self._part(view, row, move / c if c else 0.0)
                    for row, c, move in zip(match.rows, values[len(base) : n].tolist(), moves.tolist(), strict=True)
                ]
                chosen = [
                    (part, c)
                    for part, c, k in zip(parts, values.tolist(), keep.tolist(), strict=False)
                    if k and math.isfinite(c)
                ]
                node = view.build(chosen)
                if node is not None:
                    out.append(Expression.from_tree(node))
        return out

    def _part(self, view: View, row: int, move: float) -> Part:
        """Function of a view, its constant moved if it has one that may."""
        index = int(view.terms[row])
        term = self.library.terms[index]
        if len(term.constants) == 1 and 0.0 < abs(move) < _LARGEST_MOVE * abs(term.constants[0]):
            term = term.with_constants((term.constants[0] + move,))
        return part_of(int(view.kinds[row]), term, self.library.values[index])
