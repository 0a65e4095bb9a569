"""Arms are changes to one recipe, and every one is trained and measured alike."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import toy

from nesymres_sk.benchmarks import out_of_sample
from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.fitting.constants import fit_skeletons
from nesymres_sk.model.checkpoint import read_header
from nesymres_sk.model.inputs import Batch
from nesymres_sk.model.network import Network
from nesymres_sk.model.shards import shards_named
from nesymres_sk.prior.recipes import RECIPES
from nesymres_sk.scaling import column_scales, scale_of
from nesymres_sk.search.candidate import Candidate
from nesymres_sk.training import ablations, exam
from nesymres_sk.training.ablations import CHANGES, Arm, load_arms, main, merged, run_arm, table
from nesymres_sk.training.recipe import Recipe, load_recipe

SMALL = """
prior = "base"
batch_size = 8
muon_rate = 5e-3
adam_rate = 3e-3
warmup_steps = 5
[model]
preset = "tiny"
width = 32
"""


def test_changes_reach_their_tables_only() -> None:
    base = {"prior": "base", "batch_size": 8, "model": {"preset": "tiny", "width": 32}}
    changes = {"prior": {"rescaled": 0.0}, "batch_size": 4, "model": {"n_latents": 2}}
    assert merged(base, changes) == {
        "prior": {"preset": "base", "rescaled": 0.0},
        "batch_size": 4,
        "model": {"preset": "tiny", "width": 32, "n_latents": 2},
    }
    assert merged(base, {}) == base


def test_every_arm_of_the_package_changes_something_that_exists() -> None:
    arms = load_arms([], "ablation")
    assert list(arms) == list(tomllib.loads(CHANGES.read_text()))
    baseline = dataclasses.replace(load_recipe("ablation"), name="any")
    for name, recipe in arms.items():
        Network(recipe.model_config())
        recipe.prior_config()
        assert (dataclasses.replace(recipe, name="any") == baseline) == (name == "mixed")
    assert arms["natural"].prior_config() == dataclasses.replace(RECIPES["base"], rescaled=0.0)
    assert arms["points-32"].prior_config().point_buckets == ((32, 1.0),)


def test_arms_of_the_recipe_small() -> None:
    arms = load_arms([], "small", CHANGES.with_name("economy.toml"))
    shapes = {name: Network(recipe.model_config()).config for name, recipe in arms.items()}
    assert shapes.pop("unchanged") == load_recipe("small").model_config()
    assert {shape.n_latents for shape in shapes.values()} == {8}
    assert len({recipe.prior_config() for recipe in arms.values()}) == 2


def test_unknown_arms_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--arms", "mixed", "mixd", "--out", str(tmp_path)]) == 2
    assert "no arms mixd; known ones are mixed, natural" in capsys.readouterr().err
    changes = tmp_path / "changes.toml"
    changes.write_text("[mine.prior]\nresclaed = 1.0\n")
    assert main(["--changes", str(changes), "--out", str(tmp_path)]) == 2
    assert "unknown settings of the prior: resclaed" in capsys.readouterr().err


def test_mistakes_are_told_before_anything_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    out = tmp_path / "out"
    changes = tmp_path / "changes.toml"
    for text, message in (
        ("[mine]\nbatch_size = 0\n", "batch_size is a whole number"),
        ("[mine.model]\nn_headz = 2\n", "unknown settings of the model: n_headz"),
        ("batch_size = 8\n", "batch_size is in none"),
        ("[mine\n", f"cannot read {changes}"),
    ):
        changes.write_text(text)
        assert main(["--changes", str(changes), "--out", str(out)]) == 2
        assert message in capsys.readouterr().err
    for options, message in (
        (["--recipe", "huge"], "no recipe 'huge'"),
        (["--changes", str(tmp_path / "nowhere.toml")], "cannot read"),
        (["--seconds", "0"], "--seconds, --parts and --jobs are positive"),
        (["--device", "cuda"], "finds 0 GPUs here"),
    ):
        assert main([*options, "--arms", "mixed", "--out", str(out)]) == 2
        assert message in capsys.readouterr().err
    arm = Arm(load_recipe("ablation"), 0, 150.0, 1, 128, out / "mixed-0-1")
    arm.out.mkdir(parents=True)
    arm.file.write_text(json.dumps({"arm": "mixed", "settings": arm.settings()}))
    assert main(["--arms", "mixed", "--seconds", "200", "--out", str(out)]) == 2
    assert "is the result of other settings (recipe, seconds)" in capsys.readouterr().err


def test_an_arm_in_two_parts_from_training_to_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    @contextlib.contextmanager
    def stream(*arguments: Any) -> Iterator[Iterator[Batch]]:
        asked.append(arguments)
        yield toy.batches(arguments[1], seed=1)

    monkeypatch.setattr("nesymres_sk.prior.stream.ProblemStream", stream)
    monkeypatch.setattr(ablations, "_HELD_OUT", 16)
    recipe = tmp_path / "small.toml"
    recipe.write_text(SMALL)
    chosen = load_arms(["natural"], str(recipe))["natural"]
    arm = Arm(chosen, 0, 1.0, 2, 2, tmp_path / "natural")
    result = run_arm(arm)
    records = [json.loads(line) for line in (arm.out / "log.jsonl").read_text().splitlines()]
    starts, ends = ([record for record in records if record["kind"] == kind] for kind in ("start", "end"))
    # the second part starts with the steps of the first and ends with the whole time
    assert [record["step"] for record in starts] == [0, ends[0]["step"]]
    assert starts[1]["step"] > 0
    assert [arguments[0].rescaled for arguments in asked] == [0.0, 0.0]
    assert {arguments[4] for arguments in asked} == {out_of_sample.held_out()}
    assert asked[0][2] != asked[1][2]
    assert ends[1]["seconds"] == pytest.approx(1.0)
    assert result["steps"] == ends[1]["step"]
    assert result["problems"] == 8 * result["steps"]
    header = read_header(shards_named(arm.out, "natural")[0])
    assert json.loads(header["recipe"])["prior"] == {"preset": "base", "rescaled": 0.0}
    assert 0.0 < result["natural_loss"] < 10.0
    assert {result["natural_exact"], result["rescaled_found"], result["natural_found_noisy"]} <= {0.0, 0.5, 1.0}
    # what is measured is not measured again
    assert run_arm(arm) == result
    slower = {**chosen.__dict__, "adam_rate": 1e-3}
    for other, names in (
        (arm._replace(seconds=1e9), "seconds"),
        (arm._replace(questions=3, device="cuda"), "questions, device"),
        (arm._replace(recipe=Recipe(**slower)), "recipe"),
    ):
        with pytest.raises(ValueError, match=rf"result.json is the result of other settings \({names}\)"):
            run_arm(other)
    lines = table([result, {key: value for key, value in result.items() if "_found" not in key}]).splitlines()
    assert lines[2].startswith("| natural, 0, 2 parts | 0.0")
    assert {line.count("|") for line in lines} == {11}


@pytest.mark.parametrize("rescaled", [False, True])
def test_closures_fit_the_questions(rescaled: bool) -> None:
    asked = exam.questions(RECIPES["base"], 40, 3, rescaled=rescaled)
    rng = np.random.default_rng(0)
    exact = 0
    for X, y, closed in asked:
        points, target = X / column_scales(X), y / scale_of(y)
        exact += fit_skeletons([closed], points, target, n_restarts=16, rng=rng).losses[0] < 1e-12
    assert exact > 28
    again = exam.questions(RECIPES["base"], 40, 3, rescaled=rescaled, noisy=True)
    assert [question.closed for question in again] == [question.closed for question in asked]
    spread = [np.std(noisy.y - clean.y) / np.std(clean.y) for noisy, clean in zip(again, asked, strict=True)]
    assert 0.005 < np.median(spread) < 0.02


def test_the_exam_tells_the_law_from_a_constant(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = exam.questions(RECIPES["base"], 20, 4, rescaled=True)
    laws = [question.closed for question in asked]
    answers = iter(laws + [Expression.skeleton_of((v.CONSTANT,))] * len(laws))

    monkeypatch.setattr(exam, "beam_search", lambda *_: [Candidate(next(answers), 0.0)])
    network = Network(load_recipe("tiny").model_config())
    right = exam.examine(network, asked, 1)
    assert right.found == 1.0
    assert 0.6 < right.exact <= right.accurate
    assert right.accurate > 0.7
    wrong = exam.examine(network, asked, 1)
    assert (wrong.found, wrong.exact) == (0.0, 0.0)
    assert wrong.accurate < 0.3
