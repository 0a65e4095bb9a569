"""Powers whose exponents vary: ``c * (1 + r)**t``, ``(x / k)**n``, ``x**(a - 1) * (1 - x)**b``.

The logarithm of such a target is a sum over the logarithms of the columns, and of a function of one or two of them,
plus a short function, the exponent, times such a sum.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import permutations

import numpy as np

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.search.library.library import Library
from nesymres_sk.search.pursuit.parts import LOGARITHM, PLAIN, Part
from nesymres_sk.search.pursuit.regression import modulating
from nesymres_sk.search.pursuit.trees import ONE, product, scaled, total
from nesymres_sk.search.pursuit.views import View, Views

_LOG = v.operator_token("log")
#: Commonest functions that are tried as exponents, of the columns alone and with another base, and rows for each term.
_EXPONENTS, _EXPONENTS_WITH_OTHERS, _ROWS_FOR_EACH = 600, 150, 6
#: Columns up to which there are not too many pairs of them.
_MOST_IN_PAIRS = 6
#: Sets of bases with an exponent that are looked at closely.
_CLOSE = 3


def power_views(library: Library, views: Views, allowed: Callable[[str], bool]) -> Iterator[View]:
    """Views of a target that is nowhere zero as a product of powers, among them some of one exponent that varies.

    Parameters
    ----------
    library : Library
    views : Views
        Of the target on the rows of the library.
    allowed : callable
        Whether an operator may be used.
    """
    columns = [part for part in views.columns if part.values.min() > 0.0]
    if not columns or not np.all(views.y != 0.0) or 2 * (len(columns) + 2) > len(views.y) // _ROWS_FOR_EACH:
        return
    target, weight = np.log(np.abs(views.y)), np.abs(views.y) * views.weight
    found: list[tuple[float, int, list[Part]]] = []
    for other in (None, *_others(views.columns, allowed)):
        bases = columns if other is None else [*columns, other]
        base = np.array([np.ones(len(target)), *(np.log(part.values) for part in bases)])
        common = library.common[: _EXPONENTS if other is None else _EXPONENTS_WITH_OTHERS]
        found += [
            (error, int(common[place]), bases)
            for place, error in modulating(library.values[common], base, target, weight, 1)
        ]
    for _, i, bases in sorted(found, key=lambda choice: choice[0])[:_CLOSE]:
        node, values = library.terms[i].to_tree(), library.values[i]
        powers = [Part(PLAIN, product((node, (_LOG, part.node))), values * np.log(part.values)) for part in bases]
        yield views.powers([*(replace(part, kind=LOGARITHM) for part in bases), Part(PLAIN, node, values), *powers])


def _others(columns: Sequence[Part], allowed: Callable[[str], bool]) -> Iterator[Part]:
    """Functions of one or two columns that are bases of powers as often as columns are, where they are positive."""
    one = Part(PLAIN, ONE, np.ones(len(columns[0].values)))
    functions: list[Part] = []
    if allowed("add"):
        functions += [_combined(one, column, sign) for column in columns for sign in (1.0, -1.0)]
        functions += [_combined(column, one, -1.0) for column in columns]
    if allowed("add") and len(columns) <= _MOST_IN_PAIRS:
        for first, second in permutations(columns, 2):
            functions += [_combined(first, second, sign) for sign in (1.0, -1.0)]
    yield from (part for part in functions if part.values.min() > 0.0)


def _combined(first: Part, second: Part, sign: float) -> Part:
    return Part(PLAIN, total([first.node, scaled(sign, second.node)]), first.values + sign * second.values)
