"""The access log: what is written, who can read it, and how it is numbered."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from sqlmodel import Session, col, func, select

from schemas.clock import FakeClock
from service.access_log import (
    AccessLogEntry,
    Actor,
    LogCheckpoint,
    entries,
    entries_of_person,
    record,
    record_each,
    record_nobody,
)
from service.context import Node
from service.database import Database
from service.log_tree import append_to_file
from tests.service.logging_node import CLERK, PEER, Someone, head, nine_entries, number, someone, verified, write


@pytest.fixture
def logged(node: Node, clock: FakeClock) -> Node:
    return nine_entries(node, clock)


# --- what is written and read -----------------------------------------------------------------------------------------


@pytest.mark.asvs("16.2.1")
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


@pytest.mark.asvs("16.2.3")
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
