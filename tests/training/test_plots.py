"""Curves from logs, power laws, and their picture."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nesymres_sk.training.plots import fit_power_law, fitted, main, read_curves, summary


def write_log(path: Path, problems: list[float], decaying_from: float = 1e9, recipe: str = "small") -> Path:
    """Log of a run whose plateau follows ``3 N^-0.1`` and ``1e-4 N^0.5``, and whose decay is better by a tenth."""
    path.parent.mkdir(exist_ok=True)
    records = [{"kind": "start", "recipe": recipe}]
    for n in problems:
        factor, gain = (0.5, 0.9) if n >= decaying_from else (1.0, 1.0)
        records.append({"kind": "train", "lr_factor": factor})
        loss, recovery = gain * 3.0 * n**-0.1, 1e-4 * n**0.5 / gain
        records.append({"kind": "evaluation", "problems": n, "loss": loss, "recovery": recovery})
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def test_power_laws_are_those_of_the_plateau(tmp_path: Path) -> None:
    log = write_log(tmp_path / "a" / "log.jsonl", [1e4, 1e5, 3e5, 6e5, 8e5, 1e6], decaying_from=8e5)
    (points,) = read_curves([log]).values()
    assert [point.plateau for point in points] == [True] * 4 + [False] * 2
    loss, recovery = fitted(points, "loss"), fitted(points, "recovery")
    assert loss is not None
    assert recovery is not None
    assert (loss.factor, loss.exponent) == pytest.approx((3.0, -0.1))
    assert (recovery.factor, recovery.exponent) == pytest.approx((1e-4, 0.5))
    assert loss.at(1e7) == pytest.approx(3.0 * 1e7**-0.1)
    assert fit_power_law([1.0, 10.0], [2.0, 20.0]).exponent == pytest.approx(1.0)


def test_a_continued_log_counts_once(tmp_path: Path) -> None:
    first = write_log(tmp_path / "a" / "log.jsonl", [1e5, 2e5])
    second = write_log(tmp_path / "b" / "log.jsonl", [1e5, 2e5, 4e5])
    other = write_log(tmp_path / "c" / "log.jsonl", [1e5], recipe="base")
    curves = read_curves([first, second, other])
    assert [point.problems for point in curves["small"]] == [1e5, 2e5, 4e5]
    assert fitted(curves["base"], "loss") is None
    text = summary(curves)
    assert "small: loss 0.8259, recovery 0.0632 after 400,000 problems" in text
    assert "N^-0.1000: 0.8259 at 1x, 0.7706 at 2x, 0.6560 at 10x" in text


def test_a_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    log = write_log(tmp_path / "a" / "log.jsonl", [1e5, 3e5, 6e5, 1e6], decaying_from=1e6)
    out = tmp_path / "scaling.png"
    main([str(log), "--out", str(out)])
    assert out.read_bytes().startswith(b"\x89PNG")
    assert "loss = 3 * N^-0.1000" in capsys.readouterr().out
    empty = tmp_path / "empty.jsonl"
    empty.write_text("")
    with pytest.raises(SystemExit):
        main([str(empty), "--out", str(out)])
    assert "has no evaluation" in capsys.readouterr().err
