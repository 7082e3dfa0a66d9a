"""Problems of the node's own API, pages and commands."""

from typing import ClassVar

from schemas.problems.base import Retry, TongluError


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


class SecondFactorRequired(LocalError):
    """The second factor is missing: a code of the authenticator, or a recovery code."""

    code = "second_factor_required"
    status = 401


class SecondFactorSetupRequired(LocalError):
    """This node asks for a second factor; set one up on the pages first."""

    code = "second_factor_setup_required"
    status = 403


class ProviderUnavailable(LocalError):
    """The sign-in service cannot be reached; sign in with your password."""

    code = "provider_unavailable"
    status = 503
    retry = "later"


class ProviderRefused(LocalError):
    """The sign-in service did not vouch for an officer of this node."""

    code = "provider_refused"
    status = 401


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


class TooFewJourneys(LocalError):
    """Journeys are compared only where both regions have 20 or more that may be."""

    code = "too_few_journeys"
    status = 409
    retry = "later"


class ReconciledRecently(LocalError):
    """Journeys were compared under this agreement this month."""

    code = "reconciled_recently"
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


class ImportBuiltUpon(LocalError):
    """Somebody has worked with %(count)s records of this import since; it cannot be undone as a whole."""

    code = "import_built_upon"
    status = 409


class BeingImported(LocalError):
    """This ledger is being imported already; the list of ledgers shows how far it is."""

    code = "being_imported"
    status = 409


class UploadGone(LocalError):
    """The file is not held any more; send it again."""

    code = "upload_gone"
    status = 409


class IdempotencyMismatch(LocalError):
    """The idempotency key was used with another request."""

    code = "idempotency_mismatch"
    status = 422


class SettingInvalid(LocalError):
    """The setting %(setting)s is wrong."""

    code = "setting_invalid"
    status = 500


class MethodNotAllowed(LocalError):
    """This address does not take this method."""

    code = "method_not_allowed"
    status = 405
    retry = "never"


class UnsupportedMediaType(LocalError):
    """This address takes application/json."""

    code = "unsupported_media_type"
    status = 415


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
