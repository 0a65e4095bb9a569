"""Sums over columns and such sums times a function: ``x1 + (x2 - x1) * exp(-x3 * x4)``, ``x1 / x2 * (1 - f)``."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nesymres_sk.search.library.library import Library
from nesymres_sk.search.pursuit.links import Link
from nesymres_sk.search.pursuit.parts import PLAIN, Part
from nesymres_sk.search.pursuit.regression import modulating
from nesymres_sk.search.pursuit.trees import product
from nesymres_sk.search.pursuit.views import View, Views

#: Functions that sums are multiplied by, the commonest, and rows for each term of a sum.
_FUNCTIONS, _ROWS_FOR_EACH = 2000, 12
#: The same for sums with ratios and products of columns, whose terms are many.
_FUNCTIONS_OF_RATIOS, _ROWS_FOR_RATIOS = 600, 4
#: Functions that are looked at closely.
_CLOSE = 3


def modulated_views(library: Library, views: Views, link: Link, ratios: bool = False) -> Iterator[View | None]:
    """Views of ``g(y)`` as a sum over columns and such a sum times a function; of inverse columns for the inverse.

    Parameters
    ----------
    library : Library
    views : Views
        Of the target on the rows of the library.
    link : Link
        ``g``.
    ratios : bool
        Whether the sums have inverses, ratios and products of columns, too.
    """
    base = views.linear(inverse=link.operators == ("inv",))
    base += [*views.ratios(), *views.products_of_two()] if ratios else []
    linked = views.linked(link)
    most = len(views.y) // (_ROWS_FOR_RATIOS if ratios else _ROWS_FOR_EACH)
    if linked is None or not 2 <= len(base) <= most:
        return
    common = library.common[: _FUNCTIONS_OF_RATIOS if ratios else _FUNCTIONS]
    values = np.array([part.values for part in base])
    for place, _ in modulating(library.values[common], values, *linked, _CLOSE):
        node, function = library.terms[common[place]].to_tree(), library.values[common[place]]
        extra = [Part(PLAIN, product((node, part.node)), function * part.values) for part in base]
        yield views.sums(library, link, [*base[1:], *extra])
