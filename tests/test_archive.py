from nesymres_sk.archive import Archive, Entry
from nesymres_sk.expressions.parser import parse

FOUR = [parse(text) for text in ("sin(x1)", "exp(x1)", "cos(x1)", "log(x1)")]


def archive_of(errors):
    archive = Archive(1e-20)
    for expression, error in zip(FOUR, errors, strict=False):
        archive.add(Entry(expression, error))
    return archive


def test_the_limit_is_the_worst_error_of_a_full_complexity():
    assert archive_of([0.1, 0.4, 0.2]).limit(2) == float("inf")
    assert archive_of([0.1, 0.4, 0.2, 0.3]).limit(2) == 0.4
    assert archive_of([0.1, 0.4, 0.2, 0.3]).limit(3) == float("inf")


def test_what_is_as_exact_as_rounding_lets_it_be_is_within_the_limit():
    archive = archive_of([1e-30, 4e-30, 2e-30, 3e-30])
    assert archive.limit(2) == archive.floor
