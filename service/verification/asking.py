"""Asking a peer about one person: one purpose, one question (rule 5)."""

from dataclasses import dataclass
from datetime import datetime, time
from typing import Annotated

from pydantic import Field
from sqlmodel import Session, col, select

from federation.peers import peer_for
from federation.tables import Peer, PeerState
from schemas.claims import CancelReason, Claim, Purpose, Urgency
from schemas.clock import local_date
from schemas.entropy import uuid4, uuid7
from schemas.envelope import Outgoing
from schemas.problems import (
    AskedRecently,
    DateOfBirthMissing,
    NoActivePeer,
    NoAgreementInForce,
    NoConsent,
    UnknownPeer,
    WrongState,
)
from schemas.regions import RegionCode
from service.access_log import record
from service.agreements.queries import agreement_in_force, claims_of
from service.agreements.tables import Agreement
from service.consents.consents import GivenConsent, live_share_consent
from service.context import Node
from service.officers.rules import Officer, Role, require
from service.registry.drafts import Body
from service.registry.matching import open_arrivals, open_departures
from service.registry.moves import set_arrival_state
from service.registry.people import OpenPerson, find_person, unseal_person
from service.registry.tables import Arrival, Departure, Person
from service.registry.telling import send_about, stop_message
from service.verification.cases import OPEN_SENT, get_request
from service.verification.quota import asked_this_month
from service.verification.rules import ASK_AGAIN_AFTER, due_on, expires_on
from service.verification.sending import send_cancel
from service.verification.tables import VerificationRequest
from service.work_items.actions import close_items

REQUESTED = "tonglu.verification.requested.v1"


class AskDraft(Body):
    """A question as an officer puts it: about whom, to which region, what, why."""

    person_id: Annotated[str, Field(max_length=36)]
    peer: RegionCode
    claims: Annotated[tuple[Claim, ...], Field(min_length=1, max_length=len(Claim))]
    purpose: Purpose
    urgency: Urgency = Urgency.NORMAL


@dataclass(frozen=True, slots=True)
class Basis:
    """What a question rests on, found in this order: the peer, the agreement, the person's consent."""

    peer: Peer
    agreement: Agreement
    consent: GivenConsent


def request_verification(session: Session, node: Node, draft: AskDraft, *, by: Officer) -> VerificationRequest:
    """Put a question to a peer, or prepare the letter to a region without a node.

    Raises `NotFound`, `Forbidden`, `UnknownPeer`, `NoActivePeer`, `NoAgreementInForce`, `DateOfBirthMissing`,
    `NoConsent`, `AskedRecently`, `WrongState` (no open journey with that region to confirm).
    """
    require(by, Role.CLERK, Role.SUPERVISOR)
    person = find_person(session, node, draft.person_id, by)
    opened = unseal_person(
        session,
        node,
        person,
        actor=by.as_actor,
        action="verification.asked",
        purpose=draft.purpose.value,
        fields=("identity",),
    )
    claims = tuple(dict.fromkeys(draft.claims))
    basis = _basis(session, node, opened, draft, claims)
    move = _move(session, person, basis.peer.region)
    if move is None and draft.purpose is Purpose.CONFIRM_JOURNEY:
        raise WrongState("There is no open journey with this region.")
    _check_not_recent(session, node, person.id, basis.peer.region, draft.purpose)
    row = _new_row(node, draft, basis, claims=claims, person=person, move=move)
    session.add(row)
    session.flush()
    if basis.peer.state != PeerState.PAPER:
        row.message_id = send_question(session, node, row, opened, basis.consent)
        session.add(row)
    if isinstance(move, Arrival):
        set_arrival_state(session, move, "verifying", only_from=("declared", "unconfirmed"))
    session.flush()
    return row


def cancel_request(
    session: Session, node: Node, request_id: str, reason: CancelReason, *, by: Officer
) -> VerificationRequest:
    """Take a question back. Raises `NotFound`, `Forbidden`, `WrongState` once it is closed."""
    require(by, Role.CLERK, Role.SUPERVISOR)
    row = get_request(session, request_id, "sent")
    person = find_person(session, node, row.person_id or "", by)
    if row.state not in OPEN_SENT:
        raise WrongState
    take_back(session, node, row, reason)
    record(session, node, by.as_actor, "verification.cancelled", person=person, purpose=row.purpose, fields=("state",))
    return row


def take_back(session: Session, node: Node, row: VerificationRequest, reason: CancelReason) -> None:
    """Cancel an open question of ours: it never leaves if it has not, else the peer is told."""
    never_left = row.message_id is None or stop_message(session, node, row.message_id)
    if not never_left:
        send_cancel(session, node, row, reason)
    row.state, row.reason, row.closed_at = "cancelled", reason.value, node.now()
    session.add(row)
    session.flush()
    close_items(session, node, row.id)
    release_arrival(session, row, "declared")


def release_arrival(session: Session, row: VerificationRequest, state: str) -> None:
    """Let the arrival of a closed question go on: back to `declared`, or `unconfirmed`; no service depends on it."""
    arrival = session.get(Arrival, row.record_id) if row.record_id else None
    if arrival is not None:
        set_arrival_state(session, arrival, state, only_from=("verifying",))


def note_letter(
    session: Session, node: Node, request_id: str, *, by: Officer
) -> tuple[VerificationRequest, OpenPerson]:
    """Give what the letter to a region without a node says; with its printing the request counts as delivered.

    Logged as a print. Raises `NotFound`, `Forbidden`, `WrongState` for one that went over the line or is closed.
    """
    require(by, Role.CLERK, Role.SUPERVISOR)
    row = get_request(session, request_id, "sent")
    person = find_person(session, node, row.person_id or "", by)
    if row.message_id is not None or row.state not in OPEN_SENT:
        raise WrongState
    opened = unseal_person(
        session,
        node,
        person,
        actor=by.as_actor,
        action="verification.letter_printed",
        purpose=row.purpose,
        fields=("identity",),
    )
    if row.state == "queued":
        row.state, row.delivered_at = "delivered", node.now()
        session.add(row)
        session.flush()
        close_items(session, node, row.id, "request_unanswered")
    return row, opened


def _basis(session: Session, node: Node, opened: OpenPerson, draft: AskDraft, claims: tuple[Claim, ...]) -> Basis:
    peer = peer_for(session, draft.peer)
    if peer is None:
        raise UnknownPeer
    if peer.state not in (PeerState.ACTIVE, PeerState.PAPER):
        raise NoActivePeer
    agreement = agreement_in_force(session, peer.region, node.today(), draft.purpose)
    if agreement is None or not set(claims) <= set(claims_of(agreement)):
        raise NoAgreementInForce
    consent = live_share_consent(session, node, opened.key, peer.region)
    if consent is None:
        raise NoConsent
    if opened.identity.date_of_birth is None:
        raise DateOfBirthMissing
    if peer.state == PeerState.PAPER and asked_this_month(session, node, agreement.id, "sent") >= agreement.per_month:
        # Over the line the answerer keeps count; here nobody else does.
        raise WrongState("This month's requests under the agreement are used up.")
    return Basis(peer, agreement, consent)


def _move(session: Session, person: Person, peer: str) -> Arrival | Departure | None:
    """The open journey with the peer that a question is about: the arrival from there, else the departure to there."""
    moves: list[Arrival | Departure] = [
        *open_arrivals(session, person.id, peer),
        *open_departures(session, person.id, peer),
    ]
    return moves[0] if moves else None


def _check_not_recent(session: Session, node: Node, person_id: str, peer: str, purpose: Purpose) -> None:
    since = node.now() - ASK_AGAIN_AFTER
    earlier = session.exec(
        select(VerificationRequest)
        .where(
            VerificationRequest.direction == "sent",
            VerificationRequest.person_id == person_id,
            VerificationRequest.peer == peer,
            VerificationRequest.purpose == purpose.value,
            col(VerificationRequest.created_at) > since,
        )
        .order_by(col(VerificationRequest.id).desc())
    ).all()
    for one in earlier:
        # A question that was taken back before it left was never asked.
        if one.state != "cancelled" or one.delivered_at is not None:
            again = local_date(one.created_at + ASK_AGAIN_AFTER, node.zone)
            raise AskedRecently(verification=one.id, not_before=again.isoformat())


def _new_row(
    node: Node,
    draft: AskDraft,
    basis: Basis,
    *,
    claims: tuple[Claim, ...],
    person: Person,
    move: Arrival | Departure | None,
) -> VerificationRequest:
    due = due_on(node.calendar, node.today(), draft.urgency, basis.agreement.answer_working_days)
    return VerificationRequest(
        id=uuid7(node.now(), node.entropy),
        case=uuid4(node.entropy),
        direction="sent",
        peer=basis.peer.region,
        agreement=basis.agreement.id,
        purpose=draft.purpose.value,
        claims=",".join(claims),
        urgency=draft.urgency.value,
        state="queued",
        created_at=node.now(),
        queued_at=node.now(),
        due_on=due.on,
        due_provisional=due.provisional,
        expires_on=expires_on(node.calendar, due.on),
        journey=move.journey if move else None,
        person_id=person.id,
        record_id=move.id if move else None,
    )


def send_question(
    session: Session, node: Node, row: VerificationRequest, opened: OpenPerson, consent: GivenConsent
) -> str:
    """Queue a question as its row has it, sealed for the peer's key in force; give the message's id."""
    data = {
        "case": row.case,
        "claims": row.claims.split(","),
        "due_on": row.due_on.isoformat(),
        "urgency": row.urgency,
        "consent": consent.to_record().to_wire(),
    }
    if row.journey is not None:
        data["journey"] = row.journey
    outgoing = Outgoing(
        recipient=row.peer,
        type=REQUESTED,
        subject=row.case,
        data=data,
        agreement=row.agreement,
        purpose=Purpose(row.purpose),
        person=opened.identity,
        expires_at=_expiry(node, row),
    )
    return send_about(session, node, opened.id, row.record_id or row.id, outgoing)


def _expiry(node: Node, row: VerificationRequest) -> datetime:
    """The moment after which the request is not worth delivering: the end of its last day."""
    return datetime.combine(row.expires_on, time.max, node.zone)
