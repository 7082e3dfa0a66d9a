"""What changes an agreement: proposing, signing, ending; over the line, or on paper for regions without a node."""

from collections.abc import Sequence
from datetime import date, timedelta

from sqlmodel import Session

from federation.outbox import enqueue
from federation.peers import find_peer
from federation.tables import Peer, PeerState
from schemas.agreements import Agreement as AgreementDocument
from schemas.agreements import SignedAgreement, most_per_month
from schemas.claims import Claim, Purpose
from schemas.entropy import uuid7
from schemas.envelope import Outgoing
from schemas.messages import AgreementEnded, AgreementProposed, AgreementSigned, MessageData, type_of
from schemas.problems import InvalidInput, NoActivePeer, NotFound, UnknownPeer, WitnessRequired, WrongState
from service.access_log import Actor, record
from service.agreements.queries import find_agreement, list_agreements
from service.agreements.rules import a_year_after, follows
from service.agreements.signing import add_signature, sign_new
from service.agreements.tables import Agreement
from service.context import Node
from service.officers.rules import Officer, Role, require_region
from service.work_items.actions import close_items

ANSWER_WORKING_DAYS = 10
RETENTION_DAYS = 90
PER_MONTH = 50
BEGINS_WITHIN_DAYS = 400


def propose_agreement(
    session: Session,
    node: Node,
    peer: str,
    *,
    by: Officer | None,
    purposes: Sequence[Purpose] = tuple(Purpose),
    claims: Sequence[Claim] = tuple(Claim),
    per_month: int = PER_MONTH,
    answer_working_days: int = ANSWER_WORKING_DAYS,
    retention_days: int = RETENTION_DAYS,
    valid_from: date | None = None,
    valid_until: date | None = None,
    document_reference: str | None = None,
) -> Agreement:
    """Propose what this region and a peer allow each other: one year from today, all purposes and claims unless given.

    For a paper peer the reference of the paper is recorded; another officer signs it with `sign_agreement`. ``by`` is
    None for the node's operator. Raises `UnknownPeer`, `NoActivePeer` (revoked), `InvalidInput`, `Forbidden`.
    """
    found = find_peer(session, peer)
    if found is None:
        raise UnknownPeer
    if found.state == PeerState.REVOKED:
        raise NoActivePeer
    _allow(node, by, found)
    on_paper = found.state == PeerState.PAPER
    _check_reference(document_reference, on_paper=on_paper)
    begins = valid_from or node.today()
    _check_dates(node.today(), begins, valid_until)
    check_quota(session, node, peer, per_month)
    document = AgreementDocument(
        id=uuid7(node.now(), node.entropy),
        regions=(node.region, peer),
        purposes=tuple(dict.fromkeys(purposes)),
        claims=tuple(dict.fromkeys(claims)),
        per_month=per_month,
        answer_working_days=answer_working_days,
        retention_days=retention_days,
        valid_from=begins,
        valid_until=valid_until or a_year_after(begins),
    )
    signed = None if on_paper else sign_new(node.fed, document)
    agreement = keep(session, node, document, peer, signed, proposed_here=True)
    agreement.paper_reference = document_reference
    agreement.proposed_by = by.name if by else None
    session.add(agreement)
    session.flush()
    if signed is not None:
        _tell(session, node, peer, AgreementProposed(agreement=signed))
    record(session, node, _actor(node, by), "agreement.proposed")
    return agreement


def sign_agreement(session: Session, node: Node, agreement_id: str, *, by: Officer | None) -> Agreement:
    """Sign what the peer proposed, and send it back; or, for a paper peer, confirm what a colleague recorded.

    Raises `NotFound`, `Forbidden`, `WrongState` (our own proposal, one signed or ended), `WitnessRequired` (the same
    officer twice), `InvalidInput` (a quota over the cap).
    """
    agreement = _existing(session, agreement_id)
    peer = find_peer(session, agreement.peer)
    if peer is None:
        raise UnknownPeer
    _allow(node, by, peer)
    if agreement.state != "proposed":
        raise WrongState
    if agreement.paper_reference is not None:
        if by is None or by.name == agreement.proposed_by:
            raise WitnessRequired("Another officer must confirm this agreement.")
    else:
        if agreement.proposed_here:
            raise WrongState("The peer must sign this agreement.")
        check_quota(session, node, agreement.peer, agreement.per_month)
        signed = add_signature(node.fed, SignedAgreement.model_validate_json(agreement.jws))
        agreement.jws = signed.model_dump_json()
        _tell(session, node, agreement.peer, AgreementSigned(agreement=signed))
    agreement.state = "signed"
    agreement.signed_at = node.now()
    agreement.signed_by = by.name if by else None
    session.add(agreement)
    session.flush()
    note_signed(session, node, agreement)
    record(session, node, _actor(node, by), "agreement.signed")
    return agreement


def end_agreement(session: Session, node: Node, agreement_id: str, *, by: Officer | None) -> Agreement:
    """End an agreement: it starts nothing new, and still carries answers and erasures. Or withdraw a proposal of ours.

    Raises `NotFound`, `Forbidden`, `WrongState` for one that has ended, or that a peer proposed and nobody signed.
    """
    agreement = _existing(session, agreement_id)
    peer = find_peer(session, agreement.peer)
    if peer is None:
        raise UnknownPeer
    _allow(node, by, peer)
    if agreement.state != "signed" and not (agreement.state == "proposed" and agreement.proposed_here):
        raise WrongState
    agreement.state = "ended"
    agreement.ended_at = node.now()
    session.add(agreement)
    session.flush()
    close_items(session, node, agreement.id, "agreement_ending")
    if agreement.paper_reference is None and peer.state != PeerState.REVOKED:
        signed = SignedAgreement.model_validate_json(agreement.jws)
        _tell(session, node, agreement.peer, AgreementEnded(agreement=signed, ended_on=node.today()))
    record(session, node, _actor(node, by), "agreement.ended")
    return agreement


def keep(
    session: Session,
    node: Node,
    document: AgreementDocument,
    peer: str,
    signed: SignedAgreement | None,
    *,
    proposed_here: bool,
) -> Agreement:
    """Store an agreement as proposed."""
    agreement = Agreement(
        id=document.id,
        peer=peer,
        state="proposed",
        proposed_here=proposed_here,
        purposes=",".join(document.purposes),
        claims=",".join(document.claims),
        per_month=document.per_month,
        answer_working_days=document.answer_working_days,
        retention_days=document.retention_days,
        valid_from=document.valid_from,
        valid_until=document.valid_until,
        jws=signed.model_dump_json() if signed else "",
        proposed_at=node.now(),
    )
    session.add(agreement)
    session.flush()
    return agreement


def note_signed(session: Session, node: Node, agreement: Agreement) -> None:
    """An agreement is in force on this side: whoever was told that its predecessor ends need not see to it any more."""
    for other in list_agreements(session, agreement.peer):
        if follows(agreement, other):
            close_items(session, node, other.id, "agreement_ending")
    node.wake("deadlines")


def check_quota(session: Session, node: Node, peer: str, per_month: int) -> None:
    """Refuse a quota over the hard cap of rule 5. Raises `InvalidInput`."""
    most = most_per_month(node.callbacks.open_journeys(session, peer))
    if not 1 <= per_month <= most:
        raise InvalidInput(
            most=most, errors=[{"field": "per_month", "message": "More than the open journeys with that region allow."}]
        )


def _existing(session: Session, agreement_id: str) -> Agreement:
    agreement = find_agreement(session, agreement_id)
    if agreement is None:
        raise NotFound
    return agreement


def _allow(node: Node, by: Officer | None, peer: Peer) -> None:
    """An agreement binds the whole region: it takes an officer of all of it, or the node's operator."""
    if by is None:
        return
    roles = [Role.SUPERVISOR, Role.ADMINISTRATOR]
    require_region(by, node.region, *roles, *([Role.CLERK] if peer.state == PeerState.PAPER else []))


def _check_reference(reference: str | None, *, on_paper: bool) -> None:
    if on_paper != (reference is not None):
        message = "Name the paper." if on_paper else "Only regions without a node have agreements on paper."
        raise InvalidInput(errors=[{"field": "document_reference", "message": message}])
    if reference is not None and not (1 <= len(reference.strip()) <= 40 and reference.isprintable()):
        raise InvalidInput(errors=[{"field": "document_reference", "message": "A reference has 1 to 40 characters."}])


def _check_dates(today: date, begins: date, ends: date | None) -> None:
    errors = []
    if not today <= begins <= today + timedelta(days=BEGINS_WITHIN_DAYS):
        errors.append({"field": "valid_from", "message": "It begins today or within 400 days."})
    if ends is not None and ends < begins:
        errors.append({"field": "valid_until", "message": "It ends before it begins."})
    if errors:
        raise InvalidInput(errors=errors)


def _tell(session: Session, node: Node, peer: str, data: MessageData) -> None:
    enqueue(session, node.fed, Outgoing(recipient=peer, type=type_of(data), subject="node", data=data.to_wire()))
    node.wake("delivery")


def _actor(node: Node, by: Officer | None) -> Actor:
    return by.as_actor if by else Actor.node(node.region)
