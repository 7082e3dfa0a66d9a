"""What stands where: the top level, the names and the size of files."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = {"schemas", "federation", "service", "tests", "docker", "docs", "bench", ".ci"}
ROOT_FILES = {
    ".gitignore", ".dockerignore", ".pre-commit-config.yaml", "CHANGELOG.md", "LICENSE", "Makefile", "README.md",
    "README.zh-CN.md", "pyproject.toml", "requirements.txt", "requirements-dev.txt", "uv.lock",
}  # fmt: skip
MAX_LINES = 400
DRAFTED = "service/migrations/versions/"
"""Revisions are drafted by alembic and never changed once they ran somewhere: they are read, not edited."""


def kept() -> list[Path]:
    """Every file of the project, as git sees it: kept ones and new ones that are not ignored."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [Path(line) for line in listed.stdout.splitlines() if (ROOT / line).is_file()]


def sources() -> list[Path]:
    return [path for path in kept() if path.suffix == ".py" and not path.as_posix().startswith(DRAFTED)]


def test_the_top_level_holds_the_house_and_nothing_else() -> None:
    assert {path.parts[0] for path in kept() if len(path.parts) > 1} - FOLDERS == set()
    assert {path.name for path in kept() if len(path.parts) == 1} - ROOT_FILES == set()


def test_no_file_is_too_long_to_read() -> None:
    lengths = {path.as_posix(): len((ROOT / path).read_text("utf-8").splitlines()) for path in sources()}
    assert {name: length for name, length in lengths.items() if length > MAX_LINES} == {}


@pytest.mark.parametrize("name", ["utils", "util", "helpers", "common", "misc", "models", "crud"])
def test_no_file_is_named_after_nothing(name: str) -> None:
    assert [path.as_posix() for path in sources() if path.stem == name] == []


def test_every_package_says_that_it_is_typed() -> None:
    for package in ("schemas", "federation", "service"):
        assert (ROOT / package / "py.typed").is_file(), package


def test_tests_mirror_the_packages() -> None:
    mirrored = {path.parts[1] for path in kept() if path.parts[0] == "tests" and len(path.parts) > 2}
    assert mirrored <= {
        "schemas", "federation", "service", "acceptance", "architecture", "chaos", "conformance", "docker", "docs",
        "inventory", "vectors", "samples",
    }  # fmt: skip
