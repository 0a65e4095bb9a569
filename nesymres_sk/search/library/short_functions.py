"""The short functions that every library holds: all of them, where random draws would miss some for long."""

from __future__ import annotations

from itertools import combinations, combinations_with_replacement, permutations

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.search.grammar import Grammar

Tokens = tuple[int, ...]

_UNARY = ("square", "inv", "sqrt", "exp", "log", "sin", "cos", "cube", "tanh", "tan", "atan", "asin", "acos", "abs")
_HIGHER = ("pow4", "pow5")
#: Columns up to which products of two of them and a function of a third are listed.
_FEW_COLUMNS = 5
_ONE, _TWO = (v.integer(1),), (v.integer(2),)


def core_terms(grammar: Grammar) -> list[Tokens]:
    """Columns, one operation on them, and two, and the commonest forms of three; the common before the rare.

    Parameters
    ----------
    grammar : Grammar
        Columns and operators.

    Returns
    -------
    list of tuple of int
        Prefix sequences without constants.
    """
    columns: list[Tokens] = [(v.variable(i),) for i in range(grammar.n_variables)]
    unary = [v.operator_token(name) for name in _UNARY if name in grammar.operators]
    higher = [v.operator_token(name) for name in _HIGHER if name in grammar.operators]
    once = [(token, *column) for token in (*unary, *higher) for column in columns]
    powers = _operators(grammar, "square", "cube")
    pairs = _pairs(grammar, columns)
    shifted = _shifted(grammar, columns)
    squares = [(v.operator_token("square"), *column) for column in columns] if "square" in grammar.operators else []
    ratios = [(op, *a, *b) for op in _operators(grammar, "div") for a, b in permutations(columns, 2)]
    squared_ratios = [(op, *ratio) for op in _operators(grammar, "square") for ratio in ratios]
    triples = _triples(grammar, pairs, columns)
    factors = [term for term in pairs if term[0] in _operators(grammar, "mul", "div")]
    levels = [
        columns,
        once,
        [(op, *power) for op in _operators(grammar, "inv") for power in once if power[0] in powers],
        [*pairs, *shifted, *_powers(grammar, columns)],
        _shifted(grammar, squares),
        _decays(grammar, [*columns, *factors]),
        _compound(grammar, columns),
        _products_with_a_decay(grammar, columns),
        [(token, *inner) for token in unary for inner in (*shifted, *_shifted(grammar, squares))],
        [(token, *inner) for token in unary for inner in pairs],
        [(token, *inner) for token in unary[:8] for inner in _shifted(grammar, squared_ratios)],
        triples,
        _products_with_a_function(grammar, columns),
        _decays(grammar, [term for term in triples if len(term) == 5 and term[0] in _operators(grammar, "mul", "div")]),
        [(token, *inner) for token in unary[:8] for inner in once if inner[0] != token],
        _mixed(grammar, once, columns),
        [(token, *inner) for token in unary[:8] for inner in _pairs(grammar, squares)],
    ]
    return list(dict.fromkeys(term for level in levels for term in level if len(term) <= grammar.max_length))


def _operators(grammar: Grammar, *names: str) -> list[int]:
    return [v.operator_token(name) for name in names if name in grammar.operators]


def _products_with_a_function(grammar: Grammar, columns: list[Tokens]) -> list[Tokens]:
    """``x1 * x2 * cos(x3)`` and the like, of so few columns that these are not too many."""
    if len(columns) > _FEW_COLUMNS:
        return []
    return [
        (op, op, *a, *b, token, *c)
        for op in _operators(grammar, "mul")
        for token in _operators(grammar, "sin", "cos", "exp")
        for a, b in combinations(columns, 2)
        for c in columns
        if c not in (a, b)
    ]


def _products_with_a_decay(grammar: Grammar, columns: list[Tokens]) -> list[Tokens]:
    """``x1 * exp(-x2 * x3)``, of so few columns that these are not too many."""
    if len(columns) > _FEW_COLUMNS:
        return []
    return [
        (op, *a, *decay)
        for op in _operators(grammar, "mul")
        for a in columns
        for decay in _decays(grammar, [(op, *b, *c) for b, c in combinations(columns, 2) if a not in (b, c)])
    ]


def _powers(grammar: Grammar, terms: list[Tokens]) -> list[Tokens]:
    """Powers with another term as exponent, of so few that these are not too many."""
    pairs = permutations(terms, 2) if len(terms) <= _FEW_COLUMNS else ()
    return [(op, *a, *b) for a, b in pairs for op in _operators(grammar, "pow")]


def _compound(grammar: Grammar, columns: list[Tokens]) -> list[Tokens]:
    """Powers of columns shifted by one, as in compound interest, their inverses, and powers of ratios."""
    if len(columns) > _FEW_COLUMNS:
        return []
    growths = [term for term in _shifted(grammar, columns) if term[0] not in _operators(grammar, "mul")]
    ratios = [(op, *a, *b) for op in _operators(grammar, "div") for a, b in permutations(columns, 2)]
    raise_to = _operators(grammar, "pow")
    grown = [(op, *a, *b) for op in raise_to for a in growths for b in columns if b[0] not in a]
    inverse = [(op, *power) for op in _operators(grammar, "inv") for power in grown]
    return [*grown, *inverse, *((op, *a, *b) for op in raise_to for a in ratios for b in columns if b[0] not in a)]


def _pairs(grammar: Grammar, terms: list[Tokens]) -> list[Tokens]:
    """Sums, differences, products and quotients of two different terms."""
    out = [(op, *a, *b) for op in _operators(grammar, "add", "mul", "sub") for a, b in combinations(terms, 2)]
    return out + [(op, *a, *b) for op in _operators(grammar, "div") for a, b in permutations(terms, 2)]


def _shifted(grammar: Grammar, terms: list[Tokens]) -> list[Tokens]:
    """Terms next to one, and twice as large within the next function."""
    out = [(op, *term, *_ONE) for op in _operators(grammar, "add") for term in terms]
    out += [(op, *_ONE, *term) for op in _operators(grammar, "sub") for term in terms]
    return out + [(op, *_TWO, *term) for op in _operators(grammar, "mul") for term in terms]


def _triples(grammar: Grammar, pairs: list[Tokens], columns: list[Tokens]) -> list[Tokens]:
    """Two columns combined, times and by another one, and the squares of the latter."""
    out = [(op, *pair, *column) for op in _operators(grammar, "div", "mul") for pair in pairs for column in columns]
    out += [(op, *column, *pair) for op in _operators(grammar, "div") for pair in pairs for column in columns]
    return out + [(op, *term) for op in _operators(grammar, "square") for term in out]


def _decays(grammar: Grammar, terms: list[Tokens]) -> list[Tokens]:
    """Exponentials of the opposite, as in the laws of Boltzmann, Arrhenius and Beer."""
    negate = _operators(grammar, "neg")
    return [(op, sign, *term) for op in _operators(grammar, "exp") for sign in negate for term in terms]


def _mixed(grammar: Grammar, once: list[Tokens], columns: list[Tokens]) -> list[Tokens]:
    """A function of a column times, by, plus and minus a column, and products of two functions of columns."""
    out = [(op, *a, *b) for op in _operators(grammar, "mul", "add", "sub") for a in once for b in columns]
    divide = _operators(grammar, "div")
    out += [(op, *a, *b) for op in divide for a in columns for b in once]
    out += [(op, *a, *b) for op in divide for a in once for b in columns if a[1:] != b]
    multiply = _operators(grammar, "mul")
    return out + [(op, *a, *b) for op in multiply for a, b in combinations_with_replacement(once, 2)]
