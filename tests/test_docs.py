"""What the documentation tells people to type works, and its files fit together."""

from __future__ import annotations

import doctest
import os
import re
import shlex
import tomllib
from pathlib import Path

import pytest

import nesymres_sk

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
GUIDE = DOCS / "user_guide"
pytestmark = pytest.mark.skipif(not DOCS.exists(), reason="needs the source tree")

#: A fenced block with the language, after a comment that keeps it from being run.
_BLOCK = re.compile(r"(<!-- not run[^>]*-->\s*)?^```([\w{}-]*)\n(.*?)^```$", flags=re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"```.*?```|`[^`]*`", flags=re.DOTALL)
PAGES = sorted([DOCS / "index.md", DOCS / "quickstart.md", DOCS / "equate.md", *GUIDE.glob("*.md"), ROOT / "README.md"])
MARKDOWN = sorted(
    path
    for folder, pattern in ((ROOT, "*.md"), (DOCS, "*.md"), (GUIDE, "*.md"), (ROOT / "weights", "*.md"))
    for path in folder.glob(pattern)
)


def blocks(path: Path, *languages: str) -> list[tuple[int, str, str]]:
    """Line, language and text of the blocks of a page that are to be run."""
    text = path.read_text(encoding="utf-8")
    return [
        (text[: match.start(3)].count("\n"), match[2], match[3])
        for match in _BLOCK.finditer(text)
        if match[2] in languages and not match[1]
    ]


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python", "pycon")], ids=name_of)
def test_python_blocks_run_and_print_what_they_say(page, tmp_path, monkeypatch):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    monkeypatch.chdir(tmp_path)
    space: dict[str, object] = {"__name__": "page"}
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    for line, language, text in blocks(page, "python", "pycon"):
        if language == "python":
            exec(compile("\n" * line + text, page, "exec"), space)  # with the lines of the page in tracebacks
        else:
            test = doctest.DocTestParser().get_doctest(text, space, page.name, str(page), line)
            report: list[str] = []
            runner.run(test, out=report.append, clear_globs=False)
            space.update(test.globs)
            assert not report, "".join(report)


def test_the_lines_of_the_command_line_page_run(tmp_path, monkeypatch, capsys):
    pytest.importorskip("matplotlib").use("Agg")
    from nesymres_sk.cli.main import main

    monkeypatch.chdir(tmp_path)
    rows = [(mass, speed, mass * speed**2 / 2) for mass in (1.0, 1.5, 2.0, 4.0) for speed in (0.5, 1.0, 3.0, 5.0, 8.0)]
    text = "mass,speed,energy\n" + "".join(f"{a},{b},{c}\n" for a, b, c in rows)
    Path("data.csv").write_text(text, encoding="utf-8")
    lines = [line for _, _, block in blocks(GUIDE / "command_line.md", "bash") for line in block.splitlines()]
    assert len(lines) > 8
    for line in lines:
        command, *arguments = shlex.split(line)
        assert command == "nesymres"
        assert main(arguments) == 0, f"{line}\n{capsys.readouterr().err}"
    assert {"model.json", "predictions.csv", "front.png", "slices.svg"} <= set(os.listdir())


def test_the_guide_speaks_of_every_parameter():
    from nesymres_sk import NeuralSymbolicRegressor

    text = "".join(page.read_text(encoding="utf-8") for page in GUIDE.glob("*.md"))
    assert [name for name in NeuralSymbolicRegressor().get_params() if name not in text] == []


def test_the_guide_names_every_operator_and_rule():
    from nesymres_sk.expressions.operators import OPERATORS
    from nesymres_sk.fitting.selection import RULES

    knowledge = (GUIDE / "knowledge.md").read_text(encoding="utf-8")
    choosing = (GUIDE / "choosing.md").read_text(encoding="utf-8")
    assert [operator.name for operator in OPERATORS if f"`{operator.name}`" not in knowledge] == []
    assert [rule for rule in RULES if f'`"{rule}"`' not in choosing] == []
    # the comparison counts them
    assert f"a table of {len(OPERATORS)}" in (DOCS / "comparison.md").read_text(encoding="utf-8")


def test_versions_of_what_builds_the_site_are_pinned():
    pinned = {line.split("==")[0].lower() for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").split()}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = {re.split(r"[><=[]", requirement)[0] for requirement in project["optional-dependencies"]["docs"]}
    assert needed - pinned - {project["name"]} == set()
    version = re.search(r"^version: (.*)$", (ROOT / "CITATION.cff").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert version and version[1] == nesymres_sk.__version__


@pytest.mark.parametrize("page", MARKDOWN, ids=name_of)
def test_links_lead_to_files(page):
    text = _CODE.sub("", page.read_text(encoding="utf-8"))
    targets = [target.split("#")[0] for target in _LINK.findall(text) if not re.match(r"\w+:|#", target)]
    # the gallery is made when the site is built, a page of the name of each example
    made = {
        target: ROOT / "examples" / Path(target).with_suffix(".py").name
        for target in targets
        if "auto_examples" in target
    }
    missing = [
        target
        for target in targets
        if not (made.get(target, page.parent / target).exists() or target.endswith("auto_examples/index.rst"))
    ]
    assert missing == []
