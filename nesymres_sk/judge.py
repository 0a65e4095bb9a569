"""From proposals to archived equations: both forms fitted, the promising ones with more starts, polished, snapped."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from nesymres_sk.archive import Archive, Entry
from nesymres_sk.deadline import Deadline
from nesymres_sk.expressions.canonical import canonical
from nesymres_sk.expressions.closure import close
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.fitting.bfgs import fit_skeletons_bfgs
from nesymres_sk.fitting.constants import fit_skeletons
from nesymres_sk.fitting.linear import affine_equations
from nesymres_sk.fitting.numbers import simple_number_cost
from nesymres_sk.fitting.refinement import Target, refine
from nesymres_sk.fitting.snapping import snap
from nesymres_sk.scaling import unscale
from nesymres_sk.search.candidate import Candidate, identity
from nesymres_sk.table import Table

FITTERS = {"lm": fit_skeletons, "bfgs": fit_skeletons_bfgs}

#: Rows on which candidates are compared; the best are fitted to all rows afterwards.
_SCREEN_ROWS = 256
#: Rows on which the best are polished and simple constants are tried; only the front is fitted to all rows.
_SAMPLE_ROWS = 10_000
#: Largest increase of n * log(error) on all rows by simple constants, several of which may have been set.
_MAX_LOSS_OF_FIT = 15.0
#: Candidates of a round that get more starts: at least so many, and this share.
_N_PROMISING, _SHARE_PROMISING = 12, 0.02
#: How many times more starts they get.
_MORE_STARTS = 4
#: Part of the time for simple constants while the search goes on, and the error, in multiples of rounding, below which
#: an equation is tried at once: it may be the law.
_SNAPPING, _NEARLY_EXACT = 0.1, 1e6


@dataclass(frozen=True)
class FitOptions:
    """How candidates are fitted.

    Attributes
    ----------
    n_restarts : int
        Starts of every candidate; promising ones get four times as many.
    constant_optimizer : {"lm", "bfgs"}
    n_threads : int
    """

    n_restarts: int = 4
    constant_optimizer: str = "lm"
    n_threads: int = 1


@dataclass
class _Form:
    """One way to fit a candidate.

    ``scaled`` says that columns and target are divided by their scales, which the closed form is made for; the raw
    form, whose unit coefficients mean the user's own units, is fitted to the data as they are.
    """

    key: int
    skeleton: Expression
    scaled: bool
    log_prob: float
    start: tuple[float, ...] | None = None
    constants: tuple[float, ...] = ()
    loss: float = np.inf


class Judge:
    """Fits candidates to one table and keeps the good ones in an archive.

    Parameters
    ----------
    table : Table
    options : FitOptions
    deadline : Deadline
        End of the fits.
    end : Deadline
        End of polish and simple constants, a little later.
    rng : numpy.random.Generator
        Rows to compare on and starts of the fit.
    archive : Archive
        Filled in place.

    Attributes
    ----------
    n_fitted : int
        Forms fitted so far; none is fitted twice.
    """

    def __init__(
        self,
        table: Table,
        options: FitOptions,
        deadline: Deadline,
        end: Deadline,
        rng: np.random.Generator,
        archive: Archive,
    ) -> None:
        self.table = table
        self.options = options
        self.deadline = deadline
        self.end = end
        self.rng = rng
        self.archive = archive
        self.n_fitted = 0
        self._screen = table.subset(_SCREEN_ROWS, rng)
        self._target = _target(table)
        self._sample = _target(table.subset(_SAMPLE_ROWS, rng))
        self._snapping = 0.0
        self._losses: dict[int, float] = {}  # by hash: a long search sees millions

    @property
    def is_exact(self) -> bool:
        """Whether an equation is exact up to rounding, with more rows than it could fit by chance."""
        return any(
            entry.error <= self.table.floor and len(entry.expression.constants) + 1 < self.table.n_effective
            for entry in self.archive.front()
        )

    def keep_affine(self) -> None:
        """Archive the constant and the affine equations."""
        for equation in affine_equations(self.table, self.archive.constraints.required):
            self._keep(equation, np.nan, polish=False)
        if self.table.n_rows <= _SAMPLE_ROWS:  # of a long table most are overtaken before that is worth its time
            self.snap_front()

    def try_out(self, candidates: Sequence[Candidate], closed: bool, n_restarts: int | None = None) -> list[float]:
        """Fit candidates and archive the good ones.

        Parameters
        ----------
        candidates : sequence of Candidate
        closed : bool
            Whether their proposer gives closures by itself, so that nothing has to be added to its skeletons.
        n_restarts : int, optional
            Starts of each, if not those of the options.

        Returns
        -------
        list of float
            Relative error of each on the compared rows, infinite where undefined or not reached in time.
        """
        keys, forms = self._forms(candidates, closed)
        n_restarts = n_restarts or self.options.n_restarts
        self._fit(forms, n_restarts)
        promising = self._promising(forms)
        self._fit(promising, _MORE_STARTS * n_restarts)
        for form in promising:
            # Without time to polish, the fit to the compared rows is a valid answer if it is defined on all.
            self._keep(self._in_users_units(form), form.log_prob, polish=not self.end.passed)
            if self.end.passed:
                break
        self.snap_front(_SNAPPING)
        for form in forms:
            self._losses[form.key] = form.loss
        return [min((self._losses[key] for key in some), default=np.inf) for some in keys]

    def _forms(self, candidates: Sequence[Candidate], closed: bool) -> tuple[list[list[int]], list[_Form]]:
        """Keys of the closed and raw forms of each candidate, and the forms that were not fitted before."""
        keys: list[list[int]] = []
        forms = []
        for candidate in candidates:
            possible = []
            raw = identity(candidate.skeleton)
            same = False
            if not closed or not self.table.natural:
                try:
                    closure = close(candidate.skeleton)
                except ValueError:
                    keys.append([])
                    continue  # undefined everywhere, which shows only in its numbers
                key = identity(closure)
                same = key == raw
                possible.append(_Form(hash((key, True)), closure, True, candidate.log_prob))
            if self.table.natural and not same:
                form = _Form(hash((raw, False)), candidate.skeleton, False, candidate.log_prob, candidate.initial)
                possible.append(form)
            # what the archive would refuse is not worth a fit
            possible = [form for form in possible if self.archive.constraints.allows(form.skeleton)]
            keys.append([form.key for form in possible])
            for form in possible:
                if form.key not in self._losses:
                    self._losses[form.key] = np.inf
                    forms.append(form)
        return keys, forms

    def _fit(self, forms: list[_Form], n_restarts: int) -> None:
        """Fit forms to the compared rows, in place; an earlier fit is one of the starts and never lost."""
        for scaled in (True, False):
            some = [form for form in forms if form.scaled == scaled]
            if not some or self.deadline.passed:
                continue
            result = FITTERS[self.options.constant_optimizer](
                [form.skeleton for form in some],
                self._screen.scaled_X if scaled else self._screen.X,
                self._screen.scaled_y if scaled else self._screen.y,
                n_restarts=n_restarts,
                deadline=self.deadline,
                rng=self.rng,
                n_threads=self.options.n_threads,
                sample_weight=self._screen.weight,
                initial=[form.constants or form.start for form in some],
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
            equation, _ = refine(equation, self._sample)
        error = self.table.error(equation, self.archive.limit(equation.complexity))
        self.archive.add(Entry(equation, error, log_prob))

    def snap_front(self, share: float = 1.0) -> None:
        """Fit the equations of the front to all rows, with simple constants; also those that come forward by it.

        Parameters
        ----------
        share : float
            Part of the time since the start that this may take, the most accurate equations first. What is nearly
            exact is done in any case, and without a deadline, where no result may depend on the clock, nothing else
            unless the share is 1.
        """
        timed = math.isfinite(self.end.at)
        started = self.deadline.elapsed
        while not self.end.passed:
            waiting = [entry for entry in self.archive.front() if not entry.snapped]
            if not waiting:
                break
            entry = min(waiting, key=lambda entry: entry.error)
            now = self.deadline.elapsed
            over = self._snapping + now - started > share * now if timed else share < 1.0
            if over and entry.error > _NEARLY_EXACT * self.table.floor:
                break
            floor = self.table.floor_beside(self.archive.front()[-1].error)
            snapped = self._fit_rest(snap(entry.expression, replace(self._sample, floor=floor), self.end))
            error = self.table.error(snapped)
            if not self._is_as_good(error, entry.error, floor):
                snapped = self._fit_rest(entry.expression)
                error = self.table.error(snapped)
            self.archive.swap(entry, replace(entry, expression=snapped, error=error, snapped=True))
        self._snapping += self.deadline.elapsed - started

    def _fit_rest(self, equation: Expression) -> Expression:
        """Fit the constants that are no simple numbers to all rows, if there are more than in the sample."""
        if len(self._target.y) == len(self._sample.y):
            return equation
        free = np.array([not np.isfinite(simple_number_cost(value)) for value in equation.constants], dtype=bool)
        # the optimum of the sample is so near that one step, of all the rows, leaves less than the noise
        return refine(equation, self._target, free, max_steps=1, deadline=self.end)[0]

    def _is_as_good(self, error: float, reference: float, floor: float) -> bool:
        """Whether simple constants from the sample hold on all rows, within the noise."""
        new, old = (max(value, floor) for value in (error, reference))
        return bool(self.table.n_effective * (np.log(new) - np.log(old)) < _MAX_LOSS_OF_FIT)


def _target(table: Table) -> Target:
    return Target(table.X, table.y, table.y_scale, table.weight, table.n_effective, table.floor)
