"""What officers do with certificates: issue, suspend, resume, revoke, deliver home.

Each action opens the person's record through the register's logged door, and works on that one person's certificates.
"""

from dataclasses import dataclass
from datetime import date

from sqlmodel import Session

from federation.keys import b64url
from schemas.certificates import SD_JWT_TYPE, CertificateState, Disclosable
from schemas.entropy import uuid4
from schemas.quarters import Quarter
from service.access_log import record_under
from service.certificates import delivery, rules, sd_jwt
from service.certificates.rules import IssueDraft
from service.certificates.sealed import (
    Held,
    IssuedContent,
    find_issued,
    person_link,
    seal_issued,
)
from service.certificates.status_lists import set_entry, status_uri, take_entry
from service.certificates.tables import Certificate
from service.context import Node
from service.officers.rules import Officer, Role, require
from service.registry.people import OpenPerson, find_person, unseal_person

PURPOSE = "persons_request"


@dataclass(frozen=True, slots=True)
class CertificateView:
    """One certificate as its person's office and the person see it; ``text`` is what the QR code holds."""

    id: str
    state: CertificateState
    quarter: Quarter
    attended_on: date
    valid_until: date
    text: str
    kind: str
    shown: tuple[Disclosable, ...]
    home_region: str | None
    delivered: bool


def issue_certificate(
    session: Session, node: Node, person_id: str, draft: IssueDraft, *, by: Officer
) -> CertificateView:
    """Issue a certificate, and deliver it home where the person wants that.

    ``draft.disclose`` decides what the printed code shows; the other claims stay with the office and the person's own
    page. Raises :class:`NotFound`, :class:`DateInFuture`, :class:`InvalidInput`, :class:`DateOfBirthMissing`.
    """
    require(by, Role.CLERK, Role.SUPERVISOR)
    person = unseal_person(
        session,
        node,
        find_person(session, node, person_id, by),
        actor=by.as_actor,
        action="certificate.issued",
        purpose=PURPOSE,
        fields=("identity",),
    )
    rules.check_draft(draft, person.identity, node.today())
    number, index = take_entry(session, node)
    salts = {claim: node.entropy.token_bytes(sd_jwt.SALT_BYTES) for claim in Disclosable}
    disclosures = rules.disclosures_of(draft, person.identity, salts)
    # A claim that is not known has a digest all the same, of nothing: the number of digests tells nothing.
    digests = [
        sd_jwt.digest(disclosures[claim]) if claim in disclosures else sd_jwt.digest(b64url(salts[claim]))
        for claim in Disclosable
    ]
    claims = rules.claims_of(draft, node.fed.source, digests, status_uri(node, number), index)
    key = node.fed.keys.current("certificate")
    header = {"alg": "Ed25519", "kid": key.kid, "typ": SD_JWT_TYPE}
    content = IssuedContent(
        token=sd_jwt.sign(header, claims, key.sign),
        disclosures=disclosures,
        shown=tuple(claim for claim in Disclosable if claim in draft.disclose),
        quarter=draft.quarter,
        attended_on=draft.attended_on,
        valid_until=draft.valid_until,
        status_list=number,
        status_index=index,
    )
    # Not a UUIDv7: the id is in messages and addresses, and need not tell when the certificate was issued.
    certificate_id = uuid4(node.entropy)
    row = Certificate(
        id=certificate_id,
        link=person_link(node, person.key),
        purge_on=draft.valid_until + rules.KEEP_AFTER_EXPIRY,
        sealed=b"",
    )
    content = delivery.deliver_home(session, node, person, certificate_id, content)
    return _keep(session, node, person.key, row, content)


def change_certificate(
    session: Session, node: Node, person_id: str, certificate_id: str, change: Held, *, by: Officer
) -> CertificateView:
    """Suspend (``suspended``), resume (``issued``) or revoke (``revoked``) one certificate of this person.

    The status list says so at once, and so does a message to the region it was delivered to. Raises
    :class:`NotFound` for a certificate of anyone else, :class:`WrongState`.
    """
    require(by, Role.CLERK, Role.SUPERVISOR)
    action = {"suspended": "certificate.suspended", "issued": "certificate.resumed", "revoked": "certificate.revoked"}
    person = _opened(session, node, person_id, by, action[change])
    row, content = find_issued(session, node, person.key, certificate_id)
    content = content.model_copy(update={"held": rules.held_after(content.held, change)})
    set_entry(session, content.status_list, content.status_index, rules.status_of(content.held))
    delivery.tell_home(session, node, certificate_id, content)
    return _keep(session, node, person.key, row, content)


def deliver_certificate(
    session: Session, node: Node, person_id: str, certificate_id: str, *, by: Officer
) -> CertificateView:
    """Deliver a certificate home that was issued before the person wanted that, or before the line was there.

    Raises :class:`NotFound`, :class:`NoConsent`, :class:`NoAgreementInForce`, :class:`UnknownPeer`,
    :class:`WrongState` (delivered already, or not in force).
    """
    require(by, Role.CLERK, Role.SUPERVISOR)
    person = _opened(session, node, person_id, by, "certificate.delivered")
    row, content = find_issued(session, node, person.key, certificate_id)
    content = delivery.deliver_now(session, node, person, certificate_id, content)
    return _keep(session, node, person.key, row, content)


def view_of(session: Session, node: Node, row: Certificate, content: IssuedContent) -> CertificateView:
    """A certificate as it stands today."""
    delivered = delivery.is_delivered(session, content)
    return CertificateView(
        id=row.id,
        state=rules.state_of(content.held, content.valid_until, node.today(), delivered=delivered),
        quarter=content.quarter,
        attended_on=content.attended_on,
        valid_until=content.valid_until,
        text=content.text,
        kind=sd_jwt.disclosed_value(content.disclosures[Disclosable.KIND]),
        shown=content.shown,
        home_region=content.home_region,
        delivered=delivered,
    )


def log_seen(session: Session, node: Node, key: bytes, by: Officer, action: str) -> None:
    """Log that an officer saw or printed a certificate."""
    record_under(session, node, by.as_actor, action, key=key, purpose=PURPOSE, fields=("certificate",))


def _opened(session: Session, node: Node, person_id: str, by: Officer, action: str) -> OpenPerson:
    found = find_person(session, node, person_id, by)
    return unseal_person(
        session, node, found, actor=by.as_actor, action=action, purpose=PURPOSE, fields=("certificate",)
    )


def _keep(session: Session, node: Node, key: bytes, row: Certificate, content: IssuedContent) -> CertificateView:
    row.sealed = seal_issued(node, key, row.id, content)
    session.add(row)
    session.flush()
    return view_of(session, node, row, content)
