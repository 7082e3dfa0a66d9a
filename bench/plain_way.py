"""The baseline done the plainest way: ORM rows, one message a POST, and a commit for each step."""

import json
from datetime import UTC, datetime
from typing import Any

import httpx
from sqlmodel import Session, func, select

from bench.plain_node import (
    ENTROPY,
    Desk,
    Node,
    PlainAgreement,
    PlainAnswer,
    PlainConsent,
    PlainLog,
    PlainMove,
    PlainNonce,
    PlainPerson,
    PlainReceipt,
    PlainRequest,
    PlainSeen,
    answer_row,
    check_consent,
    digest,
    envelope,
    evidence,
    index,
    log_row,
    post,
    question,
    question_row,
    results_of,
    subject,
)
from schemas.entropy import uuid7
from schemas.identity import PersonIdentity

Clients = tuple[httpx.AsyncClient, httpx.AsyncClient]


def take(node: Node, messages: list[dict[str, Any]], nonce: str) -> list[dict[str, Any]]:
    with Session(node.engine) as session:
        session.add(PlainNonce(nonce=nonce))
        for message in messages:
            session.add(PlainSeen(id=message["id"], digest=digest(message)))
            _agreed(session, node, message)
            if message["type"] == "requested":
                session.add(PlainRequest(**question_row(node, message, subject(node, message))))
            elif message["type"] == "answered":
                _take_answer(session, node, message)
            else:
                wanted = select(PlainMove).where(PlainMove.journey == message["data"]["journey"])
                _confirm(session, node, session.exec(wanted).one(), "confirmed")
        session.commit()
    return results_of(messages)


def keep(node: Node, ids: list[str], request, answer) -> None:
    with Session(node.engine) as session:
        for one in ids:
            session.add(PlainReceipt(id=one, evidence=evidence(request, answer)))
        session.commit()


async def trip(asker: Node, answerer: Node, clients: Clients, person: PersonIdentity) -> None:
    """One question, its answer, and the word that the arrival is confirmed."""
    case = uuid7(datetime.now(UTC), ENTROPY)
    with Session(asker.engine) as session:
        found = session.exec(select(PlainPerson).where(PlainPerson.found_by == index(asker, person))).one()
        key = asker.vault.open_key(found.wrapped_key)
        known = PersonIdentity.model_validate_json(asker.vault.unseal_bytes(key, found.sealed, f"person:{found.id}"))
        session.exec(select(PlainAgreement).where(PlainAgreement.peer == answerer.region)).one()
        check_consent(asker, key, session.get_one(PlainConsent, asker.vault.link(key, "consent")).sealed)
        move = session.exec(select(PlainMove).where(PlainMove.person == found.id)).one()
        if session.exec(select(PlainRequest).where(PlainRequest.person == found.id)).first() is not None:
            raise PermissionError
        session.add(PlainLog(**log_row(asker, key, "asked")))
        session.add(
            PlainRequest(
                id=case,
                person=found.id,
                journey=move.journey,
                state="queued",
                wrapped_key=found.wrapped_key,
                sealed=found.sealed,
            )
        )
        move.state, journey = "verifying", move.journey
        session.commit()
    message = question(asker, answerer, case, journey, known)
    await _send(asker, answerer, clients[0], message)
    with Session(answerer.engine) as session:
        reply = _answer(session, answerer, asker, session.get_one(PlainRequest, case))
        session.commit()
    await _send(answerer, asker, clients[1], reply)
    await _send(asker, answerer, clients[0], envelope(asker, answerer, "confirmed", case, {"journey": journey}))


def clients_of(asker: Node, answerer: Node) -> Clients:
    desks = Desk(answerer, asker, take, keep), Desk(asker, answerer, take, keep)
    one, two = (httpx.AsyncClient(transport=httpx.ASGITransport(app=desk)) for desk in desks)
    return one, two


async def _send(node: Node, other: Node, client: httpx.AsyncClient, message: dict[str, Any]) -> None:
    request, answer = await post(node, other, client, [message])
    keep(node, [message["id"]], request, answer)


def _agreed(session: Session, node: Node, message: dict[str, Any]) -> None:
    peer = message["source"].rpartition("/")[2]
    agreement = session.exec(select(PlainAgreement).where(PlainAgreement.peer == peer)).one()
    used = session.exec(select(func.count()).select_from(PlainRequest)).one() if message["type"] == "requested" else 0
    if used >= agreement.per_month:
        raise PermissionError


def _answer(session: Session, node: Node, asker: Node, row: PlainRequest) -> dict[str, Any]:
    opened = node.vault.unseal_bytes(node.vault.open_key(row.wrapped_key), row.sealed, f"request:{row.id}")
    asked = PersonIdentity.model_validate_json(opened)
    found = session.exec(select(PlainPerson).where(PlainPerson.found_by == index(node, asked))).one()
    key = node.vault.open_key(found.wrapped_key)
    check_consent(node, key, session.get_one(PlainConsent, node.vault.link(key, "consent")).sealed)
    move = session.exec(select(PlainMove).where(PlainMove.person == found.id)).one()
    move.journey = row.journey
    session.add(PlainLog(**log_row(node, key, "received")))
    answers = {"identity": "confirmed", "departure_declared": "confirmed"}
    row.state, row.answers = "answered", json.dumps(answers)
    session.add(PlainAnswer(**answer_row(row.id, row.answers)))
    return envelope(node, asker, "answered", row.id, {"answers": answers})


def _take_answer(session: Session, node: Node, message: dict[str, Any]) -> None:
    row = session.get_one(PlainRequest, message["subject"])
    row.state, row.answers = "answered", json.dumps(message["data"]["answers"])
    session.add(PlainAnswer(**answer_row(row.id, row.answers)))
    key = node.vault.open_key(row.wrapped_key)
    session.add(PlainLog(**log_row(node, key, "answered")))
    check_consent(node, key, session.get_one(PlainConsent, node.vault.link(key, "consent")).sealed)
    _confirm(session, node, session.exec(select(PlainMove).where(PlainMove.person == row.person)).one(), "confirmed")


def _confirm(session: Session, node: Node, move: PlainMove, state: str) -> None:
    person = session.get_one(PlainPerson, move.person)
    move.state = state
    session.add(PlainLog(**log_row(node, node.vault.open_key(person.wrapped_key), state)))
