"""The table of equations as LaTeX, for a paper."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sklearn.utils.validation import check_is_fitted

from nesymres_sk.export.fitted import fitted_equation
from nesymres_sk.expressions.infix import check_digits, to_latex

if TYPE_CHECKING:
    from nesymres_sk.regressor import NeuralSymbolicRegressor

#: Heading of each column that can be shown.
HEADINGS = {
    "complexity": "Complexity",
    "loss": "Loss",
    "r2": "$R^2$",
    "score": "Score",
    "log_prob": "Log-probability",
    "equation": "Equation",
}


def latex_table(
    estimator: NeuralSymbolicRegressor,
    columns: Sequence[str] = ("complexity", "loss", "r2", "equation"),
    indices: Sequence[int] | None = None,
    digits: int = 4,
) -> str:
    r"""Table of equations in LaTeX.

    Parameters
    ----------
    estimator : NeuralSymbolicRegressor
        Fitted.
    columns : sequence of str
        Columns of ``equations_`` to show, in this order.
    indices : sequence of int, optional
        Rows of ``equations_``; all by default.
    digits : int, default=4
        Significant digits.

    Returns
    -------
    str
        A ``tabular`` environment, which needs the package ``booktabs``. The chosen equation has a star.

    Raises
    ------
    IndexError, ValueError
        If there is no such row or column, or ``digits`` is less than 1.
    TypeError
        If a row or ``digits`` is no integer.
    """
    check_is_fitted(estimator)
    check_digits(digits)
    unknown = [column for column in columns if column not in HEADINGS]
    if unknown or not columns:
        raise ValueError(f"columns must be some of {', '.join(HEADINGS)}, got {', '.join(unknown) or 'none'}")
    table = estimator.equations_
    rows = [[HEADINGS[column] for column in columns]]
    for index in range(len(table)) if indices is None else indices:
        fitted = fitted_equation(estimator, index)
        chosen = index % len(table) == estimator.best_index_
        cells = []
        for column in columns:
            if column == "equation":
                cells.append(f"${to_latex(fitted.expression, fitted.column_names, digits)}$")
            else:
                cells.append(_number(float(table[column].iloc[index]), digits))
        rows.append([cells[0] + (r"\rlap{$^\star$}" if chosen else ""), *cells[1:]])
    alignment = "".join("l" if column == "equation" else "r" for column in columns)
    heading, *body = [" & ".join(row) + r" \\" for row in rows]
    lines = [rf"\begin{{tabular}}{{{alignment}}}", r"\toprule", heading, r"\midrule", *body, r"\bottomrule"]
    return "\n".join([*lines, r"\end{tabular}"])


def _number(value: float, digits: int) -> str:
    if math.isnan(value):
        return "--"
    if math.isinf(value):
        return r"$\infty$" if value > 0 else r"$-\infty$"
    if value == int(value) and abs(value) < 10**digits:
        return f"${int(value)}$" if value < 0 else str(int(value))
    mantissa, _, exponent = format(value, f".{digits}g").partition("e")
    if exponent:
        return rf"${mantissa} \cdot 10^{{{int(exponent)}}}$"
    return f"${mantissa}$" if value < 0 else mantissa
