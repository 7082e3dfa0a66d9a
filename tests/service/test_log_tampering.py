"""Nothing of the access log can be changed unnoticed: every change is found, and placed."""

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import inspect, text
from sqlmodel import Session, col, select

from schemas.clock import FakeClock
from service.access_log import (
    AccessLogEntry,
    LogCheckpoint,
    LogCosignature,
    LogLeaf,
    LogState,
    PeerLog,
    record,
)
from service.context import Node
from service.log_tree import COVERED
from service.log_verify import Verdict, verify_log
from tests.service.logging_node import CLERK, head, nine_entries, number, recompute, tamper, verified, write


@pytest.fixture
def logged(node: Node, clock: FakeClock) -> Node:
    return nine_entries(node, clock)


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


@pytest.mark.asvs("16.4.2")
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


@pytest.mark.asvs("16.4.3")
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
    # What peers signed under our checkpoints is checked too; what they told of their own logs is theirs.
    others = {LogCosignature.__tablename__, PeerLog.__tablename__}
    assert {name for name in stored if "log" in name} == names | others
