import numpy as np
import pytest

from nesymres_sk.expressions.expression import Expression
from nesymres_sk.expressions.parser import parse
from nesymres_sk.fitting.constants import fit_skeletons
from nesymres_sk.fitting.selection import (
    Descriptions,
    choose,
    constants_length,
    description_length,
    scores,
    structure_length,
)
from nesymres_sk.prior.recipes import RECIPES
from nesymres_sk.prior.skeletons import SkeletonSampler
from nesymres_sk.table import Table

MEAN = Expression.from_names("C", [0.9])
LINE = Expression.from_names("mul C x1", [1.2345678])
LAW = Expression.from_names("mul C square x1", [1.2345678])
LONG = Expression.from_names("add mul C square x1 mul C sin mul C x1", [1.2345678, 1.0203e-3 + 1e-12, 3.2109876])


def length(equation, error, n_rows, floor=1e-24):
    """Description length if the noise is normal and the rows are many."""
    return description_length(equation, 0.5 * n_rows * np.log(max(error, floor)), n_rows, 1)


def pick(errors, rule, n_rows=100, floor=1e-24):
    front = list(zip([MEAN, LINE, LAW, LONG], errors, strict=True))
    return choose(front, rule, floor=floor, describe=lambda equation, error: length(equation, error, n_rows, floor))


def test_mdl_takes_the_law_and_not_the_longer_equation_that_fits_noise():
    assert pick([1.0, 0.3, 1e-2, 0.97e-2], "mdl") == 2


def test_mdl_takes_the_longer_equation_when_it_is_truly_better():
    assert pick([1.0, 0.3, 1e-2, 1e-4], "mdl") == 3


def test_mdl_ignores_differences_below_rounding():
    assert pick([1.0, 0.3, 1e-26, 1e-31], "mdl") == 2


def test_mdl_prefers_the_mean_when_nothing_helps():
    assert pick([1.0, 0.99, 0.98, 0.97], "mdl", n_rows=20) == 0


def test_mdl_does_not_believe_an_interpolation():
    # three constants through three rows are no evidence
    rng = np.random.default_rng(0)
    table = Table.prepare(rng.uniform(1.0, 2.0, (3, 1)), rng.uniform(1.0, 2.0, 3))
    front = list(zip([MEAN, LINE, LAW, LONG], [table.variance, 0.9 * table.variance, 0.8, 1e-30], strict=True))
    assert choose(front, "mdl", floor=table.floor, describe=Descriptions(table, 1, table.floor)) == 0


def test_accuracy_takes_the_smallest_loss_and_the_shortest_of_exact_ones():
    assert pick([1.0, 0.3, 1e-2, 0.97e-2], "accuracy") == 3
    assert pick([1.0, 0.3, 1e-26, 1e-31], "accuracy") == 2


def test_paper_rule_adds_a_penalty_for_each_token():
    assert pick([1.0, 0.3, 1e-2, 0.99e-2], "paper") == 3
    # 6 tokens more cost 6e-14
    assert pick([1.0, 0.3, 5e-15, 4e-15], "paper") == 2


def test_best_takes_the_largest_drop_among_accurate_equations():
    assert pick([1.0, 0.3, 1e-2, 0.9e-2], "best") == 2
    # the drop to the law does not count when its loss is far from the smallest
    assert pick([1.0, 0.3, 1e-2, 1e-3], "best") == 3


def test_unknown_rule_is_an_error():
    with pytest.raises(ValueError, match="selection must be one of"):
        pick([1.0, 0.5, 0.2, 0.1], "bic")


def test_scores_are_the_drop_of_log_loss_per_node():
    np.testing.assert_allclose(scores([1.0, np.exp(-4.0)], [1, 3]), [0.0, 2.0])
    np.testing.assert_allclose(scores([1e30, 1e-300], [1, 2]), [0.0, 330.0 * np.log(10.0)])  # their ratio is no number


def test_structure_costs_more_with_rare_operators_and_more_columns():
    common = Expression.from_names("sin x1")
    rare = Expression.from_names("acos x1")
    assert structure_length(rare, 1) > structure_length(common, 1)
    assert structure_length(common, 10) > structure_length(common, 1)


def test_all_spellings_of_a_sum_share_one_length():
    left = Expression.from_names("add add x1 x2 add x1 sin x2")
    right = Expression.from_names("add add add x1 x1 sin x2 x2")
    assert structure_length(left, 2) == pytest.approx(structure_length(right, 2))
    # two ways to write a + b, twelve to write a + b + c
    two, three = (structure_length(Expression.from_names(text), 1) for text in ("add x1 x1", "add add x1 x1 x1"))
    difference = structure_length(Expression.from_names("sub x1 x1"), 1)
    assert difference - two == pytest.approx(np.log(2.0), abs=1.0)  # but for the operators' weights
    assert (three - two) - (two - structure_length(Expression.from_names("x1"), 1)) == pytest.approx(-np.log(3.0))


@pytest.mark.parametrize(("degrees", "most"), [(1000.0, 0), (2.0, 1)])  # the second noise has outliers
def test_noise_is_not_explained_whatever_the_number_of_candidates(degrees, most):
    rng = np.random.default_rng(0)
    skeletons = SkeletonSampler(RECIPES["base"], rng).sample(400, 2)
    n_found = 0
    for n_rows in (10, 20, 40) * 2:
        X, y = rng.uniform(0.5, 3.0, (n_rows, 2)), 3.0 + rng.standard_t(degrees, n_rows)
        table = Table.prepare(X, y)
        fit = fit_skeletons(skeletons, table.X, table.y, n_restarts=2, rng=rng)
        equations = [s.with_constants(c) for s, c in zip(skeletons, fit.constants, strict=True) if np.isfinite(c).all()]
        front = [(equation, table.error(equation)) for equation in [MEAN.with_constants([table.mean]), *equations]]
        # what explains no more than the mean is on no front
        front = [front[0], *(pair for pair in front if pair[1] < 0.99 * table.variance)]
        assert choose(front, "accuracy", floor=table.floor, describe=Descriptions(table, 2, table.floor)) != 0
        n_found += choose(front, "mdl", floor=table.floor, describe=Descriptions(table, 2, table.floor)) != 0
    assert n_found <= most


def test_lengths_are_computed_once(monkeypatch):
    table = Table.prepare(np.arange(1.0, 20.0)[:, None], np.arange(1.0, 20.0) ** 1.5)
    describe = Descriptions(table, 1, table.floor)
    first = describe(LINE, 0.3)
    monkeypatch.setattr("nesymres_sk.fitting.selection.residuals_length", None)
    assert describe(LINE, 0.3) == first


def test_simple_constants_cost_less_and_are_not_counted_as_fitted():
    simple, n_simple = constants_length(LINE.with_constants([2.0]), 1000)
    fitted, n_fitted = constants_length(LINE, 1000)
    assert simple < fitted
    assert (n_simple, n_fitted) == (0, 1)


def test_an_integer_costs_as_much_as_a_constant_of_its_value():
    integer, _ = constants_length(Expression.from_names("mul 5 x1"), 1000)
    assert integer == constants_length(LINE.with_constants([5.0]), 1000)[0] > 0.0


def test_description_length_grows_with_the_error():
    lengths = [length(LAW, error, 50) for error in (1e-3, 1e-2, 1e-1)]
    assert lengths == sorted(lengths)
    assert lengths[1] - lengths[0] == pytest.approx(25 * np.log(10))


def test_an_equation_counts_more_where_rows_are_few():
    def cost(n_rows):
        return description_length(LAW.with_constants([2.0]), 0.0, n_rows, 1)

    assert cost(8) > cost(20) > cost(100)
    equation = LAW.with_constants([2.0])
    longer = Expression.from_names("sin sin x1")
    shorter = Expression.from_names("sin x1")
    more = structure_length(longer, 1) - structure_length(shorter, 1)
    # with eight rows all of the code counts
    for n_rows, weight in ((8, 1.0), (40, 0.6), (1e12, 0.5)):
        lengths = [description_length(e, 0.0, n_rows, 1) for e in (longer, shorter)]
        assert lengths[0] - lengths[1] == pytest.approx(weight * more)
    assert cost(1e12) == pytest.approx(0.5 * (structure_length(equation, 1) + constants_length(equation, 1e12)[0]))


def test_constants_that_few_rows_cannot_carry_do_not_pay():
    """Eight rows: a law with one constant, and a formula with six that is a million times as accurate."""
    law = parse("365.2227827136302 * sqrt(x1 ** 3)")
    wave = "0.0004393664520631003 * atan(10.491878764224735 * cos(x1))"
    formula = parse(
        f"373.1822151101146 * (x1 + 0.03029286017176151 - {wave}) ** 1.4960787282304093 - 19.374363826145906 * x1"
    )
    lengths = [length(e, error, 8.0, 1e-30) for e, error in ((law, 3e-9), (formula, 1e-15))]
    assert lengths[0] < lengths[1]
    lengths = [length(e, error, 100.0, 1e-30) for e, error in ((law, 3e-9), (formula, 1e-15))]
    assert lengths[0] > lengths[1]
