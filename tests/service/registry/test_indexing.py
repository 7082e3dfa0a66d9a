"""Records from before an upgrade are found by what newer versions look for, and not twice."""

import pytest
from sqlmodel import col, delete, select

from schemas.clock import SystemClock
from service.leases import Lease, take_lease
from service.registry.doubles import pairs
from service.registry.people import tokens_of_row
from service.registry.searching import indexing
from service.registry.searching.indexing import index_anew, index_from_the_start, left_to_index
from service.registry.tables import DuplicatePair, Person, RegisterMark, SearchToken


def as_of_old(session, node):
    """The register as an earlier version left it: no index by sound, no check of numbers, one reading of surnames."""
    for person in session.exec(select(Person)).all():
        old = {node.vault.token(person.area, "pinyin", "danyutong"[:n]) for n in range(2, 10)}
        session.exec(
            delete(SearchToken).where(col(SearchToken.person_id) == person.id, col(SearchToken.token).not_in(old))
        )
        person.sound_birth_index = person.number_check = None
        session.add(person)


@pytest.mark.by_turns
async def test_who_was_registered_earlier_is_found_again(region, monkeypatch):
    monkeypatch.setattr(indexing, "PART", 3)
    people = [await region.arrives(name="单雨桐", document_type="none", document_number=None)]
    people.append(await region.arrives(name="陈小禾", document_number="790101199003071257", date_of_birth=None))
    people += [await region.arrives(name="贺知秋", document_number=f"79010119900308{n:03}0") for n in range(5)]
    database = region.node.database
    database.write_sync(lambda session: as_of_old(session, region.node))
    assert (await region.post("/search", {"q": "danyutong"}))["items"]
    assert not (await region.post("/search", {"q": "shanyutong"}))["items"]
    later = await region.arrives(name="丹雨彤", document_type="none", document_number=None)
    assert later["possible_duplicates"] == [], "the older record says nothing of how it sounds"
    # Another process is at it: this one leaves it alone.
    moment = SystemClock().now()
    database.write_sync(lambda session: take_lease(session, "index", "another", moment, 60))
    assert await index_anew(region.node) == 0
    database.write_sync(lambda session: take_lease(session, "index", "another", moment, -1))
    # Stopped in the middle, it goes on there.
    parts = []

    def stops(count):
        parts.append(count)
        if len(parts) == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await index_anew(region.node, stops)
    database.write_sync(lambda session: session.exec(delete(Lease)))
    assert database.read_sync(left_to_index) == len(people) + 1 - 3
    region.clock.advance(days=1)
    await region.run("duplicates")
    assert database.read_sync(left_to_index) == 0
    found = await region.post("/search", {"q": "shanyutong"})
    assert [one["person_id"] for one in found["items"]] == [people[0]["person_id"]]
    kept = database.read_sync(lambda session: session.exec(select(DuplicatePair)).all())
    assert {people[0]["person_id"], later["person_id"]} in [{one.kept_id, one.other_id} for one in kept]
    rows = database.read_sync(lambda session: session.exec(select(Person)).all())
    assert all(one.sound_birth_index for one in rows if one.name_birth_index)
    # Nothing is left to do, and nothing is doubled where it is done once more.
    assert await index_anew(region.node) == 0
    database.write_sync(index_from_the_start)
    assert await index_anew(region.node) == len(rows)
    tokens = database.read_sync(lambda session: session.exec(select(SearchToken)).all())
    assert {(one.token, one.person_id) for one in tokens} == {
        (token, row.id) for row in rows for token in tokens_of_row(region.node, row)
    }


async def test_the_check_goes_on_where_it_stopped(region, monkeypatch):
    looked = []
    real = pairs.pairs_of
    monkeypatch.setattr(pairs, "pairs_of", lambda s, n, people: looked.append(len(people)) or real(s, n, people))
    await region.arrives()
    await region.run("duplicates")
    region.clock.advance(hours=1)
    await region.run("duplicates")
    await region.arrives(name="贺知秋", document_number="790101199003081230")
    for _ in range(3):
        region.clock.advance(hours=1)
        await region.run("duplicates")
    assert looked == [1, 1, 1, 0, 0], "what the last look may have missed, and nothing older"
    marks = region.node.database.read_sync(
        lambda s: {one.name: one.value for one in s.exec(select(RegisterMark)).all()}
    )
    assert marks.keys() == {"doubles", f"index:{indexing.INDEX}"}
