"""Agreements over the line: proposed by one, signed by both, ended by either."""

from datetime import timedelta

import pytest
from joserfc import jws
from joserfc.jwk import KeySet, OKPKey

from federation.outbox import enqueue
from schemas.agreements import SignedAgreement
from schemas.envelope import Outgoing
from service.agreements.queries import agreement_in_force, find_agreement
from service.officers.rules import Role
from tests.service.two_regions import ANSWERER, ASKER, STRANGER, Regions, agree
from tests.service.verification.test_dialogue import SHARE_HOME


async def states(regions: Regions, agreement_id: str) -> list[str]:
    found = []
    for region in (regions.asker, regions.answerer):
        items = (await region.get("/agreements"))["items"]
        found += [item["state"] for item in items if item["id"] == agreement_id]
    return found


async def test_an_agreement_is_in_force_once_both_have_signed(strangers):
    proposed = await strangers.asker.post("/agreements", {"peer": ANSWERER}, 201)
    assert (proposed["per_month"], proposed["valid_from"], proposed["valid_until"]) == (50, "2026-11-23", "2027-11-23")
    await strangers.settle()
    assert await states(strangers, proposed["id"]) == ["proposed", "proposed"]
    await strangers.asker.refused(f"/agreements/{proposed['id']}/sign", None, "wrong_state")
    await strangers.answerer.post(f"/agreements/{proposed['id']}/sign")
    assert await states(strangers, proposed["id"]) == ["proposed", "signed"]
    await strangers.settle()
    assert await states(strangers, proposed["id"]) == ["signed", "signed"]
    await strangers.answerer.refused(f"/agreements/{proposed['id']}/sign", None, "wrong_state")


async def test_both_signatures_verify_with_another_library(regions):
    keys = [OKPKey.import_key(region.node.fed.keys.jwk("transport")) for region in (regions.asker, regions.answerer)]
    for region in (regions.asker, regions.answerer):
        agreement_id = (await region.get("/agreements"))["items"][0]["id"]
        row = region.node.database.read_sync(lambda session, one=agreement_id: find_agreement(session, one))
        signed = SignedAgreement.model_validate_json(row.jws)
        assert len(signed.signatures) == 2
        found = jws.deserialize_json(signed.to_wire(), KeySet(keys), algorithms=["Ed25519"])
        assert {member.protected["kid"] for member in found.members} == {key.as_dict()["kid"] for key in keys}


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        ({"peer": STRANGER}, "unknown_peer"),
        ({"peer": ANSWERER, "per_month": 51}, "invalid_input"),
        ({"peer": ANSWERER, "per_month": 0}, "invalid_input"),
        ({"peer": ANSWERER, "claims": []}, "invalid_input"),
        ({"peer": ANSWERER, "claims": ["pregnancy"]}, "invalid_input"),
        ({"peer": ANSWERER, "purposes": ["sweep"]}, "invalid_input"),
        ({"peer": ANSWERER, "retention_days": 91}, "invalid_input"),
        ({"peer": ANSWERER, "valid_until": "2026-11-22"}, "invalid_input"),
        ({"peer": ANSWERER, "document_reference": "一纸公文"}, "invalid_input"),
    ],
)
async def test_what_cannot_be_agreed_is_refused(strangers, terms, code):
    await strangers.asker.refused("/agreements", terms, code)
    assert (await strangers.asker.get("/agreements"))["items"] == []


async def test_only_supervisors_and_administrators_agree(strangers):
    clerk = await strangers.asker.as_officer("专干", Role.CLERK)
    await clerk.refused("/agreements", {"peer": ANSWERER}, "forbidden")
    for action in ("suspend", "resume", "revoke", "retry", "test"):
        await clerk.refused(f"/peers/{ANSWERER}/{action}", None, "forbidden")
    await clerk.refused("/peers", {"region": STRANGER, "name": "云台县", "paper": True}, "forbidden")
    assert (await clerk.get("/agreements"))["items"] == []


async def test_a_forged_signature_changes_nothing(strangers):
    proposed = await strangers.asker.post("/agreements", {"peer": ANSWERER}, 201)
    await strangers.settle()

    def forge(session):
        row = find_agreement(session, proposed["id"])
        jws_ = SignedAgreement.model_validate_json(row.jws).to_wire()
        # Our own signature twice: the peer's is missing.
        jws_["signatures"] *= 2
        data = {"agreement": jws_}
        enqueue(session, strangers.asker.node.fed, Outgoing(ANSWERER, "tonglu.agreement.signed.v1", "node", data))

    strangers.asker.node.database.write_sync(forge)
    await strangers.settle()
    assert await states(strangers, proposed["id"]) == ["proposed", "proposed"]
    assert [item["kind"] for item in (await strangers.asker.get("/work-items"))["items"]] == ["message_parked"]


async def test_an_ended_agreement_starts_nothing_new_and_still_carries_answers(regions):
    agreement_id = (await regions.asker.get("/agreements"))["items"][0]["id"]
    await regions.answerer.leaves()
    arrival = await regions.asker.arrives(SHARE_HOME)
    asked = await regions.asker.asks(arrival["person_id"])
    await regions.deliver()
    await regions.answerer.post(f"/agreements/{agreement_id}/end")
    await regions.answerer.refused(f"/agreements/{agreement_id}/end", None, "wrong_state")
    await regions.settle()
    assert await states(regions, agreement_id) == ["ended", "ended"]
    assert (await regions.asker.get(f"/verifications/{asked['id']}"))["state"] == "answered"
    other = await regions.asker.arrives(SHARE_HOME, document_number="790101199003071248")
    body = {"person_id": other["person_id"], "peer": ANSWERER, "claims": ["identity"], "purpose": "confirm_journey"}
    await regions.asker.refused("/verifications", body, "no_agreement")


async def test_an_agreement_runs_out(regions):
    node = regions.asker.node
    until = node.today() + timedelta(days=365)

    def in_force(day):
        return node.database.read_sync(lambda session: agreement_in_force(session, ANSWERER, day))

    assert in_force(until) is not None
    assert in_force(until + timedelta(days=1)) is None
    assert in_force(node.today() - timedelta(days=1)) is None


async def test_peers_are_listed_suspended_and_revoked(regions):
    listed = (await regions.asker.get("/peers"))["items"]
    assert [(one["region"], one["state"]) for one in listed] == [(ANSWERER, "active")]
    assert (await regions.asker.post(f"/peers/{ANSWERER}/test"))["answered"] is True
    assert (await regions.answerer.post(f"/peers/{ASKER}/suspend"))["state"] == "suspended"
    assert (await regions.asker.post(f"/peers/{ANSWERER}/test"))["answered"] is False
    assert (await regions.answerer.post(f"/peers/{ASKER}/resume"))["state"] == "active"
    regions.clock.advance(hours=1)
    assert (await regions.asker.post(f"/peers/{ANSWERER}/retry"))["state"] == "active"
    assert (await regions.asker.post(f"/peers/{ANSWERER}/test"))["answered"] is True
    away = {"from": "2026-11-24T00:00:00+08:00", "to": "2026-11-23T00:00:00+08:00"}
    await regions.asker.refused(f"/peers/{ANSWERER}/maintenance", away, "invalid_input")
    assert (await regions.asker.post(f"/peers/{ANSWERER}/revoke"))["state"] == "revoked"
    await regions.asker.refused(f"/peers/{ANSWERER}/resume", None, "wrong_state")
    await regions.asker.refused(f"/peers/{STRANGER}/suspend", None, "unknown_peer")


async def test_more_journeys_allow_a_larger_quota(strangers):
    for number in range(3):
        await strangers.asker.arrives(SHARE_HOME, document_number=f"79010119900307{number:03}0")
    node = strangers.asker.node
    assert node.database.read_sync(lambda session: node.callbacks.open_journeys(session, ANSWERER)) == 3
    assert await agree(strangers, per_month=50)


async def test_what_binds_the_whole_region_takes_an_officer_of_all_of_it(regions):
    """A township's supervisor reads how the line stands, and neither signs nor ends anything for the region."""
    town = await regions.asker.as_officer("赵敏", Role.SUPERVISOR, area="790303001")
    home = regions.answerer.code
    assert (await town.get(f"/peers/{home}"))["state"] == "active"
    await town.refused("/agreements", {"peer": home}, "forbidden")
    await town.refused("/peers", {"region": "790202", "name": "云台县", "paper": True}, "forbidden")
    for act in ("test", "suspend", "resume", "retry", "revoke"):
        await town.refused(f"/peers/{home}/{act}", None, "forbidden")
    agreement = (await regions.asker.get("/agreements"))["items"][0]["id"]
    await town.refused(f"/agreements/{agreement}/end", None, "forbidden")
    assert (await regions.asker.get(f"/peers/{home}"))["state"] == "active"
    assert (await regions.asker.get("/agreements"))["items"][0]["state"] == "signed"
