import json
import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from nesymres_sk.model import registry
from nesymres_sk.model.checkpoint import save_network
from nesymres_sk.model.config import PRESETS
from nesymres_sk.model.network import Network

CONFIG = replace(PRESETS["tiny"], width=32, n_latents=4, n_decoder_layers=1)
SMALL_SHARD = 2**18 + 2**16


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """Directory of a checkpoint in several shards."""
    torch.manual_seed(0)
    paths = save_network(Network(CONFIG), tmp_path / "run", "run", {"trained": "in no time"}, SMALL_SHARD)
    assert len(paths) > 1
    return tmp_path / "run"


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    return tmp_path / "weights"


def test_register_and_resolve(trained: Path, weights: Path) -> None:
    entry = registry.register("demo", trained, directory=weights)
    assert registry.read_index(weights) == {"demo": entry}
    assert entry["parameters"] == sum(p.numel() for p in Network(CONFIG).parameters())
    assert entry["trained"] == "in no time"
    paths = registry.resolve("demo", weights)
    assert [path.name for path in paths] == [shard["file"] for shard in entry["shards"]]
    assert [path.read_bytes() for path in paths] == [path.read_bytes() for path in sorted(trained.iterdir())]


def test_a_new_entry_removes_the_files_of_the_old_one(trained: Path, weights: Path) -> None:
    old = registry.register("demo", trained, directory=weights)
    registry.register("other", trained, directory=weights)
    save_network(Network(CONFIG), trained, "run", {})
    new = registry.register("demo", trained, "again", weights)
    assert new["trained"] == "again"
    files = {path.name for path in weights.iterdir()}
    index = registry.read_index(weights)
    assert files == {"registry.json", *(shard["file"] for entry in index.values() for shard in entry["shards"])}
    assert not files & {shard["file"] for shard in old["shards"]}


def test_registering_the_same_network_twice_keeps_it(trained: Path, weights: Path) -> None:
    assert registry.register("demo", trained, directory=weights) == registry.register(
        "demo", trained, directory=weights
    )
    registry.resolve("demo", weights)


def test_incomplete_checkpoints_do_not_get_in(trained: Path, weights: Path) -> None:
    first, *rest = sorted(trained.iterdir())
    with pytest.raises(ValueError, match="missing"):
        registry.register("demo", rest, directory=weights)
    first.unlink()
    with pytest.raises(FileNotFoundError, match="00001"):
        registry.register("demo", trained, directory=weights)
    assert registry.read_index(weights) == {}


@pytest.mark.parametrize("name", ["", "a/b", "../demo"])
def test_names_are_names_of_files(name: str, trained: Path, weights: Path) -> None:
    with pytest.raises(ValueError, match="a name without slashes is needed"):
        registry.register(name, trained, directory=weights)
    assert not weights.exists()


@pytest.mark.parametrize("text", ["[]", "3", '{"demo": 3}', '{"demo": {}}', "{"])
def test_another_file_in_place_of_the_index_is_told(
    text: str, trained: Path, weights: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    weights.mkdir()
    (weights / "registry.json").write_text(text)
    monkeypatch.setattr(registry, "weights_directory", lambda: weights)
    for arguments in (["verify"], ["add", "demo", str(trained)]):
        assert registry.main(arguments) == 1
        assert f"error: {weights / 'registry.json'} is not" in capsys.readouterr().err
    assert [path.name for path in weights.iterdir()] == ["registry.json"]


def test_changed_files_are_refused(trained: Path, weights: Path) -> None:
    registry.register("demo", trained, directory=weights)
    path = registry.resolve("demo", weights)[0]
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(1, 1))
    with pytest.raises(ValueError, match=r"sha256.*[Rr]einstall"):
        registry.resolve("demo", weights)
    path.unlink()
    with pytest.raises(FileNotFoundError, match="reinstall"):
        registry.resolve("demo", weights)


def test_checksums_are_computed_once(trained: Path, weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registry.register("demo", trained, directory=weights)
    registry.resolve("demo", weights)
    monkeypatch.setattr(registry, "_sha256", lambda path: pytest.fail("computed again"))
    registry.resolve("demo", weights)


def test_paths_are_weights(trained: Path, weights: Path) -> None:
    shards = sorted(trained.iterdir())
    assert registry.resolve(trained, weights) == shards
    assert registry.resolve(str(shards[1]), weights) == shards
    save_network(Network(CONFIG), trained, "second", {})
    with pytest.raises(ValueError, match="several networks"):
        registry.resolve(trained, weights)
    shards[0].unlink()
    with pytest.raises(FileNotFoundError, match=shards[0].name):
        registry.resolve(shards[1], weights)


def test_unknown_names_list_the_known_ones(trained: Path, weights: Path) -> None:
    with pytest.raises(ValueError, match="no trained weights"):
        registry.resolve("demo", weights)
    registry.register("demo", trained, directory=weights)
    with pytest.raises(ValueError, match=r"'dmeo'.*demo"):
        registry.resolve("dmeo", weights)


def test_one_network_per_process_until_the_files_change(trained: Path, weights: Path) -> None:
    registry.register("demo", trained, directory=weights)
    network = registry.get_network("demo", directory=weights)
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())
    assert registry.get_network("demo", directory=weights) is network
    assert registry.get_network(registry.resolve("demo", weights)[0], directory=weights) is network
    for path in registry.resolve("demo", weights):
        os.utime(path, ns=(1, 1))
    assert registry.get_network("demo", directory=weights) is not network


def test_threads_share_one_network(trained: Path, weights: Path) -> None:
    found: list[Network] = []
    threads = [
        threading.Thread(target=lambda: found.append(registry.get_network(trained, directory=weights)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len({id(network) for network in found}) == 1


def test_command_line(
    trained: Path, weights: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(registry, "weights_directory", lambda: weights)
    assert registry.main(["add", "demo", str(trained), "--trained", "by hand"]) == 0
    assert registry.main(["verify"]) == 0
    assert json.loads((weights / "registry.json").read_text())["demo"]["trained"] == "by hand"
    registry.resolve("demo")[0].unlink()
    assert registry.main(["verify"]) == 1
    assert "missing" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        registry.main(["remove", "demo"])


def test_the_trainers_numbers_become_the_history(tmp_path: Path, weights: Path) -> None:
    run = {"problems": 2048, "steps": 8, "seconds": 1.5, "held_out": {"loss": 3.0}, "device": "cpu"}
    for _ in range(2):
        save_network(Network(CONFIG), tmp_path / "run", "run", {**run, "recipe": {"name": "tiny"}})
        entry = registry.register("demo", tmp_path / "run", directory=weights)
    assert entry["trained"] == "recipe tiny, 2048 problems in 2 s on cpu"
    lines = [json.loads(line) for line in (weights / registry.HISTORY).read_text().splitlines()]
    assert len(lines) == 2
    assert lines[1] == {
        "name": "demo",
        "file": entry["shards"][0]["file"],
        "recipe": "tiny",
        "parameters": entry["parameters"],
        **run,
    }
