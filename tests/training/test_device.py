"""The device that is asked for, or a clear error; and the limits of its compiler."""

from __future__ import annotations

import pytest
import torch

from nesymres_sk.training.device import allow_shapes, find_device


def test_a_gpu_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(ValueError, match="finds 0 GPUs here, and 1 are needed"):
        find_device("cuda")
    assert find_device("auto") == find_device("cpu") == torch.device("cpu")


def test_every_process_has_its_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert find_device("auto", 1) == find_device("cuda", 1) == torch.device("cuda", 1)
    with pytest.raises(ValueError, match="finds 2 GPUs here, and 3 are needed"):
        find_device("auto", 2)


def test_more_shapes_than_the_compiler_takes_by_itself() -> None:
    config = torch._dynamo.config
    with config.patch(recompile_limit=8):
        allow_shapes(3)
        assert config.recompile_limit == 8
        allow_shapes(10)
        assert config.recompile_limit == 20
