"""The documentation says what the code does: every setting, command, problem and message, and every link leads on."""

import re
from pathlib import Path

import pytest

from tests.docs import reference

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "README.zh-CN.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]


@pytest.mark.parametrize("name", sorted(reference.pages()))
def test_the_reference_is_what_the_code_says(name: str) -> None:
    assert (reference.REFERENCE / name).read_text("utf-8") == reference.pages()[name], "make docs"


def test_the_reference_holds_nothing_that_is_no_more() -> None:
    made = {
        path.relative_to(reference.REFERENCE).as_posix()
        for path in reference.REFERENCE.rglob("*.*")
        if path.suffix == ".json" or reference.MADE in path.read_text("utf-8")
    }
    assert made == reference.pages().keys()


@pytest.mark.parametrize("document", PAGES, ids=lambda document: document.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text("utf-8")):
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        file, _, anchor = target.partition("#")
        there = document if not file else document.parent / file
        assert there.exists(), target
        if anchor and there.suffix == ".md":
            headings = re.findall(r"^#+ (.+)$", there.read_text("utf-8"), re.MULTILINE)
            anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert anchor in anchors, target


@pytest.mark.parametrize("document", PAGES, ids=lambda document: document.relative_to(ROOT).as_posix())
def test_every_command_that_a_page_shows_exists(document: Path) -> None:
    known = {path for path, _ in reference.leaves(reference.typer.main.get_command(reference.build()), "tonglu")}
    words = {word for path in known for word in (path, " ".join(path.split()[:2]))}
    shown = re.findall(r"(?:^\s*\$ |`)(tonglu(?: [a-z][a-z-]*){1,2})", document.read_text("utf-8"), re.MULTILINE)
    for command in shown:
        assert command in words or " ".join(command.split()[:2]) in words, command


@pytest.mark.parametrize("document", PAGES, ids=lambda document: document.relative_to(ROOT).as_posix())
def test_every_make_target_that_a_page_shows_exists(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    shown = re.findall(r"(?:^\s*\$ |`)make ([a-z-]+)", document.read_text("utf-8"), re.MULTILINE)
    assert set(shown) <= targets


@pytest.mark.parametrize("document", PAGES, ids=lambda document: document.relative_to(ROOT).as_posix())
def test_every_setting_that_a_page_shows_exists(document: Path) -> None:
    known = {f"TONGLU_{name}".upper() for name in reference.Settings.model_fields}
    shown = set(re.findall(r"TONGLU_[A-Z_]+", document.read_text("utf-8")))
    assert {name for name in shown if not name.startswith(("TONGLU_TEST_", "TONGLU_DEMO_"))} <= known | {"TONGLU_"}


def test_both_readmes_tell_the_same() -> None:
    english, chinese = ((ROOT / name).read_text("utf-8") for name in ("README.md", "README.zh-CN.md"))
    for pattern in (r"^## ", r"^- \*\*", r"^\| \["):
        assert len(re.findall(pattern, english, re.MULTILINE)) == len(re.findall(pattern, chinese, re.MULTILINE))
