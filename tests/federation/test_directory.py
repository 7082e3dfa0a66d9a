"""A directory informs and decides nothing; a list counts by its key and its version alone."""

import json
from typing import Any

import pytest

from federation import directory
from federation.keys import NodeKey
from federation.tables import FollowedDirectory
from schemas.clock import rfc3339
from schemas.directory import DirectoryFile, DirectoryList
from schemas.problems import Conflict, InvalidInput, NotFound
from tests.federation.nodes import Pair, Side

KEY = NodeKey("directory", bytes(range(32)))
STRANGER = NodeKey("directory", bytes(range(1, 33)))


def file(**changes: Any) -> dict[str, Any]:
    document = {"tonglu_directory": 1, "name": "七省名录", "url": "https://d.example/list.json", "jwk": KEY.jwk}
    return document | changes


def node(side: Side, **changes: Any) -> dict[str, Any]:
    known = {
        "region": side.region,
        "name": side.fed.name,
        "base_url": side.fed.base_url,
        "transport_kid": side.fed.keys.kid("transport"),
    }
    return known | changes


def signed(side: Side, version: int, *nodes: dict[str, Any], key: NodeKey = KEY, name: str = "七省名录") -> bytes:
    found = DirectoryList.from_wire(
        {
            "directory": name,
            "version": version,
            "issued_at": rfc3339(side.fed.clock.now()),
            "nodes": list(nodes),
        }
    )
    return json.dumps(directory.sign_list(key, found)).encode()


def take(side: Side, document: bytes) -> bool:
    now = side.fed.clock.now()
    return bool(side.write(lambda session: directory.take_list(session, "七省名录", document, now)))


def row(side: Side) -> FollowedDirectory:
    (found,) = side.read(directory.followed)
    kept: FollowedDirectory = found
    return kept


def differences(side: Side) -> list[tuple[str, str]]:
    now = side.fed.clock.now()
    found = side.read(lambda session: directory.compare(session, side.fed, now))
    return [(one.region, one.verdict) for one in found]


@pytest.fixture
def lan(pair: Pair) -> Side:
    """A node that follows a directory."""
    pair.lan.write(lambda session: directory.follow(session, directory.read_file(pair.lan.fed, file())))
    return pair.lan


async def test_a_list_of_the_pinned_key_is_taken_and_a_higher_version_replaces_it(lan: Side, pair: Pair) -> None:
    assert take(lan, signed(lan, 3, node(pair.qing)))
    assert (row(lan).version, differences(lan)) == (3, [])
    assert take(lan, signed(lan, 5, node(pair.qing), node(pair.lan)))
    assert (row(lan).version, row(lan).fetch_fault, differences(lan)) == (5, None, [])


@pytest.mark.parametrize("bad", ["stranger", "older", "same", "name", "broken", "empty", "json"])
async def test_a_list_that_does_not_count_changes_nothing_but_the_warning(lan: Side, pair: Pair, bad: str) -> None:
    assert take(lan, signed(lan, 3, node(pair.qing)))
    kept = row(lan).list_jws
    document = {
        "stranger": signed(lan, 4, key=STRANGER),
        "older": signed(lan, 2),
        "same": signed(lan, 3),
        "name": signed(lan, 4, name="别的名录"),
        "broken": signed(lan, 4)[:-9] + b'"}',
        "empty": b"",
        "json": b"[]",
    }[bad]
    assert not take(lan, document)
    found = row(lan)
    assert (found.version, found.list_jws, found.failures) == (3, kept, 1)
    assert found.fetch_fault == ("older_version" if bad in ("older", "same") else "not_a_list_of_this_key")
    assert differences(lan) == []
    assert take(lan, signed(lan, 4, node(pair.qing)))
    assert (row(lan).failures, row(lan).fetch_fault) == (0, None)


async def test_where_list_and_peers_differ_it_is_said_and_nothing_is_changed(lan: Side, pair: Pair) -> None:
    other = node(pair.qing, region="790202", name="云台县", base_url="https://790202.example")
    assert take(lan, signed(lan, 1, other))
    assert differences(lan) == [("790202", "not_paired"), ("790101", "not_listed")]
    assert take(lan, signed(lan, 2, node(pair.qing, transport_kid=STRANGER.kid)))
    assert differences(lan) == [("790101", "other_key")]
    assert take(lan, signed(lan, 3, node(pair.qing, base_url="https://elsewhere.example")))
    assert differences(lan) == [("790101", "other_address")]
    sent = lan.remind(pair.qing)
    await lan.delivery.tick()
    assert sent
    assert len(pair.qing.seen) == 1, "the line works on, whatever a directory says"


async def test_an_invitation_is_compared_with_the_list(lan: Side, pair: Pair) -> None:
    assert take(lan, signed(lan, 1, node(pair.qing)))

    def opinions(base_url: str, kid: str) -> list[str]:
        found = lan.read(lambda session: directory.opinions_on(session, pair.qing.region, base_url, {kid}))
        return [one.verdict for one in found]

    kid = pair.qing.fed.keys.kid("transport")
    assert opinions(pair.qing.fed.base_url, kid) == ["listed"]
    assert opinions("https://elsewhere.example", kid) == ["other_address"]
    assert opinions(pair.qing.fed.base_url, STRANGER.kid) == ["other_key"]


async def test_a_directory_is_asked_again_in_time(lan: Side, pair: Pair) -> None:
    def due() -> list[tuple[str, str]]:
        now = pair.clock.now()
        found: list[tuple[str, str]] = lan.read(lambda session: directory.due_directories(session, now))
        return found

    assert due() == [("七省名录", "https://d.example/list.json")]
    assert take(lan, signed(lan, 1))
    assert due() == []
    pair.clock.advance(hours=6)
    assert len(due()) == 1
    lan.write(lambda session: directory.note_failure(session, "七省名录", "timeout", pair.clock.now()))
    assert due() == []
    pair.clock.advance(hours=1)
    assert len(due()) == 1


async def test_a_directory_is_followed_once_and_left(lan: Side) -> None:
    with pytest.raises(Conflict):
        lan.write(lambda session: directory.follow(session, DirectoryFile.from_wire(file())))
    lan.write(lambda session: directory.leave(session, "七省名录"))
    assert lan.read(directory.followed) == []
    with pytest.raises(NotFound):
        lan.write(lambda session: directory.leave(session, "七省名录"))


@pytest.mark.parametrize(
    "changes",
    [
        {"jwk": STRANGER.jwk | {"kid": KEY.kid}},
        {"jwk": KEY.jwk | {"tonglu_use": "transport"}},
        {"jwk": KEY.jwk | {"d": "x"}},
        {"url": "ftp://d.example"},
        {"name": ""},
        {"tonglu_directory": 2},
        {"more": 1},
    ],
)
async def test_a_file_that_is_not_whole_is_refused(pair: Pair, changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        directory.read_file(pair.lan.fed, file(**changes))
