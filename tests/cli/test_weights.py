"""``nesymres weights``: what is listed, and what is found damaged."""

from __future__ import annotations

import json


def test_weights(run):
    status, out, _ = run("weights", "list", "--json")
    assert status == 0
    listed = json.loads(out)["weights"]
    base = next(entry for entry in listed if entry["name"] == "base")
    assert base["parameters"] > 1e6
    assert base["bytes"] > 1e6
    assert "base" in run("weights", "list")[1]
    status, out, _ = run("weights", "verify")
    assert (status, out.splitlines()) == (0, [f"{entry['name']}: correct" for entry in listed])


def test_damaged_weights_are_a_failure(run, tmp_path, monkeypatch):
    from nesymres_sk.model import registry

    (tmp_path / "w.safetensors").write_bytes(b"no")
    index = {"bad": {"shards": [{"file": "w.safetensors", "sha256": "0" * 64}], "parameters": 1, "trained": ""}}
    (tmp_path / "registry.json").write_text(json.dumps(index))
    monkeypatch.setattr(registry, "weights_directory", lambda: tmp_path)
    status, out, _ = run("weights", "verify", "--json")
    assert status == 1
    assert "damaged" in json.loads(out)["faults"]["bad"]
