"""A receipt is for who may see what its message was about; to everyone else it is not there."""

import httpx2
from fastapi import FastAPI
from sqlmodel import Session

from federation.tables import Exchange, Receipt
from schemas.entropy import uuid7
from service.context import Node
from service.officers.rules import Officer, Role
from service.registry.tables import Arrival, Person
from service.verification.tables import VerificationRequest
from tests.service.conftest import add_account, connect, sign_in_as
from tests.service.routes.conftest import one_of_everything

OWN, OTHER = "790303001", "790303002"
PEOPLES = {Role.CLERK, Role.SUPERVISOR}
LINES = PEOPLES | {Role.ADMINISTRATOR}


def proven(session: Session, node: Node, subject: str, direction: str = "sent") -> str:
    """Evidence that one message about `subject` was taken; returns the message's id."""
    message = uuid7(node.now(), node.entropy)
    now, exchange = node.now(), uuid7(node.now(), node.entropy)
    asked = {"method": "POST", "target_uri": "http://790202.example/", "content_type": "application/json"}
    unsigned = dict.fromkeys(
        ("content_digest", "signature_input", "signature", "answer_content_type", "answer_content_digest",
         "answer_signature_input", "answer_signature"), "-",
    )  # fmt: skip
    both = {"direction": direction, "peer": "790202", "recorded_at": now}
    session.add(Exchange(id=exchange, answer_status=200, answer_body=b"{}", keys=[], **asked, **unsigned, **both))
    taken = {"type": "tonglu.a.message.v1", "digest": "0" * 64, "result": "accepted"}
    session.add(Receipt(message_id=message, exchange_id=exchange, subject=subject, **taken, **both))
    session.flush()
    return message


async def test_a_receipt_is_for_who_may_see_what_it_is_about(
    app: FastAPI, client: httpx2.AsyncClient, password_hash: str
) -> None:
    node: Node = app.state.node
    clerk = add_account(node, password_hash, "临港专干", frozenset({Role.CLERK, Role.SUPERVISOR}), area=OWN)
    async with connect(app, sign_in_as(node, clerk)) as office:
        known = await one_of_everything(app, client, office, password_hash)

    def make(session: Session) -> dict[str, str]:
        case = session.get_one(VerificationRequest, known["request_id"][0]).case
        journey = session.get_one(Arrival, known["arrival_id"][0]).journey
        elsewhere = "01a20000-0000-7000-8000-000000000001"
        return {
            "case": proven(session, node, case),
            "answer": proven(session, node, case, "received"),
            "journey": proven(session, node, journey),
            "question": proven(session, node, elsewhere, "received"),
            "certificate": proven(session, node, known["certificate_id"][0]),
            "line": proven(session, node, "node"),
        }

    messages = await node.database.write(make)
    people = [(role, area) for role in Role for area in (node.region, OWN, OTHER)]
    officers = [add_account(node, password_hash, f"o-{n}", frozenset({r}), area=a) for n, (r, a) in enumerate(people)]

    async def seen(officer: Officer) -> set[str]:
        shown = set()
        async with connect(app, sign_in_as(node, officer)) as http:
            absent = await http.get("/api/v1/receipts?message=01a20000-0000-7000-8000-000000000009")
            for name, message in messages.items():
                answer = await http.get(f"/api/v1/receipts?message={message}")
                if answer.status_code == 200:
                    assert answer.json()["message_id"] == message
                    shown.add(name)
                else:
                    assert (answer.status_code, answer.content) == (404, absent.content)
        return shown

    for officer, (role, area) in zip(officers, people, strict=True):
        wanted: set[str] = set()
        if role in PEOPLES and area != OTHER:
            wanted |= {"case", "answer", "journey"}
        if role in PEOPLES and area == node.region:
            wanted |= {"question", "certificate"}
        if role in LINES and area == node.region:
            wanted |= {"line"}
        assert await seen(officer) == wanted, (role, area)

    # Protected people's are their supervisor's, whole region or not; a journey whose record is gone is the region's.
    body = {"reason": "threat", "until": "2027-01-31"}
    assert (await client.post(f"/api/v1/people/{known['person_id'][0]}/protect", json=body)).status_code == 204
    by_who = dict(zip(people, officers, strict=True))
    assert "case" not in await seen(by_who[Role.CLERK, node.region])
    assert "case" in await seen(by_who[Role.SUPERVISOR, OWN])

    def forget(session: Session) -> None:
        session.get_one(VerificationRequest, known["request_id"][0]).person_id = None
        session.get_one(Person, known["person_id"][0]).state = "erased"

    await node.database.write(forget)
    assert await seen(by_who[Role.SUPERVISOR, OWN]) == set()
    assert "case" in await seen(by_who[Role.CLERK, node.region]), "the proof outlives the person"
