"""Messages that come early, late, twice, or say what they may not; as a peer with another program might send them."""

from typing import Any

import pytest
from sqlmodel import select

from federation.outbox import enqueue, find_message
from schemas.claims import Purpose
from schemas.entropy import uuid4
from schemas.envelope import Outgoing
from schemas.identity import PersonIdentity
from service.verification.tables import ReceivedDeparture, VerificationRequest
from tests.service.two_regions import ANSWERER, HAN, STRANGER, Regions, agree
from tests.service.verification.test_dialogue import SHARE_AWAY, received
from tests.service.verification.test_refusals import CONFIRMED, NO_RECORD, waiting_case

PERSON = PersonIdentity.model_validate({key: value for key, value in HAN.items() if key != "phone"})
CONSENT = {
    "purpose": f"share_with_peer:{ANSWERER}",
    "given_at": "2026-11-23T02:00:00Z",
    "way": "spoken",
    "notice_version": "2026-11",
}


async def agreement_of(regions: Regions) -> str:
    return (await regions.asker.get("/agreements"))["items"][0]["id"]


async def sends(regions: Regions, kind: str, data: dict[str, Any], *, back: bool = False, **changes: Any) -> str:
    """Let the asker's node (or the answerer's) send a message of our making; returns its state there afterwards."""
    sender = regions.answerer if back else regions.asker
    recipient = regions.asker if back else regions.answerer
    about = data.get("case") or data.get("journey") or "node"
    rests = {} if about == "node" else {"agreement": await agreement_of(regions), "purpose": Purpose.CONFIRM_JOURNEY}
    outgoing = Outgoing(recipient.code, f"tonglu.{kind}.v1", about, data, **(rests | changes))
    message_id = sender.node.database.write_sync(lambda session: enqueue(session, sender.node.fed, outgoing))
    await regions.settle()
    row = sender.node.database.read_sync(lambda session: find_message(session, message_id))
    return row.problem_code or row.state


def question(regions: Regions, case: str | None = None, **changes: Any) -> dict[str, Any]:
    return {
        "case": case or uuid4(regions.asker.node.entropy),
        "claims": ["identity", "departure_declared"],
        "due_on": "2026-12-07",
        "urgency": "normal",
        "consent": CONSENT,
    } | changes


async def test_a_question_that_was_taken_back_before_it_came_stays_so(regions):
    await regions.answerer.leaves()
    body = question(regions)
    cancelled = {"case": body["case"], "reason": "asked_in_error"}
    assert await sends(regions, "verification.cancelled", cancelled) == "receipted"
    assert (await regions.answerer.get("/verifications", direction="received"))["items"] == []
    assert await sends(regions, "verification.requested", body, person=PERSON) == "receipted"
    rows = regions.answerer.node.database.read_sync(lambda session: session.exec(select(VerificationRequest)).all())
    assert [(row.state, row.subject) for row in rows] == [("cancelled", None)]


async def test_the_same_case_under_a_new_id_is_not_put_twice(regions):
    body = question(regions)
    for _ in range(2):
        assert await sends(regions, "verification.requested", body, person=PERSON) == "receipted"
    assert len((await regions.answerer.get("/verifications", direction="received"))["items"]) == 1
    assert len((await regions.answerer.get("/work-items"))["items"]) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"consent": CONSENT | {"purpose": f"share_with_peer:{STRANGER}"}},
        {"consent": CONSENT | {"purpose": "remind:vaccination"}},
        {"due_on": "2031-01-01"},
    ],
)
async def test_a_question_without_the_right_consent_or_term_is_refused(regions, changes):
    body = question(regions, **changes)
    assert await sends(regions, "verification.requested", body, person=PERSON) == "invalid_message"
    assert (await regions.answerer.get("/verifications", direction="received"))["items"] == []


async def test_a_question_needs_an_agreement_that_covers_it(regions):
    other = uuid4(regions.asker.node.entropy)
    body = question(regions)
    assert await sends(regions, "verification.requested", body, person=PERSON, agreement=other) == "no_agreement"
    assert (await regions.answerer.get("/verifications", direction="received"))["items"] == []


async def test_an_agreement_covers_its_purposes_and_withholds_other_claims(strangers):
    await agree(strangers, purposes=["confirm_journey"], claims=["identity"])
    await strangers.answerer.leaves()
    body = question(strangers)
    refused = await sends(strangers, "verification.requested", body, person=PERSON, purpose=Purpose.PERSONS_REQUEST)
    assert refused == "purpose_not_agreed"
    body = question(strangers)
    assert await sends(strangers, "verification.requested", body, person=PERSON) == "receipted"
    done = await received(strangers, body["case"])
    assert (done["state"], done["automatic"]) == ("answered", True)
    assert done["answers"] == {"identity": "confirmed", "departure_declared": "withheld"}


async def test_what_is_withheld_does_not_depend_on_the_person(strangers):
    await agree(strangers, claims=["identity"])
    body = question(strangers)
    await sends(strangers, "verification.requested", body, person=PERSON)
    there = await received(strangers, body["case"])
    opened = await strangers.answerer.get(f"/verifications/{there['id']}")
    assert opened["words"] == {"identity": ["no_record"], "departure_declared": ["withheld"]}
    path = f"/verifications/{there['id']}/answer"
    await strangers.answerer.refused(path, {"answers": NO_RECORD}, "invalid_input")
    answers = {"identity": "no_record", "departure_declared": "withheld"}
    assert (await strangers.answerer.post(path, {"answers": answers}))["state"] == "answering"


async def test_an_answer_to_nothing_changes_nothing(regions):
    data = {
        "case": uuid4(regions.asker.node.entropy),
        "answers": CONFIRMED,
        "automatic": True,
        "answered_at": "2026-11-23T02:00:00Z",
    }
    assert await sends(regions, "verification.answered", data, back=True) == "receipted"
    for kind in ("verification.declined", "verification.reminded"):
        other = {"case": data["case"]} | ({"reason": "repeated"} if kind.endswith("declined") else {})
        assert await sends(regions, kind, other, back=True) == "receipted"
    journey = uuid4(regions.asker.node.entropy)
    confirmed = {"journey": journey, "arrived_on": "2026-09"}
    assert await sends(regions, "arrival.confirmed", confirmed) == "receipted"
    ended = {"journey": journey, "ended_on": "2026-10", "reason": "ended"}
    assert await sends(regions, "arrival.ended", ended) == "receipted"


async def test_an_answer_must_fit_the_question(regions):
    asked, _ = await waiting_case(regions)
    data = {
        "case": asked["case"],
        "answers": {"identity": "confirmed"},
        "automatic": True,
        "answered_at": "2026-11-23T02:00:00Z",
    }
    assert await sends(regions, "verification.answered", data, back=True) == "invalid_message"
    assert (await regions.asker.get(f"/verifications/{asked['id']}"))["state"] == "delivered"


async def test_a_late_answer_does_not_undo_a_later_correction(regions):
    asked, _ = await waiting_case(regions)
    said = {"case": asked["case"], "automatic": False}
    later = said | {"answers": CONFIRMED, "answered_at": "2026-11-23T09:00:00Z"}
    earlier = said | {"answers": NO_RECORD, "answered_at": "2026-11-23T04:00:00Z"}
    correction = later | {"supersedes": uuid4(regions.asker.node.entropy)}
    assert await sends(regions, "verification.corrected", correction, back=True) == "receipted"
    assert await sends(regions, "verification.answered", earlier, back=True) == "receipted"
    assert (await regions.asker.get(f"/verifications/{asked['id']}"))["answers"] == CONFIRMED


async def test_an_answer_after_the_question_was_taken_back_changes_nothing(regions):
    asked, _ = await waiting_case(regions)
    await regions.asker.post(f"/verifications/{asked['id']}/cancel", {"reason": "asked_in_error"})
    data = {
        "case": asked["case"],
        "answers": CONFIRMED,
        "automatic": False,
        "answered_at": "2026-11-23T09:00:00Z",
    }
    assert await sends(regions, "verification.answered", data, back=True) == "receipted"
    case = await regions.asker.get(f"/verifications/{asked['id']}")
    assert (case["state"], case["answers"]) == ("cancelled", None)
    assert (await regions.asker.get(f"/arrivals/{asked['arrival']}"))["state"] == "declared"


async def test_an_ended_journey_is_not_confirmed_any_more(regions):
    departure = await regions.answerer.leaves(SHARE_AWAY)
    await regions.settle()
    journey = {"journey": departure["journey"]}
    assert await sends(regions, "arrival.ended", journey | {"ended_on": "2026-10", "reason": "ended"}) == "receipted"
    assert await sends(regions, "arrival.confirmed", journey | {"arrived_on": "2026-09"}) == "receipted"
    assert (await regions.answerer.get(f"/departures/{departure['id']}"))["state"] == "ended"


async def test_only_the_destination_confirms_a_departure(regions):
    departure = await regions.answerer.leaves(destination=STRANGER)
    journey = {"journey": departure["journey"], "arrived_on": "2026-09"}
    assert await sends(regions, "arrival.confirmed", journey) == "receipted"
    assert (await regions.answerer.get(f"/departures/{departure['id']}"))["state"] == "declared"


async def test_erasing_reaches_what_came_and_answers_the_same_for_what_never_did(regions):
    await regions.answerer.leaves(SHARE_AWAY)
    await regions.settle()
    node = regions.asker.node
    [told] = node.database.read_sync(lambda session: session.exec(select(ReceivedDeparture)).all())
    for ids in ([told.message_id], ["0192f0c1-0000-7000-8000-000000000009"]):
        assert await sends(regions, "erasure.requested", {"message_ids": ids}, back=True) == "receipted"
    assert node.database.read_sync(lambda session: session.exec(select(ReceivedDeparture)).all()) == []


async def test_voiding_a_departure_calls_back_what_was_told_of_it(regions):
    departure = await regions.answerer.leaves(SHARE_AWAY)
    await regions.settle()
    await regions.answerer.post(f"/people/{departure['person_id']}/void", {"move_id": departure["id"]}, 204)
    await regions.past_undoing()
    await regions.settle()
    node = regions.asker.node
    assert node.database.read_sync(lambda session: session.exec(select(ReceivedDeparture)).all()) == []


async def test_a_date_of_birth_entered_later_lets_the_departure_be_told(regions):
    departure = await regions.answerer.leaves(
        SHARE_AWAY, document_type="passport", document_number="E1234567", date_of_birth=None
    )
    await regions.settle()
    assert (await regions.answerer.get(f"/departures/{departure['id']}"))["state"] == "declared"
    path = f"/people/{departure['person_id']}"
    await regions.answerer.send("PATCH", path, {"date_of_birth": "1990-03-07"})
    await regions.settle()
    assert (await regions.answerer.get(f"/departures/{departure['id']}"))["state"] == "notified"


async def test_withdrawing_one_consent_leaves_questions_to_other_peers(regions):
    asked, _ = await waiting_case(regions)
    path = f"/people/{asked['person_id']}"
    other = {"consents": [{"purpose": f"share_with_peer:{STRANGER}", "way": "spoken", "witness": "李伟"}]}
    await regions.asker.post(f"{path}/consents", other)
    await regions.asker.post(f"{path}/withdrawals", {"purpose": f"share_with_peer:{STRANGER}"}, 204)
    assert (await regions.asker.get(f"/verifications/{asked['id']}"))["state"] == "delivered"
