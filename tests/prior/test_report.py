import builtins
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nesymres_sk.prior.__main__ as prior_main
from nesymres_sk.prior.__main__ import main
from nesymres_sk.prior.recipes import RECIPES
from nesymres_sk.prior.report import table, tables, throughput
from nesymres_sk.prior.sample import Sample, column_magnitudes, draw_sample, told_scales


@pytest.fixture(scope="module")
def sample() -> Sample:
    return draw_sample(RECIPES["paper"], 64, seed=0)


def test_report_has_its_tables(sample: Sample) -> None:
    text = tables(sample)
    for title in ("operators: share", "P(operator |", "tokens of the label", "root mean squares", "most frequent"):
        assert title in text


def test_magnitudes_are_those_of_the_columns_that_exist(sample: Sample) -> None:
    columns, targets = column_magnitudes(sample.draws)
    assert len(targets) == 64
    assert len(columns) == sum(draw.n_columns.sum() for draw in sample.draws)
    draw = sample.draws[0]
    expected = np.log10(np.sqrt(np.mean(draw.values[0, : draw.n_points[0], -1] ** 2)))
    assert targets[0] == pytest.approx(expected)
    assert told_scales(sample.batch).shape == (sample.batch.present.sum(),)


def test_throughput_of_stages_and_workers() -> None:
    text = throughput(RECIPES["paper"], 0, n_workers=1, seconds=0.01)
    assert "throughput of one core" in text
    assert "a stream with 1 workers" in text
    rates = [float(line.split()[-1].replace(",", "")) for line in text.splitlines() if line[-1:].isdigit()]
    assert len(rates) == (10 if sys.platform == "linux" else 9)
    assert min(rates) > 0.0


def test_plots_are_small_pictures(sample: Sample, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from nesymres_sk.prior.plots import save_plots

    paths = save_plots(sample, tmp_path / "new")
    assert len({path.name for path in paths}) == 6
    for path in paths:
        content = path.read_bytes()
        assert content.startswith(b"\x89PNG")
        assert 2_000 < len(content) < 60_000


def test_plots_without_matplotlib_say_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = builtins.__import__

    def without(name: str, *more: Any) -> Any:
        if name.partition(".")[0] == "matplotlib":
            raise ImportError(name)
        return real(name, *more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(SystemExit, match="2"):
        main(["--report", "--n", "8", "--plot", "pictures"])
    assert "nesymres-sk[plot]" in capsys.readouterr().err


def test_a_recipe_of_the_trainer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prior_main, "throughput", lambda prior, *more: f"rates of {prior.name}")
    recipe = tmp_path / "mine.toml"
    recipe.write_text('batch_size = 8\n[prior]\npreset = "paper"\ncolumn_weights = [0.0, 1.0]\n')
    main(["--report", "--n", "8", "--recipe", str(recipe)])
    text = capsys.readouterr().out
    assert "recipe mine: 8 problems" in text
    assert "rates of mine" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--n", "0"], "--n is at least 1"), (["--recipe", "bse"], "no prior 'bse'"), (["--workers", "-1"], "--workers")],
)
def test_mistakes_are_told(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--report", *arguments])
    assert message in capsys.readouterr().err


def test_table_aligns_columns() -> None:
    text = table("t", ("a", "bb"), [("x", 1.0), ("long", 2)])
    assert text.splitlines() == ["t", "a        bb", "x     1.000", "long      2"]


def test_prior_never_imports_torch() -> None:
    code = "import sys, nesymres_sk.prior.stream, nesymres_sk.prior.__main__; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
