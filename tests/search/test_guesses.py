from nesymres_sk.deadline import Deadline
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.search.candidate import Candidate
from nesymres_sk.search.guesses import Guesses


def test_each_is_given_once_in_order():
    known = [Candidate(Expression.from_names(name), 0.0) for name in ("x1", "x2", "x3")]
    guesses = Guesses(known)
    assert guesses.propose(2, Deadline()) == known[:2]
    assert guesses.propose(2, Deadline()) == known[2:]
    assert guesses.propose(2, Deadline()) == []
