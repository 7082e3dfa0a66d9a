"""A certificate's whole way, through two regions' applications: issued, delivered, receipted, checked, called back."""

import pytest
from sqlmodel import select

from schemas.certificates import CheckResult
from service.certificates.routes import public_router
from service.copies import MessageCopy
from tests.service.two_regions import ANSWERER as HOME
from tests.service.two_regions import ASKER as HERE
from tests.service.two_regions import (
    NAMES,
    Regions,
    Wire,
    agree,
    close_region,
    introduce,
    lose_seal_key,
    open_region,
)

CERTIFICATE = {
    "kind": "vaccination",
    "quarter": "2026Q4",
    "attended_on": "2026-11-20",
    "valid_until": "2027-02-20",
    "disclose": ["name"],
}


@pytest.fixture
async def regions(new_settings, clock, password_hash):
    wire = Wire()
    sides = [open_region(new_settings(code, NAMES[code]), wire, clock, password_hash) for code in (HERE, HOME)]
    for side in sides:
        side.app.include_router(public_router)
    introduce(*sides)
    both = Regions(*sides, wire, clock)
    await agree(both)
    yield both
    for side in sides:
        await close_region(side)


async def test_a_certificate_goes_home_is_checked_offline_and_called_back(regions):
    here, home = regions.asker, regions.answerer
    at_home = (await home.leaves())["person_id"]
    person_id = (await here.arrives(f"certificate_home:{HOME}"))["person_id"]
    assert await home.run("status_lists") == 1
    made = await here.post("/certificates", CERTIFICATE | {"person_id": person_id}, 201)
    path = f"/certificates/{made['id']}"
    assert made["state"] == "issued"
    await regions.settle()
    assert (await here.get(path, person_id=person_id))["state"] == "delivered"
    (filed,) = (await home.get(f"/people/{at_home}/certificates"))["items"]
    assert (filed["id"], filed["issuer"], filed["state"]) == (made["id"], HERE, "delivered")

    regions.wire.cut |= {f"{HERE}.example"}
    checked = await home.post("/certificates/verify", {"certificate": made["certificate"]})
    assert (checked["result"], checked["claims"]["name"]) == (CheckResult.VALID, "韩晨曦")
    assert "kind" not in checked["claims"]
    whole = await home.post("/certificates/verify", {"certificate": filed["certificate"]})
    assert whole["claims"]["kind"] == "vaccination"
    regions.wire.cut.clear()

    await here.post(f"{path}/revoke?person_id={person_id}")
    regions.clock.advance(hours=1)
    await regions.settle()
    (told,) = (await home.get(f"/people/{at_home}/certificates"))["items"]
    assert told["state"] == "revoked"
    await home.run("status_lists")
    assert (await home.post("/certificates/verify", {"certificate": made["certificate"]}))["result"] == "revoked"

    await here.post(f"/people/{person_id}/withdrawals", {"purpose": f"certificate_home:{HOME}"}, 204)
    await regions.settle()
    assert (await home.get(f"/people/{at_home}/certificates"))["items"] == []


async def test_what_home_could_not_open_is_sealed_anew_and_nothing_of_it_stays(regions):
    here, home = regions.asker, regions.answerer
    at_home = (await home.leaves())["person_id"]
    person_id = (await here.arrives(f"certificate_home:{HOME}"))["person_id"]
    lose_seal_key(home.node)
    made = await here.post("/certificates", CERTIFICATE | {"person_id": person_id}, 201)
    for _ in range(3):
        await regions.settle()
    assert (await here.get(f"/certificates/{made['id']}", person_id=person_id))["state"] == "delivered"
    (filed,) = (await home.get(f"/people/{at_home}/certificates"))["items"]
    assert filed["id"] == made["id"]
    copies = here.node.database.read_sync(lambda session: list(session.exec(select(MessageCopy)).all()))
    assert [copy.message_id != copy.first_id for copy in copies] == [True]
    await here.run("purge")
    copies = here.node.database.read_sync(lambda session: list(session.exec(select(MessageCopy)).all()))
    assert [copy.sealed for copy in copies] == [None]
    # Withdrawing reaches the message that took the first one's place.
    await here.post(f"/people/{person_id}/withdrawals", {"purpose": f"certificate_home:{HOME}"}, 204)
    await regions.settle()
    assert (await home.get(f"/people/{at_home}/certificates"))["items"] == []


async def test_the_receipt_is_the_same_whether_or_not_the_person_is_known(regions):
    here, home = regions.asker, regions.answerer
    await home.leaves()
    ids = []
    for name, number in (("韩晨曦", "79010119900307123X"), ("刘一", "790101198502021219")):
        person_id = (
            await here.arrives(f"certificate_home:{HOME}", name=name, document_number=number, date_of_birth=None)
        )["person_id"]
        ids.append((person_id, (await here.post("/certificates", CERTIFICATE | {"person_id": person_id}, 201))["id"]))
    await regions.settle()
    states = [(await here.get(f"/certificates/{one}", person_id=person_id))["state"] for person_id, one in ids]
    assert states == ["delivered", "delivered"]
