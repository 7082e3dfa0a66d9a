"""The access log: what is written, who can read it, and that nothing of it can be changed unnoticed."""

import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import inspect, text
from sqlmodel import Session, col, func, select

from schemas.clock import FakeClock
from schemas.points import pass_by
from service.access_log import (
    AccessLogEntry,
    Actor,
    LogCheckpoint,
    LogLeaf,
    LogState,
    entries,
    entries_of_person,
    record,
    record_each,
    record_nobody,
)
from service.context import Node
from service.database import Database
from service.log_tree import COVERED, append_to_file, latest_checkpoint, sequence
from service.log_verify import Verdict, verify_log

CLERK = Actor("officer", "王芳", "790303001")
PEER = Actor.peer("790101")


@dataclass(frozen=True)
class Someone:
    """Whoever owns a key."""

    wrapped_key: bytes | None


def someone(node: Node) -> Someone:
    return Someone(node.vault.new_person_key().wrapped)


def write(node: Node, fn: Callable[[Session], Any]) -> Any:
    return node.database.write_sync(fn)


def number(node: Node, limit: int = 500) -> int:
    done: int = write(
        node,
        lambda session: sequence(
            session, keys=node.fed.keys, region=node.region, now=node.now(), point=pass_by, limit=limit
        ),
    )
    return done


def verified(node: Node, **older: str | None) -> Verdict:
    return node.database.read_sync(lambda session: verify_log(session, node.fed.keys, node.region, **older))


def head(node: Node) -> str:
    newest = node.database.read_sync(latest_checkpoint)
    assert newest is not None
    return newest.text


@pytest.fixture
def logged(node: Node, clock: FakeClock) -> Node:
    """A node with nine numbered entries under three checkpoints."""
    person = someone(node)
    for batch in range(3):
        write(node, lambda session: record(session, node, CLERK, "officer.signed_in"))
        clock.advance(seconds=1)
        write(node, lambda session: record(session, node, CLERK, "person.shown", person=person, purpose="counter"))
        write(node, lambda session: record(session, node, PEER, "peer.suspended", purpose="task", automatic=True))
        clock.advance(seconds=batch + 1)
        assert number(node) == 3
    assert verified(node).whole
    return node


# --- what is written and read -----------------------------------------------------------------------------------------


def test_the_person_sees_who_looked_and_why(node: Node) -> None:
    person, other = someone(node), someone(node)
    write(
        node,
        lambda session: record(
            session, node, CLERK, "person.shown", person=person, purpose="counter", fields=["identity", "contact"]
        ),
    )
    write(node, lambda session: record(session, node, PEER, "verification.received", person=other, automatic=True))
    (seen,) = node.database.read_sync(lambda session: entries_of_person(session, node, person))
    assert (seen.officer, seen.office, seen.action, seen.purpose) == ("王芳", "790303001", "person.shown", "counter")
    assert seen.fields == ("identity", "contact")
    assert seen.index is None
    number(node)
    (seen,) = node.database.read_sync(lambda session: entries_of_person(session, node, person))
    assert seen.index in {0, 1}


def test_entries_about_people_look_alike_without_the_key(node: Node) -> None:
    person = someone(node)
    write(node, lambda session: record(session, node, CLERK, "certificate.issued", person=person, fields=["a"] * 20))
    write(node, lambda session: record(session, node, CLERK, "person.shown", person=person, purpose="counter"))
    write(node, lambda session: record_nobody(session, node, CLERK))
    shown = node.database.read_sync(entries)
    assert {(item.action, item.purpose, item.fields, item.automatic) for item in shown} == {("person", None, (), False)}
    rows = node.database.read_sync(lambda session: session.exec(select(AccessLogEntry)).all())
    assert {len(row.sealed or b"") for row in rows} == {13 + 256 + 16}
    assert len({row.subject for row in rows}) == 2


def test_an_erased_person_can_no_longer_be_found_and_the_tree_stays_whole(node: Node) -> None:
    person = someone(node)
    write(node, lambda session: record(session, node, CLERK, "person.shown", person=person))
    number(node)
    erased = Someone(None)
    write(node, lambda session: record(session, node, CLERK, "person.erased", person=erased))
    number(node)
    assert node.database.read_sync(lambda session: entries_of_person(session, node, erased)) == []
    assert verified(node).whole


def test_what_people_did_on_their_own_pages_is_in_no_list_of_others(node: Node) -> None:
    person = someone(node)
    write(node, lambda session: record(session, node, Actor.person("790303"), "consent.withdrawn", person=person))
    assert node.database.read_sync(entries) == []
    assert len(node.database.read_sync(lambda session: entries_of_person(session, node, person))) == 1


def test_pages_of_the_list_follow_each_other(node: Node, clock: FakeClock) -> None:
    for place in range(5):
        write(node, lambda session, place=place: record(session, node, CLERK, f"action.{place}"))
        clock.advance(seconds=1)
    first = node.database.read_sync(lambda session: entries(session, limit=2))
    second = node.database.read_sync(lambda session: entries(session, after=first[-1].id, limit=2))
    assert [item.action for item in [*first, *second]] == ["action.4", "action.3", "action.2", "action.1"]


def test_an_entry_goes_with_the_change_it_tells_of(node: Node) -> None:
    def fails(session: Session) -> None:
        record(session, node, CLERK, "person.shown", person=someone(node))
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write(node, fails)
    assert node.database.read_sync(entries) == []


def test_many_people_in_one_statement(node: Node) -> None:
    people = [someone(node) for _ in range(20)]
    write(node, lambda session: record_each(session, node, CLERK, "search.hit", people))
    write(node, lambda session: record_each(session, node, CLERK, "search.hit", []))
    for person in people:
        (item,) = node.database.read_sync(lambda session, person=person: entries_of_person(session, node, person))
        assert item.action == "search.hit"


# --- numbering --------------------------------------------------------------------------------------------------------


def test_entries_are_numbered_in_the_order_of_time(logged: Node) -> None:
    rows = logged.database.read_sync(
        lambda session: session.exec(select(AccessLogEntry).order_by(col(AccessLogEntry.index))).all()
    )
    assert [row.index for row in rows] == list(range(9))
    assert [row.at for row in rows] == sorted(row.at for row in rows)


def test_nothing_new_makes_no_checkpoint(logged: Node) -> None:
    assert number(logged) == 0
    assert logged.database.read_sync(lambda session: session.exec(select(func.count(LogCheckpoint.size))).one()) == 3


def test_batches_leave_the_rest_for_the_next(node: Node) -> None:
    for _ in range(7):
        write(node, lambda session: record(session, node, CLERK, "a"))
    assert [number(node, limit=3) for _ in range(4)] == [3, 3, 1, 0]
    assert verified(node).whole


def test_two_workers_number_each_entry_once(node: Node) -> None:
    """Two processes' writers on one database, both numbering as fast as they can while entries come in."""
    others = [Database(node.settings.database) for _ in range(2)]
    workers = [replace(node, database=database) for database in others]
    try:
        with ThreadPoolExecutor(2) as pool:
            for _ in range(20):
                write(node, lambda session: record(session, node, CLERK, "a"))
                list(pool.map(lambda worker: number(worker, limit=1), workers))
    finally:
        for database in others:
            database.close()
    verdict = verified(node)
    assert (verdict.whole, verdict.size, verdict.unnumbered) == (True, 20, 0)


def test_a_kill_while_numbering_leaves_nothing_half_done(node: Node) -> None:
    for _ in range(3):
        write(node, lambda session: record(session, node, CLERK, "a"))
    script = """
import os, signal, sys
from pathlib import Path
from service.app import build_node
from service.log_tree import sequence
from service.settings import Settings
def die(name):
    if name == "log.sequencing":
        os.kill(os.getpid(), signal.SIGKILL)
node = build_node(Settings.load(Path(sys.argv[1]), database_url=sys.argv[2], allow_private_peers=True), point=die)
node.database.write_sync(
    lambda s: sequence(s, keys=node.fed.keys, region=node.region, now=node.now(), point=node.point)
)
"""
    killed = subprocess.run(
        [sys.executable, "-c", script, str(node.settings.dir), node.settings.database],
        check=False,
        timeout=60,
        cwd=Path(__file__).parents[2],
        env={key: value for key, value in os.environ.items() if not key.startswith("TONGLU_")},
    )
    assert killed.returncode == -9
    assert verified(node).size == 0
    assert number(node) == 3
    assert verified(node).whole


def test_the_file_outside_holds_each_checkpoint_once_and_mends_itself(logged: Node, tmp_path: Path) -> None:
    path = tmp_path / "checkpoints.txt"
    append_to_file(path, head(logged))
    append_to_file(path, head(logged))
    whole = path.read_text("utf-8")
    assert whole.count("tonglu/790303/access-log\n9\n") == 1
    path.write_text(whole[: len(whole) // 2], "utf-8")
    append_to_file(path, head(logged))
    verdict = verified(logged, file=path.read_text("utf-8"))
    assert verdict.whole
    assert verdict.notes == []


# --- tampering --------------------------------------------------------------------------------------------------------


def test_every_column_of_an_entry_is_covered(node: Node) -> None:
    assert set(COVERED) == set(AccessLogEntry.model_fields)


OTHER = {
    "id": "'0193b000-0000-7000-8000-000000000000'",
    "at": "'2026-11-23T02:00:01.000001Z'",
    "actor": "'node'",
    "office": "'790303002'",
    "officer": "'李雷'",
    "action": "'person.erased'",
    "purpose": "'audit'",
    "automatic": "NOT automatic",
}


@pytest.mark.parametrize("column", sorted(set(COVERED) - {"index", "subject", "sealed"}))
def test_a_changed_column_is_found_and_placed(logged: Node, column: str) -> None:
    tamper(logged, f'UPDATE access_log_entry SET "{column}" = {OTHER[column]} WHERE "index" = 4')
    assert [(fault.kind, fault.index) for fault in verified(logged).faults] == [("changed", 4)]


@pytest.mark.parametrize("column", ["subject", "sealed"])
def test_a_changed_byte_of_what_is_sealed_is_found_and_placed(logged: Node, column: str) -> None:
    def flip(session: Session) -> None:
        found = session.exec(select(AccessLogEntry).where(col(AccessLogEntry.subject).is_not(None))).first()
        assert found is not None
        value = bytearray(getattr(found, column))
        value[-1] ^= 1
        setattr(found, column, bytes(value))
        session.add(found)
        changed.append(found.index)

    changed: list[int | None] = []
    write(logged, flip)
    assert [(fault.kind, fault.index) for fault in verified(logged).faults] == [("changed", changed[0])]


@pytest.mark.one_database("sqlite", "only SQLite stores bytes that are no text in a text column")
@given(place=st.integers(0, 8), column=st.sampled_from(sorted(set(COVERED) - {"index"})), data=st.data())
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_change_of_any_byte_goes_unnoticed(logged: Node, place: int, column: str, data: st.DataObject) -> None:
    """Also where the bytes become no UTF-8, or a value changes its type and not its looks."""
    read = f'SELECT typeof("{column}"), CAST("{column}" AS BLOB) FROM access_log_entry WHERE "index" = {place}'
    kind, value = logged.database.read_sync(lambda session: session.execute(text(read)).one())
    changed = bytearray(value or b"\x00")
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= data.draw(st.integers(1, 255))
    literal = f"X'{changed.hex()}'" if kind in {"blob", "null"} else f"CAST(X'{changed.hex()}' AS TEXT)"
    statement = f'UPDATE access_log_entry SET "{column}" = {literal} WHERE "index" = {place}'

    def try_it(session: Session) -> None:
        session.execute(text(statement))
        verdicts.append(verify_log(session, logged.fed.keys, logged.region))
        raise InterruptedError

    verdicts: list[Verdict] = []
    with pytest.raises(InterruptedError):
        write(logged, try_it)
    after = f"SELECT CAST(X'{changed.hex()}' AS TEXT) = CAST(:value AS TEXT)"
    if kind == "integer":
        same = logged.database.read_sync(lambda session: session.execute(text(after), {"value": value}).scalar())
        if same:
            return
    assert ("changed", place) in {(fault.kind, fault.index) for fault in verdicts[0].faults}


def test_a_deleted_entry_is_named(logged: Node) -> None:
    tamper(logged, 'DELETE FROM access_log_entry WHERE "index" = 4')
    assert [(fault.kind, fault.index) for fault in verified(logged).faults] == [("deleted", 4)]


def test_entries_deleted_with_their_leaves_are_named(logged: Node) -> None:
    tamper(logged, 'DELETE FROM access_log_entry WHERE "index" >= 7', 'DELETE FROM log_leaf WHERE "index" >= 7')
    found = {(fault.kind, fault.index) for fault in verified(logged).faults}
    assert {("deleted", 7), ("deleted", 8)} <= found


def test_swapped_entries_are_both_named(logged: Node) -> None:
    tamper(
        logged,
        'UPDATE access_log_entry SET "index" = -1 WHERE "index" = 2',
        'UPDATE access_log_entry SET "index" = 2 WHERE "index" = 5',
        'UPDATE access_log_entry SET "index" = 5 WHERE "index" = -1',
    )
    assert [(fault.kind, fault.index) for fault in verified(logged).faults] == [("changed", 2), ("changed", 5)]


def test_an_entry_that_took_another_number_is_named(logged: Node) -> None:
    tamper(logged, 'UPDATE access_log_entry SET "index" = 100 WHERE "index" = 3')
    assert {(fault.kind, fault.index) for fault in verified(logged).faults} == {("deleted", 3), ("inserted", 100)}


def test_an_entry_that_lost_its_number_is_named(logged: Node) -> None:
    tamper(logged, 'UPDATE access_log_entry SET "index" = NULL WHERE "index" = 3')
    assert [(fault.kind, fault.index) for fault in verified(logged).faults] == [("deleted", 3)]


def test_an_inserted_entry_is_named(logged: Node) -> None:
    columns = ", ".join(f'"{name}"' for name in COVERED if name not in {"id", "index"})
    tamper(
        logged,
        f'INSERT INTO access_log_entry (id, "index", {columns}) '
        f"SELECT '0193b000-0000-7000-8000-000000000000', 9, {columns} FROM access_log_entry WHERE \"index\" = 0",
    )
    assert [(fault.kind, fault.index) for fault in verified(logged).faults] == [("inserted", 9)]


def test_an_altered_or_missing_leaf_is_named(logged: Node) -> None:
    blob = "X'00'" if logged.database.dialect == "sqlite" else "'\\x00'::bytea"
    tamper(logged, f'UPDATE log_leaf SET hash = {blob} WHERE "index" = 2', 'DELETE FROM log_leaf WHERE "index" = 6')
    assert {(fault.kind, fault.index) for fault in verified(logged).faults} == {("changed", 2), ("leaf", 6)}


def test_an_entry_rewritten_with_its_leaf_is_placed_between_two_checkpoints(logged: Node) -> None:
    tamper(logged, "UPDATE access_log_entry SET officer = '李雷' WHERE \"index\" = 4")
    recompute(logged)
    (fault,) = verified(logged).faults
    assert fault.kind == "rewritten"
    assert "entries 3 to 5" in fault.message


def test_a_recomputed_rewrite_shows_against_a_checkpoint_kept_elsewhere(logged: Node) -> None:
    older = head(logged)
    tamper(logged, "UPDATE access_log_entry SET officer = '李雷' WHERE \"index\" = 4")
    recompute(logged, sign=True)
    assert verified(logged).whole
    (fault,) = verified(logged, against=older).faults
    assert fault.kind == "rewritten"


def test_a_recomputed_truncation_shows_against_a_checkpoint_kept_elsewhere(logged: Node) -> None:
    older = head(logged)
    tamper(logged, 'DELETE FROM access_log_entry WHERE "index" >= 7')
    recompute(logged, sign=True)
    assert verified(logged).whole
    (fault,) = verified(logged, against=older).faults
    assert (fault.kind, fault.index) == ("truncated", 7)
    (fault,) = verified(logged, file=older).faults
    assert fault.kind == "truncated"


def test_a_log_that_went_on_fits_an_older_checkpoint(logged: Node) -> None:
    older = head(logged)
    write(logged, lambda session: record(session, logged, CLERK, "a"))
    number(logged)
    assert verified(logged, against=older).whole


@pytest.mark.parametrize(
    "change",
    [
        lambda older: older.replace("\n9\n", "\n8\n"),
        lambda older: older.replace("790303", "790101"),
        lambda older: older[:-10] + "AAAAAAAA=\n",
        lambda _older: "no checkpoint at all",
        lambda _older: "",
    ],
)
def test_a_checkpoint_that_this_node_did_not_sign_proves_nothing(logged: Node, change: Callable[[str], str]) -> None:
    assert {fault.kind for fault in verified(logged, against=change(head(logged))).faults} == {"checkpoint"}


def test_an_altered_checkpoint_or_state_in_the_database_is_found(logged: Node) -> None:
    tamper(logged, "UPDATE log_checkpoint SET text = replace(text, '6', '7') WHERE size = 6")
    tamper(logged, "UPDATE log_state SET size = 8")
    assert {fault.kind for fault in verified(logged).faults} == {"checkpoint", "state"}


def test_the_log_has_only_the_tables_that_are_checked(node: Node) -> None:
    names = {AccessLogEntry.__tablename__, LogLeaf.__tablename__, LogState.__tablename__, LogCheckpoint.__tablename__}
    stored = node.database.read_sync(lambda session: inspect(session.connection()).get_table_names())
    assert {name for name in stored if "log" in name} == names


def tamper(node: Node, *statements: str) -> None:
    def run(session: Session) -> None:
        for statement in statements:
            session.execute(text(statement))

    write(node, run)


def recompute(node: Node, *, sign: bool = False) -> None:
    """Do what someone with the database, and (with ``sign``) even the keys, would do to hide a change."""
    checkpoints = "SELECT size, at, text FROM log_checkpoint ORDER BY size"
    kept = node.database.read_sync(lambda session: session.execute(text(checkpoints)).all())
    tamper(
        node,
        'UPDATE access_log_entry SET "index" = NULL',
        "DELETE FROM log_leaf",
        "DELETE FROM log_state",
        "DELETE FROM log_checkpoint",
    )
    number(node)
    if not sign:
        tamper(node, "DELETE FROM log_checkpoint")
        rows = [LogCheckpoint(size=row.size, at=row.at, text=row.text) for row in kept]
        write(node, lambda session: session.add_all(rows))
