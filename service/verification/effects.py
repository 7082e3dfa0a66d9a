"""What an answer means for our own register, and what the person's acts mean for open cases."""

from sqlmodel import Session, col, select

from schemas.claims import AnswerWord, CancelReason, Claim, ConsentPurpose
from schemas.regions import contains
from service.access_log import Actor, record
from service.callbacks import KnownPerson
from service.context import Node
from service.registry.matching import bind_journey
from service.registry.moves import confirm_arrival, confirm_departure, set_arrival_state, take_confirmation_back
from service.registry.tables import Arrival, Departure, Person
from service.verification.asking import take_back
from service.verification.cases import OPEN_SENT, wipe
from service.verification.leaving import recall_answers
from service.verification.rules import Answers, confirms_arrival, confirms_departure
from service.verification.tables import ReceivedDeparture, VerificationRequest


def apply_answer(
    session: Session, node: Node, row: VerificationRequest, answers: Answers, *, before: Answers | None = None
) -> None:
    """Confirm the journey that was asked about, or leave it `unconfirmed`: nothing else changes (rule 8).

    A correction takes the place of the answer `before` it: a journey that only that one confirmed is so no longer.
    """
    person = session.get(Person, row.person_id) if row.person_id else None
    if person is None:
        return
    record(
        session,
        node,
        Actor.peer(row.peer),
        "verification.answered" if before is None else "verification.corrected",
        person=person,
        purpose=row.purpose,
        fields=tuple(claim.value for claim in answers),
        automatic=row.automatic,
    )
    arrival = session.get(Arrival, row.record_id or "")
    departure = session.get(Departure, row.record_id or "")
    if arrival is not None:
        _learn_journey(session, person, arrival, row, answers)
        if confirms_arrival(answers):
            confirm_arrival(session, node, arrival, peer=row.peer, case=row.case)
        else:
            set_arrival_state(session, arrival, "unconfirmed", only_from=("verifying", "declared"))
            if before is not None and confirms_arrival(before):
                take_confirmation_back(session, arrival, "unconfirmed")
    elif departure is not None and confirms_departure(answers):
        confirm_departure(session, node, departure, peer=row.peer)
    elif departure is not None and before is not None and confirms_departure(before):
        take_confirmation_back(session, departure, "declared")


def on_withdrawn(session: Session, node: Node, person: KnownPerson, purpose: str) -> None:
    """A consent to share no longer stands: open questions to that peer are taken back."""
    parsed = ConsentPurpose(purpose)
    if parsed.action == "share_with_peer" and parsed.region is not None:
        _take_back_all(session, node, person.id, parsed.region)
        recall_answers(session, node, session.get_one(Person, person.id))


def on_protected(session: Session, node: Node, person: KnownPerson) -> None:
    """The person is hidden: open questions about them are taken back, answers about them do not leave."""
    _take_back_all(session, node, person.id)
    recall_answers(session, node, session.get_one(Person, person.id))


def on_ended(session: Session, node: Node, person: KnownPerson) -> None:
    """The last journey ended: there is nothing left to ask, and nothing more to confirm."""
    _take_back_all(session, node, person.id)
    recall_answers(session, node, session.get_one(Person, person.id))


def on_erased(session: Session, node: Node, person: KnownPerson) -> None:
    """The person is erased: questions are taken back, and no case of ours points at them any more."""
    _take_back_all(session, node, person.id)
    recall_answers(session, node, session.get_one(Person, person.id), is_leaving=True)
    for row in session.exec(select(VerificationRequest).where(VerificationRequest.person_id == person.id)).all():
        row.person_id = row.record_id = row.journey = None
        wipe(row)
        session.add(row)
    session.flush()


def on_shareable(session: Session, node: Node, person: KnownPerson) -> None:
    """Someone was registered or consented: let the matching job look again at what peers told of this document."""
    row = session.get(Person, person.id)
    if row is None or row.document_index is None:
        return
    for told in session.exec(
        select(ReceivedDeparture).where(
            ReceivedDeparture.document_index == row.document_index, col(ReceivedDeparture.looked_at).is_not(None)
        )
    ).all():
        told.looked_at = None
        session.add(told)
    session.flush()
    node.wake("matching")


def _take_back_all(session: Session, node: Node, person_id: str, region: str | None = None) -> None:
    rows = session.exec(
        select(VerificationRequest).where(
            VerificationRequest.direction == "sent",
            VerificationRequest.person_id == person_id,
            col(VerificationRequest.state).in_(OPEN_SENT),
        )
    ).all()
    for row in rows:
        if region is None or contains(row.peer, region):
            take_back(session, node, row, CancelReason.NO_LONGER_NEEDED)


def _learn_journey(
    session: Session, person: Person, arrival: Arrival, row: VerificationRequest, answers: Answers
) -> None:
    """A peer that confirms a departure knows it under the journey id that our question carried.

    It may have told us of that departure before, under an id of its own; the two may have differed in the spelling of a
    name, so that they did not match by themselves.
    """
    if answers.get(Claim.DEPARTURE_DECLARED) is not AnswerWord.CONFIRMED:
        return
    if row.journey in (arrival.journey, arrival.other_journey) and row.journey is not None:
        bind_journey(session, arrival, row.journey)
    if person.document_index is None:
        return
    told = session.exec(
        select(ReceivedDeparture).where(
            ReceivedDeparture.peer == row.peer, ReceivedDeparture.document_index == person.document_index
        )
    ).all()
    if len(told) == 1:
        bind_journey(session, arrival, told[0].journey)
        session.delete(told[0])
        session.flush()
