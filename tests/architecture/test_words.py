"""Words that must not stand in what is shipped, and lints that nobody may switch off without saying why."""

import re
from pathlib import Path

import pytest

from tests.architecture.test_layout import ROOT, kept

HERE = Path(__file__).relative_to(ROOT)
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
SILENCED = re.compile(r"#\s*(noqa(?!: [A-Z]+[0-9]+)|type:\s*ignore(?!\[)|pragma: no cover)")
SILENCED_WITHOUT_REASON = re.compile(r"#\s*noqa: [A-Z0-9, ]+$")
RUNS_WHAT_IT_IS_GIVEN = re.compile(
    r"(?<![\w.])(eval|exec|__import__)\(|\b(import (pickle|marshal|shelve)|os\.system|os\.popen)\b|shell=True|"
    r"(?<!qr )\|\s*safe\b|(?<!_)from_string\(|innerHTML\s*=|document\.write|new Function"
)
"""Code, shells, objects and markup that are made of what came from elsewhere."""
TEXTS = {".py", ".md", ".html", ".js", ".css", ".toml", ".yaml", ".yml", ".po", ".sh", ".mako", ".svg", ""}


def lines() -> list[tuple[str, int, str]]:
    found = []
    for path in kept():
        vendored = "static/vendor" in path.as_posix() or path.name.endswith((".min.js", ".min.css", ".lock"))
        if path.suffix not in TEXTS or vendored or path == HERE or (path.parts[0] == "tests" and path.suffix != ".py"):
            continue
        try:
            content = (ROOT / path).read_text("utf-8")
        except UnicodeDecodeError:
            continue
        found += [(path.as_posix(), number, line) for number, line in enumerate(content.splitlines(), 1)]
    return found


@pytest.fixture(scope="module")
def written() -> list[tuple[str, int, str]]:
    return lines()


@pytest.mark.parametrize(
    ("what", "pattern"),
    [
        ("unfinished", UNFINISHED),
        ("silenced without a code", SILENCED),
        ("a path of somebody's machine", re.compile(r"(?<![\w.])/(work|home|Users)/\w")),
    ],
)
def test_these_words_do_not_stand_here(
    written: list[tuple[str, int, str]], what: str, pattern: re.Pattern[str]
) -> None:
    strays = [f"{name}:{number}: {line.strip()}" for name, number, line in written if pattern.search(line)]
    assert strays == [], what


def test_every_silenced_lint_has_its_reason(written: list[tuple[str, int, str]]) -> None:
    strays = [
        f"{name}:{number}: {line.strip()}"
        for name, number, line in written
        if name.endswith(".py") and SILENCED_WITHOUT_REASON.search(line)
    ]
    assert strays == []


@pytest.mark.asvs("1.2.5", "1.3.2", "1.3.7", "1.5.2")
def test_nothing_runs_or_shows_unescaped_what_it_was_given(written: list[tuple[str, int, str]]) -> None:
    strays = [
        f"{name}:{number}: {line.strip()}"
        for name, number, line in written
        if name.startswith(("schemas/", "federation/", "service/"))
        and RUNS_WHAT_IT_IS_GIVEN.search(line)
        # What it unpickles comes through a pipe from a process of its own, of what this node pickled.
        and not (name == "service/ledgers/maker_process.py" and line == "import pickle")
    ]
    assert strays == []


def test_no_test_sleeps(written: list[tuple[str, int, str]]) -> None:
    """Hundredths of a second are allowed: a loop that looks again, within a bound, for what another process does."""
    sleeping = re.compile(r"\b(time\.sleep\(|asyncio\.sleep\((?!0(?:\.0\d+)?\)))")
    strays = [
        f"{name}:{number}: {line.strip()}"
        for name, number, line in written
        if name.startswith("tests/") and not name.startswith(("tests/acceptance/", "tests/chaos/"))
        if sleeping.search(line)
    ]
    assert strays == []
