"""The message types of the protocol, version 1: one module a row of its table."""

from schemas.messages.agreement import AgreementEnded, AgreementProposed, AgreementSigned
from schemas.messages.arrival import ArrivalConfirmed, ArrivalEnded
from schemas.messages.base import AboutPerson, ConsentRecord, MessageData
from schemas.messages.certificate_delivered import CertificateDelivered
from schemas.messages.certificate_state import CertificateResumed, CertificateRevoked, CertificateSuspended
from schemas.messages.departure_notified import DepartureNotified
from schemas.messages.erasure_requested import ErasureRequested
from schemas.messages.log import LogCheckpoint, LogCosigned
from schemas.messages.message_voided import MessageVoided
from schemas.messages.node import KeysRotated, NodeMaintenance, NodeMoved, NodeReturned
from schemas.messages.plan_accepted import PlanAccepted
from schemas.messages.plan_handed_over import PlanHandedOver
from schemas.messages.record_erased import RecordErased
from schemas.messages.verification_answered import VerificationAnswered, VerificationCorrected
from schemas.messages.verification_declined import VerificationCancelled, VerificationDeclined
from schemas.messages.verification_reminded import VerificationReminded
from schemas.messages.verification_requested import VerificationRequested

MESSAGE_TYPES: dict[str, type[MessageData]] = {
    "tonglu.verification.requested.v1": VerificationRequested,
    "tonglu.verification.answered.v1": VerificationAnswered,
    "tonglu.verification.corrected.v1": VerificationCorrected,
    "tonglu.verification.declined.v1": VerificationDeclined,
    "tonglu.verification.cancelled.v1": VerificationCancelled,
    "tonglu.verification.reminded.v1": VerificationReminded,
    "tonglu.departure.notified.v1": DepartureNotified,
    "tonglu.arrival.confirmed.v1": ArrivalConfirmed,
    "tonglu.arrival.ended.v1": ArrivalEnded,
    "tonglu.certificate.delivered.v1": CertificateDelivered,
    "tonglu.certificate.suspended.v1": CertificateSuspended,
    "tonglu.certificate.resumed.v1": CertificateResumed,
    "tonglu.certificate.revoked.v1": CertificateRevoked,
    "tonglu.plan.handed_over.v1": PlanHandedOver,
    "tonglu.plan.accepted.v1": PlanAccepted,
    "tonglu.erasure.requested.v1": ErasureRequested,
    "tonglu.record.erased.v1": RecordErased,
    "tonglu.message.voided.v1": MessageVoided,
    "tonglu.agreement.proposed.v1": AgreementProposed,
    "tonglu.agreement.signed.v1": AgreementSigned,
    "tonglu.agreement.ended.v1": AgreementEnded,
    "tonglu.keys.rotated.v1": KeysRotated,
    "tonglu.node.moved.v1": NodeMoved,
    "tonglu.node.maintenance.v1": NodeMaintenance,
    "tonglu.node.returned.v1": NodeReturned,
    "tonglu.log.checkpoint.v1": LogCheckpoint,
    "tonglu.log.cosigned.v1": LogCosigned,
}
"""The model of each message's data, by its full type (`tonglu.verification.requested.v1`)."""


def type_of(data: MessageData) -> str:
    """The full type that message data belong to; raises `KeyError` for a model outside the table."""
    return _TYPES[type(data)]


def needs_agreement(message_type: str) -> bool:
    """Whether a message of this type carries `agreement` and `purpose`; the others carry neither."""
    name = message_type.removeprefix("tonglu.")
    return name.startswith(("verification.", "departure.", "arrival.", "plan.")) or name == "certificate.delivered.v1"


def subject_of(data: MessageData) -> str:
    """The envelope's `subject`: the case, else the journey, the certificate, the plan, else `node`.

    That of `message.voided` is the voided message's, which its data do not tell: the sender sets it.
    """
    for name in ("case", "journey", "certificate_id", "plan"):
        value = getattr(data, name, None)
        if isinstance(value, str):
            return value
    return "node"


_TYPES = {model: name for name, model in MESSAGE_TYPES.items()}

__all__ = [
    "MESSAGE_TYPES",
    "AboutPerson",
    "AgreementEnded",
    "AgreementProposed",
    "AgreementSigned",
    "ArrivalConfirmed",
    "ArrivalEnded",
    "CertificateDelivered",
    "CertificateResumed",
    "CertificateRevoked",
    "CertificateSuspended",
    "ConsentRecord",
    "DepartureNotified",
    "ErasureRequested",
    "KeysRotated",
    "LogCheckpoint",
    "LogCosigned",
    "MessageData",
    "MessageVoided",
    "NodeMaintenance",
    "NodeMoved",
    "NodeReturned",
    "PlanAccepted",
    "PlanHandedOver",
    "RecordErased",
    "VerificationAnswered",
    "VerificationCancelled",
    "VerificationCorrected",
    "VerificationDeclined",
    "VerificationReminded",
    "VerificationRequested",
    "needs_agreement",
    "subject_of",
    "type_of",
]
