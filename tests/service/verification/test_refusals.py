"""What a question needs, what an answer may say, and how both are taken back."""

import pytest

from service.officers.rules import Role
from tests.service.two_regions import ANSWERER, ASKER, HAN, IDENTITY_AND_DEPARTURE, STRANGER, Regions
from tests.service.verification.test_dialogue import SHARE_AWAY, SHARE_HOME, received

CONFIRMED = {"identity": "confirmed", "departure_declared": "confirmed"}
NO_RECORD = {"identity": "no_record", "departure_declared": "no_record"}


def question(person_id: str, **changes) -> dict:
    body = {
        "person_id": person_id,
        "peer": ANSWERER,
        "claims": IDENTITY_AND_DEPARTURE,
        "purpose": "confirm_journey",
    }
    return body | changes


async def waiting_case(regions: Regions) -> tuple[dict, dict]:
    """A question that waits for an officer there: the name is spelt otherwise. Our request, and theirs."""
    await regions.answerer.leaves(name="韩辰曦")
    arrival = await regions.asker.arrives(SHARE_HOME)
    asked = await regions.asker.asks(arrival["person_id"])
    await regions.settle()
    return asked | {"arrival": arrival["id"]}, await received(regions, asked["case"])


async def test_a_question_needs_consent_agreement_peer_and_journey(regions):
    unasked = await regions.asker.arrives()
    await regions.asker.refused("/verifications", question(unasked["person_id"]), "no_consent")
    arrival = await regions.asker.arrives(SHARE_HOME)
    person = arrival["person_id"]
    await regions.asker.refused("/verifications", question(person, peer=STRANGER), "unknown_peer")
    await regions.asker.refused("/verifications", question("0192f0c1-0000-7000-8000-000000000001"), "not_found")
    await regions.asker.refused("/verifications", question(person, claims=["where_is_she"]), "invalid_input")
    await regions.asker.refused("/verifications", question(person, purpose="curiosity"), "invalid_input")
    await regions.asker.post(f"/arrivals/{arrival['id']}/end", {"ended_on": "2026-11-20"})
    await regions.asker.refused("/verifications", question(person), "wrong_state")


async def test_a_question_needs_an_agreement(strangers):
    arrival = await strangers.asker.arrives(SHARE_HOME)
    await strangers.asker.refused("/verifications", question(arrival["person_id"]), "no_agreement")


async def test_a_question_needs_a_date_of_birth(regions):
    arrival = await regions.asker.arrives(
        SHARE_HOME, document_type="passport", document_number="E1234567", date_of_birth=None
    )
    await regions.asker.refused("/verifications", question(arrival["person_id"]), "date_of_birth_missing")


async def test_a_suspended_peer_is_not_asked(regions):
    arrival = await regions.asker.arrives(SHARE_HOME)
    await regions.asker.post(f"/peers/{ANSWERER}/suspend")
    await regions.asker.refused("/verifications", question(arrival["person_id"]), "no_active_peer")
    await regions.asker.post(f"/peers/{ANSWERER}/resume")
    await regions.asker.asks(arrival["person_id"])


async def test_the_same_question_is_put_once_in_30_days(regions):
    arrival = await regions.asker.arrives(SHARE_HOME)
    await regions.asker.asks(arrival["person_id"])
    await regions.asker.refused("/verifications", question(arrival["person_id"]), "asked_recently")
    await regions.asker.asks(arrival["person_id"], purpose="persons_request")
    regions.clock.advance(days=31)
    await regions.asker.asks(arrival["person_id"])


async def test_a_repeated_question_is_never_answered_by_itself(regions):
    await regions.answerer.leaves()
    first = await regions.asker.arrives(SHARE_HOME)
    await regions.asker.asks(first["person_id"])
    await regions.settle()
    # The same person registered twice gets round the asker's own check.
    second = await regions.asker.arrives(SHARE_HOME)
    asked = await regions.asker.asks(second["person_id"])
    await regions.settle()
    assert (await received(regions, asked["case"]))["state"] == "received"


async def test_past_the_quota_a_question_waits_alone(strangers):
    from tests.service.two_regions import agree

    await agree(strangers, per_month=1)
    one = await strangers.asker.arrives(SHARE_HOME)
    two = await strangers.asker.arrives(
        SHARE_HOME, name="陈小禾", document_number="790101198501011234", date_of_birth="1985-01-01"
    )
    await strangers.asker.asks(one["person_id"])
    await strangers.settle()
    late = await strangers.asker.asks(two["person_id"])
    await strangers.settle()
    assert (await strangers.asker.get(f"/verifications/{late['id']}"))["state"] == "queued"
    assert len((await strangers.answerer.get("/verifications", direction="received"))["items"]) == 1


async def test_absent_and_protected_people_look_alike(regions):
    """The whole dialogue, and every list, in two regions that differ in one protected person."""
    departure = await regions.answerer.leaves()
    protect = {"reason": "threat", "until": "2027-11-23"}
    await regions.answerer.post(f"/people/{departure['person_id']}/protect", protect, 204)
    seen = []
    for number in (HAN["document_number"], "790101199003071248"):
        arrival = await regions.asker.arrives(SHARE_HOME, document_number=number)
        asked = await regions.asker.asks(arrival["person_id"])
        await regions.settle()
        there = await received(regions, asked["case"])
        opened = await regions.answerer.get(f"/verifications/{there['id']}")
        assert opened["candidates"] == []
        assert opened["words"] == {"identity": ["no_record"], "departure_declared": ["no_record"]}
        path = f"/verifications/{there['id']}/answer"
        await regions.answerer.refused(path, {"answers": CONFIRMED}, "invalid_input")
        await regions.answerer.post(path, {"answers": NO_RECORD})
        regions.clock.advance(hours=6)
        await regions.answerer.run("releases")
        await regions.settle()
        done = await regions.asker.get(f"/verifications/{asked['id']}")
        seen.append((done["state"], done["answers"], done["automatic"], there["state"], there["answers"]))
        assert (await regions.asker.get(f"/arrivals/{arrival['id']}"))["state"] == "unconfirmed"
        regions.clock.advance(hours=18)
    assert seen[0] == seen[1]
    assert (await regions.answerer.get("/departures"))["items"] == []


async def test_who_is_protected_before_it_leaves_comes_to_no_record(regions):
    asked, there = await waiting_case(regions)
    await regions.answerer.post(f"/verifications/{there['id']}/answer", {"answers": CONFIRMED})
    person = (await regions.answerer.get("/departures"))["items"][0]["person_id"]
    protect = {"reason": "threat", "until": "2027-11-23"}
    await regions.answerer.post(f"/people/{person}/protect", protect, 204)
    regions.clock.advance(hours=2)
    await regions.answerer.run("releases")
    await regions.settle()
    assert (await regions.asker.get(f"/verifications/{asked['id']}"))["answers"] == NO_RECORD


@pytest.mark.parametrize("act", ["protect", "return", "erase"])
async def test_an_answer_that_no_peer_has_taken_yet_is_taken_back(regions, act):
    departure = await regions.answerer.leaves()
    arrival = await regions.asker.arrives(SHARE_HOME)
    asked = await regions.asker.asks(arrival["person_id"])
    await regions.asker.tools.delivery.tick(regions.clock.now())
    regions.wire.cut.add(f"{ASKER}.example")
    await regions.answerer.run("matching")
    assert (await received(regions, asked["case"]))["automatic"] is True
    person = f"/people/{departure['person_id']}"
    if act == "protect":
        await regions.answerer.post(f"{person}/protect", {"reason": "threat", "until": "2027-11-23"}, 204)
    elif act == "return":
        await regions.answerer.post(f"/departures/{departure['id']}/return", {"returned_on": "2026-11-22"})
    else:
        await regions.answerer.send("DELETE", person, None, 204)
    assert (await received(regions, asked["case"]))["state"] == "answering"
    regions.wire.cut.clear()
    regions.clock.advance(hours=2)
    await regions.answerer.run("releases")
    await regions.settle()
    done = await regions.asker.get(f"/verifications/{asked['id']}")
    assert (done["state"], done["answers"], done["automatic"]) == ("answered", NO_RECORD, False)
    assert (await regions.asker.get(f"/arrivals/{arrival['id']}"))["state"] == "unconfirmed"


async def test_where_someone_is_needs_their_own_consent_there(regions):
    """A departure's question to the destination: is the person registered there?"""
    await regions.asker.arrives()
    departure = await regions.answerer.leaves(SHARE_AWAY)
    claims = ["arrival_declared", "registered_here"]
    asked = await regions.answerer.asks(departure["person_id"], ASKER, claims=claims)
    await regions.settle()
    there = (await regions.asker.get("/verifications", direction="received"))["items"][0]
    opened = await regions.asker.get(f"/verifications/{there['id']}")
    assert len(opened["candidates"]) == 1
    assert opened["words"] == {claim: ["no_record"] for claim in claims}
    confirmed = {"answers": dict.fromkeys(claims, "confirmed")}
    await regions.asker.refused(f"/verifications/{there['id']}/answer", confirmed, "invalid_input")
    assert (await regions.answerer.get(f"/verifications/{asked['id']}"))["state"] == "delivered"


async def test_an_answer_can_be_undone_until_it_leaves(regions):
    _asked, there = await waiting_case(regions)
    path = f"/verifications/{there['id']}"
    await regions.answerer.refused(f"{path}/undo", None, "wrong_state")
    await regions.answerer.post(f"{path}/answer", {"answers": CONFIRMED})
    await regions.answerer.refused(f"{path}/answer", {"answers": CONFIRMED}, "wrong_state")
    undone = await regions.answerer.post(f"{path}/undo")
    assert (undone["state"], undone["leaves_at"], undone["answers"]) == ("received", None, None)
    assert len((await regions.answerer.get("/work-items"))["items"]) == 1
    regions.clock.advance(hours=2)
    assert await regions.answerer.run("releases") == 0
    await regions.answerer.post(f"{path}/answer", {"answers": CONFIRMED})
    regions.clock.advance(hours=6)
    assert await regions.answerer.run("releases") == 1
    await regions.answerer.refused(f"{path}/undo", None, "wrong_state")


async def test_an_answer_that_left_is_corrected_and_its_history_stays(regions):
    asked, there = await waiting_case(regions)
    path = f"/verifications/{there['id']}"
    await regions.answerer.refused(f"{path}/correct", {"answers": CONFIRMED}, "wrong_state")
    await regions.answerer.post(f"{path}/answer", {"answers": NO_RECORD})
    regions.clock.advance(hours=2)
    await regions.answerer.run("releases")
    await regions.settle()
    assert (await regions.asker.get(f"/arrivals/{asked['arrival']}"))["state"] == "unconfirmed"
    await regions.answerer.post(f"{path}/correct", {"answers": CONFIRMED})
    regions.clock.advance(hours=5)
    await regions.answerer.run("releases")
    await regions.settle()
    done = await regions.asker.get(f"/verifications/{asked['id']}")
    assert (done["state"], done["answers"]) == ("answered", CONFIRMED)
    assert (await regions.asker.get(f"/arrivals/{asked['arrival']}"))["state"] == "confirmed"


async def test_a_correction_takes_the_place_of_a_confirmation_everywhere_at_the_release_times(regions):
    asked, there = await waiting_case(regions)
    path = f"/verifications/{there['id']}"
    await regions.answerer.post(f"{path}/answer", {"answers": CONFIRMED})
    regions.clock.advance(hours=2)
    await regions.answerer.run("releases")
    await regions.settle()
    arrival = f"/arrivals/{asked['arrival']}"
    assert (await regions.asker.get(arrival))["state"] == "confirmed"
    await regions.answerer.post(f"{path}/correct", {"answers": NO_RECORD})
    await regions.answerer.run("releases")
    await regions.settle()
    assert (await regions.asker.get(arrival))["state"] == "confirmed", "not before 17:00"
    regions.clock.advance(hours=5)
    await regions.answerer.run("releases")
    await regions.settle()
    assert (await regions.asker.get(arrival))["state"] == "unconfirmed"
    done = await regions.asker.get(f"/verifications/{asked['id']}")
    assert (done["state"], done["answers"]) == ("answered", NO_RECORD)
    person = (await regions.asker.get(arrival))["person_id"]
    actions = [one["action"] for one in (await regions.asker.get("/access-log", person_id=person))["items"]]
    assert (actions.count("verification.answered"), actions.count("verification.corrected")) == (1, 1)


async def test_an_office_declines_with_a_reason_and_nothing_else_changes(regions):
    asked, there = await waiting_case(regions)
    await regions.answerer.refused(f"/verifications/{there['id']}/decline", {"reason": "other"}, "invalid_input")
    await regions.answerer.post(f"/verifications/{there['id']}/decline", {"reason": "no_capacity"})
    regions.clock.advance(hours=2)
    await regions.answerer.run("releases")
    await regions.settle()
    done = await regions.asker.get(f"/verifications/{asked['id']}")
    assert (done["state"], done["reason"], done["answers"]) == ("declined", "no_capacity", None)
    assert (await regions.asker.get(f"/arrivals/{asked['arrival']}"))["state"] == "unconfirmed"
    assert (await received(regions, asked["case"]))["state"] == "declined"


async def test_a_question_is_taken_back(regions):
    asked, there = await waiting_case(regions)
    await regions.asker.post(f"/verifications/{asked['id']}/cancel", {"reason": "asked_in_error"})
    await regions.asker.refused(f"/verifications/{asked['id']}/cancel", {"reason": "asked_in_error"}, "wrong_state")
    await regions.settle()
    assert (await received(regions, asked["case"]))["state"] == "cancelled"
    assert (await regions.answerer.get("/work-items"))["items"] == []
    assert (await regions.asker.get(f"/arrivals/{asked['arrival']}"))["state"] == "declared"
    opened = await regions.answerer.get(f"/verifications/{there['id']}")
    assert (opened["subject"], opened["candidates"]) == (None, [])


async def test_a_withdrawal_stops_what_is_queued(regions):
    regions.wire.cut.add(f"{ANSWERER}.example")
    arrival = await regions.asker.arrives(SHARE_HOME)
    asked = await regions.asker.asks(arrival["person_id"])
    path = f"/people/{arrival['person_id']}/withdrawals"
    await regions.asker.post(path, {"purpose": SHARE_HOME}, 204)
    await regions.asker.refused(path, {"purpose": SHARE_HOME}, "wrong_state")
    regions.wire.cut.clear()
    regions.clock.advance(minutes=5)
    await regions.settle()
    assert (await regions.asker.get(f"/verifications/{asked['id']}"))["state"] == "cancelled"
    assert (await regions.answerer.get("/verifications", direction="received"))["items"] == []


async def test_a_withdrawal_reaches_what_has_left(regions):
    asked, there = await waiting_case(regions)
    person = asked["person_id"]
    await regions.asker.post(f"/people/{person}/withdrawals", {"purpose": SHARE_HOME}, 204)
    await regions.settle()
    case = await regions.asker.get(f"/verifications/{asked['id']}")
    assert (case["state"], case["reason"]) == ("cancelled", "no_longer_needed")
    opened = await regions.answerer.get(f"/verifications/{there['id']}")
    assert (opened["state"], opened["subject"]) == ("cancelled", None)


async def test_the_asking_node_reminds_once_and_gives_up(regions):
    asked, _there = await waiting_case(regions)
    assert asked["due_on"] == "2026-12-07"
    regions.clock.set(regions.clock.now().replace(month=12, day=2))
    assert await regions.asker.run("deadlines") == 0
    regions.clock.advance(days=1)
    assert await regions.asker.run("deadlines") == 1
    assert await regions.asker.run("deadlines") == 0
    await regions.settle()
    regions.clock.set(regions.clock.now().replace(day=8))
    assert await regions.asker.run("deadlines") == 1
    items = (await regions.asker.get("/work-items", kind="request_unanswered"))["items"]
    assert [item["about"] for item in items] == [asked["id"]]
    regions.clock.set(regions.clock.now().replace(day=22))
    for region in (regions.asker, regions.answerer):
        assert await region.run("deadlines") == 1
    assert (await regions.asker.get(f"/verifications/{asked['id']}"))["state"] == "expired"
    assert (await received(regions, asked["case"]))["state"] == "expired"
    assert (await regions.answerer.get("/work-items"))["items"] == []
    assert (await regions.asker.get(f"/arrivals/{asked['arrival']}"))["state"] == "unconfirmed"


async def test_contents_of_a_closed_case_go_and_its_receipts_stay(regions):
    _asked, there = await waiting_case(regions)
    await regions.answerer.post(f"/verifications/{there['id']}/answer", {"answers": CONFIRMED})
    regions.clock.advance(hours=2)
    await regions.answerer.run("releases")
    await regions.settle()
    regions.clock.advance(days=91)
    for region in (regions.asker, regions.answerer):
        await region.run("purge")
    opened = await regions.answerer.get(f"/verifications/{there['id']}")
    assert (opened["subject"], opened["answers"]) == (None, None)
    assert len(opened["receipts"]) >= 2


async def test_received_questions_are_for_the_officers_of_the_whole_region(regions):
    _, there = await waiting_case(regions)
    township = await regions.answerer.as_officer("乡镇专干", Role.CLERK, area=f"{ANSWERER}001")
    assert (await township.get("/verifications", direction="received"))["items"] == []
    await township.get(f"/verifications/{there['id']}", 404)
    await township.refused(f"/verifications/{there['id']}/answer", {"answers": NO_RECORD}, "not_found")
    administrator = await regions.answerer.as_officer("管理员", Role.ADMINISTRATOR)
    await administrator.get("/verifications", 403, direction="received")
    await administrator.refused(f"/verifications/{there['id']}/answer", {"answers": NO_RECORD}, "forbidden")


@pytest.mark.parametrize("answers", [{}, {"identity": "confirmed"}, {"identity": "maybe"}, CONFIRMED | {"x": "y"}])
async def test_an_answer_has_one_known_word_for_each_claim(regions, answers):
    _, there = await waiting_case(regions)
    await regions.answerer.refused(f"/verifications/{there['id']}/answer", {"answers": answers}, "invalid_input")


async def test_a_paper_peer_gets_a_letter_and_its_reply_is_entered(regions):
    asker = regions.asker
    await asker.post("/peers", {"region": STRANGER, "name": "云台县", "paper": True}, 201)
    await asker.refused("/peers", {"region": STRANGER, "name": "云台县", "paper": True}, "invalid_input")
    await asker.refused("/agreements", {"peer": STRANGER}, "invalid_input")
    agreement = await asker.post("/agreements", {"peer": STRANGER, "document_reference": "澜江函〔2026〕12号"}, 201)
    await asker.refused(f"/agreements/{agreement['id']}/sign", None, "witness_required")
    colleague = await asker.as_officer("赵敏")
    assert (await colleague.post(f"/agreements/{agreement['id']}/sign"))["state"] == "signed"
    arrival = await asker.arrives(f"share_with_peer:{STRANGER}", origin=STRANGER)
    asked = await asker.asks(arrival["person_id"], STRANGER)
    assert (asked["state"], asked["receipts"]) == ("queued", [])
    letter = await asker.http.get(f"/api/v1/verifications/{asked['id']}/letter.pdf")
    assert letter.content.startswith(b"%PDF-")
    assert (await asker.get(f"/verifications/{asked['id']}"))["state"] == "delivered"
    path = f"/verifications/{asked['id']}/answer"
    await asker.refused(path, {"answers": {"identity": "confirmed"}}, "invalid_input")
    assert (await asker.post(path, {"answers": CONFIRMED}))["state"] == "answered"
    assert (await asker.get(f"/arrivals/{arrival['id']}"))["state"] == "confirmed"


async def test_a_reply_cannot_be_entered_for_a_peer_that_answers_itself(regions):
    asked, _ = await waiting_case(regions)
    await regions.asker.refused(f"/verifications/{asked['id']}/answer", {"answers": CONFIRMED}, "wrong_state")
