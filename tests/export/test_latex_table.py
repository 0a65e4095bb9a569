import shutil
import subprocess

import pytest
from fitted_models import fitted_model
from sklearn.exceptions import NotFittedError

from nesymres_sk import NeuralSymbolicRegressor
from nesymres_sk.export.latex_table import HEADINGS, latex_table
from nesymres_sk.expressions.parser import parse


@pytest.fixture
def model():
    names = ["mass_1", "R&D % of $"]
    texts = ["123456.789", "0.000012345 * x1", "x1 / x2 + 1.23456789"]
    return fitted_model([parse(text) for text in texts], n_features=2, names=names, best=2)


def test_whole_table(model):
    assert latex_table(model, digits=3).split("\n") == [
        r"\begin{tabular}{rrrl}",
        r"\toprule",
        r"Complexity & Loss & $R^2$ & Equation \\",
        r"\midrule",
        r"1 & 0.333 & 0 & $1.23 \cdot 10^{5}$ \\",
        r"3 & $1.05 \cdot 10^{-5}$ & 1 & $1.23 \cdot 10^{-5} \cdot \mathrm{mass\_1}$ \\",
        r"5\rlap{$^\star$} & $3.33 \cdot 10^{-10}$ & 1 & "
        r"$\frac{\mathrm{mass\_1}}{\mathrm{R\&D\ \%\ of\ \$}} + 1.23$ \\",
        r"\bottomrule",
        r"\end{tabular}",
    ]


def test_columns_and_rows_are_those_asked_for(model):
    text = latex_table(model, columns=["equation", "log_prob"], indices=[2, 0], digits=2)
    lines = text.split("\n")
    assert lines[0] == r"\begin{tabular}{lr}"
    assert lines[2] == r"Equation & Log-probability \\"
    assert lines[4].startswith(r"$\frac{\mathrm{mass\_1}}")
    assert lines[4].endswith(r"& $-0.29$ \\")
    assert lines[5] == r"$1.2 \cdot 10^{5}$ & -- \\"
    assert len(lines) == 8


def test_every_row_has_as_many_cells_as_the_head(model):
    lines = latex_table(model, columns=list(HEADINGS)).split("\n")
    body = [line.replace(r"\&", "") for line in lines if line.endswith(r"\\")]
    assert {line.count("&") for line in body} == {len(HEADINGS) - 1}
    assert len(body) == 4


def test_errors(model):
    with pytest.raises(ValueError, match=r"some of complexity, .*, got speed"):
        latex_table(model, columns=["complexity", "speed"])
    with pytest.raises(ValueError, match="got none"):
        latex_table(model, columns=[])
    with pytest.raises(IndexError):
        latex_table(model, indices=[9])
    with pytest.raises(NotFittedError):
        latex_table(NeuralSymbolicRegressor())


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs LaTeX")
def test_latex_sets_the_table(model, tmp_path):
    document = (
        rf"\documentclass{{article}}\usepackage{{booktabs}}\begin{{document}}{latex_table(model)}\end{{document}}"
    )
    (tmp_path / "table.tex").write_text(document, encoding="utf-8")
    subprocess.run(["pdflatex", "-halt-on-error", "table.tex"], cwd=tmp_path, check=True, capture_output=True)
