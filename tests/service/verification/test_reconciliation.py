"""Reconciliation between two regions: what each learns, what it is bounded by, and who is told of it."""

import json
from typing import Any

import pytest
from sqlmodel import select

from federation.intersection import hide, new_secret
from federation.reconciliation import RECONCILIATIONS_PATH
from schemas.entropy import SeededEntropy, uuid4
from schemas.reconciliation import FEWEST_JOURNEYS
from service.cli import run
from service.officers.rules import Role
from service.verification import gathering, reconciling
from service.verification.tables import Reconciliation
from tests.service.two_regions import ANSWERER, ASKER, Region, Regions, agree
from tests.service.verification.test_dialogue import SHARE_AWAY, SHARE_HOME

HERE, THERE = f"/peers/{ANSWERER}/reconciliations", f"/peers/{ASKER}/reconciliations"


@pytest.fixture
def three(monkeypatch) -> None:
    """Three journeys are enough, where their least number is not what a test is about."""
    for room in (reconciling, gathering):
        monkeypatch.setattr(room, "FEWEST_JOURNEYS", 3)
    monkeypatch.setattr(gathering, "AT_ONCE", 2)


def number(of: int) -> dict[str, str]:
    """Invented people; the checksum of their numbers is a warning that an officer keeps."""
    return {"document_number": f"79010119900307{of:03}0", "name": "韩晨曦"}


async def registered(regions: Regions, here: range, there: range) -> dict[int, tuple[str | None, str | None]]:
    """Arrivals in the asker's region and departures in the answerer's, by their number: the two people ids."""
    people: dict[int, tuple[str | None, str | None]] = {}
    for one in sorted({*here, *there}):
        arrived = (await regions.asker.arrives(SHARE_HOME, **number(one)))["person_id"] if one in here else None
        left = (await regions.answerer.leaves(SHARE_AWAY, **number(one)))["person_id"] if one in there else None
        people[one] = (arrived, left)
    return people


async def actions_about(region: Region, person: str | None) -> list[tuple[str, str]]:
    log = (await region.get("/access-log", person_id=person))["items"]
    return [(one["action"], one["office"]) for one in log if one["action"].startswith("reconciliation.")]


async def ask_by_hand(region: Region, path: str, document: Any) -> tuple[int, Any]:
    body = json.dumps(document).encode()
    for _ in range(1000):
        answer = await region.tools.delivery.ask(ANSWERER, path, body)
        assert answer is not None
        assert answer.answer is not None, "signed, whatever it says"
        told = json.loads(answer.answer.body)
        # A peer may ask ten times a second; a test asks faster.
        if told.get("type") != "/problems/rate_limited":
            return answer.answer.status, told
    raise AssertionError("the peer never has time")


def offer(agreement: str, many: int, seed: str = "guesses") -> dict[str, Any]:
    entropy = SeededEntropy(seed)
    points = hide([f"guess {one}".encode() for one in range(many)], new_secret(entropy))
    return {"reconciliation": uuid4(entropy), "agreement": agreement, "points": points}


async def test_both_learn_what_both_hold_and_how_many_they_do_not(regions, three):
    people = await registered(regions, range(6), range(2, 7))
    done = await regions.asker.post(HERE, None, 201)
    both = set(range(6)) & set(range(2, 7))
    assert set(done["people"]) == {people[one][0] for one in both}
    assert (done["ours"], done["theirs"], done["matched"], done["told"]) == (6, 5, 4, True)
    (there,) = (await regions.answerer.get(THERE))["items"]
    assert (there["direction"], there["ours"], there["theirs"], there["matched"]) == ("received", 5, 6, 4)
    assert (there["id"], there["state"]) == (done["id"], "done")
    matched, alone = people[5], people[0]
    for region, person in ((regions.asker, matched[0]), (regions.answerer, matched[1])):
        peer = ANSWERER if region is regions.asker else ASKER
        assert ("reconciliation.matched", peer) in await actions_about(region, person)
    assert await actions_about(regions.asker, alone[0]) == [("reconciliation.compared", ASKER)]
    assert await actions_about(regions.answerer, people[6][1]) == [("reconciliation.compared", ASKER)]

    def kept(session):
        return [(row.state, row.sealed) for row in session.exec(select(Reconciliation)).all()]

    for region in (regions.asker, regions.answerer):
        assert region.node.database.read_sync(kept) == [("done", None)]
    await regions.asker.refused(HERE, None, "reconciled_recently")
    await regions.answerer.refused(THERE, None, "reconciled_recently")


async def test_who_does_not_allow_it_is_hidden_or_gone_is_not_compared(regions, three):
    people = await registered(regions, range(6), range(6))
    there = regions.answerer
    await there.post(f"/people/{people[0][1]}/withdrawals", {"purpose": SHARE_AWAY}, 204)
    await there.post(f"/people/{people[1][1]}/protect", {"reason": "threat", "until": "2027-11-23"}, 204)
    await there.send("DELETE", f"/people/{people[2][1]}", {"reason": "persons_request"}, 204)
    done = await regions.asker.post(HERE, None, 201)
    assert (done["ours"], done["theirs"], done["matched"]) == (6, 3, 3)
    assert not {people[one][0] for one in (0, 1, 2)} & set(done["people"])


async def test_both_bring_twenty_at_least(regions, three):
    assert FEWEST_JOURNEYS == 20
    await registered(regions, range(2), range(3))
    await regions.asker.refused(HERE, None, "too_few_journeys")
    await regions.asker.arrives(SHARE_HOME, **number(2))
    agreement = (await regions.asker.get("/agreements"))["items"][0]["id"]
    status, problem = await ask_by_hand(regions.asker, RECONCILIATIONS_PATH, offer(agreement, 2))
    assert (status, problem["type"]) == (409, "/problems/too_few_journeys")
    departure = (await regions.answerer.get("/departures"))["items"][0]
    await regions.answerer.post(f"/departures/{departure['id']}/return", {"returned_on": "2026-11-20"})
    await regions.asker.refused(HERE, None, "too_few_journeys")
    assert (await regions.answerer.get(THERE))["items"] == []


async def test_it_counts_against_the_quota(strangers, three):
    agreement = await agree(strangers, per_month=4)
    await registered(strangers, range(3), range(3))
    for arrival in (await strangers.asker.get("/arrivals"))["items"][:2]:
        await strangers.asker.asks(arrival["person_id"])
    await strangers.settle()
    await strangers.asker.refused(HERE, None, "wrong_state")
    status, problem = await ask_by_hand(strangers.asker, RECONCILIATIONS_PATH, offer(agreement, 3))
    assert (status, problem["type"]) == (429, "/problems/quota_exceeded")
    strangers.clock.advance(days=10)
    assert (await strangers.asker.post(HERE, None, 201))["matched"] == 3


async def test_what_does_not_fit_is_refused_signed_and_changes_nothing(regions, three):
    await registered(regions, range(3), range(3))
    agreement = (await regions.asker.get("/agreements"))["items"][0]["id"]
    good = offer(agreement, 3)
    for bent, code in (
        (good | {"agreement": uuid4(SeededEntropy("other"))}, "no_agreement"),
        (good | {"points": [*good["points"][:2], good["points"][0]]}, "invalid_message"),
        (good | {"points": [*good["points"][:2], "A" * 43]}, "invalid_message"),
        (good | {"points": [*good["points"][:2], "?" * 43]}, "malformed"),
        (good | {"note": "?"}, "malformed"),
        ([], "malformed"),
    ):
        _, problem = await ask_by_hand(regions.asker, RECONCILIATIONS_PATH, bent)
        assert problem["type"] == f"/problems/{code}"
    path = f"{RECONCILIATIONS_PATH}/{good['reconciliation']}"
    proof = {"reconciliation": good["reconciliation"], "raised": good["points"]}
    assert (await ask_by_hand(regions.asker, path, proof))[1]["type"] == "/problems/invalid_message"
    assert (await regions.answerer.get(THERE))["items"] == []

    first = await ask_by_hand(regions.asker, RECONCILIATIONS_PATH, good)
    assert first[0] == 200
    assert await ask_by_hand(regions.asker, RECONCILIATIONS_PATH, good) == first, "the answer may have been lost"
    again = good | {"points": good["points"][::-1]}
    assert (await ask_by_hand(regions.asker, RECONCILIATIONS_PATH, again))[1]["type"] == "/problems/id_reused"
    other = offer(agreement, 4, "more guesses")
    _, problem = await ask_by_hand(regions.asker, RECONCILIATIONS_PATH, other)
    assert problem["type"] == "/problems/reconciled_recently"
    short = proof | {"raised": good["points"][:2]}
    assert (await ask_by_hand(regions.asker, path, short))[1]["type"] == "/problems/invalid_message"
    elsewhere = proof | {"reconciliation": other["reconciliation"]}
    assert (await ask_by_hand(regions.asker, path, elsewhere))[1]["type"] == "/problems/malformed"
    assert await ask_by_hand(regions.asker, path, proof) == (200, {"matched": 0})
    assert await ask_by_hand(regions.asker, path, proof) == (200, {"matched": 0})


async def test_a_supervisor_of_the_whole_region_starts_it(regions, three):
    for name, roles, area, code in (
        ("专干", (Role.CLERK,), None, "forbidden"),
        ("管理员", (Role.ADMINISTRATOR,), None, "forbidden"),
        ("镇里", (Role.SUPERVISOR,), f"{ASKER}101", "not_found"),
    ):
        officer = await regions.asker.as_officer(name, *roles, area=area)
        await officer.refused(HERE, None, code)
    await regions.asker.refused("/peers/790202/reconciliations", None, "unknown_peer")
    await registered(regions, range(3), range(3))
    regions.wire.cut.add(f"{ANSWERER}.example")
    await regions.asker.refused(HERE, None, "wrong_state")
    regions.wire.cut.clear()
    await regions.asker.post(f"/peers/{ANSWERER}/suspend")
    await regions.asker.refused(HERE, None, "no_active_peer")


async def test_it_goes_on_where_it_ended(regions, three, monkeypatch):
    """The asker dies after the peer's first answer, then before its second one: each time it is started again."""
    people = await registered(regions, range(4), range(1, 5))
    delivery, whole = type(regions.asker.tools.delivery), type(regions.asker.tools.delivery).ask

    def power_fails_after(round_path: str):
        async def ask(self, region, path, document):
            answer = await whole(self, region, path, document)
            if path.startswith(round_path):
                raise RuntimeError("the power went")
            return answer

        monkeypatch.setattr(delivery, "ask", ask)

    for path, state in ((RECONCILIATIONS_PATH, "asked"), (f"{RECONCILIATIONS_PATH}/", "learnt")):
        power_fails_after(path)
        assert (await regions.asker.request("POST", HERE)).status_code == 500
        assert [one["state"] for one in (await regions.asker.get(HERE))["items"]] == [state]
    monkeypatch.setattr(delivery, "ask", whole)
    done = await regions.asker.post(HERE, None, 201)
    assert (done["matched"], done["told"], done["state"]) == (3, True, "done")
    assert set(done["people"]) == {people[one][0] for one in (1, 2, 3)}
    await regions.asker.refused(HERE, None, "reconciled_recently")
    for region, side in ((regions.asker, 0), (regions.answerer, 1)):
        assert len([one for one in await actions_about(region, people[2][side]) if "matched" in one[0]]) == 1


async def test_an_offer_that_somebody_left_goes_out_no_more(regions, three):
    people = await registered(regions, range(4), range(4))
    regions.wire.cut.add(f"{ANSWERER}.example")
    await regions.asker.refused(HERE, None, "wrong_state")
    await regions.asker.post(f"/people/{people[0][0]}/withdrawals", {"purpose": SHARE_HOME}, 204)
    regions.wire.cut.clear()
    done = await regions.asker.post(HERE, None, 201)
    assert (done["ours"], done["matched"]) == (3, 3)
    assert len((await regions.asker.get(HERE))["items"]) == 1


async def test_what_waits_for_round_two_goes_after_a_day(regions, three):
    await registered(regions, range(3), range(3))
    agreement = (await regions.asker.get("/agreements"))["items"][0]["id"]
    good = offer(agreement, 20)
    await ask_by_hand(regions.asker, RECONCILIATIONS_PATH, good)
    regions.clock.advance(hours=25)
    await regions.answerer.run("purge")
    path = f"{RECONCILIATIONS_PATH}/{good['reconciliation']}"
    proof = {"reconciliation": good["reconciliation"], "raised": good["points"]}
    assert (await ask_by_hand(regions.asker, path, proof))[1]["type"] == "/problems/invalid_message"


def test_an_operator_is_told_why_it_cannot_be(node, capsys, monkeypatch):
    settings = node.settings
    monkeypatch.setenv("TONGLU_DATABASE_URL", settings.database)
    monkeypatch.setenv("TONGLU_ALLOW_PRIVATE_PEERS", "true")
    assert run(["peer", "reconcile", str(settings.dir), "790202"]) == 1
    assert "no peer" in capsys.readouterr().err
