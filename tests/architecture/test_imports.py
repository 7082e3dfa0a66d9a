"""Imports go one way: `schemas ← federation ← service`, by layers inside each, and in no circle."""

import subprocess
import sys
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("schemas", "federation", "service")


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph(*PACKAGES, include_external_packages=True, exclude_type_checking_imports=True)


def test_the_import_contracts_hold() -> None:
    checked = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_no_module_is_in_a_circle(graph: grimp.ImportGraph) -> None:
    ours = {module for module in graph.modules if module.split(".")[0] in PACKAGES}
    edges = {module: graph.find_modules_directly_imported_by(module) & ours for module in ours}
    # Whoever imports nothing that is left is in no circle: take them away until nobody goes.
    while gone := {module for module, imported in edges.items() if not imported}:
        edges = {module: imported - gone for module, imported in edges.items() if module not in gone}
    assert edges == {}, "these import each other, or import those that do"


@pytest.mark.parametrize(
    ("library", "rooms"),
    [
        ("httpx", {"federation.client"}),
        ("apscheduler", {"service.jobs"}),
        ("alembic", {"service.migrations"}),
        ("argon2", set()),
        ("pwdlib", {"service.officers"}),
        ("segno", {"service.certificates", "service.officers", "service.portal", "service.web"}),
        ("smtplib", {"service.mail"}),
        ("typer", {"service.cli"}),
        ("aiosmtpd", {"service.demo"}),
        ("pysqlite3", {"service.engines"}),
        ("psycopg", set()),
        ("sqlite3", {"service.engines"}),
    ],
)
def test_each_library_has_its_room(graph: grimp.ImportGraph, library: str, rooms: set[str]) -> None:
    if library not in graph.modules:
        return
    users = graph.find_modules_that_directly_import(library)
    strays = {user for user in users if not any(user == room or user.startswith(f"{room}.") for room in rooms)}
    assert strays == set()


def test_the_federation_is_usable_without_the_service() -> None:
    script = """
import importlib, pkgutil, sys, federation
for module in pkgutil.walk_packages(federation.__path__, "federation."):
    importlib.import_module(module.name)
assert not [name for name in sys.modules if name.split(".")[0] == "service"]
"""
    subprocess.run([sys.executable, "-c", script], check=True, cwd=ROOT, timeout=60)


def test_help_answers_without_loading_the_node() -> None:
    script = """
import sys
from service.cli import run
assert run(["--help"]) == 0
heavy = {"sqlalchemy", "fastapi", "uvicorn", "alembic", "httpx", "fpdf", "xlsxwriter", "babel", "pypinyin", "aiosmtpd"}
loaded = heavy & set(sys.modules)
assert not loaded, f"a command's module imports {sorted(loaded)} at its top"
"""
    ran = subprocess.run(
        [sys.executable, "-c", script], check=False, cwd=ROOT, timeout=60, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr[-400:]


def test_nothing_happens_at_import() -> None:
    """No engine, no settings, no scheduler, no thread: importing every module leaves the process as it was."""
    script = """
import importlib, os, pkgutil, sys, threading
import schemas, federation, service
for package in (schemas, federation, service):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if module.name.endswith("__main__") or module.name.startswith("service.migrations."):
            continue
        importlib.import_module(module.name)
assert threading.active_count() == 1, threading.enumerate()
"""
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        check=False,
        cwd=ROOT,
        timeout=120,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr[-800:]
