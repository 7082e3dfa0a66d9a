"""`tonglu.agreement.proposed.v1`, `.signed.v1` and `.ended.v1`: what two regions allow each other.

The agreement itself (schemas/agreements.py) is the payload of the JWS: signed by one side when proposed, by both
when signed or ended.
"""

from schemas.agreements import SignedAgreement
from schemas.messages.base import MessageData
from schemas.wire import WireDate


class AgreementProposed(MessageData):
    """An agreement that one side has signed."""

    agreement: SignedAgreement


class AgreementSigned(MessageData):
    """The agreement that both sides have signed; in force from its first day."""

    agreement: SignedAgreement


class AgreementEnded(MessageData):
    """The agreement starts nothing new; it still carries answers, erasures and revocations."""

    agreement: SignedAgreement
    ended_on: WireDate
