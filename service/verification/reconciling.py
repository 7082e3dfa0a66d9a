"""Reconciliation (对账): two regions learn which of their journeys with each other both hold, and no more.

Into it goes what the register holds of journeys with that peer that are open, of people who are visible and whose
consent to share with that peer is live: direction, folded name, document and date of birth. Nobody goes in without a
document. Everyone compared is told so in their log, and everyone matched that both regions hold the journey.

Bounds against a peer that makes elements up: 20 on either side at least, each side at most the agreement's quota for
the month, of which the asker's elements count as questions, and once a month under one agreement.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from sqlmodel import Session, col, select

from federation.intersection import hide, raise_points
from federation.peers import find_peer
from federation.reconciliation import Offered
from federation.tables import Peer, PeerState
from schemas.claims import Purpose
from schemas.envelope import canonical
from schemas.problems import (
    IdReused,
    InvalidMessage,
    NoActivePeer,
    NoAgreement,
    NoAgreementInForce,
    QuotaExceeded,
    ReconciledRecently,
    TooFewJourneys,
    UnknownPeer,
    WrongState,
)
from schemas.reconciliation import (
    FEWEST_JOURNEYS,
    MOST_JOURNEYS,
    ReconciliationAnswer,
    ReconciliationOffer,
    ReconciliationProof,
    ReconciliationResult,
)
from service.access_log import Actor, record
from service.agreements.queries import agreement_in_force, find_agreement
from service.agreements.tables import Agreement
from service.consents.consents import live_share_consent
from service.context import Node
from service.registry.people import OpenPerson, unseal_people, visible
from service.registry.rules import OPEN_ARRIVAL, OPEN_DEPARTURE
from service.registry.tables import Arrival, Departure, Person
from service.verification.quota import asked_this_month, month_begins
from service.verification.tables import Reconciliation

PURPOSE = Purpose.CONFIRM_JOURNEY


@dataclass(frozen=True, slots=True)
class Compared:
    """One journey that is compared: the element, and whose it is."""

    element: bytes
    person: OpenPerson


def journeys_to_compare(session: Session, node: Node, peer: str, *, actor: Actor) -> list[Compared]:
    """Open whom the comparison with a peer is about, each logged as `actor`'s reading; in the order of their ids."""
    rows: list[tuple[bool, Person]] = []
    for table, region, states in (
        (Arrival, Arrival.origin_region, OPEN_ARRIVAL),
        (Departure, Departure.destination_region, OPEN_DEPARTURE),
    ):
        found = select(Person).where(
            col(Person.id).in_(
                select(table.person_id).where(
                    col(table.state).in_(states), col(region).startswith(peer, autoescape=True)
                )
            ),
            visible(node.today()),
            col(Person.document_index).is_not(None),
            col(Person.name_birth_index).is_not(None),
        )
        rows += [(table is Arrival, person) for person in session.exec(found.order_by(col(Person.id))).all()]
    shared = [
        (arrived, person)
        for arrived, person in rows
        if live_share_consent(session, node, node.vault.open_key(person.wrapped_key), peer) is not None
    ]
    if not FEWEST_JOURNEYS <= len(shared) <= MOST_JOURNEYS:
        # Nobody is opened for a comparison that cannot be.
        raise TooFewJourneys if len(shared) < FEWEST_JOURNEYS else QuotaExceeded
    opened = unseal_people(
        session,
        node,
        [person for _, person in shared],
        actor=actor,
        action="reconciliation.compared",
        purpose=PURPOSE.value,
    )
    compared: dict[bytes, Compared] = {}
    for (arrived, _), person in zip(shared, opened, strict=True):
        way = (peer, node.region) if arrived else (node.region, peer)
        element = _element(way, person)
        compared.setdefault(element, Compared(element, person))
    return list(compared.values())


@dataclass(frozen=True, slots=True)
class Begun:
    """What the asker holds between the rounds."""

    offer: ReconciliationOffer
    secret: bytes
    compared: list[Compared]

    @property
    def document(self) -> bytes:
        """The offer as it is sent, each time in the same bytes."""
        return canonical(self.offer.to_wire())


def begin(session: Session, node: Node, region: str, *, actor: Actor, secret: bytes, new_id: str) -> Begun:
    """Prepare what is offered to a peer.

    Raises `UnknownPeer`, `NoActivePeer`, `NoAgreementInForce`, `ReconciledRecently`, `TooFewJourneys`, `WrongState`
    (the month's quota).
    """
    peer = find_peer(session, region)
    if peer is None:
        raise UnknownPeer
    if peer.state != PeerState.ACTIVE:
        raise NoActivePeer
    agreement = agreement_in_force(session, region, node.today(), PURPOSE)
    if agreement is None:
        raise NoAgreementInForce
    _check_month(session, node, agreement.id)
    try:
        compared = journeys_to_compare(session, node, region, actor=actor)
        _check_quota(session, node, agreement, len(compared), "sent")
    except QuotaExceeded:
        raise WrongState("There are more journeys to compare than this month's quota leaves.") from None
    points = hide([one.element for one in compared], secret)
    # Sorted, they come in an order that the secret alone decides.
    order = sorted(range(len(points)), key=points.__getitem__)
    offer = ReconciliationOffer(
        reconciliation=new_id, agreement=agreement.id, points=tuple(points[place] for place in order)
    )
    return Begun(offer, secret, [compared[place] for place in order])


def learn(
    session: Session, node: Node, region: str, begun: Begun, answer: ReconciliationAnswer, *, actor: Actor
) -> tuple[Reconciliation, ReconciliationProof, list[OpenPerson]]:
    """Take round one's answer: which of ours the peer holds, and what it needs to learn the same.

    Raises `InvalidMessage` for an answer that does not fit, `TooFewJourneys`.
    """
    agreement = find_agreement(session, begun.offer.agreement)
    if len(answer.raised) != len(begun.offer.points) or agreement is None or len(answer.points) > agreement.per_month:
        raise InvalidMessage
    if len(answer.points) < FEWEST_JOURNEYS:
        raise TooFewJourneys
    back = raise_points(answer.points, begun.secret)
    theirs = set(back)
    matched = [one.person for one, point in zip(begun.compared, answer.raised, strict=True) if point in theirs]
    row = _row(node, begun.offer, region, "sent", ours=len(begun.compared), theirs=len(back))
    row.state, row.matched, row.finished_at = "done", len(matched), node.now()
    session.add(row)
    session.flush()
    record(session, node, actor, "reconciliation.done")
    _tell_matched(session, node, region, matched)
    proof = ReconciliationProof(reconciliation=begun.offer.reconciliation, raised=tuple(back))
    return row, proof, matched


class Answering:
    """The answerer's part (``federation.reconciliation.Reconciler``)."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def offered(self, session: Session, peer: Peer, offered: Offered, now: datetime) -> ReconciliationAnswer:
        """Round one: offer ours, and keep what round two needs, sealed. The same offer again gets the same answer."""
        node, offer = self._node, offered.offer
        agreement = find_agreement(session, offer.agreement)
        if agreement is None or agreement.peer != peer.region or not _covers(node, agreement):
            raise NoAgreement
        digest = sha256(canonical(offer.to_wire())).hexdigest()
        known = session.get(Reconciliation, offer.reconciliation)
        if known is not None:
            if known.peer != peer.region or known.digest != digest or known.sealed is None:
                raise IdReused
            return ReconciliationAnswer.from_wire(json.loads(self._open(known))["answer"])
        _check_month(session, node, agreement.id)
        if len(offer.points) < FEWEST_JOURNEYS:
            raise TooFewJourneys
        _check_quota(session, node, agreement, len(offer.points), "received")
        actor = Actor.peer(peer.region)
        compared = journeys_to_compare(session, node, peer.region, actor=actor)
        if len(compared) > agreement.per_month:
            raise QuotaExceeded
        points = hide([one.element for one in compared], offered.secret)
        order = sorted(range(len(points)), key=points.__getitem__)
        answer = ReconciliationAnswer(raised=tuple(offered.raised), points=tuple(points[place] for place in order))
        row = _row(node, offer, peer.region, "received", ours=len(points), theirs=len(offer.points))
        row.digest = digest
        kept = {"answer": answer.to_wire(), "people": [compared[place].person.id for place in order]}
        row.sealed = node.vault.seal_secret(_context(row), json.dumps(kept).encode())
        session.add(row)
        session.flush()
        record(session, node, actor, "reconciliation.answered")
        return answer

    def proven(self, session: Session, peer: Peer, proof: ReconciliationProof, now: datetime) -> ReconciliationResult:
        """Round two: learn which of ours the asker holds."""
        node = self._node
        row = session.get(Reconciliation, proof.reconciliation)
        if row is None or row.peer != peer.region or row.direction != "received":
            raise InvalidMessage
        if row.sealed is None or row.matched is not None:
            if row.matched is None:
                raise InvalidMessage
            return ReconciliationResult(matched=row.matched)
        kept = json.loads(self._open(row))
        people: list[str] = kept["people"]
        if len(proof.raised) != len(people):
            raise InvalidMessage
        theirs = set(kept["answer"]["raised"])
        ids = [person for person, point in zip(people, proof.raised, strict=True) if point in theirs]
        # Who was hidden or erased between the rounds is told of nothing.
        still_there = select(Person).where(col(Person.id).in_(ids), visible(node.today()))
        rows = session.exec(still_there.order_by(col(Person.id))).all()
        _tell_matched(session, node, peer.region, rows)
        row.state, row.matched, row.finished_at, row.sealed = "done", len(ids), now, None
        session.add(row)
        session.flush()
        record(session, node, Actor.peer(peer.region), "reconciliation.done")
        return ReconciliationResult(matched=len(ids))

    def _open(self, row: Reconciliation) -> bytes:
        return self._node.vault.open_secret(_context(row), row.sealed or b"")


def _element(way: tuple[str, str], person: OpenPerson) -> bytes:
    name, kind, number, born = person.identity.key
    return canonical([*way, name, kind, number, str(born)])


def _tell_matched(session: Session, node: Node, region: str, people: Iterable[Person | OpenPerson]) -> None:
    for person in people:
        record(
            session,
            node,
            Actor.peer(region),
            "reconciliation.matched",
            person=person,
            purpose=PURPOSE.value,
            fields=("identity",),
            automatic=True,
        )


def _covers(node: Node, agreement: Agreement) -> bool:
    in_force = agreement.state == "signed" and agreement.valid_from <= node.today() <= agreement.valid_until
    return in_force and PURPOSE.value in agreement.purposes.split(",")


def _check_month(session: Session, node: Node, agreement_id: str) -> None:
    earlier = select(Reconciliation.id).where(
        Reconciliation.agreement == agreement_id, col(Reconciliation.started_at) >= month_begins(node)
    )
    if session.exec(earlier.limit(1)).first() is not None:
        raise ReconciledRecently


def _check_quota(session: Session, node: Node, agreement: Agreement, elements: int, direction: str) -> None:
    if asked_this_month(session, node, agreement.id, direction) + elements > agreement.per_month:
        raise QuotaExceeded


def _row(
    node: Node, offer: ReconciliationOffer, region: str, direction: str, *, ours: int, theirs: int
) -> Reconciliation:
    return Reconciliation(
        id=offer.reconciliation,
        direction=direction,
        peer=region,
        agreement=offer.agreement,
        state="answered",
        ours=ours,
        theirs=theirs,
        started_at=node.now(),
    )


def _context(row: Reconciliation) -> str:
    return f"reconciliation.sealed:{row.id}"
