"""The scikit-learn face: parameters, validation, fitted attributes. No algorithm lives here."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from functools import partial
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from joblib import effective_n_jobs
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin, _fit_context
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data
from threadpoolctl import threadpool_limits

from nesymres_sk.equate.config import EquateConfig
from nesymres_sk.export.methods import ExportMixin

if TYPE_CHECKING:
    from nesymres_sk.deadline import Deadline
    from nesymres_sk.knowledge import Knowledge
    from nesymres_sk.progress import Callback, Reporter
    from nesymres_sk.rescreening import Rescreening, Stage
    from nesymres_sk.solver import Source
    from nesymres_sk.sources import Sources


class NeuralSymbolicRegressor(ExportMixin, RegressorMixin, BaseEstimator):
    """Symbolic regression with a pretrained set-to-sequence transformer.

    The network reads the table as a set of points and proposes equation skeletons (Biggio et al. 2021), and so do other
    searches; their constants are fitted; the best equations by accuracy and simplicity are kept, and one of them is
    chosen.

    Parameters
    ----------
    weights : str or path, default="base"
        Name of bundled weights, or path of a checkpoint.
    beam_size : int, default=32
        Number of skeletons that the network proposes (in the first round, if there is a time limit).
    n_restarts : int, default=4
        Starts of the fit of each skeleton; promising ones get more.
    decoding : {"beam", "sampling", "planning"}, default="beam"
        How skeletons are read off the network: the most probable ones, random ones, or by a tree search that fits the
        constants of what it writes (TPSR).
    finetune : {"equate"} or EquateConfig, optional
        Fine-tune a copy of the network on this table (Ying et al. 2025) and propose with that, too. Takes seconds; off
        by default. See :class:`nesymres_sk.EquateConfig` for its settings.
    constant_optimizer : {"lm", "bfgs"}, default="lm"
        Levenberg–Marquardt with closed-form linear constants, or BFGS as in the paper, which is much slower; without a
        time limit there is then no local search.
    selection : {"mdl", "paper", "accuracy", "best"}, default="mdl"
        Rule that chooses from the Pareto front, see :mod:`nesymres_sk.fitting.selection`.
    operators : list of str, optional
        Operators that equations may contain, for example ``["add", "mul", "sin"]``; all by default. Constants are
        outside this and all other rules: a factor, a shift or a sign may stand anywhere. Powers come with ``mul``.
    excluded_operators : list of str, optional
        Operators that equations must not contain.
    required_variables : list of str or int, optional
        Columns, by name or index, that every equation has to contain. Until one is found that does, there is only
        the constant; if it remains the only one, there is a warning.
    excluded_variables : list of str or int, optional
        Columns that are ignored.
    max_complexity : int, optional
        Largest number of nodes of an equation.
    nested_constraints : dict, optional
        Limits of nesting as in PySR: with ``{"sin": {"sin": 0, "cos": 1}}`` there is no ``sin`` inside a ``sin``, and
        at most one ``cos`` along any path inside it.
    guesses : list of str, optional
        Starting equations in the names of the columns, for example ``["C * mass * speed ** 2"]``, where each ``C`` is
        a free constant. Other numbers than 1 to 5 are where the fit of that constant starts. They are fitted before
        anything else, and the search goes on from the best of them.
    max_time : float, optional
        Seconds for ``fit``. Without it the search is short: functions are matched against the target once; if that
        gives nothing exact, the network proposes ``beam_size`` skeletons; if these do not either, a few rounds of local
        search start from the best equations. With it, the search goes on until the time is over or an equation is exact
        up to rounding; the network, matched functions and local search around the best equations share the time. What a
        process does once, loading and compiling numerical kernels, does not count.
    device : str, default="auto"
        Torch device of the network: ``"cpu"``, ``"cuda"``, ``"cuda:1"``, …; ``"auto"`` takes a GPU if there is one.
    n_jobs : int, optional, default=1
        Threads, as in joblib: -1 means all cores.
    random_state : int, RandomState instance or None, default=None
        Rows that are picked from long tables, sampling, and starts of the fit.
    verbose : int, default=0
        1 shows a progress bar with the best equation so far, 2 also prints each equation that joins the Pareto front.

    Attributes
    ----------
    equation_ : str
        Chosen equation in the names of the columns of ``X``, or ``x1``, ``x2``, … by position.
    equations_ : pandas.DataFrame
        Pareto front in order of complexity: ``complexity`` (nodes), ``loss`` (mean squared error), ``r2``, ``score``
        (drop of log-loss per node), ``log_prob`` (of the skeleton under its proposer, NaN if that has none),
        ``equation``.
    best_index_ : int
        Row of ``equations_`` that was chosen.
    expressions_ : list of Expression
        The equations of ``equations_`` as objects; strings and predictions both come from them.
    columns_ : ndarray of int
        Columns of ``X`` that the search used, at most ten: ``x1`` of ``expressions_`` is the first of them.
    history_ : list of dict
        How the most accurate equation improved: ``elapsed`` seconds, ``loss``, ``complexity`` and ``n_fitted``.
    n_fitted_ : int
        Skeletons whose constants were fitted.
    n_features_in_ : int
        Number of columns of ``X``.
    feature_names_in_ : ndarray of str
        Names of the columns of ``X``, if they are all strings.

    Notes
    -----
    Equations that are undefined in any row of the training data are never kept. Elsewhere ``predict`` returns what
    the equation gives, NaN or infinite where it is undefined.

    There may be any number of columns. Those of tables with more than ten are screened for those that the target
    depends on, alone or in pairs, and, with a time limit, screened again by what the best equation leaves unexplained.
    The network sees at most 256 rows; constants are fitted to all of them.

    Ctrl-C ends ``fit`` with a warning and the best equations so far. Any other exception that ends it early, one raised
    by a signal handler for example, is passed on, but the estimator has the best equations so far, too.

    Examples
    --------
    >>> import numpy as np
    >>> from nesymres_sk import NeuralSymbolicRegressor
    >>> X = np.linspace(1, 3, 20).reshape(-1, 1)
    >>> model = NeuralSymbolicRegressor(random_state=0).fit(X, 2.5 * X[:, 0] + 1)
    >>> model.equation_
    '2.5 * x1 + 1'
    """

    _parameter_constraints: dict[str, list[Any]] = {
        "weights": [str, os.PathLike],
        "beam_size": [Interval(Integral, 1, None, closed="left")],
        "n_restarts": [Interval(Integral, 1, None, closed="left")],
        "decoding": [StrOptions({"beam", "sampling", "planning"})],
        "finetune": [StrOptions({"equate"}), EquateConfig, None],
        "constant_optimizer": [StrOptions({"lm", "bfgs"})],
        "selection": [StrOptions({"mdl", "paper", "accuracy", "best"})],
        "operators": [list, tuple, np.ndarray, None],
        "excluded_operators": [list, tuple, np.ndarray, None],
        "required_variables": [list, tuple, np.ndarray, None],
        "excluded_variables": [list, tuple, np.ndarray, None],
        "max_complexity": [Interval(Integral, 1, None, closed="left"), None],
        "nested_constraints": [dict, None],
        "guesses": [list, tuple, None],
        "max_time": [Interval(Real, 0, None, closed="neither"), None],
        "device": [str],
        "n_jobs": [Interval(Integral, None, -1, closed="right"), Interval(Integral, 1, None, closed="left"), None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        weights: str | os.PathLike[str] = "base",
        *,
        beam_size: int = 32,
        n_restarts: int = 4,
        decoding: Literal["beam", "sampling", "planning"] = "beam",
        finetune: Literal["equate"] | EquateConfig | None = None,
        constant_optimizer: Literal["lm", "bfgs"] = "lm",
        selection: Literal["mdl", "paper", "accuracy", "best"] = "mdl",
        operators: list[str] | None = None,
        excluded_operators: list[str] | None = None,
        required_variables: list[str | int] | None = None,
        excluded_variables: list[str | int] | None = None,
        max_complexity: int | None = None,
        nested_constraints: dict[str, dict[str, int]] | None = None,
        guesses: list[str] | None = None,
        max_time: float | None = None,
        device: str = "auto",
        n_jobs: int | None = 1,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        self.weights = weights
        self.beam_size = beam_size
        self.n_restarts = n_restarts
        self.decoding = decoding
        self.finetune = finetune
        self.constant_optimizer = constant_optimizer
        self.selection = selection
        self.operators = operators
        self.excluded_operators = excluded_operators
        self.required_variables = required_variables
        self.excluded_variables = excluded_variables
        self.max_complexity = max_complexity
        self.nested_constraints = nested_constraints
        self.guesses = guesses
        self.max_time = max_time
        self.device = device
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        callback: Callback | None = None,
    ) -> NeuralSymbolicRegressor:
        """Search for equations.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            At least two rows of finite numbers.
        y : array-like of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the squared errors; a weight of 2 is the same as a repeated row.
        callback : callable, optional
            Called with a :class:`nesymres_sk.progress.FoundEquation` whenever there is a new best equation. The search
            ends if it returns ``True``.

        Returns
        -------
        NeuralSymbolicRegressor
            The fitted estimator.

        Raises
        ------
        ValueError
            If the data are not finite numbers of matching shapes, there are fewer than two rows, an operator, a column,
            the weights or the device are unknown, a guess cannot be read or breaks the rules, or a weights file is
            damaged. The estimator is then no longer fitted.
        TypeError
            If the callback cannot be called, or something in the lists and dicts is of the wrong type.
        """
        # loaded once in a process, which is not a part of the search
        from nesymres_sk.deadline import Deadline
        from nesymres_sk.knowledge import Knowledge
        from nesymres_sk.model.registry import check_network
        from nesymres_sk.progress import Reporter
        from nesymres_sk.rescreening import Rescreening
        from nesymres_sk.solver import warm_up
        from nesymres_sk.sources import load_searches

        deadline = Deadline(self.max_time)
        # an earlier fit must not be left with the names of this table if this fit fails
        for name in [name for name in vars(self) if name.endswith("_") and not name.startswith("_")]:
            delattr(self, name)
        X_checked, y_checked = validate_data(self, X, y, dtype=np.float64, y_numeric=True, ensure_min_samples=2)
        y_checked = np.asarray(y_checked, dtype=np.float64)
        weight = None
        if sample_weight is not None:
            weight = _check_sample_weight(sample_weight, X_checked, dtype=np.float64, ensure_non_negative=True)
        if callback is not None and not callable(callback):
            raise TypeError(f"callback must be callable, got {callback!r}")

        names = self._names_of(range(X_checked.shape[1]))
        knowledge = Knowledge.of(self, names)
        check_network(self.weights, self.device)
        # as NumPy itself has it: what a user has set is for code that does not expect infinities and zeros
        with np.errstate(divide="warn", over="warn", under="ignore", invalid="warn"):
            warm_up(deadline, load_searches)
            rng = np.random.default_rng(check_random_state(self.random_state).randint(2**31))
            stages = Rescreening(X_checked, y_checked, weight, knowledge, deadline, rng)
            for message in knowledge.undefined(stages.stage, deadline):
                warnings.warn(message, UserWarning, stacklevel=3)  # the caller of fit, past its validation wrapper
            reporter = Reporter(self.verbose, callback, self.selection, names, deadline)
            try:
                # matrix products of a search are small: more threads than were asked for would only get in its way
                with reporter, threadpool_limits(effective_n_jobs(self.n_jobs), user_api="blas"):
                    self._search(stages, knowledge, reporter, deadline, rng)
            except KeyboardInterrupt:
                if not len(stages.stage.archive):
                    raise
                warnings.warn("fit was interrupted; the equations are the best so far", UserWarning, stacklevel=3)
            finally:
                if len(stages.stage.archive):
                    self.history_, self.n_fitted_ = reporter.history, reporter.n_fitted
                    self._publish(stages.stage)
            for message in knowledge.lacking(stages.stage, self.expressions_, self.best_index_, names):
                warnings.warn(message, UserWarning, stacklevel=3)
        return self

    def predict(self, X: ArrayLike, index: int | None = None) -> NDArray[np.float64]:
        """Values of an equation.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        index : int, optional
            Row of ``equations_``; the chosen equation by default.

        Returns
        -------
        ndarray of shape (n_samples,)
            NaN or infinite where the equation is undefined.
        """
        check_is_fitted(self)
        from nesymres_sk.export.fitted import fitted_equation
        from nesymres_sk.expressions.machine import evaluate

        checked = validate_data(self, X, dtype=np.float64, reset=False)
        return evaluate(fitted_equation(self, index).expression, checked[:, self.columns_])

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "expressions_")

    def _names_of(self, columns: Sequence[int]) -> list[str]:
        names = getattr(self, "feature_names_in_", None)
        return [f"x{i + 1}" if names is None else str(names[i]) for i in columns]

    def _search(
        self,
        stages: Rescreening,
        knowledge: Knowledge,
        reporter: Reporter,
        deadline: Deadline,
        rng: np.random.Generator,
    ) -> None:
        """Fill the archives of the stages until the time is over or nothing is left to try."""
        from nesymres_sk.judge import FitOptions
        from nesymres_sk.search.guesses import Guesses
        from nesymres_sk.solver import Source, solve
        from nesymres_sk.sources import SearchOptions, Sources

        n_threads = effective_n_jobs(self.n_jobs)
        options = SearchOptions(
            weights=os.fspath(self.weights),
            device=self.device,
            decoding=self.decoding,
            beam_size=self.beam_size,
            equate=EquateConfig() if self.finetune == "equate" else self.finetune,
            anytime=self.max_time is not None,
            n_threads=n_threads,
            constant_optimizer=self.constant_optimizer,
        )
        guesses = knowledge.candidates(stages.stage.columns)
        while True:
            stage = stages.stage
            sources = self._sources(Sources(stage.table, stage.archive, options, rng))
            if guesses:
                sources = [Source(partial(Guesses, guesses), len(guesses)), *sources]
            solve(
                stage.table,
                sources,
                FitOptions(self.n_restarts, self.constant_optimizer, n_threads),
                deadline,
                rng,
                archive=stage.archive,
                callback=lambda progress, stage=stage: (  # type: ignore[misc]
                    reporter.report(progress, stage) or stages.should_change()
                ),
            )
            guesses = []  # they are carried over
            if reporter.stopped or not stages.advance():
                return

    def _sources(self, sources: Sources) -> list[Source]:
        """What proposes candidates, the first of them first."""
        return sources.all()

    def _publish(self, stage: Stage) -> None:
        """Set the fitted attributes from what the search has found."""
        from nesymres_sk.archive import pareto_table

        front, best = stage.choice(self.selection)
        # the other names, too: a number is not written with the name of any column
        names = self._names_of([*stage.columns.tolist(), *range(self.n_features_in_)])
        equations = pareto_table(front, stage.table, names)
        self.columns_ = stage.columns
        self.equations_ = equations
        self.best_index_ = best
        self.equation_ = str(equations["equation"][best])
        self.expressions_ = [entry.expression for entry in front]
