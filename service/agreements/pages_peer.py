"""The page of one peer: how the line stands in words, keys and clock, agreements, refused messages."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from fastapi import Request
from sqlmodel import Session, col, select
from starlette.responses import Response

from federation.returning import MAINTENANCE, RETURNED
from federation.tables import OutboxMessage
from schemas.claims import Claim, Purpose
from schemas.messages import NodeMaintenance
from schemas.strict_json import read_document
from service.agreements import queries
from service.agreements.tables import Agreement
from service.agreements.troubles import LARGE_OFFSET_SECONDS, Trouble, reason_of
from service.agreements.views import PeerDetail, as_seen_by, peer_in_full
from service.context import Node
from service.officers.rules import Officer, Role
from service.web.forms import Form
from service.web.templating import pages_of

MAY_CHANGE: Final = (Role.SUPERVISOR, Role.ADMINISTRATOR)
MAY_DECIDE: Final = (Role.CLERK, Role.SUPERVISOR, Role.ADMINISTRATOR)
"""Who may try a refused message again or give it up: it is an office's own work, like the request in it."""


@dataclass(frozen=True, slots=True)
class OwnAbsence:
    """When we told a peer that this node will be away."""

    starts_at: datetime
    ends_at: datetime


async def peer_page(
    request: Request, node: Node, officer: Officer, region: str, form: Form, *, status: int = 200
) -> Response:
    """Show one peer. Raises `NotFound`."""

    def read(session: Session) -> tuple[PeerDetail, Trouble | None, list[Agreement], OwnAbsence | None]:
        found, trouble = peer_in_full(session, node, region)
        peer = as_seen_by(found, node, officer)
        agreements = queries.list_agreements(session, region)
        return peer, trouble, agreements, own_absence(session, region, node.now())

    peer, trouble, agreements, absence = await node.database.read(read)
    return pages_of(request).render(
        request,
        "agreements/peer.html",
        status=status,
        peer=peer,
        trouble=trouble,
        now=node.now(),
        absence=absence,
        large_offset=LARGE_OFFSET_SECONDS,
        reason_of=reason_of,
        agreements=agreements,
        form=form,
        may_change=officer.has(*MAY_CHANGE) and officer.sees(node.region),
        may_compare=officer.sees_people and officer.sees(node.region),
        may_decide=officer.has(*MAY_DECIDE) and officer.sees(node.region),
        whole=officer.sees(node.region),
        purposes_of=queries.purposes_of,
        claims_of=queries.claims_of,
        me=officer.name,
        all_purposes=list(Purpose),
        all_claims=list(Claim),
    )


def own_absence(session: Session, region: str, now: datetime) -> OwnAbsence | None:
    """Give the absence that we announced to a peer last, unless it is over or was taken back."""
    told = select(OutboxMessage).where(
        col(OutboxMessage.region) == region, col(OutboxMessage.type).in_((MAINTENANCE, RETURNED))
    )
    last = session.exec(told.order_by(col(OutboxMessage.number).desc()).limit(1)).first()
    if last is None or last.type != MAINTENANCE or not last.body:
        return None
    data = NodeMaintenance.from_wire(read_document(last.body)["data"])
    return OwnAbsence(data.starts_at, data.ends_at) if data.ends_at > now else None
