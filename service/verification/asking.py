"""Asking a peer about one person: one purpose, one question (rule 5)."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from sqlmodel import Session, col, select

from federation.peers import peer_for
from federation.tables import Peer, PeerState
from schemas.claims import CancelReason, Claim, Purpose, Urgency
from schemas.clock import local_date
from schemas.entropy import uuid4, uuid7
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
from service.consents.consents import GivenConsent, live_share_consents
from service.context import Node
from service.database import find_all
from service.officers.rules import Officer, Role, require
from service.registry.drafts import Body
from service.registry.life.moves import set_arrival_state
from service.registry.people import OpenPerson, find_person, let_see, unseal_people, unseal_person
from service.registry.searching.matching import all_open_arrivals, all_open_departures, touches
from service.registry.tables import Arrival, Departure, Person
from service.registry.telling import stop_message
from service.request_notices.waiting import ToTell, queue_notices
from service.verification.cases import OPEN_SENT, get_request
from service.verification.questions import Question, send_questions
from service.verification.quota import asked_this_month
from service.verification.rules import ASK_AGAIN_AFTER, due_on, expires_on
from service.verification.sending import send_cancel
from service.verification.tables import VerificationRequest
from service.work_items.actions import close_items


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


@dataclass(frozen=True, slots=True)
class Ask:
    """A question, and the officer who puts it."""

    draft: AskDraft
    by: Officer


def request_verification(session: Session, node: Node, draft: AskDraft, *, by: Officer) -> VerificationRequest:
    """Put a question to a peer, or prepare the letter to a region without a node.

    Raises `NotFound`, `Forbidden`, `UnknownPeer`, `NoActivePeer`, `NoAgreementInForce`, `DateOfBirthMissing`,
    `NoConsent`, `AskedRecently`, `WrongState` (no open journey with that region to confirm).
    """
    return request_verifications(session, node, [Ask(draft, by)])[0]


def request_verifications(session: Session, node: Node, asked: Sequence[Ask]) -> list[VerificationRequest]:
    """Put several officers' questions at once, each about one person; give their rows in order.

    Raises as `request_verification` when any one of them cannot be put.
    """
    opened = _open_people(session, node, asked)
    bases = _bases(session, node, asked, opened)
    moves = _moves(session, asked, opened, bases)
    _check_not_recent(session, node, asked, bases)
    rows = [
        _new_row(node, one.draft, basis, person_id=person.id, move=move)
        for one, person, basis, move in zip(asked, opened, bases, moves, strict=True)
    ]
    questions = [
        Question(row, person, basis.consent)
        for row, person, basis in zip(rows, opened, bases, strict=True)
        if basis.peer.state != PeerState.PAPER
    ]
    send_questions(session, node, questions)
    session.add_all(rows)
    queue_notices(session, node, [ToTell(row.id, row.peer, "sent", row.person_id) for row in rows])
    for move in moves:
        if isinstance(move, Arrival) and move.state in ("declared", "unconfirmed"):
            move.state = "verifying"
            session.add(move)
    session.flush()
    return rows


@dataclass(frozen=True)
class AskTogether:
    """The questions that wait for the writer at the same moment, put as one set (`Database.write_together`)."""

    node: Node

    def __call__(self, session: Session, asked: Sequence[Ask]) -> list[VerificationRequest]:
        """Put them; as `request_verifications`."""
        return request_verifications(session, self.node, asked)


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


def _open_people(session: Session, node: Node, asked: Sequence[Ask]) -> list[OpenPerson]:
    """Whom the questions are about, in order; each opening is logged for the officer who asks."""
    for one in asked:
        require(one.by, Role.CLERK, Role.SUPERVISOR)
    rows = find_all(session, Person, [one.draft.person_id for one in asked])
    people = [let_see(node, rows.get(one.draft.person_id), one.by) for one in asked]
    by_officer: dict[tuple[Officer, Purpose], list[Person]] = defaultdict(list)
    for one, person in zip(asked, people, strict=True):
        by_officer[one.by, one.draft.purpose].append(person)
    opened: dict[tuple[Officer, Purpose], Iterator[OpenPerson]] = {}
    for (by, purpose), some in by_officer.items():
        found = unseal_people(
            session, node, some, actor=by.as_actor, action="verification.asked", purpose=purpose.value
        )
        opened[by, purpose] = iter(found)
    return [next(opened[one.by, one.draft.purpose]) for one in asked]


def _bases(session: Session, node: Node, asked: Sequence[Ask], opened: Sequence[OpenPerson]) -> list[Basis]:
    """What each question rests on."""
    lines = [(one.draft.peer, one.draft.purpose) for one in asked]
    known = {line: _line(session, node, *line) for line in set(lines)}
    wanted = [(person.key, known[line][0].region) for person, line in zip(opened, lines, strict=True)]
    consents = live_share_consents(session, node, wanted)
    bases = []
    letters: Counter[str] = Counter()
    for one, person, line, keyed in zip(asked, opened, lines, wanted, strict=True):
        peer, agreement = known[line]
        if agreement is None or not set(one.draft.claims) <= set(claims_of(agreement)):
            raise NoAgreementInForce
        if keyed not in consents:
            raise NoConsent
        if person.identity.date_of_birth is None:
            raise DateOfBirthMissing
        if peer.state == PeerState.PAPER:
            letters[agreement.id] += 1
            if asked_this_month(session, node, agreement.id, "sent") + letters[agreement.id] > agreement.per_month:
                # Over the line the answerer keeps count; here nobody else does.
                raise WrongState("This month's requests under the agreement are used up.")
        bases.append(Basis(peer, agreement, consents[keyed]))
    return bases


def _line(session: Session, node: Node, region: str, purpose: Purpose) -> tuple[Peer, Agreement | None]:
    """The peer that is addressed for a region, and the agreement with it."""
    peer = peer_for(session, region)
    if peer is None:
        raise UnknownPeer
    if peer.state not in (PeerState.ACTIVE, PeerState.PAPER):
        raise NoActivePeer
    return peer, agreement_in_force(session, peer.region, node.today(), purpose)


def _moves(
    session: Session, asked: Sequence[Ask], opened: Sequence[OpenPerson], bases: Sequence[Basis]
) -> list[Arrival | Departure | None]:
    """The open journey with the peer that each question is about: the arrival from there, else the departure to there.

    Raises `WrongState` where there is none to confirm.
    """
    ids = [person.id for person in opened]
    arrivals, departures = all_open_arrivals(session, ids), all_open_departures(session, ids)
    moves = []
    for one, person, basis in zip(asked, opened, bases, strict=True):
        peer = basis.peer.region
        known: list[Arrival | Departure] = [
            *(move for move in arrivals[person.id] if touches(peer, move.origin_region)),
            *(move for move in departures[person.id] if touches(peer, move.destination_region)),
        ]
        if not known and one.draft.purpose is Purpose.CONFIRM_JOURNEY:
            raise WrongState("There is no open journey with this region.")
        moves.append(known[0] if known else None)
    return moves


def _check_not_recent(session: Session, node: Node, asked: Sequence[Ask], bases: Sequence[Basis]) -> None:
    """Let nobody be asked about again within 30 days by the same purpose."""
    earlier = session.exec(
        select(VerificationRequest)
        .where(
            VerificationRequest.direction == "sent",
            col(VerificationRequest.person_id).in_([one.draft.person_id for one in asked]),
            col(VerificationRequest.created_at) > node.now() - ASK_AGAIN_AFTER,
        )
        .order_by(col(VerificationRequest.id))
    ).all()
    # A question that was taken back before it left was never asked.
    standing = {
        (one.person_id, one.peer, one.purpose): one
        for one in earlier
        if one.state != "cancelled" or one.delivered_at is not None
    }
    now = set()
    for one, basis in zip(asked, bases, strict=True):
        question = (one.draft.person_id, basis.peer.region, one.draft.purpose.value)
        if question in standing:
            first = standing[question]
            again = local_date(first.created_at + ASK_AGAIN_AFTER, node.zone)
            raise AskedRecently(verification=first.id, not_before=again.isoformat())
        if question in now:
            # Twice at once: the second one is put by itself, and finds the first.
            raise AskedRecently
        now.add(question)


def _new_row(
    node: Node, draft: AskDraft, basis: Basis, *, person_id: str, move: Arrival | Departure | None
) -> VerificationRequest:
    due = due_on(node.calendar, node.today(), draft.urgency, basis.agreement.answer_working_days)
    return VerificationRequest(
        id=uuid7(node.now(), node.entropy),
        case=uuid4(node.entropy),
        direction="sent",
        peer=basis.peer.region,
        agreement=basis.agreement.id,
        purpose=draft.purpose.value,
        claims=",".join(dict.fromkeys(draft.claims)),
        urgency=draft.urgency.value,
        state="queued",
        created_at=node.now(),
        queued_at=node.now(),
        due_on=due.on,
        due_provisional=due.provisional,
        expires_on=expires_on(node.calendar, due.on),
        journey=move.journey if move else None,
        person_id=person_id,
        record_id=move.id if move else None,
    )
