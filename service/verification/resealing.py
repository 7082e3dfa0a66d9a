"""Saying again what a peer could not open: the same question, the same notification, under a new id."""

from datetime import datetime

from sqlmodel import Session, col, select

from federation.tables import OutboxMessage
from service.access_log import Actor
from service.consents.consents import live_share_consent
from service.context import Node
from service.registry.people import OpenPerson, is_protected, unseal_person
from service.registry.tables import PeerMessage, Person
from service.registry.telling import NOTIFIED, tell_departures
from service.verification.cases import OPEN_SENT, find_case
from service.verification.questions import REQUESTED, send_question


def say_again(session: Session, node: Node, row: OutboxMessage, now: datetime) -> str | None:
    """Queue a message anew, sealed for the peer's key in force, and give its id.

    ``None`` where it cannot be: the question is closed, the consent gone, or the message is of another kind (those
    about certificates and plans, which lead to nobody, are said again from their copies); then an officer sees to it.
    """
    if row.type == REQUESTED:
        return _ask_again(session, node, row)
    if row.type == NOTIFIED:
        return _notify_again(session, node, row)
    return None


def _ask_again(session: Session, node: Node, row: OutboxMessage) -> str | None:
    question = find_case(session, row.subject, row.region, "sent")
    if question is None or question.state not in OPEN_SENT or question.message_id != row.id:
        return None
    opened = _opened(session, node, question.person_id, question.purpose)
    consent = live_share_consent(session, node, opened.key, row.region) if opened else None
    if opened is None or consent is None:
        return None
    send_question(session, node, question, opened, consent)
    session.flush()
    return question.message_id


def _notify_again(session: Session, node: Node, row: OutboxMessage) -> str | None:
    told = session.get(PeerMessage, row.id)
    person = session.get(Person, told.person_id) if told is not None and not told.stopped else None
    opened = _opened(session, node, person.id if person else None, "confirm_journey")
    if told is None or person is None or opened is None:
        return None
    told.stopped = True
    session.add(told)
    session.flush()
    tell_departures(session, node, person, opened)
    again = select(PeerMessage.message_id).where(
        PeerMessage.about == told.about, PeerMessage.type == NOTIFIED, col(PeerMessage.stopped).is_(False)
    )
    return session.exec(again).first()


def _opened(session: Session, node: Node, person_id: str | None, purpose: str) -> OpenPerson | None:
    person = session.get(Person, person_id) if person_id else None
    if person is None or is_protected(person, node.today()):
        return None
    return unseal_person(
        session,
        node,
        person,
        actor=Actor.node(node.region),
        action="message.sealed_anew",
        purpose=purpose,
        fields=("identity",),
    )
