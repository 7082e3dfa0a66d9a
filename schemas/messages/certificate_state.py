"""`tonglu.certificate.suspended.v1`, `.resumed.v1` and `.revoked.v1`: what became of a delivered certificate."""

from schemas.messages.base import MessageData
from schemas.wire import Uuid


class CertificateSuspended(MessageData):
    """The certificate does not stand for now."""

    certificate_id: Uuid


class CertificateResumed(MessageData):
    """The certificate stands again."""

    certificate_id: Uuid


class CertificateRevoked(MessageData):
    """The certificate does not stand any more."""

    certificate_id: Uuid
