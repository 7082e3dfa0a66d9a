"""The page about the OWASP ASVS and the tests' markers say the same, and no requirement of its chapters is left out."""

import re
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "asvs.md"
ROW = re.compile(r"^\| ([0-9.]+) \| ([123]) \| (.+?) \| (?:\[[^\]]+\]\(\.\./\.\./([^)]+)\))? ?\|$", re.MULTILINE)
MARKED = re.compile(
    r"^@pytest\.mark\.asvs\(([^)]*)\)\n(?:@.*\n(?:[ )\]].*\n)*)*(?:async )?def (test_\w+)", re.MULTILINE
)

REQUIREMENTS = {
    "1.1": "2 2", "1.2": "1 1 1 1 1 2 2 2 2", "1.3": "1 1 2 2 2 2 2 2 2 2 2", "1.4": "2 2 2", "1.5": "1 2",
    "2.1": "1 2 2", "2.2": "1 1 2", "2.3": "1 2 2 2", "2.4": "2",
    "3.2": "1 1", "3.3": "1 2 2 2", "3.4": "1 1 2 2 2 2", "3.5": "1 1 1 2 2", "3.7": "2 2",
    "4.1": "1 2 2", "4.2": "2", "4.3": "2 2", "4.4": "1 2 2 2",
    "5.1": "2", "5.2": "1 1 2", "5.3": "1 1", "5.4": "2 2 2",
    "6.1": "1 2 2", "6.2": "1 1 1 1 1 1 1 1 2 2 2 2", "6.3": "1 1 2 2", "6.4": "1 1 2 2", "6.5": "2 2 2 2 2",
    "6.6": "2 2 2", "6.8": "2 2 2 2",
    "7.1": "2 2 2", "7.2": "1 1 1 1", "7.3": "2 2", "7.4": "1 1 2 2 2", "7.5": "2 2", "7.6": "2 2",
    "8.1": "1 2", "8.2": "1 1 2", "8.3": "1", "8.4": "2",
    "9.1": "1 1 1", "9.2": "1 2 2 2", "10.1": "2 2", "10.2": "2 2", "10.5": "2 2 2 2 2",
    "11.1": "2 2", "11.2": "2 2 2", "11.3": "1 1 2", "11.4": "1 2 2 2", "11.5": "2", "11.6": "2",
    "12.1": "1 2 2", "12.2": "1 1", "12.3": "2 2 2 2",
    "13.1": "2", "13.2": "2 2 2 2 2", "13.3": "2 2", "13.4": "1 2 2 2 2",
    "14.1": "2 2", "14.2": "1 2 2 2", "14.3": "1 2 2",
    "15.1": "1 2 2", "15.2": "1 2 2", "15.3": "1 2 2 2 2 2 2",
    "16.1": "2", "16.2": "2 2 2 2 2", "16.3": "2 2 2 2", "16.4": "2 2 2", "16.5": "2 2 2",
}  # fmt: skip
"""The levels of the requirements of each section, as ASVS 5.0.0 numbers them; those of level 3 come after."""


def rows() -> dict[str, tuple[str, str, str]]:
    """Of each requirement on the page: its level, how it holds, and the file of its test."""
    found = ROW.findall(PAGE.read_text("utf-8"))
    assert len(found) == len({number for number, *_ in found}), "a requirement stands twice"
    return {number: (level, text, file) for number, level, text, file in found}


def marked() -> dict[str, set[str]]:
    """The files in which tests say that they hold a requirement."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        text = path.read_text("utf-8")
        matches = MARKED.findall(text)
        assert len(matches) == text.count("\n@pytest.mark.asvs("), path
        for numbers, _ in matches:
            for number in re.findall(r'"([0-9.]+)"', numbers):
                found[number].add(path.relative_to(ROOT).as_posix())
    return found


def test_every_requirement_of_levels_one_and_two_stands_on_the_page() -> None:
    wanted = {
        f"{section}.{place}": level
        for section, levels in REQUIREMENTS.items()
        for place, level in enumerate(levels.split(), start=1)
    }
    shown = {number: level for number, (level, _, _) in rows().items() if level != "3"}
    assert shown == wanted


def test_the_page_and_the_markers_say_the_same() -> None:
    holds, page = marked(), rows()
    assert not set(holds) - set(page), "a marker names a requirement that is not on the page"
    for number, (_, text, file) in page.items():
        if file:
            assert file in holds[number], f"{number}: no test of {file} says that it holds it"
        assert file or number not in holds, f"{number}: a test holds it, and the page names none"
        assert text.strip(), number


@pytest.mark.parametrize("document", sorted((ROOT / "docs").rglob("*.md")), ids=lambda one: one.stem)
def test_a_number_that_a_page_names_is_one(document: Path) -> None:
    known = set(rows())
    for line in document.read_text("utf-8").splitlines():
        for number in re.findall(r"ASVS 5\.0[.0]*, ([0-9]+\.[0-9]+\.[0-9]+)", line):
            assert number in known, (document, number)
