"""The scikit-learn face: parameters, validation, fitted attributes. No algorithm lives here."""

from __future__ import annotations

import warnings
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from joblib import effective_n_jobs
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin, _fit_context
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

if TYPE_CHECKING:
    import sympy

    from nesymres_sk.archive import Archive
    from nesymres_sk.expressions.expression import Expression
    from nesymres_sk.solver import Progress, Source
    from nesymres_sk.sources import Sources
    from nesymres_sk.table import Table

_MAX_COLUMNS = 10


class NeuralSymbolicRegressor(RegressorMixin, BaseEstimator):
    """Symbolic regression with a pretrained set-to-sequence transformer.

    The network reads the table as a set of points and proposes equation skeletons, whose constants are then fitted;
    the best equations by accuracy and simplicity are kept, and one of them is chosen (Biggio et al. 2021).

    Parameters
    ----------
    weights : str, default="base"
        Name of bundled weights, or path of a checkpoint.
    beam_size : int, default=32
        Number of skeletons that the network proposes (in the first round, if there is a time limit).
    n_restarts : int, default=4
        Starts of the fit of each skeleton; promising ones get more.
    decoding : {"beam", "sampling"}, default="beam"
        How skeletons are read off the network.
    constant_optimizer : {"lm", "bfgs"}, default="lm"
        Levenberg–Marquardt with closed-form linear constants, or BFGS as in the paper, which is much slower.
    selection : {"mdl", "paper", "accuracy", "best"}, default="mdl"
        Rule that chooses from the Pareto front, see :mod:`nesymres_sk.fitting.selection`.
    operators : list of str, optional
        Operators that skeletons may contain, for example ``["add", "mul", "sin"]``; all by default. Constants may
        multiply and add to anything all the same: a change of units needs them.
    max_complexity : int, optional
        Largest number of nodes of an equation.
    max_time : float, optional
        Seconds for ``fit``. Without it there is one round of ``beam_size`` skeletons. With it, the search goes on
        until the time is over or an equation is exact up to rounding, and a small part of it tries random skeletons.
        The compilation of the numerical kernels, once on a machine, does not count.
    device : str, default="auto"
        Torch device of the network; ``"auto"`` takes a GPU if there is one.
    n_jobs : int, optional, default=1
        Threads, as in joblib: -1 means all cores.
    random_state : int, RandomState instance or None, default=None
        Rows that are picked from long tables, sampling, and starts of the fit.
    verbose : int, default=0
        Print a line for each round of the search.

    Attributes
    ----------
    equation_ : str
        Chosen equation in the names of the columns of ``X``, or ``x1``, ``x2``, … by position.
    equations_ : pandas.DataFrame
        Pareto front in order of complexity: ``complexity`` (nodes), ``loss`` (mean squared error), ``r2``, ``score``
        (drop of log-loss per node), ``log_prob`` (of the skeleton, NaN if no proposer made it), ``equation``.
    best_index_ : int
        Row of ``equations_`` that was chosen.
    expressions_ : list of Expression
        The equations of ``equations_`` as objects; strings and predictions both come from them.
    columns_ : ndarray of int
        Columns of ``X`` that the search was given; at most ten.
    n_features_in_ : int
        Number of columns of ``X``.
    feature_names_in_ : ndarray of str
        Names of the columns of ``X``, if they are all strings.

    Notes
    -----
    Equations that are undefined in any row of the training data are never kept. Elsewhere ``predict`` returns what
    the equation gives, NaN or infinite where it is undefined.

    Tables with more than ten columns are reduced to the ten most useful ones, with a warning. The network sees at
    most 256 rows; constants are fitted to all of them.

    Until an exception that ends ``fit`` early (``KeyboardInterrupt``, or one raised by a signal handler) is passed
    on, the best equations so far are put on the estimator, which can predict from then on.

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
        "weights": [str],
        "beam_size": [Interval(Integral, 1, None, closed="left")],
        "n_restarts": [Interval(Integral, 1, None, closed="left")],
        "decoding": [StrOptions({"beam", "sampling"})],
        "constant_optimizer": [StrOptions({"lm", "bfgs"})],
        "selection": [StrOptions({"mdl", "paper", "accuracy", "best"})],
        "operators": [list, tuple, None],
        "max_complexity": [Interval(Integral, 1, None, closed="left"), None],
        "max_time": [Interval(Real, 0, None, closed="neither"), None],
        "device": [str],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        weights: str = "base",
        *,
        beam_size: int = 32,
        n_restarts: int = 4,
        decoding: Literal["beam", "sampling"] = "beam",
        constant_optimizer: Literal["lm", "bfgs"] = "lm",
        selection: Literal["mdl", "paper", "accuracy", "best"] = "mdl",
        operators: list[str] | None = None,
        max_complexity: int | None = None,
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
        self.constant_optimizer = constant_optimizer
        self.selection = selection
        self.operators = operators
        self.max_complexity = max_complexity
        self.max_time = max_time
        self.device = device
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> NeuralSymbolicRegressor:
        """Search for equations.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            At least two rows of finite numbers.
        y : array-like of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the squared errors; a weight of 2 is the same as a repeated row.

        Returns
        -------
        NeuralSymbolicRegressor
            The fitted estimator.

        Raises
        ------
        ValueError
            If the data are not finite numbers of matching shapes, there are fewer than two rows, an operator or the
            weights are unknown, or a weights file is damaged.
        """
        from nesymres_sk.deadline import Deadline

        deadline = Deadline(self.max_time)
        X_checked, y_checked = validate_data(self, X, y, dtype=np.float64, y_numeric=True, ensure_min_samples=2)
        y_checked = np.asarray(y_checked, dtype=np.float64)
        weight = None
        if sample_weight is not None:
            weight = _check_sample_weight(sample_weight, X_checked, dtype=np.float64, ensure_non_negative=True)

        from nesymres_sk.archive import Archive
        from nesymres_sk.columns import select_columns
        from nesymres_sk.judge import FitOptions
        from nesymres_sk.model.registry import resolve
        from nesymres_sk.search.grammar import check_operators
        from nesymres_sk.solver import solve, warm_up
        from nesymres_sk.sources import SearchOptions, Sources
        from nesymres_sk.table import Table

        warm_up(deadline, *([] if self.max_time is None else [_load_prior]))
        check_operators(self.operators)
        resolve(self.weights)  # a wrong name is an error also where the network turns out not to be needed
        rng = np.random.default_rng(check_random_state(self.random_state).randint(2**31))
        table = Table.prepare(X_checked, y_checked, weight)
        self.columns_ = select_columns(table.X, table.y, _MAX_COLUMNS, sample_weight=table.weight, rng=rng)
        n_columns = X_checked.shape[1]
        if len(self.columns_) < n_columns:
            kept = ", ".join(self._names())
            warnings.warn(
                f"X has {n_columns} columns, more than the {_MAX_COLUMNS} that the network reads; "
                f"using the most useful ones: {kept}",
                UserWarning,
                stacklevel=3,  # the caller of fit, past its validation wrapper
            )
            table = Table.prepare(X_checked[:, self.columns_], y_checked, weight)
        n_threads = effective_n_jobs(self.n_jobs)
        archive = Archive(table.floor, self.max_complexity)
        options = SearchOptions(
            weights=self.weights,
            device=self.device,
            decoding=self.decoding,
            beam_size=self.beam_size,
            operators=None if self.operators is None else tuple(self.operators),
            max_complexity=self.max_complexity,
            n_threads=n_threads,
        )
        try:
            solve(
                table,
                self._sources(Sources(table, archive, options, rng)),
                FitOptions(self.n_restarts, self.constant_optimizer, n_threads),
                deadline,
                rng,
                archive=archive,
                max_rounds=1 if self.max_time is None else None,
                callback=_report if self.verbose else None,
            )
        finally:
            if len(archive):
                self._publish(archive, table)
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
        from nesymres_sk.expressions.machine import evaluate

        checked = validate_data(self, X, dtype=np.float64, reset=False)
        return evaluate(self._expression(index), checked[:, self.columns_])

    def sympy(self, index: int | None = None) -> sympy.Expr:
        """SymPy expression of an equation, in the names of the columns.

        Parameters
        ----------
        index : int, optional
            Row of ``equations_``; the chosen equation by default.
        """
        check_is_fitted(self)
        from nesymres_sk.expressions.infix import to_sympy

        return to_sympy(self._expression(index), self._names())

    def latex(self, index: int | None = None, digits: int = 4) -> str:
        """LaTeX text of an equation.

        Parameters
        ----------
        index : int, optional
            Row of ``equations_``; the chosen equation by default.
        digits : int, default=4
            Significant digits of the constants.
        """
        check_is_fitted(self)
        from nesymres_sk.expressions.infix import to_latex

        return to_latex(self._expression(index), self._names(), digits=digits)

    def _expression(self, index: int | None) -> Expression:
        """Expression of a row of ``equations_``."""
        index = self.best_index_ if index is None else index
        if not -len(self.expressions_) <= index < len(self.expressions_):
            raise IndexError(f"index must be a row of equations_, 0 to {len(self.expressions_) - 1}, got {index}")
        return self.expressions_[index]

    def _names(self) -> list[str]:
        """Names of the columns that the search was given."""
        names = getattr(self, "feature_names_in_", None)
        return [f"x{i + 1}" if names is None else str(names[i]) for i in self.columns_.tolist()]

    def _sources(self, sources: Sources) -> list[Source]:
        """What proposes candidates."""
        return [sources.network()] if self.max_time is None else [sources.network(), sources.prior()]

    def _publish(self, archive: Archive, table: Table) -> None:
        """Set the fitted attributes from what the search has found."""
        from nesymres_sk.archive import pareto_table
        from nesymres_sk.fitting.selection import choose

        front = archive.front()
        expressions = [entry.expression for entry in front]
        best = choose(
            [(entry.expression, entry.error) for entry in front],
            self.selection,
            n_rows=table.n_effective,
            n_variables=len(self.columns_),
            floor=table.floor,
            variance=table.variance,
        )
        equations = pareto_table(front, table, self._names())
        self.expressions_ = expressions
        self.equations_ = equations
        self.best_index_ = best
        self.equation_ = str(equations["equation"][best])


def _load_prior() -> None:
    from nesymres_sk.deadline import Deadline
    from nesymres_sk.search.proposers import PriorProposer

    PriorProposer(1).propose(1, Deadline())


def _report(progress: Progress) -> None:
    best = progress.archive.front()[-1]
    print(
        f"round {progress.round}: {progress.n_fitted} fits in {progress.elapsed:.1f} s, "
        f"{len(progress.archive.front())} equations on the front, smallest relative error {best.error:.3g}"
    )
