"""The project's files agree with each other, and a wheel carries everything that it needs."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

pytestmark = pytest.mark.skipif(not (ROOT / "pyproject.toml").exists(), reason="needs the source tree")


def readme_commands() -> list[str]:
    blocks = re.findall(r"```bash\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.DOTALL)
    return [block.strip() for block in blocks if "python3 -m venv" in block]


def test_readme_has_two_commands_that_do_all_the_set_up():
    commands = readme_commands()
    assert len(commands) == 2
    assert all("\n" not in command for command in commands)
    assert commands[0].endswith("examples/quickstart.py")
    assert "-m pytest" in commands[1]


def test_ci_runs_the_second_readme_command_literally():
    script = ROOT / ".ci" / "run"
    assert readme_commands()[1] in [line.strip() for line in script.read_text(encoding="utf-8").splitlines()]
    assert os.access(script, os.X_OK)


def test_constraints_pin_every_dependency_to_a_plain_version():
    lines = [
        line
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9_.-]+==[0-9][0-9a-z.]*", line)] == []
    pinned = {normal(line.split("==")[0]) for line in lines}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    needed = {
        normal(re.match(r"[A-Za-z0-9_.-]+", requirement)[0])
        for group in (project["dependencies"], extras["test"], extras["bench"], extras["dev"])
        for requirement in group
    }
    assert needed - pinned - {normal(project["name"])} == set()
    assert "torch==2.13.0" in lines


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder into which a freshly built wheel is installed, without its dependencies and without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    run(*pip, "wheel", "--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT))
    (wheel,) = folder.glob("*.whl")
    run(*pip, "install", "--no-deps", "--no-index", "--target", str(folder / "site"), str(wheel))
    return folder / "site"


def run(*command: str, **options) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def test_wheel_carries_all_weights_unchanged(installed: Path):
    weights = installed / "nesymres_sk" / "weights"
    registry = json.loads((weights / "registry.json").read_text(encoding="utf-8"))
    shards = [shard for entry in registry.values() for shard in entry["shards"]]
    assert shards
    for shard in shards:
        assert hashlib.sha256((weights / shard["file"]).read_bytes()).hexdigest() == shard["sha256"]


def test_wheel_carries_data_files_and_type_marker(installed: Path):
    source = ROOT / "nesymres_sk"
    data = {
        path.relative_to(source)
        for path in source.rglob("*")
        if path.is_file() and path.suffix in {".csv", ".toml", ".json", ".typed"}
    } | {Path("py.typed")}
    assert {path for path in data if not (installed / "nesymres_sk" / path).exists()} == set()


def test_installed_wheel_finds_its_own_weights(installed: Path, tmp_path: Path):
    code = (
        "from nesymres_sk.model.registry import resolve; import nesymres_sk\n"
        "print(nesymres_sk.__file__)\n"
        "for path in resolve('base'): print(path)"
    )
    # -P and a bare PYTHONPATH: the wheel must win over the checkout that is installed in this environment
    lines = run(
        sys.executable, "-P", "-c", code, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(installed)}
    ).splitlines()
    assert len(lines) >= 2
    assert [line for line in lines if not Path(line).is_relative_to(installed)] == []


def test_installed_wheel_has_the_command(installed: Path, tmp_path: Path):
    (entry_points,) = installed.glob("nesymres_sk-*.dist-info/entry_points.txt")
    assert "nesymres = nesymres_sk.cli.main:main" in entry_points.read_text(encoding="utf-8").splitlines()
    environment = os.environ | {"PYTHONPATH": str(installed), "PYTHONSAFEPATH": "1"}
    printed = run(str(installed / "bin" / "nesymres"), "weights", "list", "--json", cwd=tmp_path, env=environment)
    assert Path(json.loads(printed)["directory"]).is_relative_to(installed)
