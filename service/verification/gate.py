"""What rests on an agreement, checked before a message has any effect; federation asks through this door."""

from datetime import datetime

from sqlmodel import Session

from federation.tables import Peer
from schemas.clock import local_date
from schemas.envelope import Envelope
from schemas.messages import needs_agreement
from schemas.problems import NoAgreement, PurposeNotAgreed, QuotaExceeded
from service.agreements.queries import find_agreement, purposes_of
from service.context import Node
from service.verification.asking import REQUESTED
from service.verification.quota import asked_this_month

STARTS_SOMETHING = frozenset(
    {REQUESTED, "tonglu.departure.notified.v1", "tonglu.plan.handed_over.v1", "tonglu.certificate.delivered.v1"}
)
"""What an agreement carries only while it is in force. What answers or ends something, it carries for ever."""


class Gate:
    """Asks of each message whether the agreement that it names covers it."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def check(self, session: Session, envelope: Envelope, peer: Peer, now: datetime) -> None:
        """Return when the message may take effect.

        Raises `NoAgreement` (unknown, another region's, not signed by both, or ended where something starts),
        `PurposeNotAgreed`, `QuotaExceeded` (this message waits alone).
        """
        if not needs_agreement(envelope.type):
            return
        agreement = find_agreement(session, envelope.agreement or "")
        if agreement is None or agreement.peer != peer.region or agreement.state == "proposed":
            raise NoAgreement
        if envelope.purpose not in purposes_of(agreement):
            raise PurposeNotAgreed
        if envelope.type not in STARTS_SOMETHING:
            return
        today = local_date(now, self._node.zone)
        if agreement.state != "signed" or not agreement.valid_from <= today <= agreement.valid_until:
            raise NoAgreement
        asked = envelope.type == REQUESTED
        if asked and asked_this_month(session, self._node, agreement.id, "received") >= agreement.per_month:
            raise QuotaExceeded
