"""Pure decisions about certificates."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from schemas.certificates import (
    VCT,
    CertificateState,
    CheckResult,
    Disclosable,
    StatusValue,
)
from schemas.claims import CertificateKind
from schemas.identity import PersonIdentity
from schemas.problems import DateInFuture, DateOfBirthMissing, InvalidInput, WrongState
from schemas.quarters import Quarter
from service.certificates import sd_jwt
from service.certificates.sealed import Held

MAX_VALID_DAYS = 5 * 366
KEEP_AFTER_EXPIRY = timedelta(days=730)
"""An issued certificate stays two years after its last day, for the office's own proof; then it goes."""


@dataclass(frozen=True, slots=True)
class IssueDraft:
    """What an officer says about a service that a person attended. ``disclose``: what the printed code shows."""

    kind: CertificateKind
    quarter: Quarter
    attended_on: date
    valid_until: date
    disclose: frozenset[Disclosable] = frozenset()


def check_draft(draft: IssueDraft, identity: PersonIdentity, today: date) -> None:
    """Refuse a day in the future, an end that is not after it, another quarter, and a missing date of birth.

    Raises :class:`DateInFuture`, :class:`InvalidInput` (``errors``) or :class:`DateOfBirthMissing`.
    """
    if draft.attended_on > today:
        raise DateInFuture(errors=[{"field": "attended_on", "message": "The date lies in the future."}])
    errors = []
    if Quarter.of(draft.attended_on) != draft.quarter:
        errors.append({"field": "quarter", "message": "The day does not lie in this quarter."})
    if draft.valid_until <= draft.attended_on:
        errors.append({"field": "valid_until", "message": "The last day must be later than the day of the service."})
    elif (draft.valid_until - draft.attended_on).days > MAX_VALID_DAYS:
        errors.append({"field": "valid_until", "message": "A certificate is valid for at most five years."})
    if errors:
        raise InvalidInput(errors=errors)
    if Disclosable.DATE_OF_BIRTH in draft.disclose and identity.date_of_birth is None:
        raise DateOfBirthMissing


def disclosures_of(
    draft: IssueDraft, identity: PersonIdentity, salts: Mapping[Disclosable, bytes]
) -> dict[Disclosable, str]:
    """The disclosures that a certificate can show; none for a date of birth that is not known."""
    values: dict[Disclosable, str] = {Disclosable.KIND: draft.kind.value, Disclosable.NAME: identity.name}
    if identity.date_of_birth is not None:
        values[Disclosable.DATE_OF_BIRTH] = identity.date_of_birth.isoformat()
    return {claim: sd_jwt.disclosure(claim.value, value, salts[claim]) for claim, value in values.items()}


def claims_of(
    draft: IssueDraft, issuer: str, digests: list[str], status_uri: str, status_index: int
) -> dict[str, object]:
    """The signed part. The digests are sorted, so that their order tells nothing (RFC 9901, section 4.2.4.1)."""
    return {
        "vct": VCT,
        "iss": issuer,
        "quarter": str(draft.quarter),
        "attended_on": draft.attended_on.isoformat(),
        "valid_until": draft.valid_until.isoformat(),
        "status": {"status_list": {"idx": status_index, "uri": status_uri}},
        "_sd": sorted(digests),
        "_sd_alg": "sha-256",
    }


def state_of(held: Held, valid_until: date, today: date, *, delivered: bool) -> CertificateState:
    """Where a certificate stands today: what an office set for good, then the date, then the rest."""
    if held == "revoked":
        return CertificateState.REVOKED
    if valid_until < today:
        return CertificateState.EXPIRED
    if held == "suspended":
        return CertificateState.SUSPENDED
    return CertificateState.DELIVERED if delivered else CertificateState.ISSUED


def held_after(held: Held, change: Held) -> Held:
    """The state after *suspend* (``suspended``), *resume* (``issued``) or *revoke* (``revoked``).

    Raises :class:`WrongState` for what changes nothing and for a revoked certificate: revocation is for good.
    """
    if held in {"revoked", change}:
        raise WrongState
    return change


def status_of(held: Held) -> StatusValue:
    """The entry of the status list that says so."""
    return {"issued": StatusValue.VALID, "suspended": StatusValue.SUSPENDED, "revoked": StatusValue.REVOKED}[held]


def result_of(value: int | None, *, current: bool, valid_until: date, today: date) -> CheckResult:
    """What a certificate whose signature holds comes to.

    ``value`` is its entry in the status list at hand, None where there is none; ``current`` whether that list is young
    enough. A revocation is for good, so an old list proves it; that a certificate is *not* revoked or suspended, or
    that a suspension still stands, only a current one proves. A value that we do not know counts as revoked.
    """
    if value not in (None, StatusValue.VALID, StatusValue.SUSPENDED):
        return CheckResult.REVOKED
    if valid_until < today:
        return CheckResult.EXPIRED
    if value is None or not current:
        return CheckResult.NOT_CURRENT
    return CheckResult.SUSPENDED if value == StatusValue.SUSPENDED else CheckResult.VALID
