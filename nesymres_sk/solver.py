"""Propose, bring to canonical form, fit, keep the best: the loop that every search plugs into.

The search is anytime. The archive holds the constant and the affine equations before the first proposal, every
stage honours one deadline, and what the archive holds is a valid answer at any moment, also after an exception.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from nesymres_sk.archive import Archive, Entry
from nesymres_sk.deadline import Deadline
from nesymres_sk.expressions.canonical import canonical
from nesymres_sk.expressions.closure import close
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.expressions.machine import evaluate_with_gradient
from nesymres_sk.fitting.bfgs import fit_skeletons_bfgs
from nesymres_sk.fitting.constants import fit_skeletons
from nesymres_sk.fitting.linear import affine_equations
from nesymres_sk.fitting.numbers import simple_number_cost
from nesymres_sk.fitting.refinement import Target, refine
from nesymres_sk.fitting.snapping import snap
from nesymres_sk.scaling import unscale
from nesymres_sk.search.candidate import Candidate, Identity, Proposer, identity
from nesymres_sk.table import Table

FITTERS = {"lm": fit_skeletons, "bfgs": fit_skeletons_bfgs}

#: Rows on which candidates are compared; the best are fitted to all rows afterwards.
_SCREEN_ROWS = 256
#: Rows on which the best are polished and simple constants are tried; only the front is fitted to all rows.
_SAMPLE_ROWS = 10_000
#: Largest increase of n * log(error) on all rows by simple constants, several of which may have been set.
_MAX_LOSS_OF_FIT = 15.0
#: Magnitudes of columns and target for which powers stay far from the limits of float64, so that candidates may be
#: fitted in the user's own units.
_NATURAL_RANGE = (1e-30, 1e30)
#: Candidates of a round that get more starts: at least so many, and this share.
_N_PROMISING, _SHARE_PROMISING = 12, 0.02
#: How many times more starts they get.
_MORE_STARTS = 4
#: Share of the time, and seconds at most, that are kept for polishing and snapping what was found last.
_RESERVE, _LARGEST_RESERVE = 0.1, 0.2
#: Seconds from which loading the kernels must have been compilation.
_COMPILATION = 3.0
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
        Part of the time: the source that is furthest behind its share has the next turn.
    growth : float
        Factor of ``batch_size`` from one round to the next.
    largest_batch : int
        Where the growth ends.
    closed : bool
        Whether the proposer gives closures by itself, so that nothing has to be added to its skeletons.
    """

    open: Callable[[], Proposer]
    batch_size: int
    share: float = 1.0
    growth: float = 2.0
    largest_batch: int = 512
    closed: bool = False


@dataclass(frozen=True)
class Settings:
    """How candidates are fitted.

    Attributes
    ----------
    n_restarts : int
        Starts of every candidate; promising ones get four times as many.
    constant_optimizer : {"lm", "bfgs"}
    n_threads : int
    max_rounds : int or None
        Rounds of proposals; ``None`` goes on until the deadline, an exact equation, or the end of the proposals.
    """

    n_restarts: int = 4
    constant_optimizer: str = "lm"
    n_threads: int = 1
    max_rounds: int | None = 1


@dataclass(frozen=True)
class Progress:
    """What a callback is told after each round."""

    round: int
    n_fitted: int
    archive: Archive
    elapsed: float


@dataclass
class _Form:
    """One way to fit a candidate.

    ``scaled`` says that columns and target are divided by their scales, which the closed form is made for; the raw
    form, whose unit coefficients mean the user's own units, is fitted to the data as they are.
    """

    skeleton: Expression
    scaled: bool
    log_prob: float
    constants: tuple[float, ...] = ()
    loss: float = np.inf


@dataclass
class _Turn:
    source: Source
    batch_size: float
    spent: float = 0.0
    proposer: Proposer | None = field(default=None)


def solve(
    table: Table,
    sources: Sequence[Source],
    settings: Settings,
    deadline: Deadline,
    rng: np.random.Generator,
    *,
    archive: Archive | None = None,
    callback: Callable[[Progress], None] | None = None,
) -> Archive:
    """Search for equations of a table.

    Parameters
    ----------
    table : Table
        Data, at most ten columns.
    sources : sequence of Source
        Where skeletons come from; the first has the first turn. None at all leaves constants and affine equations.
    settings : Settings
    deadline : Deadline
        Looked at within every stage.
    rng : numpy.random.Generator
        Rows to compare on and starts of the fit.
    archive : Archive, optional
        Filled in place, so that a caller keeps what was found if an exception ends the search; new by default.
    callback : callable, optional
        Called with a :class:`Progress` after each round.

    Returns
    -------
    Archive
    """
    archive = Archive(table.floor) if archive is None else archive
    _Search(table, settings, deadline, rng, archive).run(sources, callback)
    return archive


def warm_up(deadline: Deadline, *others: Callable[[], object]) -> None:
    """Load the compiled kernels. Where they have to be compiled, which happens once, the clock starts after that.

    Parameters
    ----------
    deadline : Deadline
        Moved by the time that compilation takes.
    others : callables
        Further functions with kernels of their own, called once in a process.
    """
    started = deadline.elapsed
    for call in (_load_fit, *others):
        if call not in _loaded:
            call()
            _loaded.add(call)
    if deadline.elapsed - started > _COMPILATION:
        deadline.at += deadline.elapsed - started


def _load_fit() -> None:
    skeleton = Expression.from_names("add C mul C exp mul C x1")
    points = np.linspace(0.0, 1.0, 8)
    fit_skeletons([skeleton], points[:, None], points, n_restarts=1, rng=np.random.default_rng(0))
    evaluate_with_gradient(skeleton.with_constants((1.0, 1.0, 1.0)), points[:, None])


class _Search:
    def __init__(
        self, table: Table, settings: Settings, deadline: Deadline, rng: np.random.Generator, archive: Archive
    ) -> None:
        self.table = table
        self.settings = settings
        self.end = deadline
        # the last polish and simple constants need a little of the time
        self.deadline = Deadline()
        self.deadline.at = deadline.at - min(_RESERVE * deadline.remaining, _LARGEST_RESERVE)
        self.rng = rng
        self.archive = archive
        self.screen = table.subset(_SCREEN_ROWS, rng)
        self.target = _target(table)
        self.sample = _target(table.subset(_SAMPLE_ROWS, rng))
        scales = np.append(table.x_scales, table.y_scale)
        self.natural = bool(np.all((scales > _NATURAL_RANGE[0]) & (scales < _NATURAL_RANGE[1])))
        self.seen: set[tuple[Identity, bool]] = set()
        self.n_fitted = 0

    def run(self, sources: Sequence[Source], callback: Callable[[Progress], None] | None) -> None:
        for equation in affine_equations(self.table):
            self._keep(equation, np.nan, polish=False)
        self._snap_front()
        turns = [_Turn(source, source.batch_size) for source in sources]
        round_ = 0
        while turns and not self.deadline.passed and not self._is_exact():
            if self.settings.max_rounds is not None and round_ >= self.settings.max_rounds:
                break
            turn = min(turns, key=lambda turn: turn.spent / turn.source.share)
            started = self.deadline.elapsed
            if turn.proposer is None:
                turn.proposer = turn.source.open()
                started = self.deadline.elapsed  # loading a network is not a part of its share
            candidates = turn.proposer.propose(int(turn.batch_size), self.deadline)
            if candidates:
                self._try(candidates, turn.source.closed)
            else:
                turns.remove(turn)
            turn.spent += self.deadline.elapsed - started
            turn.batch_size = min(turn.batch_size * turn.source.growth, max(turn.source.largest_batch, turn.batch_size))
            round_ += 1
            if callback is not None:
                callback(Progress(round_, self.n_fitted, self.archive, self.end.elapsed))

    def _is_exact(self) -> bool:
        """Whether an equation is exact up to rounding, with more rows than it could fit by chance."""
        return any(
            entry.error <= self.table.floor and len(entry.expression.constants) + 1 < self.table.n_effective
            for entry in self.archive.front()
        )

    def _try(self, candidates: Iterable[Candidate], closed: bool) -> None:
        forms = self._forms(candidates, closed)
        self._fit(forms, self.settings.n_restarts)
        promising = self._promising(forms)
        self._fit(promising, _MORE_STARTS * self.settings.n_restarts)
        for form in promising:
            # Without time to polish, the fit to the compared rows is a valid answer if it is defined on all.
            self._keep(self._in_users_units(form), form.log_prob, polish=not self.end.passed)
            if self.end.passed:
                break
        self._snap_front()

    def _forms(self, candidates: Iterable[Candidate], closed: bool) -> list[_Form]:
        """Raw and closed forms that were not fitted before."""
        forms = []
        for candidate in candidates:
            raw = identity(candidate.skeleton)
            if not closed or not self.natural:
                try:
                    closure = close(candidate.skeleton)
                except ValueError:
                    continue  # undefined everywhere, which shows only in its numbers
                key = identity(closure)
                if (key, True) not in self.seen:
                    self.seen.add((key, True))
                    forms.append(_Form(closure, True, candidate.log_prob))
                if key == raw:
                    continue
            if self.natural and (raw, False) not in self.seen:
                self.seen.add((raw, False))
                forms.append(_Form(candidate.skeleton, False, candidate.log_prob))
        return forms

    def _fit(self, forms: list[_Form], n_restarts: int) -> None:
        """Fit forms to the compared rows, in place; an earlier fit is one of the starts and never lost."""
        for scaled in (True, False):
            some = [form for form in forms if form.scaled == scaled]
            if not some or self.deadline.passed:
                continue
            known = any(np.isfinite(form.loss) for form in some)
            result = FITTERS[self.settings.constant_optimizer](
                [form.skeleton for form in some],
                self.screen.scaled_X if scaled else self.screen.X,
                self.screen.scaled_y if scaled else self.screen.y,
                n_restarts=n_restarts,
                deadline=self.deadline,
                rng=self.rng,
                n_threads=self.settings.n_threads,
                sample_weight=self.screen.weight,
                initial=[form.constants for form in some] if known else None,
            )
            unit = 1.0 if scaled else self.table.y_scale**2
            for form, constants, loss in zip(some, result.constants, result.losses, strict=True):
                if loss / unit < form.loss:
                    form.constants, form.loss = tuple(constants), float(loss) / unit
            self.n_fitted += len(some)

    def _promising(self, forms: list[_Form]) -> list[_Form]:
        """The best by loss, and those that could enter the front at their complexity."""
        defined = sorted((form for form in forms if np.isfinite(form.loss)), key=lambda form: form.loss)
        n_best = max(_N_PROMISING, int(_SHARE_PROMISING * len(forms)))
        chosen = defined[:n_best]
        best_so_far = {entry.complexity: entry.error for entry in self.archive.front()}
        for form in sorted(defined[n_best:], key=lambda form: (form.skeleton.complexity, form.loss)):
            size = form.skeleton.complexity
            bar = min((error for complexity, error in best_so_far.items() if complexity <= size), default=np.inf)
            if form.loss < bar and len(chosen) < 2 * n_best:
                chosen.append(form)
                best_so_far[size] = form.loss
        return chosen

    def _in_users_units(self, form: _Form) -> Expression | None:
        fitted = form.skeleton.with_constants(form.constants)
        return unscale(fitted, self.table.x_scales, self.table.y_scale) if form.scaled else canonical(fitted)

    def _keep(self, equation: Expression | None, log_prob: float, polish: bool = True) -> None:
        """Polish an equation and put it into the archive, with its error on all rows, if it is defined on all."""
        if equation is None or not np.isfinite(equation.constants).all():
            return
        if polish:
            equation, _ = refine(equation, self.sample)
        self.archive.add(Entry(equation, self.table.error(equation), log_prob))

    def _snap_front(self) -> None:
        """Fit the equations of the front to all rows, with simple constants; also those that come forward by it."""
        while not self.end.passed:
            entry = next((entry for entry in self.archive.front() if not entry.snapped), None)
            if entry is None:
                return
            snapped = self._fit_rest(snap(entry.expression, self.sample, self.end))
            if not self._is_as_good(snapped, entry):
                snapped = self._fit_rest(entry.expression)
            error = self.table.error(snapped)
            self.archive.swap(entry, replace(entry, expression=snapped, error=error, snapped=True))

    def _fit_rest(self, equation: Expression) -> Expression:
        """Fit the constants that are no simple numbers to all rows, if there are more than in the sample."""
        if len(self.target.y) == len(self.sample.y):
            return equation
        free = np.array([not np.isfinite(simple_number_cost(value)) for value in equation.constants], dtype=bool)
        return refine(equation, self.target, free, max_steps=4)[0]

    def _is_as_good(self, equation: Expression, entry: Entry) -> bool:
        """Whether simple constants from the sample hold on all rows, within the noise."""
        new, old = (max(error, self.table.floor) for error in (self.table.error(equation), entry.error))
        return bool(self.table.n_effective * np.log(new / old) < _MAX_LOSS_OF_FIT)


def _target(table: Table) -> Target:
    return Target(table.X, table.y, table.y_scale, table.weight, table.n_effective, table.floor)
