from pathlib import Path

import numpy as np
import pytest

from nesymres_sk.benchmarks import out_of_sample, suites
from nesymres_sk.benchmarks.out_of_sample import LONGEST, SHORTEST, VERSIONS, held_out
from nesymres_sk.benchmarks.suites import load_suite
from nesymres_sk.expressions.closure import close
from nesymres_sk.prior.fingerprints import are_held_out
from nesymres_sk.prior.recipes import RECIPES


def test_three_versions_of_two_hundred_long_skeletons() -> None:
    none, some, full = (load_suite(suite) for suite in VERSIONS)
    assert len(none) == len(some) == len(full) == 200
    for a, b, c in zip(none, some, full, strict=True):
        assert a.name[-3:] == b.name[-3:] == c.name[-3:]
        assert a.variables == b.variables == c.variables
        assert SHORTEST <= len(a.expression.tokens) <= LONGEST
        assert not a.expression.constants
        assert 1 <= len(b.expression.constants) <= 3
        assert len(c.expression.constants) >= 1
        assert len(c.expression.tokens) <= RECIPES["base"].max_length
    assert np.mean([len(p.expression.constants) for p in full]) > 4
    assert {len(p.variables) for p in none} == {1, 2, 3}


@pytest.mark.parametrize("suite", VERSIONS)
def test_every_problem_is_kept_out_of_training(suite: str) -> None:
    laws = [problem.expression.skeleton() for problem in load_suite(suite)]
    hashes = np.array(sorted(held_out()), dtype=np.uint64)
    assert are_held_out(laws, [close(law) for law in laws], hashes).all()


@pytest.mark.parametrize("suite", VERSIONS)
def test_supports_are_parts_of_the_box_of_the_paper(suite: str) -> None:
    for problem in load_suite(suite):
        for low, high in zip(problem.low, problem.high, strict=True):
            assert -10 <= low <= high - 1 + 1e-9 <= 9 + 1e-9, problem.name


def test_generation_is_reproducible_and_written_as_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(out_of_sample, "_SHORT_DRAWS", 200)
    drawn = out_of_sample.generate(3, seed=1)
    assert out_of_sample.generate(3, seed=1) == drawn
    (tmp_path / "data").mkdir()
    out_of_sample.write(drawn, tmp_path / "data")
    monkeypatch.setattr(suites.resources, "files", lambda package: tmp_path)
    for suite in VERSIONS:
        assert load_suite(suite) == drawn[suite]
