"""The error tree: each class has its code, its HTTP status and what the caller may do about it.

A class's docstring is its message (an English msgid, `%(name)s` is filled from the facts), so that a page can show
it in the reader's language. Facts go to the problem document and hold no personal data.
"""

import re
from typing import Any, ClassVar, Literal

Retry = Literal["now", "later", "after_fixing", "never"]


class TongluError(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500
    retry: ClassVar[Retry] = "never"
    message: ClassVar[str] = "Something went wrong."

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Take the first line of the docstring as the message."""
        super().__init_subclass__(**kwargs)
        first = (cls.__doc__ or "").strip().splitlines()
        if first:
            cls.message = first[0]

    def __init__(self, detail: str | None = None, **facts: Any) -> None:
        """`detail` (an English msgid) replaces the docstring's first line; `facts` fill it and go to the problem."""
        self.msgid = self.message if detail is None else detail
        self.facts: dict[str, Any] = facts
        super().__init__(self.msgid)

    @property
    def detail(self) -> str:
        """What happened, in English, with its facts filled in."""
        return fill(self.msgid, self.facts)

    def __str__(self) -> str:
        """The detail, prefixed by the code."""
        return f"{self.code}: {self.detail}"


def fill(message: str, facts: dict[str, Any]) -> str:
    """Put facts into a message's `%(name)s` places; a place without its fact shows its name."""
    return re.sub(r"%\((\w+)\)[sd]", lambda place: str(facts.get(place[1], place[1])), message)


def problem_document(error: TongluError, instance: str | None = None) -> dict[str, Any]:
    """The error as an RFC 9457 problem: `type`, `title`, `status`, `detail`, `retry`, `instance`?, and the facts."""
    document: dict[str, Any] = dict(error.facts)
    document |= {
        "type": f"/problems/{error.code}",
        "title": error.code.replace("_", " ").capitalize(),
        "status": error.status,
        "detail": error.detail,
        "retry": error.retry,
    }
    if instance is not None:
        document["instance"] = instance
    return document


# --- Federation: the whole request -------------------------------------------------------------------------------


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


# --- Federation: one message of a batch --------------------------------------------------------------------------


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


# --- The node's own API and pages --------------------------------------------------------------------------------


class LocalError(TongluError):
    """The node refused."""

    code: ClassVar[str] = "local_error"
    status: ClassVar[int] = 400
    retry: ClassVar[Retry] = "after_fixing"


class NotFound(LocalError):
    """Not found, or not in your area."""

    code = "not_found"
    status = 404
    retry = "never"


class Forbidden(LocalError):
    """Your roles do not allow this."""

    code = "forbidden"
    status = 403
    retry = "never"


class InvalidInput(LocalError):
    """Something in the form needs correcting."""

    code = "invalid_input"
    status = 422


class Conflict(LocalError):
    """Somebody changed this in the meantime."""

    code = "conflict"
    status = 409


class SignInFailed(LocalError):
    """Name or password is wrong."""

    code = "sign_in_failed"
    status = 401


class SignInRequired(LocalError):
    """Sign in first."""

    code = "sign_in_required"
    status = 401


class SessionLocked(LocalError):
    """The session is locked; type the password to go on."""

    code = "session_locked"
    status = 401


class TooManyAttempts(LocalError):
    """Too many attempts; try again later."""

    code = "too_many_attempts"
    status = 429
    retry = "later"


class PasswordChangeRequired(LocalError):
    """The one-time password must be changed first."""

    code = "password_change_required"
    status = 403


class CsrfFailed(LocalError):
    """The form is out of date; open the page again."""

    code = "csrf_failed"
    status = 403


class DateInFuture(LocalError):
    """The date lies in the future."""

    code = "date_in_future"
    status = 422


class UnderAge(LocalError):
    """The person is under 14 and is not registered."""

    code = "under_age"
    status = 422
    retry = "never"


class DateOfBirthMissing(LocalError):
    """The date of birth is needed first."""

    code = "date_of_birth_missing"
    status = 409


class WrongState(LocalError):
    """That is not possible in the present state."""

    code = "wrong_state"
    status = 409


class NoConsent(LocalError):
    """The person has not consented to this."""

    code = "no_consent"
    status = 409


class WitnessRequired(LocalError):
    """This consent needs the person's code or a witness officer."""

    code = "witness_required"
    status = 422


class DoNotAskBefore(LocalError):
    """The person refused this; do not ask before %(date)s."""

    code = "do_not_ask_before"
    status = 409
    retry = "later"


class NoAgreementInForce(LocalError):
    """There is no agreement in force with this peer."""

    code = "no_agreement"
    status = 409


class AskedRecently(LocalError):
    """The same question was asked within 30 days."""

    code = "asked_recently"
    status = 409
    retry = "later"


class DailyLimit(LocalError):
    """Today's limit of opened records is reached; a supervisor can release more."""

    code = "daily_limit"
    status = 403
    retry = "later"


class UnknownPeer(LocalError):
    """There is no peer for this region."""

    code = "unknown_peer"
    status = 409


class NoActivePeer(LocalError):
    """The exchange with this peer is not active."""

    code = "no_active_peer"
    status = 409
    retry = "later"


class InvitationRefused(LocalError):
    """The invitation cannot be accepted."""

    code = "invitation_refused"
    status = 422


class LedgerUnreadable(LocalError):
    """The file cannot be read as a ledger."""

    code = "ledger_unreadable"
    status = 422


class IdempotencyMismatch(LocalError):
    """The idempotency key was used with another request."""

    code = "idempotency_mismatch"
    status = 422


class SettingInvalid(LocalError):
    """The setting %(setting)s is wrong."""

    code = "setting_invalid"
    status = 500


class Overloaded(LocalError):
    """The node cannot do this just now; try again."""

    code = "overloaded"
    status = 503
    retry = "later"


class InternalFault(LocalError):
    """A fault on our side; the reference is %(reference)s."""

    code = "internal_fault"
    status = 500
    retry = "later"
