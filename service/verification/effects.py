"""What an answer means for our own register, and what the person's acts mean for open cases."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, select

from schemas.claims import AnswerWord, CancelReason, Claim, ConsentPurpose
from schemas.regions import contains
from service.access_log import Actor, record_told, told_of
from service.callbacks import KnownPerson
from service.context import Node
from service.database import find_all
from service.registry.life.moves import confirm_arrivals, confirm_departures, set_arrival_state, take_confirmation_back
from service.registry.searching.matching import bind_journey, bind_journeys
from service.registry.tables import Arrival, Departure, Person
from service.verification.asking import take_back
from service.verification.cases import OPEN_SENT, wipe
from service.verification.leaving import recall_answers
from service.verification.rules import Answers, confirms_arrival, confirms_departure
from service.verification.tables import ReceivedDeparture, VerificationRequest


@dataclass(frozen=True, slots=True)
class Applied:
    """An answer of the peer to a question of ours, and the one `before` it that it corrects."""

    row: VerificationRequest
    answers: Answers
    before: Answers | None = None


def apply_answers(session: Session, node: Node, answered: Sequence[Applied], *, peer: str) -> None:
    """Confirm the journeys that were asked about, or leave them `unconfirmed`: nothing else changes (rule 8).

    A correction takes the place of the answer before it: a journey that only that one confirmed is so no longer.
    """
    people = find_all(session, Person, [one.row.person_id for one in answered if one.row.person_id])
    answered = [one for one in answered if one.row.person_id in people]
    records = [one.row.record_id for one in answered if one.row.record_id]
    if len(records) != len(set(records)):
        # Two questions about one journey: what the second answer means depends on the first.
        for one in answered:
            apply_answers(session, node, [one], peer=peer)
        return
    told = [
        told_of(
            node,
            people[one.row.person_id or ""],
            "verification.answered" if one.before is None else "verification.corrected",
            purpose=one.row.purpose,
            fields=tuple(claim.value for claim in one.answers),
            automatic=one.row.automatic,
        )
        for one in answered
    ]
    record_told(session, node, Actor.peer(peer), told)
    arrivals = find_all(session, Arrival, records)
    departures = find_all(session, Departure, [one for one in records if one not in arrivals])
    about_arrivals = [(one, arrivals[one.row.record_id]) for one in answered if one.row.record_id in arrivals]
    _learn_journeys(session, [(people[one.row.person_id or ""], arrival, one) for one, arrival in about_arrivals], peer)
    for one, arrival in about_arrivals:
        if not confirms_arrival(one.answers):
            set_arrival_state(session, arrival, "unconfirmed", only_from=("verifying", "declared"))
            if one.before is not None and confirms_arrival(one.before):
                take_confirmation_back(session, arrival, "unconfirmed")
    confirmed = [(arrival, one.row.case) for one, arrival in about_arrivals if confirms_arrival(one.answers)]
    confirm_arrivals(session, node, confirmed, peer=peer)
    about_departures = [(one, departures[one.row.record_id]) for one in answered if one.row.record_id in departures]
    for one, departure in about_departures:
        if not confirms_departure(one.answers) and one.before is not None and confirms_departure(one.before):
            take_confirmation_back(session, departure, "declared")
    left = [departure for one, departure in about_departures if confirms_departure(one.answers)]
    confirm_departures(session, node, left, peer=peer)


def on_withdrawn(session: Session, node: Node, person: KnownPerson, purpose: str) -> None:
    """A consent to share no longer stands: open questions to that peer are taken back."""
    parsed = ConsentPurpose(purpose)
    if parsed.action == "share_with_peer" and parsed.region is not None:
        _take_back_all(session, node, person.id, region=parsed.region)
        recall_answers(session, node, session.get_one(Person, person.id))


def on_protected(session: Session, node: Node, person: KnownPerson) -> None:
    """The person is hidden: open questions about them are taken back, answers about them do not leave."""
    _take_back_all(session, node, person.id)
    recall_answers(session, node, session.get_one(Person, person.id))


def on_ending(session: Session, node: Node, person: KnownPerson) -> None:
    """The last journey ended, though that may be undone: answers that say otherwise do not leave meanwhile (rule 7)."""
    recall_answers(session, node, session.get_one(Person, person.id))


def on_ended(session: Session, node: Node, people: Sequence[KnownPerson]) -> None:
    """The last journeys of some people ended: there is nothing left to ask, and nothing more to confirm."""
    ids = [person.id for person in people]
    _take_back_all(session, node, *ids)
    recall_answers(session, node, *find_all(session, Person, ids).values())


def on_merged(session: Session, _node: Node, kept: KnownPerson, other: KnownPerson) -> list[str]:
    """Two records are one now: our questions about the other are about the kept one."""
    rows = session.exec(select(VerificationRequest).where(VerificationRequest.person_id == other.id)).all()
    for row in rows:
        row.person_id = kept.id
        session.add(row)
    session.flush()
    return [row.id for row in rows]


def on_unmerged(session: Session, _node: Node, _kept: KnownPerson, other: KnownPerson, moved: list[str]) -> None:
    """They are two again: each has its own questions."""
    for row in session.exec(select(VerificationRequest).where(col(VerificationRequest.id).in_(moved))).all():
        if row.person_id is not None:
            row.person_id = other.id
            session.add(row)
    session.flush()


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


def _take_back_all(session: Session, node: Node, *people: str, region: str | None = None) -> None:
    rows = session.exec(
        select(VerificationRequest).where(
            VerificationRequest.direction == "sent",
            col(VerificationRequest.person_id).in_(people),
            col(VerificationRequest.state).in_(OPEN_SENT),
        )
    ).all()
    for row in rows:
        if region is None or contains(row.peer, region):
            take_back(session, node, row, CancelReason.NO_LONGER_NEEDED)


def _learn_journeys(session: Session, asked: Sequence[tuple[Person, Arrival, Applied]], peer: str) -> None:
    """A peer that confirms a departure knows it under the journey id that our question carried.

    It may have told us of that departure before, under an id of its own; the two may have differed in the spelling of a
    name, so that they did not match by themselves.
    """
    learnt = [one for one in asked if one[2].answers.get(Claim.DEPARTURE_DECLARED) is AnswerWord.CONFIRMED]
    carried = [
        (arrival, one.row.journey)
        for _, arrival, one in learnt
        if one.row.journey is not None and one.row.journey in (arrival.journey, arrival.other_journey)
    ]
    bind_journeys(session, carried)
    documents = {person.document_index for person, *_ in learnt if person.document_index is not None}
    told = defaultdict(list)
    wanted = select(ReceivedDeparture).where(
        ReceivedDeparture.peer == peer, col(ReceivedDeparture.document_index).in_(documents)
    )
    for row in session.exec(wanted):
        told[row.document_index].append(row)
    for person, arrival, _ in learnt:
        if person.document_index is not None and len(told[person.document_index]) == 1:
            (row,) = told.pop(person.document_index)
            bind_journey(session, arrival, row.journey)
            session.delete(row)
    session.flush()
