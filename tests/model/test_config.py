import subprocess
import sys
from dataclasses import replace

import pytest

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.model.config import PRESETS, ModelConfig


@pytest.mark.parametrize("name", PRESETS)
def test_json_round_trip(name: str) -> None:
    config = PRESETS[name]
    assert ModelConfig.from_json(config.to_json()) == config
    assert config.tokens == v.TOKENS


def test_unknown_settings_are_named() -> None:
    with pytest.raises(ValueError, match="n_wings"):
        ModelConfig.from_json('{"width": 64, "n_wings": 2}')


@pytest.mark.parametrize("text", ["[]", "{", "3"])
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        ModelConfig.from_json(text)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"architecture": "lstm"}, "architecture"),
        ({"number_encoding": "floats"}, "number_encoding"),
        ({"width": 65}, "n_heads"),
        ({"n_positions": 40}, "n_positions"),
        ({"vocabulary_size": 7}, "vocabulary_size"),
        ({"n_heads": 0}, "n_heads is a whole number of at least 1, got 0"),
        ({"n_cross": 0}, "n_cross"),
        ({"width": "64"}, "width is a whole number of at least 1, got '64'"),
        ({"n_latents": 8.0}, "n_latents"),
        ({"max_variables": 11}, "max_variables is at most 10"),
        ({"architecture": "set_transformer"}, "n_inducing of at least 1"),
    ],
)
def test_impossible_shapes_are_refused(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(PRESETS["tiny"], **change)


def test_configuration_and_registry_do_not_import_torch() -> None:
    code = "import sys, nesymres_sk.model.config, nesymres_sk.model.registry; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
