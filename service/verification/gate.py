"""What rests on an agreement, checked before a message has any effect; federation asks through this door."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session

from federation.tables import Peer
from schemas.clock import local_date
from schemas.envelope import Envelope
from schemas.messages import needs_agreement
from schemas.problems import NoAgreement, PurposeNotAgreed, QuotaExceeded
from service.agreements.queries import find_agreements, purposes_of
from service.context import Node
from service.verification.questions import REQUESTED
from service.verification.quota import asked_this_month

STARTS_SOMETHING = frozenset(
    {REQUESTED, "tonglu.departure.notified.v1", "tonglu.plan.handed_over.v1", "tonglu.certificate.delivered.v1"}
)
"""What an agreement carries only while it is in force. What answers or ends something, it carries for ever."""


class Gate:
    """Asks of messages whether the agreements that they name cover them."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def check(self, session: Session, envelopes: Sequence[Envelope], peer: Peer, now: datetime) -> None:
        """Return when all these messages of one type may take effect.

        Raises `NoAgreement` (unknown, another region's, not signed by both, or ended where something starts),
        `PurposeNotAgreed`, `QuotaExceeded` (each that is beyond it waits alone).
        """
        kind = envelopes[0].type
        if not needs_agreement(kind):
            return
        named = find_agreements(session, [one.agreement or "" for one in envelopes])
        for one in envelopes:
            agreement = named.get(one.agreement or "")
            if agreement is None or agreement.peer != peer.region or agreement.state == "proposed":
                raise NoAgreement
            if one.purpose not in purposes_of(agreement):
                raise PurposeNotAgreed
        if kind not in STARTS_SOMETHING:
            return
        today = local_date(now, self._node.zone)
        asked = Counter(one.agreement for one in envelopes)
        for agreement in named.values():
            if agreement.state != "signed" or not agreement.valid_from <= today <= agreement.valid_until:
                raise NoAgreement
            used = asked_this_month(session, self._node, agreement.id, "received") if kind == REQUESTED else 0
            if kind == REQUESTED and used + asked[agreement.id] > agreement.per_month:
                raise QuotaExceeded
