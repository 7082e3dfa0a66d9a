"""Reconciliation (对账): two regions learn which of their journeys with each other both hold, and no more.

Into it goes what the register holds of journeys with that peer that are open, of people who are visible and whose
consent to share with that peer is live: direction, folded name, document and date of birth (``gathering``). Nobody goes
in without a document. Everyone compared is told so in their log, and everyone matched that both regions hold the
journey.

Bounds against a peer that makes elements up: 20 on either side at least, each side at most the agreement's quota for
the month, of which the asker's elements count as questions, and once a month under one agreement. That month is used up
once the other side has answered; so what the asker needs to go on is kept, sealed, before it asks: if it dies between
the rounds, the next start takes up where it ended, with the same offer, for as long as the answerer keeps its part.
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from sqlmodel import Session, col, select

from federation.intersection import hide, raise_points
from federation.keys import b64url, b64url_bytes
from federation.peers import find_peer
from federation.reconciliation import Offered
from federation.tables import Peer, PeerState
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
    ReconciliationAnswer,
    ReconciliationOffer,
    ReconciliationProof,
    ReconciliationResult,
)
from service.access_log import Actor, record
from service.agreements.queries import agreement_in_force, find_agreement
from service.agreements.tables import Agreement
from service.context import Node
from service.verification.gathering import PURPOSE, Compared, gather, shared_journeys, tell_matched
from service.verification.quota import asked_this_month, month_begins
from service.verification.tables import Reconciliation

BETWEEN_ROUNDS: Final = timedelta(hours=24)
"""How long either side keeps what the next round needs."""


# --- The asker -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Begun:
    """What the asker holds between the rounds: the offer, and whose each point is; then what round two says."""

    row: str
    offer: ReconciliationOffer
    secret: bytes
    people: list[str]
    proof: ReconciliationProof | None = None

    @property
    def document(self) -> bytes:
        """The offer as it is sent, each time in the same bytes."""
        return canonical(self.offer.to_wire())


def may_begin(session: Session, node: Node, region: str) -> tuple[Agreement, list[tuple[bool, str]]]:
    """Under which agreement a comparison may begin, and whose journeys it is about.

    Raises `UnknownPeer`, `NoActivePeer`, `NoAgreementInForce`, `ReconciledRecently`, `TooFewJourneys`, `WrongState`
    (the month's quota).
    """
    agreement = _line(session, node, region)
    _check_month(session, node, agreement.id)
    try:
        shared = shared_journeys(session, node, region)
        _check_quota(session, node, agreement, len(shared), "sent")
    except QuotaExceeded:
        raise WrongState("There are more journeys to compare than this month's quota leaves.") from None
    return agreement, shared


def unfinished(session: Session, node: Node, region: str) -> Begun | None:
    """A comparison that this node began and did not end, if it can go on: within a day, and with the same people.

    Raises `UnknownPeer`, `NoActivePeer`, `NoAgreementInForce`.
    """
    agreement = _line(session, node, region)
    row = session.exec(_open_rows(node, agreement.id)).first()
    if row is None or row.sealed is None:
        return None
    begun = _begun_of(node, row)
    if begun.proof is None:
        try:
            allowed = {person for _, person in shared_journeys(session, node, region)}
        except (TooFewJourneys, QuotaExceeded):
            return None
        if not allowed.issuperset(begun.people):
            # Someone withdrew or is hidden since: their point goes out no more, so the offer cannot.
            return None
    return begun


def begin(
    session: Session, node: Node, agreement: Agreement, offer: ReconciliationOffer, *, secret: bytes, people: list[str]
) -> Begun:
    """Keep what is offered before it is asked, in place of an offer that cannot go on. Raises `ReconciledRecently`."""
    for old in session.exec(_open_rows(node, agreement.id)).all():
        if old.state == "asked":
            session.delete(old)
    session.flush()
    _check_month(session, node, agreement.id)
    row = _row(node, offer, agreement.peer, "sent", ours=len(people), theirs=0)
    row.state = "asked"
    begun = Begun(row.id, offer, secret, people)
    _keep(session, node, row, begun)
    return begun


def drop(session: Session, begun: Begun) -> None:
    """Nothing was compared: the peer did not take part."""
    row = session.get(Reconciliation, begun.row)
    if row is not None and row.state == "asked":
        session.delete(row)
        session.flush()


def offered_points(compared: list[Compared], secret: bytes) -> tuple[tuple[str, ...], list[str]]:
    """The points of an offer or an answer, sorted, so that their order is the secret's, and whose each is."""
    points = hide([one.element for one in compared], secret)
    order = sorted(range(len(points)), key=points.__getitem__)
    return tuple(points[place] for place in order), [compared[place].person.id for place in order]


def check_answer(begun: Begun, answer: ReconciliationAnswer) -> tuple[list[str], list[str]]:
    """The answerer's points under both secrets, and whose of ours it holds; for a thread of its own.

    Raises `InvalidMessage` for an answer that does not fit, `TooFewJourneys`.
    """
    if len(answer.raised) != len(begun.offer.points):
        raise InvalidMessage
    if len(answer.points) < FEWEST_JOURNEYS:
        raise TooFewJourneys
    back = raise_points(answer.points, begun.secret)
    theirs = set(back)
    return back, [person for person, point in zip(begun.people, answer.raised, strict=True) if point in theirs]


def learn(session: Session, node: Node, begun: Begun, raised: list[str], matched: list[str], *, actor: Actor) -> Begun:
    """Take round one's answer, and keep what round two says until the peer has it. Raises `InvalidMessage`."""
    row = session.get(Reconciliation, begun.row)
    agreement = find_agreement(session, begun.offer.agreement)
    if row is None or agreement is None or len(raised) > agreement.per_month:
        raise InvalidMessage
    proof = ReconciliationProof(reconciliation=begun.offer.reconciliation, raised=tuple(raised))
    learnt = Begun(begun.row, begun.offer, begun.secret, matched, proof)
    row.state, row.theirs, row.matched, row.finished_at = "learnt", len(raised), len(matched), node.now()
    _keep(session, node, row, learnt)
    record(session, node, actor, "reconciliation.done")
    return learnt


def end(session: Session, begun: Begun, *, told: bool) -> Reconciliation:
    """Once the peer learnt the same nothing is kept but the numbers."""
    row = session.get_one(Reconciliation, begun.row)
    if told:
        row.state, row.sealed = "done", None
        session.add(row)
        session.flush()
    return row


def _line(session: Session, node: Node, region: str) -> Agreement:
    peer = find_peer(session, region)
    if peer is None:
        raise UnknownPeer
    if peer.state != PeerState.ACTIVE:
        raise NoActivePeer
    agreement = agreement_in_force(session, region, node.today(), PURPOSE)
    if agreement is None:
        raise NoAgreementInForce
    return agreement


def _open_rows(node: Node, agreement_id: str) -> Any:
    return select(Reconciliation).where(
        Reconciliation.agreement == agreement_id,
        Reconciliation.direction == "sent",
        col(Reconciliation.state).in_(("asked", "learnt")),
        col(Reconciliation.started_at) > node.now() - BETWEEN_ROUNDS,
    )


def _keep(session: Session, node: Node, row: Reconciliation, begun: Begun) -> None:
    kept = {
        "offer": begun.offer.to_wire() if begun.proof is None else None,
        "secret": b64url(begun.secret),
        "people": begun.people,
        "proof": begun.proof.to_wire() if begun.proof is not None else None,
    }
    row.sealed = node.vault.seal_secret(_context(row), json.dumps(kept).encode())
    session.add(row)
    session.flush()


def _begun_of(node: Node, row: Reconciliation) -> Begun:
    kept = json.loads(node.vault.open_secret(_context(row), row.sealed or b""))
    proof = ReconciliationProof.from_wire(kept["proof"]) if kept["proof"] is not None else None
    empty = {"reconciliation": row.id, "agreement": row.agreement, "points": []}
    offer = ReconciliationOffer.from_wire(kept["offer"] or empty)
    return Begun(row.id, offer, b64url_bytes(kept["secret"]), kept["people"], proof)


# --- The answerer ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Prepared:
    """The answerer's own points and whose each is, made before the answer's transaction."""

    points: tuple[str, ...]
    people: list[str]


class Answering:
    """The answerer's part (``federation.reconciliation.Reconciler``)."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def prepare_offer(self, region: str, offered: Offered) -> _Prepared | None:
        """Open whom it is about, a part at a time; `None` for an offer that was answered. Raises as `offered`."""
        node = self._node
        shared = node.database.read_sync(lambda session: self._may_answer(session, region, offered.offer))
        if shared is None:
            return None
        return _Prepared(*offered_points(gather(node, region, shared, actor=Actor.peer(region)), offered.secret))

    def offered(
        self, session: Session, peer: Peer, offered: Offered, prepared: Any, now: datetime
    ) -> ReconciliationAnswer:
        """Round one: offer ours, and keep what round two needs, sealed. The same offer again gets the same answer."""
        node, offer = self._node, offered.offer
        agreement = self._agreement(session, peer.region, offer)
        known = self._known(session, peer.region, offer)
        if known is not None:
            return ReconciliationAnswer.from_wire(json.loads(self._open(known))["answer"])
        _check_month(session, node, agreement.id)
        _check_quota(session, node, agreement, len(offer.points), "received")
        if not isinstance(prepared, _Prepared) or len(prepared.points) > agreement.per_month:
            raise QuotaExceeded
        if len(prepared.points) < FEWEST_JOURNEYS:
            raise TooFewJourneys
        answer = ReconciliationAnswer(raised=tuple(offered.raised), points=prepared.points)
        row = _row(node, offer, peer.region, "received", ours=len(prepared.points), theirs=len(offer.points))
        row.digest = _digest(offer)
        kept = {"answer": answer.to_wire(), "people": prepared.people}
        row.sealed = node.vault.seal_secret(_context(row), json.dumps(kept).encode())
        session.add(row)
        session.flush()
        record(session, node, Actor.peer(peer.region), "reconciliation.answered")
        return answer

    def prepare_proof(self, region: str, proof: ReconciliationProof) -> int | None:
        """Learn from round two which of ours the asker holds, and tell these people; how many that are.

        `None` where it is known already. Raises `InvalidMessage`.
        """
        matched = self._node.database.read_sync(lambda session: self._matched(session, region, proof))
        if matched is None:
            return None
        tell_matched(self._node, region, matched)
        return len(matched)

    def proven(
        self, session: Session, peer: Peer, proof: ReconciliationProof, prepared: int | None, now: datetime
    ) -> ReconciliationResult:
        """Round two: note how many match."""
        row = self._received(session, peer.region, proof)
        if row.matched is None:
            if prepared is None:
                raise InvalidMessage
            row.state, row.matched, row.finished_at, row.sealed = "done", prepared, now, None
            session.add(row)
            session.flush()
            record(session, self._node, Actor.peer(peer.region), "reconciliation.done")
        return ReconciliationResult(matched=row.matched or 0)

    def _may_answer(self, session: Session, region: str, offer: ReconciliationOffer) -> list[tuple[bool, str]] | None:
        node = self._node
        agreement = self._agreement(session, region, offer)
        if self._known(session, region, offer) is not None:
            return None
        _check_month(session, node, agreement.id)
        if len(offer.points) < FEWEST_JOURNEYS:
            raise TooFewJourneys
        _check_quota(session, node, agreement, len(offer.points), "received")
        shared = shared_journeys(session, node, region)
        if len(shared) > agreement.per_month:
            raise QuotaExceeded
        return shared

    def _agreement(self, session: Session, region: str, offer: ReconciliationOffer) -> Agreement:
        agreement = find_agreement(session, offer.agreement)
        if agreement is None or agreement.peer != region or not _covers(self._node, agreement):
            raise NoAgreement
        return agreement

    def _known(self, session: Session, region: str, offer: ReconciliationOffer) -> Reconciliation | None:
        known = session.get(Reconciliation, offer.reconciliation)
        if known is not None and (known.peer != region or known.digest != _digest(offer) or known.sealed is None):
            raise IdReused
        return known

    def _matched(self, session: Session, region: str, proof: ReconciliationProof) -> list[str] | None:
        row = self._received(session, region, proof)
        if row.matched is not None:
            return None
        kept = json.loads(self._open(row))
        people: list[str] = kept["people"]
        if len(proof.raised) != len(people):
            raise InvalidMessage
        theirs = set(kept["answer"]["raised"])
        return [person for person, point in zip(people, proof.raised, strict=True) if point in theirs]

    def _received(self, session: Session, region: str, proof: ReconciliationProof) -> Reconciliation:
        row = session.get(Reconciliation, proof.reconciliation)
        if row is None or row.peer != region or row.direction != "received":
            raise InvalidMessage
        if row.sealed is None and row.matched is None:
            raise InvalidMessage
        return row

    def _open(self, row: Reconciliation) -> bytes:
        return self._node.vault.open_secret(_context(row), row.sealed or b"")


def _covers(node: Node, agreement: Agreement) -> bool:
    in_force = agreement.state == "signed" and agreement.valid_from <= node.today() <= agreement.valid_until
    return in_force and PURPOSE.value in agreement.purposes.split(",")


def _check_month(session: Session, node: Node, agreement_id: str) -> None:
    earlier = select(Reconciliation.id).where(
        Reconciliation.agreement == agreement_id, col(Reconciliation.started_at) >= month_begins(node)
    )
    # What was asked and not answered uses nothing up: it goes on (`unfinished`), or another offer takes its place.
    if session.exec(earlier.where(col(Reconciliation.state) != "asked").limit(1)).first() is not None:
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


def _digest(offer: ReconciliationOffer) -> str:
    return sha256(canonical(offer.to_wire())).hexdigest()


def _context(row: Reconciliation) -> str:
    return f"reconciliation.sealed:{row.id}"
