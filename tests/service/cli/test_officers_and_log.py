"""`tonglu officer` and `tonglu log`, run as an operator runs them, in this process."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from service.access_log import Actor, record
from service.app import build_node
from service.cli import run
from service.jobs import tick
from service.settings import Settings

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command on the node's directory; gives exit code, stdout and stderr."""
    monkeypatch.setenv("TONGLU_DATABASE_URL", settings.database)
    monkeypatch.setenv("TONGLU_ALLOW_PRIVATE_PEERS", "true")

    def go(group: str, name: str, *arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run([group, name, str(settings.dir), *arguments])
        return (code, *capsys.readouterr())

    return go


def test_an_officer_is_added_listed_disabled_and_reset(command: Command) -> None:
    code, out, _ = command("officer", "add", "王芳", "--role", "clerk", "--role", "auditor", "--area", "790303001")
    assert code == 0
    assert [line.split(": ")[0] for line in out.splitlines()] == ["officer", "password", "good until"]
    code, out, _ = command("officer", "add", "boss", "--role", "administrator", "--json")
    assert (code, json.loads(out)["officer"]) == (0, "boss")
    assert datetime.fromisoformat(json.loads(out)["expires_at"]) > datetime.now(UTC) + timedelta(hours=71)
    assert command("officer", "disable", "王芳")[0] == 0
    _, out, _ = command("officer", "list", "--json")
    shown = {row["name"]: row for row in json.loads(out)}
    assert (shown["王芳"]["roles"], shown["王芳"]["area"], shown["王芳"]["disabled"]) == (
        ["auditor", "clerk"],
        "790303001",
        True,
    )
    code, out, _ = command("officer", "reset", "王芳")
    assert (code, "password: " in out) == (0, True)
    _, out, _ = command("officer", "list")
    assert "王芳\t790303001\tauditor, clerk\tone-time password" in out


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("add", "a b", "--role", "clerk"), "A name has 1 to 50"),
        (("add", "x", "--role", "clerk", "--area", "790101"), "lies outside"),
        (("disable", "nobody"), "There is no such officer."),
        (("reset", "nobody"), "There is no such officer."),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(command: Command, arguments: tuple[str, ...], reason: str) -> None:
    code, out, err = command("officer", *arguments)
    assert (code, out) == (1, "")
    assert reason in err
    assert len(err.splitlines()) == 1


def test_a_role_that_there_is_not_is_wrong_usage(command: Command) -> None:
    code, out, err = command("officer", "add", "x", "--role", "boss")
    assert (code, out) == (2, "")
    assert "clerk, supervisor, auditor, administrator" in " ".join(err.split())


def test_a_name_is_given_once(command: Command) -> None:
    assert command("officer", "add", "王芳", "--role", "clerk")[0] == 0
    code, _, err = command("officer", "add", "王芳", "--role", "clerk")
    assert (code, err.strip()) == (1, "An officer has this name already.")


def test_the_log_verifies_and_tells_what_was_changed(command: Command, settings: Settings, tmp_path: Path) -> None:
    node = build_node(settings)
    for _ in range(3):
        node.database.write_sync(lambda session: record(session, node, Actor.node(node.region), "a"))
    tick(node, "log")
    older = tmp_path / "older.txt"
    older.write_text(settings.checkpoints_path.read_text("utf-8"), "utf-8")
    code, out, _ = command("log", "verify")
    assert (code, out.strip()) == (0, "the access log is whole: 3 entries, 2 checkpoints")
    assert command("log", "verify", "--against", str(older))[0] == 0

    def change(statement: str) -> None:
        node.database.write_sync(lambda session: session.connection().exec_driver_sql(statement))

    change('UPDATE access_log_entry SET "action" = \'b\' WHERE "index" = 1')
    code, out, err = command("log", "verify")
    assert (code, out) == (1, "")
    assert "entry 1 is not what was logged" in err
    change("DELETE FROM access_log_entry")
    change("DELETE FROM log_leaf")
    change("DELETE FROM log_state")
    change("DELETE FROM log_checkpoint")
    settings.checkpoints_path.unlink()
    assert command("log", "verify")[:2] == (0, "the access log is whole: 0 entries, 0 checkpoints\n")
    code, _, err = command("log", "verify", "--against", str(older))
    assert code == 1
    assert "it was cut short" in err
    node.database.close()


def test_a_file_that_is_not_there_is_wrong_usage(command: Command) -> None:
    assert command("log", "verify", "--against", "/nowhere/older.txt")[0] == 2
