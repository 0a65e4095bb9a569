"""The exports as methods of the estimator."""

from __future__ import annotations

import os
from collections.abc import Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import sympy

    from nesymres_sk.export.numpy_function import NumpyFunction
    from nesymres_sk.export.torch_module import EquationModule
    from nesymres_sk.regressor import NeuralSymbolicRegressor


class ExportMixin:
    """Methods that give the equations of a fitted estimator in other forms; all of them agree with ``predict``."""

    def sympy(self, index: int | None = None) -> sympy.Expr:
        """SymPy expression of an equation, in the names of the columns.

        Parameters
        ----------
        index : int, optional
            Row of ``equations_``; the chosen equation by default.
        """
        from nesymres_sk.export.fitted import fitted_equation
        from nesymres_sk.expressions.infix import to_sympy

        fitted = fitted_equation(self._estimator, index)
        return to_sympy(fitted.expression, fitted.column_names)

    def latex(self, index: int | None = None, digits: int = 4) -> str:
        """LaTeX text of an equation.

        Parameters
        ----------
        index : int, optional
            Row of ``equations_``; the chosen equation by default.
        digits : int, default=4
            Significant digits of the constants.
        """
        from nesymres_sk.export.fitted import fitted_equation
        from nesymres_sk.expressions.infix import to_latex

        fitted = fitted_equation(self._estimator, index)
        return to_latex(fitted.expression, fitted.column_names, digits=digits)

    def latex_table(
        self,
        columns: Sequence[str] = ("complexity", "loss", "r2", "equation"),
        indices: Sequence[int] | None = None,
        digits: int = 4,
    ) -> str:
        """Table of equations in LaTeX, see :func:`nesymres_sk.export.latex_table.latex_table`."""
        from nesymres_sk.export.latex_table import latex_table

        return latex_table(self._estimator, columns, indices, digits)

    def to_function(self, index: int | None = None) -> NumpyFunction:
        """Plain NumPy function of an equation, see :func:`nesymres_sk.export.numpy_function.to_function`."""
        from nesymres_sk.export.numpy_function import to_function

        return to_function(self._estimator, index)

    def to_torch(self, index: int | None = None, dtype: Any = None) -> EquationModule:
        """PyTorch module with trainable constants, see :func:`nesymres_sk.export.torch_module.to_torch`."""
        from nesymres_sk.export.torch_module import to_torch

        return to_torch(self._estimator, index, dtype)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted estimator to a JSON file, see :func:`nesymres_sk.export.saved_model.save_model`."""
        from nesymres_sk.export.saved_model import save_model

        save_model(self._estimator, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> NeuralSymbolicRegressor:
        """Read what :meth:`save` wrote, see :func:`nesymres_sk.export.saved_model.load_model`."""
        from nesymres_sk.export.saved_model import load_model

        return load_model(path)

    def _sk_visual_block_(self) -> SimpleNamespace:
        """What scikit-learn's diagrams show of this estimator: its equation under its name, once there is one.

        Diagrams read these attributes off the block that an estimator gives them, and the class that they have for it
        is private and has moved between versions. Without the caption this is the block of any other estimator.
        """
        name = type(self).__name__
        return SimpleNamespace(
            kind="single",
            estimators=self,
            names=name,
            name_details=str(self),
            name_caption=getattr(self, "equation_", None),
            doc_link_label=name,
        )

    @property
    def _estimator(self) -> NeuralSymbolicRegressor:
        return cast("NeuralSymbolicRegressor", self)
