"""Every message type of the protocol has a handler, and one that knows nothing of its subject is harmless."""

from copy import deepcopy

import pytest
from sqlmodel import select

from federation.outbox import enqueue, find_message
from federation.tables import InboxMessage, OutboxMessage
from schemas.claims import Purpose
from schemas.entropy import uuid4
from schemas.envelope import Outgoing
from schemas.identity import PersonIdentity
from schemas.messages import MESSAGE_TYPES, needs_agreement
from service.handlers import make_handlers
from service.registry.tables import Arrival, Departure, Person
from service.work_items.tables import WorkItem
from tests.schemas.samples import DATA
from tests.service.two_regions import ANSWERER, ASKER, HAN, Region, Regions

SAID = {"tonglu.record.erased.v1", "tonglu.log.cosigned.v1"}
"""All that a stranger to every person may be answered besides receipts; and what an officer decides leaves later."""

TAKEN = {
    "verification.requested", "verification.answered", "verification.corrected", "verification.declined",
    "verification.cancelled", "verification.reminded", "departure.notified", "arrival.confirmed", "arrival.ended",
    "certificate.suspended", "certificate.resumed", "certificate.revoked", "plan.handed_over", "plan.accepted",
    "erasure.requested", "record.erased", "message.voided", "node.maintenance", "node.returned",
}  # fmt: skip
"""Those that need no key or signature of the sender beyond the envelope's; the others are refused as forged."""


def rows(region: Region, table):
    return region.node.database.read_sync(lambda session: list(session.exec(select(table)).all()))


async def test_every_type_of_the_table_has_a_handler(regions):
    assert make_handlers(regions.answerer.node).keys() == MESSAGE_TYPES.keys()


def outgoing(region: Region, name: str, agreement: str) -> Outgoing:
    """A message about a case, journey, certificate or plan that its recipient has never heard of."""
    data, kind = deepcopy(DATA[name]), f"tonglu.{name}.v1"
    for key in ("case", "journey", "certificate_id", "plan", "voided"):
        if key in data:
            data[key] = uuid4(region.node.entropy)
    subject = next((data[key] for key in ("case", "journey", "certificate_id", "plan") if key in data), "node")
    if name == "plan.handed_over":
        subject = data["journey"]
    identity = {key: value for key, value in HAN.items() if key != "phone"}
    person = PersonIdentity.model_validate(identity) if data.pop("subject_identity", None) else None
    disclosures = ("WyJzYWx0IiwibmFtZSIsIngiXQ",) if data.pop("disclosures", None) else None
    if "consent" in data and name == "verification.requested":
        data["consent"]["purpose"] = f"share_with_peer:{ANSWERER}"
    rests = needs_agreement(kind)
    purpose = Purpose.PERSONS_REQUEST if name.startswith(("plan", "certificate")) else Purpose.CONFIRM_JOURNEY
    return Outgoing(
        ANSWERER,
        kind,
        subject,
        data,
        agreement if rests else None,
        purpose if rests else None,
        person=person,
        disclosures=disclosures,
    )


@pytest.mark.parametrize("known", [False, True], ids=["nobody", "someone without a journey or consent"])
async def test_of_what_a_region_knows_nothing_every_message_is_harmless(regions: Regions, known: bool):
    asker, answerer = regions.asker, regions.answerer
    if known:
        await answerer.leaves(destination="790202")
    before = {table: [row.model_dump() for row in rows(answerer, table)] for table in (Person, Arrival, Departure)}
    said_before = {row.id for row in rows(answerer, OutboxMessage)}
    agreement = (await asker.get("/agreements"))["items"][0]["id"]
    node, sent = asker.node, {}
    for name in DATA:
        one = outgoing(asker, name, agreement)
        sent[name] = node.database.write_sync(lambda session, one=one: enqueue(session, node.fed, one))
    for _ in range(3):
        await regions.settle()
        regions.clock.advance(minutes=1)
    for name, message in sent.items():
        row = node.database.read_sync(lambda session, one=message: find_message(session, one))
        forged = {("invalid_message", "parked"), ("wrong_recipient", "parked")}
        expected = {(None, "receipted")} if name in TAKEN else forged
        assert (row.problem_code, row.state) in expected, name
    after = {table: [row.model_dump() for row in rows(answerer, table)] for table in (Person, Arrival, Departure)}
    assert after == before
    said = {row.type for row in rows(answerer, OutboxMessage) if row.id not in said_before}
    assert said <= SAID
    assert [item.kind for item in rows(answerer, WorkItem)] == ["answer_request"], "the question alone is a task"
    assert {row.peer for row in rows(answerer, InboxMessage)} == {ASKER}
