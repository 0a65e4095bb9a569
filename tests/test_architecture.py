"""The house is built as its plans say: CONTRIBUTING.md has the floors, docs/architecture.md the rooms."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "nesymres_sk"
#: The trainer keeps the equations of the out-of-sample suites out of its problems.
EXCEPTION = ("training", "nesymres_sk.benchmarks.out_of_sample.")

pytestmark = pytest.mark.skipif(not (ROOT / "CONTRIBUTING.md").exists(), reason="needs the source tree")


def rooms() -> set[str]:
    """Folders and files of the package that are not its doors."""
    return {
        path.name
        for path in PACKAGE.iterdir()
        if (path.suffix == ".py" and not path.name.startswith("__")) or (path / "__init__.py").exists()
    }


def height_of_rooms() -> dict[str, int]:
    """Floor of each room, the ground being 0, by the table of the house plan."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    plan = text.split("## The house plan")[1].split("\n## ")[0]
    floors = [line.split("|")[2] for line in plan.splitlines() if line.startswith("|")][2:]
    return {room: height for height, floor in enumerate(reversed(floors)) for room in re.findall("`(.+?)`", floor)}


def imports(node: ast.AST) -> Iterator[str]:
    """Whatever of ours is imported anywhere in some code, except for types alone."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        names: list[str] = []
        if isinstance(child, ast.ImportFrom):
            names = [f"{child.module}.{alias.name}" for alias in child.names]
        elif isinstance(child, ast.Import):
            names = [alias.name for alias in child.names]
        yield from (name for name in names if name.startswith("nesymres_sk."))
        yield from imports(child)


def room_of(name: str) -> str | None:
    """Room of something that is imported; None for what stands at the door, such as the version."""
    name = name.split(".")[1]
    return next((room for room in (name, f"{name}.py") if room in rooms()), None)


def test_every_room_is_on_both_plans():
    assert set(height_of_rooms()) == rooms()
    described = re.findall(r"^\| (`.+?`(?:, `.+?`)*) \|", (ROOT / "docs" / "architecture.md").read_text("utf-8"), re.M)
    named = {name.split("/")[0] for cell in described for name in re.findall("`(.+?)`", cell)}
    assert named == rooms()


def test_imports_point_downwards():
    heights = height_of_rooms()
    upwards = []
    for path in PACKAGE.rglob("*.py"):
        place = path.relative_to(PACKAGE).parts[0]
        if place not in heights:
            continue  # the doors
        for name in imports(ast.parse(path.read_text(encoding="utf-8"))):
            room = room_of(name)
            excused = place == EXCEPTION[0] and f"{name}.".startswith(EXCEPTION[1])
            if room and heights[room] > heights[place] and not excused:
                upwards.append(f"{path.relative_to(ROOT)} imports {name}")
    assert upwards == []
