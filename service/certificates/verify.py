"""Checking a certificate, offline: its signature against pinned keys, its status against a list fetched ahead.

Nothing is fetched here and nobody is told that a certificate was shown. What cannot be proven is never called valid:
text that is not exactly a certificate of a known region is ``altered`` or of an ``unknown_issuer``, and without a
status list younger than seven days the answer is ``not_current``.
"""

from datetime import date, datetime
from typing import Any

from pydantic import ValidationError
from sqlmodel import Session, col, select

from federation.keys import Jwk, verifies
from federation.tables import Peer, PeerKey, PeerState
from schemas.certificates import (
    MAX_CERTIFICATE_CHARACTERS,
    SD_JWT_TYPE,
    STATUS_LIST_MAX_AGE_SECONDS,
    CertificateCheck,
    CertificateClaims,
    CheckResult,
    DisclosedClaims,
)
from service.certificates import sd_jwt
from service.certificates.peer_lists import cached_entry
from service.certificates.rules import result_of
from service.certificates.sd_jwt import SdJwt, SdJwtMalformed
from service.certificates.status_lists import number_in, own_entry
from service.context import Node

SIGNATURE_ALGORITHM = "Ed25519"


class Altered(Exception):
    """The text is not a certificate as its issuer signed it."""


class UnknownIssuer(Exception):
    """The text may be a certificate, but of a region or a key that is not pinned here."""


def check_certificate(session: Session, node: Node, text: str) -> CertificateCheck:
    """Check one certificate, as its QR code holds it; spaces and line breaks around and within are left out.

    Never raises for what was typed: every input comes to one of the seven results.
    """
    now = node.now()
    try:
        claims, disclosed = read_certificate(session, node, text)
    except (Altered, UnknownIssuer) as error:
        result = CheckResult.ALTERED if isinstance(error, Altered) else CheckResult.UNKNOWN_ISSUER
        return CertificateCheck(result=result, checked_at=now, claims={})
    value, issued_at = _status(session, node, claims, now)
    age_seconds = None if issued_at is None else max(0.0, (now - issued_at).total_seconds())
    result = result_of(
        value,
        current=age_seconds is not None and age_seconds <= STATUS_LIST_MAX_AGE_SECONDS,
        valid_until=claims.valid_until,
        today=node.today(),
    )
    return CertificateCheck(
        result=result,
        status_age_hours=None if age_seconds is None else int(age_seconds // 3600),
        checked_at=now,
        claims=_shown(session, node, claims, disclosed),
    )


def read_certificate(session: Session, node: Node, text: str) -> tuple[CertificateClaims, DisclosedClaims]:
    """What a certificate says, once its signature and its disclosures are verified.

    Raises :class:`Altered` or :class:`UnknownIssuer`.
    """
    text = "".join(text.split())
    if len(text) > MAX_CERTIFICATE_CHARACTERS:
        raise Altered
    try:
        token = sd_jwt.parse(text)
        claims = CertificateClaims.model_validate(token.payload)
    except (SdJwtMalformed, ValidationError):
        raise Altered from None
    header = token.header
    if header.get("alg") != SIGNATURE_ALGORITHM or header.get("typ") != SD_JWT_TYPE or "crit" in header:
        raise Altered
    jwk = issuer_key(session, node, claims.region, header.get("kid"))
    if jwk is None:
        raise UnknownIssuer
    if not verifies(jwk, token.signature, token.signed):
        raise Altered
    return claims, _disclosed(token)


def issuer_key(session: Session, node: Node, region: str, kid: object) -> Jwk | None:
    """The pinned certificate key of a region that has this id; retired keys verify what they signed.

    None for a region that is no peer or whose trust was ended, and for a key that was compromised: when a certificate
    was signed nobody can prove, so such a key verifies none.
    """
    if not isinstance(kid, str):
        return None
    if region == node.region:
        own = node.fed.keys.of_kid(kid)
        return own.jwk if own is not None and own.use == "certificate" else None
    peer = session.get(Peer, region)
    found = session.get(PeerKey, kid)
    if peer is None or peer.state in (PeerState.REVOKED, PeerState.PAPER) or found is None:
        return None
    fits = found.region == region and found.tonglu_use == "certificate" and found.compromised_from is None
    return dict(found.jwk) if fits else None


def _disclosed(token: SdJwt) -> DisclosedClaims:
    try:
        revealed = sd_jwt.reveal(token)
        hidden = {name: value for name, value in revealed.items() if name not in token.payload}
        return DisclosedClaims.model_validate(hidden)
    except (SdJwtMalformed, ValidationError):
        raise Altered from None


def _status(
    session: Session, node: Node, claims: CertificateClaims, now: datetime
) -> tuple[int | None, datetime | None]:
    """The certificate's entry and the moment for which it holds; the entry is None where no list has it."""
    reference = claims.status.status_list
    number = number_in(reference.uri)
    if number is None:
        return None, None
    if claims.region == node.region:
        return own_entry(session, number, reference.idx), now
    return cached_entry(session, claims.region, number, reference.idx)


def _shown(session: Session, node: Node, claims: CertificateClaims, disclosed: DisclosedClaims) -> dict[str, Any]:
    shown: dict[str, date | str | None] = {
        "region": claims.region,
        "region_name": _region_name(session, node, claims.region),
        "quarter": str(claims.quarter),
        "attended_on": claims.attended_on.isoformat(),
        "valid_until": claims.valid_until.isoformat(),
    }
    return {**shown, **disclosed.model_dump(mode="json", exclude_none=True)}


def _region_name(session: Session, node: Node, region: str) -> str:
    if region == node.region:
        return node.name
    found = session.exec(select(Peer.name).where(col(Peer.region) == region)).first()
    return found or region
