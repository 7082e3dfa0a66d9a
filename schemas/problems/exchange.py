"""Problems between nodes: of a whole request, and of one message in its batch."""

from typing import ClassVar

from schemas.problems.base import TongluError


class FederationError(TongluError):
    """The request between nodes failed."""

    code: ClassVar[str] = "federation_error"
    status: ClassVar[int] = 400


class Unauthenticated(FederationError):
    """The request is not signed by a known peer."""

    code = "unauthenticated"
    status = 401
    retry = "after_fixing"


class ClockSkew(FederationError):
    """The clocks differ by %(offset_seconds)s seconds."""

    code = "clock_skew"
    status = 401
    retry = "after_fixing"


class Replayed(FederationError):
    """This very request was received before."""

    code = "replayed"
    status = 409
    retry = "now"


class DigestMismatch(FederationError):
    """The content does not fit its digest."""

    code = "digest_mismatch"
    status = 400
    retry = "now"


class Malformed(FederationError):
    """The content is not a batch of messages."""

    code = "malformed"
    status = 400
    retry = "never"


class TooLarge(FederationError):
    """The content is larger than this node takes."""

    code = "too_large"
    status = 413
    retry = "after_fixing"


class UnsupportedCoding(FederationError):
    """This node takes no content coding."""

    code = "unsupported_coding"
    status = 415
    retry = "after_fixing"


class RateLimited(FederationError):
    """More requests than this node takes from one peer."""

    code = "rate_limited"
    status = 429
    retry = "later"


class PeerSuspended(FederationError):
    """The exchange with this peer is suspended."""

    code = "peer_suspended"
    status = 403
    retry = "later"


class Unavailable(FederationError):
    """The node cannot take messages just now."""

    code = "unavailable"
    status = 503
    retry = "later"


class MessageRefused(TongluError):
    """The message was refused."""

    code: ClassVar[str] = "message_refused"
    status: ClassVar[int] = 422
    message_id: str | None = None
    """The message's id where it could be read."""
    streamseq: int | None = None
    """The message's number where it could be read."""


class InvalidMessage(MessageRefused):
    """The message does not fit its schema."""

    code = "invalid_message"


class UnknownType(MessageRefused):
    """This node does not know the message's type."""

    code = "unknown_type"


class WrongRecipient(MessageRefused):
    """The message is for another node."""

    code = "wrong_recipient"


class WrongSource(MessageRefused):
    """The message does not come from the peer that signed the request."""

    code = "wrong_source"


class NoAgreement(MessageRefused):
    """No agreement in force covers the message."""

    code = "no_agreement"


class PurposeNotAgreed(MessageRefused):
    """The agreement does not cover this purpose."""

    code = "purpose_not_agreed"


class IdReused(MessageRefused):
    """The message's id belongs to another message."""

    code = "id_reused"
    status = 409


class UnknownSealKey(MessageRefused):
    """The person's data cannot be opened with any key of this node."""

    code = "unknown_seal_key"
    retry = "after_fixing"


class QuotaExceeded(MessageRefused):
    """The agreement's monthly quota is used up."""

    code = "quota_exceeded"
    status = 429
    retry = "later"


class Internal(MessageRefused):
    """The node failed on this message."""

    code = "internal"
    status = 500
    retry = "later"
