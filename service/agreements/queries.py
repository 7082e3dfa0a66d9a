"""What is read about agreements."""

from collections.abc import Iterable, Sequence
from datetime import date

from sqlmodel import Session, col, select

from federation.peers import find_peer
from federation.tables import Peer, PeerState
from schemas.claims import Claim, Purpose
from service.agreements.tables import Agreement
from service.context import Node


def agreement_in_force(session: Session, peer: str, today: date, purpose: Purpose | None = None) -> Agreement | None:
    """Give the signed agreement with a peer that covers today (and the purpose), the latest signed one; or None.

    One on paper covers letters alone: once the region has a node, which never signed it, it carries nothing new.
    """
    found = find_peer(session, peer)
    on_paper = found is not None and found.state == PeerState.PAPER
    wanted = (
        select(Agreement)
        .where(
            Agreement.peer == peer,
            Agreement.state == "signed",
            col(Agreement.valid_from) <= today,
            col(Agreement.valid_until) >= today,
            col(Agreement.paper_reference).is_not(None) if on_paper else col(Agreement.paper_reference).is_(None),
        )
        .order_by(col(Agreement.signed_at).desc(), col(Agreement.id).desc())
    )
    for agreement in session.exec(wanted):
        if purpose is None or purpose in purposes_of(agreement):
            return agreement
    return None


def learn_names(session: Session, node: Node) -> None:
    """Let regions that the table of divisions does not hold be called what they call themselves."""
    node.divisions.know_as(dict(session.exec(select(Peer.region, Peer.name)).all()))


def agreed_regions(session: Session, peers: Sequence[str], today: date) -> set[str]:
    """Give those of some peers with which an agreement is in force today."""
    wanted = select(Agreement.peer).where(
        col(Agreement.peer).in_(peers),
        Agreement.state == "signed",
        col(Agreement.valid_from) <= today,
        col(Agreement.valid_until) >= today,
    )
    return set(session.exec(wanted).all())


def find_agreement(session: Session, agreement_id: str) -> Agreement | None:
    """Give one agreement in whatever state, or None."""
    return session.exec(select(Agreement).where(Agreement.id == agreement_id)).first()


def find_agreements(session: Session, ids: Iterable[str]) -> dict[str, Agreement]:
    """Give several agreements in whatever state, by id."""
    return {one.id: one for one in session.exec(select(Agreement).where(col(Agreement.id).in_(set(ids))))}


def list_agreements(session: Session, peer: str | None = None) -> list[Agreement]:
    """List agreements, the newest first."""
    wanted = select(Agreement).order_by(col(Agreement.id).desc())
    if peer is not None:
        wanted = wanted.where(Agreement.peer == peer)
    return list(session.exec(wanted).all())


def purposes_of(agreement: Agreement) -> list[Purpose]:
    """Give the purposes that an agreement allows."""
    return [Purpose(one) for one in agreement.purposes.split(",")]


def claims_of(agreement: Agreement) -> list[Claim]:
    """Give the claims that an agreement allows to ask."""
    return [Claim(one) for one in agreement.claims.split(",")]
