"""An equation as a PyTorch module whose constants can be trained on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch

from nesymres_sk.export.fitted import fitted_equation
from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.expressions.infix import to_infix

if TYPE_CHECKING:
    from nesymres_sk.regressor import NeuralSymbolicRegressor

_FUNCTIONS: dict[str, Callable[..., torch.Tensor]] = {
    "add": torch.add,
    "sub": torch.sub,
    "mul": torch.mul,
    "div": torch.div,
    "pow": torch.pow,
    "neg": torch.neg,
    "inv": torch.reciprocal,
    "sqrt": torch.sqrt,
    "square": torch.square,
    # in the order of the machine, so that the last digits agree
    "cube": lambda a: a * a * a,
    "pow4": lambda a: (a * a) * (a * a),
    "pow5": lambda a: (a * a) * (a * a) * a,
    "exp": torch.exp,
    "log": torch.log,
    "sin": torch.sin,
    "cos": torch.cos,
    "tan": torch.tan,
    "asin": torch.asin,
    "acos": torch.acos,
    "atan": torch.atan,
    "tanh": torch.tanh,
    "abs": torch.abs,
}


class EquationModule(torch.nn.Module):
    """An equation with its constants as one trainable parameter.

    Parameters
    ----------
    expression : Expression
        Fitted equation.
    columns : sequence of int, optional
        Column of the input that each variable stands for; ``x1`` is the first by default.
    names : sequence of str, optional
        Names of the variables, for printing.
    dtype : torch.dtype, default torch.float64
        Type of the constants, to which inputs are converted.

    Attributes
    ----------
    constants : torch.nn.Parameter of shape (k,)
        Constants in the order of the equation's text; integers of the equation are fixed.
    """

    constants: torch.nn.Parameter
    _n_features: int | None = None  # of the table, where it is known

    def __init__(
        self,
        expression: Expression,
        columns: Sequence[int] | None = None,
        names: Sequence[str] | None = None,
        dtype: torch.dtype = torch.float64,
    ) -> None:
        super().__init__()
        self._tokens = expression.tokens
        self._columns = tuple(range(v.MAX_VARIABLES)) if columns is None else tuple(columns)
        self._names = None if names is None else tuple(names)
        self.constants = torch.nn.Parameter(torch.tensor(expression.constants, dtype=dtype))

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Values of the equation.

        Parameters
        ----------
        X : tensor of shape (..., n_features)
            All columns of the training data, in their order.

        Returns
        -------
        tensor of shape (...)
            NaN or infinite where the equation is undefined.

        Raises
        ------
        TypeError
            If ``X`` is no tensor.
        ValueError
            If it has not the columns of the training data.
        """
        if not isinstance(X, torch.Tensor):
            raise TypeError(f"X must be a tensor, got {type(X).__name__}; torch.as_tensor makes one of an array")
        if self._n_features is not None and (X.ndim == 0 or X.shape[-1] != self._n_features):
            raise ValueError(f"X must have shape (..., {self._n_features}), got {tuple(X.shape)}")
        X = X.to(self.constants.dtype)
        n_constants = len(self.constants)
        stack: list[torch.Tensor] = []
        for token in reversed(self._tokens):
            if token == v.CONSTANT:
                n_constants -= 1
                stack.append(self.constants[n_constants])
            elif v.is_variable(token):
                stack.append(X[..., self._columns[token - v.FIRST_VARIABLE]])
            elif v.is_integer(token):
                stack.append(X.new_tensor(token - v.FIRST_INTEGER + 1))
            else:
                row = v.operator_of(token)
                operands = [stack.pop() for _ in range(row.arity)]
                stack.append(_FUNCTIONS[row.name](*operands))
        return stack[0].expand(X.shape[:-1]).contiguous()

    def expression(self) -> Expression:
        """The equation with the constants as they are now."""
        return Expression(self._tokens, tuple(self.constants.detach().to(torch.float64).tolist()))

    def extra_repr(self) -> str:
        return to_infix(self.expression(), self._names, digits=6)


def to_torch(estimator: NeuralSymbolicRegressor, index: int | None = None, dtype: Any = None) -> EquationModule:
    """PyTorch module of an equation, for training its constants further or as a part of a larger model.

    Parameters
    ----------
    estimator : NeuralSymbolicRegressor
        Fitted.
    index : int, optional
        Row of ``equations_``; the chosen equation by default.
    dtype : torch.dtype, optional
        ``torch.float64`` by default, which gives what ``predict`` gives.

    Returns
    -------
    EquationModule
    """
    fitted = fitted_equation(estimator, index)
    dtype = torch.float64 if dtype is None else dtype
    module = EquationModule(fitted.expression, fitted.columns, fitted.column_names, dtype)
    module._n_features = fitted.n_features
    return module
