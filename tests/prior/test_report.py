import subprocess
import sys

from nesymres_sk.prior.recipes import RECIPES
from nesymres_sk.prior.report import report, table


def test_report_has_its_tables() -> None:
    text = report(RECIPES["paper"], n=64)
    for title in ("throughput of one core", "operators: share", "P(operator |", "tokens of the label", "most frequent"):
        assert title in text


def test_table_aligns_columns() -> None:
    text = table("t", ("a", "bb"), [("x", 1.0), ("long", 2)])
    assert text.splitlines() == ["t", "a        bb", "x     1.000", "long      2"]


def test_prior_never_imports_torch() -> None:
    code = "import sys, nesymres_sk.prior.stream, nesymres_sk.prior.report; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
