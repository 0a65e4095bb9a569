"""Propose, bring to canonical form, fit, keep the best: the loop that every search plugs into.

The search is anytime. The archive holds the constant and the affine equations before the first proposal, every
stage honours one deadline, and what the archive holds is a valid answer at any moment, also after an exception.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from nesymres_sk.archive import Archive
from nesymres_sk.deadline import Deadline
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.expressions.machine import evaluate_with_gradient
from nesymres_sk.fitting.constants import fit_skeletons
from nesymres_sk.judge import FitOptions, Judge
from nesymres_sk.search.candidate import Proposer
from nesymres_sk.table import Table

#: Share of the time, and seconds at most, that are kept for polishing and snapping what was found last.
_RESERVE, _LARGEST_RESERVE = 0.1, 0.2
_loaded: set[Callable[[], object]] = set()


@dataclass
class Source:
    """A proposer and its part in the search.

    Attributes
    ----------
    open : callable
        Makes the proposer when its first turn comes, so that a network is loaded only if the search gets that far.
    batch_size : int
        Skeletons asked for in the first round.
    share : float
        Part of the time: the source that is furthest behind its share has the next turn. Without a
        deadline each has all of its rounds before the next, so that the result does not depend on the clock.
    growth : float
        Factor of ``batch_size`` from one round to the next.
    largest_batch : int
        Where the growth ends.
    closed : bool
        Whether the proposer gives closures by itself, so that nothing has to be added to its skeletons.
    n_restarts : int or None
        Starts of the fit of each skeleton, if not those of the options: proposals that come with a start need few.
    rounds : int or None
        Most rounds; ``None`` goes on until the deadline, an exact equation, or the end of the proposals.
    loading : float
        Seconds that the first turn may need to load what it works with. With less time left the source has none: what
        is loaded cannot be interrupted.
    """

    open: Callable[[], Proposer]
    batch_size: int
    share: float = 1.0
    growth: float = 2.0
    largest_batch: int = 512
    closed: bool = False
    n_restarts: int | None = None
    rounds: int | None = None
    loading: float = 0.0


@dataclass(frozen=True)
class Progress:
    """What a callback is told after each round."""

    round: int
    n_fitted: int
    archive: Archive
    elapsed: float


@dataclass
class _Turn:
    source: Source
    batch_size: float
    spent: float = 0.0
    rounds: int = 0
    proposer: Proposer | None = None


def solve(
    table: Table,
    sources: Sequence[Source],
    options: FitOptions,
    deadline: Deadline,
    rng: np.random.Generator,
    *,
    archive: Archive | None = None,
    callback: Callable[[Progress], object] | None = None,
) -> Archive:
    """Search for equations of a table.

    Parameters
    ----------
    table : Table
        Data, at most ten columns.
    sources : sequence of Source
        Where skeletons come from; the first has the first turn. None at all leaves constants and affine equations.
    options : FitOptions
    deadline : Deadline
        Looked at within every stage.
    rng : numpy.random.Generator
        Rows to compare on and starts of the fit.
    archive : Archive, optional
        Filled in place, so that a caller keeps what was found if an exception ends the search; new by default.
    callback : callable, optional
        Called with a :class:`Progress` after each round; the search ends if it returns ``True``.

    Returns
    -------
    Archive
    """
    archive = Archive(table.floor) if archive is None else archive
    # the last polish and simple constants need a little of the time
    searching = Deadline()
    searching.at = deadline.at - min(_RESERVE * deadline.remaining, _LARGEST_RESERVE)
    judge = Judge(table, options, searching, deadline, rng, archive)
    judge.keep_affine()
    turns = [_Turn(source, source.batch_size) for source in sources]
    timed = math.isfinite(deadline.at)
    round_ = 0
    while turns and not searching.passed and not judge.is_exact:
        turn = min(turns, key=lambda turn: turn.spent / turn.source.share if timed else 0.0)
        started = searching.elapsed
        if turn.proposer is None:
            if searching.remaining < turn.source.loading:
                turns.remove(turn)
                continue
            turn.proposer = turn.source.open()
            started = searching.elapsed  # loading a network is not a part of its share
        candidates = turn.proposer.propose(int(turn.batch_size), searching)
        turn.rounds += 1
        if candidates:
            turn.proposer.learn(candidates, judge.try_out(candidates, turn.source.closed, turn.source.n_restarts))
        if not candidates or turn.rounds == turn.source.rounds:
            turns.remove(turn)
        turn.spent += searching.elapsed - started
        turn.batch_size = min(turn.batch_size * turn.source.growth, max(turn.source.largest_batch, turn.batch_size))
        round_ += 1
        if callback is not None and callback(Progress(round_, judge.n_fitted, archive, deadline.elapsed)) is True:
            break
    judge.snap_front()
    return archive


def warm_up(deadline: Deadline, *others: Callable[[], object]) -> None:
    """Load the compiled kernels, once in a process; the clock stands still meanwhile, or a short search had no time.

    Parameters
    ----------
    deadline : Deadline
        Of a fit that has just begun: moved by the time that this took.
    others : callables
        Further functions with kernels of their own, called once in a process.
    """
    started = deadline.elapsed
    for call in (_load_fit, *others):
        if call not in _loaded:
            call()
            _loaded.add(call)
    took = deadline.elapsed - started
    deadline.started += took
    deadline.at += took


def _load_fit() -> None:
    skeleton = Expression.from_names("add C mul C exp mul C x1")
    points = np.linspace(0.0, 1.0, 8)
    fit_skeletons([skeleton], points[:, None], points, n_restarts=1, rng=np.random.default_rng(0))
    evaluate_with_gradient(skeleton.with_constants((1.0, 1.0, 1.0)), points[:, None])
