"""Sums written as products: ``x1*x3 - x2*x3 + 2*x1 - 2*x2`` as ``(x1 - x2)*(x3 + 2)``.

The canonical form never multiplies sums out, and never joins their terms. A search that looks for sums finds laws in
pieces, though, each term with a coefficient of its own, and one that looks for quotients finds them over a common
denominator. Here factors that terms have in common are pulled out, and others divided into sums, in whichever order
leaves the shortest equation; sums that agree up to a number are common factors in their turn.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from itertools import combinations

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.canonical import canonical, canonical_value
from nesymres_sk.expressions.canonical_values import ADD, EXP, MUL, POW, PURE, Base, Factors, Value
from nesymres_sk.expressions.expression import Expression, Node
from nesymres_sk.expressions.polynomials import (
    Sum,
    add_term,
    divided,
    factors_of,
    linear_factors,
    multiple,
    multiplied_out,
    square_root,
    times,
)

_SUB, _DIV, _INV, _SQRT = (v.operator_token(name) for name in ("sub", "div", "inv", "sqrt"))
#: Terms of the longest sums that are looked at, and of the shortest that may have a difference as a factor.
_MOST_TERMS, _LEAST_TERMS = 16, 4
#: Sums looked at for one equation, after which what has been found has to do.
_BUDGET = 400
#: Largest power of an exponential that another one is written as, and of a sum in a common denominator.
_LARGEST_MULTIPLE, _LARGEST_POWER = 4, 3
#: Factors of which all subsets are divided into a sum, and rounds of that.
_MOST_FACTORS, _ROUNDS = 4, 3


def factorise(expression: Expression, tolerance: float = 1e-6) -> Expression | None:
    """The same function with the terms of its sums gathered into products, where that is shorter.

    Parameters
    ----------
    expression : Expression
        Fitted.
    tolerance : float
        Relative difference up to which two numbers are taken for the same.

    Returns
    -------
    Expression or None
        In canonical form; None if no shorter form was found.
    """
    if sum(token in (ADD, _SUB) for token in expression.tokens) < 1:
        return None
    value = canonical_value(expression)
    if value is None:
        return None
    factorisation = _Factorisation(tolerance)
    forms = []
    for prepared in (lambda value: value, factorisation.without_inner_fractions):
        try:
            forms.append(canonical(Expression.from_tree(factorisation.product(prepared(value)))))
        except ArithmeticError:
            continue
    shorter = [form for form in forms if form is not None and form.complexity < expression.complexity]
    return min(shorter, key=lambda form: form.complexity, default=None)


class _Factorisation:
    """Writes canonical values as trees whose sums are in their shortest form.

    Parameters
    ----------
    tolerance : float
        Of :func:`factorise`.
    """

    def __init__(self, tolerance: float) -> None:
        self._tolerance = tolerance
        self._left = _BUDGET
        self._shortest: dict[frozenset[tuple[Factors, float]], Sum] = {}
        self._nodes: dict[Base, Node] = {}
        self._sizes: dict[Base, int] = {}
        self._sums: dict[tuple[Factors, ...], list[Base]] = {}  # by their terms, to find those that agree
        self._terms: dict[Base, Sum] = {}  # of sums in their shortest form

    # -- trees ---------------------------------------------------------------------------------------------------

    def product(self, value: Value) -> Node:
        """Tree of a value."""
        coefficient, factors = self._arranged(value)
        tree: Node | None = None if coefficient == 1.0 and factors else (v.CONSTANT, coefficient)
        for base, exponent in factors:
            node = _power(self._node(base), abs(exponent))
            if exponent < 0:
                tree = (_INV, node) if tree is None else (_DIV, tree, node)
            else:
                tree = node if tree is None else (MUL, tree, node)
        assert tree is not None
        return tree

    def _node(self, base: Base) -> Node:
        if base not in self._nodes:
            if base[0] == ADD:
                first, *others = (self.product((c, factors)) for factors, c in self._terms_of(base).items())
                node = first
                for other in others:
                    node = (ADD, node, other)
            elif base[0] == MUL:
                node = self.product(base[2])
            elif base[0] == POW:
                node = (POW, self.product(base[2]), self.product(base[3]))
            else:
                node = (base[0],) if base[0] < v.FIRST_OPERATOR else (base[0], self.product(base[2]))
            self._nodes[base] = node
        return self._nodes[base]

    def _terms_of(self, base: Base) -> Sum:
        """Terms of a sum in its shortest form."""
        if base not in self._terms:
            terms = dict(base[2])
            if len(terms) <= _MOST_TERMS:
                terms = min((self._shorter(start) for start in self._starts(terms)), key=self._size)
            self._terms[base] = terms
        return self._terms[base]

    # -- quotients -----------------------------------------------------------------------------------------------

    def without_inner_fractions(self, value: Value) -> Value:
        """The same with one quotient in the place of each sum of quotients: ``x1/(1/x2 + 1)`` is ``x1*x2/(1 + x2)``."""
        coefficient, factors = value
        powers: dict[Base, float] = {}
        for base, exponent in factors:
            inner: Factors = ((base, 1),)
            if base[0] == ADD and exponent % 1 == 0:
                scale, inner = self._as_quotient(dict(base[2]))
                coefficient *= scale**exponent
            elif base[0] >= v.FIRST_OPERATOR and base[0] != ADD:
                inner = (((*base[:2], *(self.without_inner_fractions(part) for part in base[2:])), 1),)
            for factor, power in inner:
                powers[factor] = powers.get(factor, 0) + power * exponent
        return coefficient, factors_of(powers)

    def _as_quotient(self, terms: Sum) -> Value:
        plain: Sum = {}
        below: dict[Base, float] = {}
        for factors, c in terms.items():
            scale, inside = self.without_inner_fractions((c, factors))
            add_term(plain, inside, scale)
            for base, exponent in inside:
                if exponent % 1 == 0:
                    below[base] = min(exponent, below.get(base, 0))
        above = self._multiplied_out(multiple(plain, factors_of(below), power=-1))
        return self._as_factor(above, factors_of(below), finished=False)

    def _arranged(self, value: Value) -> Value:
        """A product with factors divided into its sums where that is shorter: ``(x1*x2 + 1)/x2`` as ``x1 + 1/x2``."""
        for _ in range(_ROUNDS):
            shortest = min(self._arrangements(value), key=self._size_of, default=value)
            if self._size_of(shortest) >= self._size_of(value):
                break
            value = shortest
        return value

    def _arrangements(self, value: Value) -> Iterator[Value]:
        coefficient, factors = value
        for place, (base, exponent) in enumerate(factors):
            if base[0] != ADD or abs(exponent) != 1:
                continue
            others = [*factors[:place], *factors[place + 1 :]]
            terms = self._terms_of(base)
            sizes = range(1, len(others) + 1) if len(others) <= _MOST_FACTORS else (1, len(others))
            for start in [terms, *([] if (out := self._multiplied_out(terms)) == terms else [out])]:
                for inside in (some for size in sizes for some in combinations(others, size)):
                    if not self._left or len(start) > _MOST_TERMS:
                        break
                    self._left -= 1
                    pushed = self._shorter(multiple(start, inside, power=exponent))
                    scale, factor = self._as_factor(pushed, ())
                    rest = [other for other in others if other not in inside]
                    yield coefficient * scale**exponent, times(tuple(rest), factor, exponent)
            if exponent == 1:
                yield from self._divided(coefficient, terms, others)

    def _divided(self, coefficient: float, terms: Sum, others: list[tuple[Base, float]]) -> Iterator[Value]:
        """Sums that are divided by another one, with what is left over: ``(x1 + 2)/(x1 + 1)`` as ``1 + 1/(x1 + 1)``."""
        for divisor in others:
            if divisor[0][0] != ADD or divisor[1] != -1:
                continue
            found = divided(self._multiplied_out(terms), dict(divisor[0][2]), self._tolerance)
            if found is not None:
                whole, remainder = found
                if remainder:
                    scale, factors = self._as_factor(self._shorter(remainder), (divisor,))
                    add_term(whole, factors, scale)
                scale, factors = self._as_factor(self._shorter(whole), ())
                yield coefficient * scale, times(factors, [other for other in others if other != divisor])

    # -- where the search starts ---------------------------------------------------------------------------------

    def _starts(self, terms: Sum) -> Iterator[Sum]:
        """A sum as it is, with all products of sums multiplied out, and over a common denominator."""
        terms = self._with_one_exponential(terms)
        yield terms
        expanded = self._multiplied_out(terms)
        if len(expanded) <= _MOST_TERMS:
            if expanded != terms:
                yield expanded
            yield from self._over_one_denominator(expanded)

    def _with_one_exponential(self, terms: Sum) -> Sum:
        """``exp(-2*x1)`` as a power of ``exp(-x1)`` where both are in a sum."""
        by_argument: dict[Factors, list[float]] = {}
        for factors in terms:
            for base, _ in factors:
                if base[0] == EXP:
                    by_argument.setdefault(base[2][1], []).append(base[2][0])
        units: dict[Base, tuple[Base, int]] = {}
        for argument, scales in by_argument.items():
            unit = min(scales, key=abs)
            for scale in scales:
                factor = round(scale / unit)
                if abs(factor) <= _LARGEST_MULTIPLE and self._agree(scale, factor * unit):
                    units[EXP, PURE, (scale, argument)] = ((EXP, PURE, (unit, argument)), factor)
        out: Sum = {}
        for factors, coefficient in terms.items():
            powers: dict[Base, float] = {}
            for base, exponent in factors:
                unit_base, factor = units.get(base, (base, 1))
                powers[unit_base] = powers.get(unit_base, 0) + factor * exponent
            add_term(out, factors_of(powers), coefficient)
        return out

    def _multiplied_out(self, terms: Sum) -> Sum:
        out = multiplied_out(terms, self._tolerance)
        return terms if out is None else out

    def _over_one_denominator(self, terms: Sum) -> Iterator[Sum]:
        """The sum as one quotient, if some of its terms are divided by sums."""
        below: dict[Base, float] = {}
        for factors in terms:
            for base, exponent in factors:
                if base[0] == ADD and exponent in range(-_LARGEST_POWER, 0):
                    below[base] = min(exponent, below.get(base, 0))
        if not below:
            return
        above = self._multiplied_out(multiple(terms, factors_of(below), power=-1))
        if len(above) <= _MOST_TERMS:
            scale, factors = self._as_factor(self._shorter(above), factors_of(below))
            yield {factors: scale}

    # -- the search ----------------------------------------------------------------------------------------------

    def _shorter(self, terms: Sum) -> Sum:
        """The shortest form of a sum that was found."""
        key = frozenset(terms.items())
        if key not in self._shortest:
            self._shortest[key] = best = terms
            for step in self._steps(terms):
                if not self._left:
                    break
                self._left -= 1
                best = min(best, self._shorter(step), key=self._size)
            self._shortest[key] = best
        return self._shortest[key]

    def _steps(self, terms: Sum) -> Iterator[Sum]:
        """The sum with some of its terms written as one: a square, a multiple of a sum, or what has a common factor."""
        yield from self._squares(terms)
        yield from self._multiples(terms)
        if len(terms) >= _LEAST_TERMS:
            for first, second in linear_factors(terms, self._tolerance):
                scale, factors = self._as_factor(self._shorter(second), ())
                outer, both = self._as_factor(first, factors)
                yield {both: scale * outer}
        sides = Counter((base, exponent > 0) for factors in terms for base, exponent in factors)
        for (base, above), n in sides.most_common():
            if n < 2:
                break
            exponents = [dict(factors).get(base, 0) for factors in terms]
            shared = [exponent for exponent in exponents if exponent and (exponent > 0) == above]
            common = min(shared, key=abs)
            inner: Sum = {}
            rest: Sum = {}
            for (factors, coefficient), exponent in zip(terms.items(), exponents, strict=True):
                if exponent and (exponent > 0) == above:
                    add_term(inner, times(factors, ((base, -common),)), coefficient)
                else:
                    rest[factors] = coefficient
            scale, factors = self._as_factor(self._shorter(inner), ((base, common),))
            add_term(rest, factors, scale)
            yield rest

    def _squares(self, terms: Sum) -> Iterator[Sum]:
        """Three terms ``a*u**2 + b*u*w + c*w**2`` that are a square as one, and a sum that is one."""
        even = [factors for factors in terms if all(exponent % 2 == 0 for _, exponent in factors)]
        for first, second in combinations(even, 2):
            a, c = terms[first], terms[second]
            u, w = (tuple((base, exponent / 2) for base, exponent in factors) for factors in (first, second))
            product = times(u, w)
            b = terms.get(product, 0.0)
            if product not in (first, second) and a * c > 0.0 and self._agree(b * b, 4.0 * a * c):
                rest = {factors: number for factors, number in terms.items() if factors not in (first, second, product)}
                root = {times(u, ()): 1.0, times(w, ()): math.copysign(math.sqrt(c / a), a * b)}
                yield self._with_square(rest, root, a)
        if len(terms) >= _LEAST_TERMS:
            for sign in (1.0, -1.0):
                whole = square_root(multiple(terms, (), sign), self._tolerance)
                if whole is not None:
                    yield self._with_square({}, whole, sign)

    def _with_square(self, terms: Sum, root: Sum, coefficient: float) -> Sum:
        scale, factors = self._as_factor(self._shorter(root), ())
        add_term(terms, times((), factors, 2), coefficient * scale * scale)
        return terms

    def _multiples(self, terms: Sum) -> Iterator[Sum]:
        """Terms that together are a multiple of a sum which is a factor of another term."""
        sums = {base: None for factors in terms for base, exponent in factors if base[0] == ADD and exponent == 1}
        for base in sums:
            (lead, unit), *others = base[2]
            for factors, coefficient in terms.items():
                rest, scale = times(factors, lead, -1), coefficient / unit
                parts = [factors, *(times(rest, other) for other, _ in others)]
                if all(
                    self._agree(terms.get(part, 0.0), scale * c) for part, (_, c) in zip(parts, base[2], strict=True)
                ):
                    joined = {part: c for part, c in terms.items() if part not in parts}
                    add_term(joined, times(rest, ((base, 1),)), scale)
                    yield joined

    def _as_factor(self, terms: Sum, others: Factors, finished: bool = True) -> Value:
        """A sum times other factors, its scale pulled out; a sum that agrees with an earlier one is that."""
        if len(terms) == 1:
            ((factors, coefficient),) = terms.items()
            return coefficient, times(factors, others)
        ordered = sorted(terms.items())
        scale = ordered[0][1] if ordered[0][0] else ordered[1][1]
        numbers = [coefficient / scale for _, coefficient in ordered]
        names = tuple(factors for factors, _ in ordered)
        for base in self._sums.setdefault(names, []):
            if all(self._agree(number, c) for number, (_, c) in zip(numbers, base[2], strict=True)):
                break
        else:
            base = (ADD, PURE, tuple(zip(names, numbers, strict=True)), len(names))
            self._sums[names].append(base)
            if finished:
                self._terms[base] = dict(base[2])
        return scale, times(((base, 1),), others)

    def _agree(self, a: float, b: float) -> bool:
        return abs(a - b) <= self._tolerance * max(abs(a), abs(b))

    # -- sizes ---------------------------------------------------------------------------------------------------

    def _size(self, terms: Sum) -> int:
        """Nodes of a sum, roughly."""
        return sum(self._size_of((coefficient, factors)) for factors, coefficient in terms.items()) + len(terms) - 1

    def _size_of(self, value: Value) -> int:
        coefficient, factors = value
        if not factors:
            return 1
        inside = sum(self._size_of_base(base) + (abs(exponent) != 1) + 1 for base, exponent in factors) - 1
        if abs(coefficient) != 1.0:
            return inside + 2
        return inside + all(exponent < 0 for _, exponent in factors)

    def _size_of_base(self, base: Base) -> int:
        if base not in self._sizes:
            if base[0] == ADD:
                size = self._size(self._terms_of(base))
            else:
                size = int(base[0] != MUL) + sum(self._size_of(value) for value in base[2:])
            self._sizes[base] = size if base[0] >= v.FIRST_OPERATOR else 1
        return self._sizes[base]


def _power(node: Node, exponent: float) -> Node:
    if exponent == 1:
        return node
    if exponent % 1 == 0:
        return (POW, node, (v.CONSTANT, float(exponent)))
    return _power((_SQRT, node), 2 * exponent)
