"""Doubles: found at entry and by night, weighed in words, put together and apart again whole, told apart for good."""

from datetime import date

import pytest
from sqlmodel import select

from schemas.identity import DocumentType, PersonIdentity
from service.officers.rules import Role
from service.registry.doubles.likeness import likeness, sound_of
from service.registry.doubles.pairs import tell_apart
from service.registry.tables import DuplicatePair, Person
from tests.service.two_regions import HAN

EAST, WEST = "790303001", "790303002"
SHARE = "share_with_peer:790101"


def someone(name="韩晨曦", number="79010119900307123X", born=date(1990, 3, 7)):
    kind = DocumentType.RESIDENT_ID if number else DocumentType.NONE
    return PersonIdentity(name=name, document_type=kind, document_number=number, date_of_birth=born)


@pytest.mark.parametrize(
    ("other", "evidence", "word"),
    [
        (someone(), {"same_document", "same_name", "same_birth"}, "nearly_sure"),
        (someone(name="韩辰曦"), {"same_document", "same_sound", "same_birth"}, "nearly_sure"),
        (someone(number=None), {"same_name", "same_birth"}, "possible"),
        (someone(number="79010119900307132X"), {"near_document", "same_name", "same_birth"}, "probable"),
        (someone(name="钱多多", born=None), {"same_document"}, "probable"),
    ],
)
def test_the_score_says_why(other, evidence, word):
    found = likeness(someone(), other)
    assert (set(found.evidence), found.word, found.worth_a_look) == (evidence, word, True)


def test_what_speaks_against_counts_and_a_phone_alone_says_nothing():
    twin = someone(number="790101199003071248")
    assert "other_document" in likeness(someone(), twin).evidence
    assert not likeness(someone(), twin).worth_a_look
    phone = ("13900001234", "13900001234")
    stranger = someone(name="钱多多", number=None, born=None)
    assert likeness(someone(), stranger, phones=phone).points == 0, "families share a telephone"
    assert likeness(someone(), someone(number=None), phones=phone).word == "probable"
    assert sound_of("闫静") == sound_of("阎婧") != sound_of("颜敬仁")


def pairs(region):
    return region.node.database.read_sync(lambda session: session.exec(select(DuplicatePair)).all())


async def items(region):
    return (await region.get("/work-items", kind="duplicate"))["items"]


async def test_the_night_finds_by_sound_across_townships_and_leaves_placeholders_alone(region):
    east = await region.as_officer("东镇", Role.CLERK, area=EAST)
    west = await region.as_officer("西镇", Role.CLERK, area=WEST)
    first = await east.arrives(document_type="none", document_number=None)
    second = await west.arrives(name="韩辰曦")
    assert second["possible_duplicates"] == [], "of the other township's record nobody is told"
    for number in range(8):
        await east.arrives(
            name=f"钱{'一二三四五六七八'[number]}", document_number="000000000000000000", date_of_birth=None
        )
    region.clock.advance(days=3)
    await region.run("duplicates")
    (pair,) = pairs(region)
    assert {pair.kept_id, pair.other_id} == {first["person_id"], second["person_id"]}
    assert [len(await items(one)) for one in (east, west, region)] == [0, 0, 1], "the office above both decides"
    await west.refused(f"/people/{second['person_id']}/merge", {"other_id": first["person_id"]}, "not_found")
    await region.run("duplicates")
    assert len(pairs(region)) == 1


async def test_nobody_hidden_is_paired_until_they_are_to_be_seen_again(region):
    first = await region.arrives()
    await region.post(f"/people/{first['person_id']}/protect", {"reason": "threat", "until": "2026-11-24"}, 204)
    await region.arrives()
    await region.run("duplicates")
    assert pairs(region) == []
    region.clock.advance(days=2)
    await region.run("duplicates")
    assert len(pairs(region)) == 1


async def test_merging_carries_everything_over_and_parting_puts_it_back(region):
    kept = await region.arrives(phone=None)
    other = await region.arrives(SHARE, "remind:quarterly_check", email="han@example.net", phone="13700004321")
    one, two = f"/people/{kept['person_id']}", f"/people/{other['person_id']}"
    plan = {"person_id": other["person_id"], "kind": "quarterly_check", "cadence": "quarterly", "channel": "email"}
    await region.post("/reminder-plans", plan | {"lead_days": [14]}, 201)
    issued = {"kind": "general_health", "quarter": "2026Q4", "attended_on": "2026-11-10", "valid_until": "2027-03-31"}
    certificate = await region.post("/certificates", {"person_id": other["person_id"]} | issued, 201)

    async def whole(path):
        found = await region.get(path, full=1, purpose="correction")
        del found["version"]
        certificates = (await region.get(f"{path}/certificates"))["items"]
        plans = (await region.get(f"{path}/reminder-plans"))["items"]
        return found, certificates, plans

    before = [await whole(path) for path in (one, two)]
    merged = await region.post(f"{one}/merge", {"other_id": other["person_id"]})
    await region.get(two, 404)
    found, certificates, plans = await whole(one)
    assert [len(found["arrivals"]), len(certificates), len(plans)] == [2, 1, 1]
    assert (found["phone"], found["email"]) == ("13700004321", "han@example.net"), "gaps are filled"
    assert {consent["purpose"] for consent in found["consents"]} == {SHARE, "remind:quarterly_check"}
    assert (await region.get(f"/certificates/{certificate['id']}", person_id=kept["person_id"]))["id"]
    log = (await region.get("/access-log", person_id=kept["person_id"]))["items"]
    assert sum(item["action"] == "arrival.registered" for item in log) == 2, "both records' readers stay to be read"
    await region.post(f"{one}/merge/undo", {"pair_id": merged["pair_id"]})
    assert [await whole(path) for path in (one, two)] == before
    # Later it is a supervisor's, and after 30 days nobody's: what it would need is gone.
    merged = await region.post(f"{one}/merge", {"other_id": other["person_id"]})
    region.clock.advance(minutes=11)
    clerk = await region.as_officer("专干", Role.CLERK)
    await clerk.refused(f"{one}/merge/undo", {"pair_id": merged["pair_id"]}, "wrong_state")
    region.clock.advance(days=31)
    await region.run("purge")
    await region.refused(f"{one}/merge/undo", {"pair_id": merged["pair_id"]}, "wrong_state")
    gone = region.node.database.read_sync(lambda session: session.get_one(Person, other["person_id"]))
    assert (gone.identity, gone.contact, gone.address) == (b"", b"", b"")
    await region.send("DELETE", one, None, 204)
    assert region.node.database.read_sync(lambda session: session.exec(select(Person)).all()) == []


async def test_the_later_word_about_a_consent_counts_and_a_refusal_wins(region):
    kept = await region.arrives(SHARE)
    region.clock.advance(minutes=1)
    other = await region.arrives(SHARE)
    region.clock.advance(minutes=1)
    await region.post(f"/people/{other['person_id']}/withdrawals", {"purpose": SHARE}, 204)
    one = f"/people/{kept['person_id']}"
    await region.post(f"{one}/merge", {"other_id": other["person_id"]})
    assert all(consent["withdrawn_at"] for consent in (await region.get(one))["consents"])
    # Merged once more, all three records' readers stay to be read; and the later of two refusals holds twelve months.
    third = await region.arrives(name="韩辰曦")
    region.clock.advance(days=1)
    for person, purpose in ((kept, "remind:vaccination"), (third, "remind:quarterly_check")):
        await region.post(f"/people/{person['person_id']}/consents", {"consents": [], "refused": [purpose]})
    region.clock.advance(days=2)
    await region.post(f"/people/{third['person_id']}/consents", {"consents": [], "refused": ["remind:vaccination"]})
    last = f"/people/{third['person_id']}"
    await region.post(f"{last}/merge", {"other_id": kept["person_id"]})
    log = (await region.get("/access-log", person_id=third["person_id"]))["items"]
    assert sum(item["action"] == "arrival.registered" for item in log) == 3
    refused = (await region.get(last))["do_not_ask"]
    assert refused == {"remind:vaccination": "2027-11-26", "remind:quarterly_check": "2027-11-24"}


async def test_who_was_told_apart_is_never_asked_about_again(region):
    first = await region.arrives()
    second = await region.arrives()
    third = await region.arrives()
    two = {first["person_id"], second["person_id"]}
    (asked,) = [one for one in pairs(region) if {one.kept_id, one.other_id} == two]
    page = f"/people/{first['person_id']}"
    # There is no address for it in the API: the page of the pair calls the action.
    region.node.database.write_sync(lambda session: tell_apart(session, region.node, asked.id, by=region.officer))
    await region.refused(f"{page}/merge", {"other_id": second["person_id"]}, "wrong_state")
    # It holds for whoever the record is merged into.
    await region.post(f"/people/{third['person_id']}/merge", {"other_id": second["person_id"]})
    for _ in range(2):
        region.clock.advance(days=1)
        await region.run("duplicates")
    states = sorted(pair.state for pair in pairs(region))
    assert states == ["merged", "not_same", "not_same"]
    assert await items(region) == []
    assert HAN["name"] == (await region.get(page))["name"]


async def test_a_name_and_a_phone_together_are_asked_about_where_nothing_speaks_against_it(region):
    bare = {"document_type": "none", "document_number": None, "date_of_birth": None}
    first = await region.arrives(**bare)
    again = await region.arrives(**bare, phone="+86 139-0000-1234")
    assert again["possible_duplicates"] == [first["person_id"]]
    known = await region.arrives(document_type="none", document_number=None)
    assert known["possible_duplicates"] == [again["person_id"], first["person_id"]]
    for other in (bare | {"phone": "13800001234"}, bare | {"name": "贺知秋"}):
        assert (await region.arrives(**other))["possible_duplicates"] == [], other
    younger = await region.arrives(**bare | {"date_of_birth": "1990-03-08"})
    assert known["person_id"] not in younger["possible_duplicates"]
    assert first["person_id"] in younger["possible_duplicates"]
    west = await region.as_officer("西镇", Role.CLERK, area=WEST)
    assert (await west.arrives(**bare))["possible_duplicates"] == []
