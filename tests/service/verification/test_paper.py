"""Regions without a node: the same question under the same rules, as a letter; on the line once they have one."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from schemas.clock import FakeClock
from service.settings import Settings
from tests.service.two_regions import (
    ANSWERER,
    ASKER,
    NAMES,
    Region,
    Regions,
    Wire,
    agree,
    close_region,
    introduce,
    open_region,
)
from tests.service.verification.test_dialogue import SHARE_HOME

CONFIRMED = {"identity": "confirmed", "departure_declared": "confirmed"}


@pytest.fixture
async def apart(new_settings: Callable[..., Settings], clock: FakeClock, password_hash: str) -> AsyncIterator[Regions]:
    """Two regions of which one knows the other on paper only."""
    wire = Wire()
    sides = [open_region(new_settings(code, NAMES[code]), wire, clock, password_hash) for code in (ASKER, ANSWERER)]
    for own in (ASKER, f"{ASKER}101"):
        refused = await sides[0].refused("/peers", {"region": own, "name": "本区", "paper": True}, "invalid_input")
        assert refused["errors"][0]["message"] == (
            "This is your own region. Choose the region that you want to write to."
        )
    await sides[0].post("/peers", {"region": ANSWERER, "name": NAMES[ANSWERER], "paper": True}, 201)
    yield Regions(*sides, wire, clock)
    for side in sides:
        await close_region(side)


async def agree_on_paper(region: Region, **terms: Any) -> str:
    body = {"peer": ANSWERER, "document_reference": "澜江函〔2026〕12号"} | terms
    agreement = await region.post("/agreements", body, 201)
    colleague = await region.as_officer("赵敏")
    await colleague.post(f"/agreements/{agreement['id']}/sign")
    return str(agreement["id"])


async def asked_by_letter(region: Region, **person: Any) -> dict[str, Any]:
    arrival = await region.arrives(SHARE_HOME, **person)
    return dict(await region.asks(arrival["person_id"]), arrival=arrival["id"])


async def test_a_letter_keeps_the_limits_of_a_message(apart):
    asker = apart.asker
    arrival = await asker.arrives()
    body = {"person_id": arrival["person_id"], "peer": ANSWERER, "claims": ["identity"], "purpose": "confirm_journey"}
    await asker.refused("/verifications", body, "no_agreement")
    await agree_on_paper(asker, per_month=2, purposes=["confirm_journey"], answer_working_days=3)
    await asker.refused("/verifications", body, "no_consent")
    asked = await asked_by_letter(asker, document_number="790101199003071010")
    assert asked["due_on"] == "2026-11-26"
    await asker.refused("/verifications", body | {"person_id": asked["person_id"]}, "asked_recently")
    await asker.refused("/verifications", body | {"purpose": "persons_request"}, "no_agreement")
    await asked_by_letter(asker, document_number="790101199003071020")
    other = await asker.arrives(SHARE_HOME, document_number="790101199003071030")
    await asker.refused("/verifications", body | {"person_id": other["person_id"]}, "wrong_state")
    await asker.post(f"/people/{asked['person_id']}/withdrawals", {"purpose": SHARE_HOME}, 204)
    assert (await asker.get(f"/verifications/{asked['id']}"))["state"] == "cancelled"
    assert (await asker.request("GET", f"/verifications/{asked['id']}/letter.pdf")).status_code == 409
    await asker.refused(f"/verifications/{asked['id']}/answer", {"answers": CONFIRMED}, "wrong_state")


async def test_a_letter_is_late_expires_and_stands_in_the_log(apart):
    asker = apart.asker
    await agree_on_paper(asker)
    asked = await asked_by_letter(asker)
    assert (await asker.request("GET", f"/verifications/{asked['id']}/letter.pdf")).status_code == 200
    apart.clock.advance(days=15)
    await asker.run("deadlines")
    tasks = (await asker.get("/work-items", kind="request_unanswered"))["items"]
    assert [task["about"] for task in tasks] == [asked["id"]]
    await asker.post(f"/verifications/{asked['id']}/answer", {"answers": CONFIRMED})
    log = (await asker.get("/access-log", person_id=asked["person_id"]))["items"]
    lines = [(one["action"], one["officer"], one["purpose"]) for one in log]
    assert ("verification.letter_printed", "王芳", "confirm_journey") in lines
    assert ("verification.reply_entered", "王芳", "confirm_journey") in lines
    other = await asked_by_letter(asker, document_number="790101199003071020")
    apart.clock.advance(days=40)
    await asker.run("deadlines")
    assert (await asker.get(f"/verifications/{other['id']}"))["state"] == "expired"
    await asker.refused(f"/verifications/{other['id']}/answer", {"answers": CONFIRMED}, "wrong_state")


async def test_once_the_region_has_a_node_open_letters_go_over_the_line(apart):
    asker, answerer = apart.asker, apart.answerer
    await agree_on_paper(asker)
    asked = await asked_by_letter(asker)
    gone = await asked_by_letter(asker, document_number="790101199003071010")
    typed = await asked_by_letter(asker, document_number="790101199003071020")
    assert (await asker.request("GET", f"/verifications/{asked['id']}/letter.pdf")).status_code == 200
    await answerer.leaves()
    introduce(asker, answerer)
    await asker.run("deadlines")
    assert (await asker.get(f"/verifications/{asked['id']}"))["receipts"] == []
    # The paper was signed by no node: nothing new rests on it, and the reply to a letter is still entered.
    body = {"person_id": asked["person_id"], "peer": ANSWERER, "claims": ["identity"], "purpose": "persons_request"}
    await asker.refused("/verifications", body, "no_agreement")
    assert (await asker.post(f"/verifications/{typed['id']}/answer", {"answers": CONFIRMED}))["state"] == "answered"
    await asker.post(f"/people/{gone['person_id']}/withdrawals", {"purpose": SHARE_HOME}, 204)
    agreement = await agree(apart)
    for _ in range(2):
        await asker.run("deadlines")
        await apart.settle()
    done = await asker.get(f"/verifications/{asked['id']}")
    assert (done["state"], done["automatic"], done["agreement"]) == ("answered", True, agreement)
    assert (done["case"], done["due_on"]) == (asked["case"], asked["due_on"])
    assert len(done["receipts"]) >= 2
    there = (await answerer.get("/verifications", direction="received"))["items"]
    assert [one["case"] for one in there] == [asked["case"]]
    assert (await asker.get(f"/arrivals/{asked['arrival']}"))["state"] == "confirmed"
    await asker.refused(f"/verifications/{asked['id']}/answer", {"answers": CONFIRMED}, "wrong_state")
