import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.model.checkpoint import MAX_SHARD_BYTES, load_network, read_header, save_network
from nesymres_sk.model.config import PRESETS
from nesymres_sk.model.network import Network

SMALL_SHARD = 2**18 + 2**17


@pytest.fixture
def network() -> Network:
    torch.manual_seed(0)
    return Network(PRESETS["tiny"])


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_round_trip(network: Network, tmp_path: Path) -> None:
    paths = save_network(network, tmp_path / "new", "demo", {"trained": "never", "steps": 3})
    assert [path.name for path in paths] == ["demo-00001-of-00001.safetensors"]
    assert names(tmp_path / "new") == ["demo-00001-of-00001.safetensors"]
    state = torch.get_rng_state()
    loaded = load_network(paths)
    assert torch.equal(torch.get_rng_state(), state), "loading draws no random numbers"
    assert not loaded.training
    assert loaded.config == network.config
    for key, tensor in network.state_dict().items():
        assert loaded.state_dict()[key].dtype == torch.float32
        assert torch.equal(loaded.state_dict()[key], tensor.half().float()), key
    assert all(parameter.requires_grad for parameter in loaded.parameters())


def test_header_describes_the_network(network: Network, tmp_path: Path) -> None:
    (path,) = save_network(network, tmp_path, "demo", {"trained": "never", "steps": 3, "recipe": {"rate": 0.1}})
    header = read_header(path)
    assert header["trained"] == "never"
    assert json.loads(header["steps"]) == 3
    assert json.loads(header["recipe"]) == {"rate": 0.1}
    assert json.loads(header["tokens"]) == list(v.TOKENS)
    assert int(header["parameters"]) == sum(p.numel() for p in network.parameters())


def test_shards_are_small_and_belong_together(network: Network, tmp_path: Path) -> None:
    paths = save_network(network, tmp_path, "demo", {}, max_shard_bytes=SMALL_SHARD)
    assert len(paths) > 2
    assert all(path.stat().st_size <= SMALL_SHARD for path in paths)
    loaded = load_network(paths[::-1])
    assert torch.equal(loaded.decoder.output.weight, network.decoder.output.weight.half().float())
    with pytest.raises(ValueError, match="missing beside"):
        load_network(paths[:-1])
    paths[0].unlink()
    with pytest.raises(FileNotFoundError, match=paths[0].name):
        load_network(paths)


def test_base_fits_in_two_shards(tmp_path: Path) -> None:
    paths = save_network(Network(PRESETS["base"]), tmp_path, "base", {})
    assert len(paths) == 2
    assert all(path.stat().st_size <= MAX_SHARD_BYTES for path in paths)


def test_a_new_checkpoint_replaces_the_old_one(network: Network, tmp_path: Path) -> None:
    save_network(network, tmp_path, "demo", {}, max_shard_bytes=SMALL_SHARD)
    save_network(network, tmp_path, "demo-two", {})
    save_network(network, tmp_path, "demo", {})
    assert names(tmp_path) == ["demo-00001-of-00001.safetensors", "demo-two-00001-of-00001.safetensors"]


def test_shards_of_two_networks_do_not_mix(network: Network, tmp_path: Path) -> None:
    first = save_network(network, tmp_path / "a", "demo", {}, max_shard_bytes=SMALL_SHARD)
    second = save_network(Network(PRESETS["tiny"]), tmp_path / "b", "demo", {}, max_shard_bytes=SMALL_SHARD)
    with pytest.raises(ValueError, match="one and the same"):
        load_network([first[0], *second[1:]])


def test_interrupted_writing_leaves_the_old_checkpoint(
    network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = save_network(network, tmp_path, "demo", {})
    before = paths[0].read_bytes()

    def fail(self: Path, data: bytes) -> int:
        with self.open("wb") as file:
            file.write(data[:100])
        raise OSError("disk full")

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(OSError, match="disk full"):
        save_network(Network(PRESETS["tiny"]), tmp_path, "demo", {})
    assert paths[0].read_bytes() == before
    assert names(tmp_path) == [paths[0].name]


def test_damage_is_noticed(network: Network, tmp_path: Path) -> None:
    (path,) = save_network(network, tmp_path, "demo", {})
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="damaged"):
        load_network([path])
    flipped = bytearray(whole)
    flipped[-1000] ^= 1
    path.write_bytes(flipped)
    with pytest.raises(ValueError, match="damaged"):
        load_network([path])
    path.write_bytes(b"not a network")
    with pytest.raises(ValueError, match="not a safetensors file"):
        load_network([path])
    save_file({"weight": torch.zeros(2)}, path)
    with pytest.raises(ValueError, match="this package"):
        load_network([path])


def test_another_vocabulary_is_refused(tmp_path: Path) -> None:
    tokens = ("sinh" if token == "sin" else token for token in v.TOKENS)
    paths = save_network(Network(replace(PRESETS["tiny"], tokens=tuple(tokens))), tmp_path, "demo", {})
    with pytest.raises(ValueError, match="sin, sinh"):
        load_network(paths)
    swapped = replace(PRESETS["tiny"], tokens=v.TOKENS[::-1])
    paths = save_network(Network(swapped), tmp_path, "demo", {})
    with pytest.raises(ValueError, match="order"):
        load_network(paths)


@pytest.mark.parametrize("value", [float("nan"), 1e5])
def test_weights_that_halves_cannot_hold_are_refused(network: Network, tmp_path: Path, value: float) -> None:
    with torch.no_grad():
        network.decoder.output.weight[3, 3] = value
    with pytest.raises(ValueError, match=r"output\.weight"):
        save_network(network, tmp_path, "demo", {})
