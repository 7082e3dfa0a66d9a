"""Passkeys (WebAuthn level 2): registered on the own account's page, and a whole sign-in by themselves.

A passkey is two factors in one: the device, and the finger or PIN that opens it (user verification is asked for and
checked). It is bound to the address of the pages (``TONGLU_PAGES_URL`` or ``TONGLU_BASE_URL``): another site's page
gets an answer that does not verify here. Every challenge is random, good for five minutes and once. A counter that goes
back says that the authenticator was copied, and is refused. Failures are counted by the address that they come from.

A passkey opens the lock, too: the session's own officer's, and no one else's.
"""

import json
from collections.abc import Callable
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import webauthn
from sqlmodel import Session, select
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url, options_to_json
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from schemas.entropy import uuid7
from schemas.problems import SignInFailed, WrongState
from service.access_log import record
from service.context import Node
from service.officers import attempts
from service.officers.account import factor_added
from service.officers.attempts import Attempt
from service.officers.factors import has_factor
from service.officers.rules import Officer
from service.officers.sessions import find_session, live_account, open_session, unlock_session
from service.officers.signing_in import note_failure
from service.officers.steps import begin_open_step, begin_step, finish_step, use_open_step
from service.officers.tables import OfficerPasskey

T = TypeVar("T")
MOST_PASSKEYS: Final = 10
NONSENSE: Final = (WebAuthnException, ValueError, KeyError, TypeError, AttributeError, RecursionError)
"""What is said of an answer that is none: nested without end, of the wrong shape, or signed by nobody."""
_CHALLENGE_BYTES: Final = 32


def begin_enrolment(session: Session, node: Node, officer: Officer) -> dict[str, Any]:
    """What the browser needs to make a passkey, and the step that the answer goes back with."""
    known = session.exec(select(OfficerPasskey).where(OfficerPasskey.officer_id == officer.id)).all()
    if len(known) >= MOST_PASSKEYS:
        raise WrongState("Ten passkeys are enough; take one off first.")
    challenge = node.entropy.token_bytes(_CHALLENGE_BYTES)
    options = webauthn.generate_registration_options(
        rp_id=_rp_id(node),
        rp_name=f"同路 {node.name}",
        user_id=officer.id.encode(),
        user_name=officer.name,
        challenge=challenge,
        exclude_credentials=[PublicKeyCredentialDescriptor(id=one.credential_id) for one in known],
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
        ),
    )
    kept = {"challenge": bytes_to_base64url(challenge)}
    step = begin_step(session, node, "enrol", kept, officer_id=officer.id)
    return {"step": step, "options": json.loads(options_to_json(options))}


def enrol(session: Session, node: Node, officer: Officer, *, step: str, credential: str, token: str) -> list[str]:
    """Take the passkey that the browser made; returns recovery codes if the officer had no factor before.

    Raises :class:`SignInFailed` for an answer that does not verify, or another officer's step.
    """
    owner, kept = finish_step(session, node, "enrol", step)
    if owner != officer.id:
        raise SignInFailed
    try:
        made = webauthn.verify_registration_response(
            credential=credential,
            expected_challenge=base64url_to_bytes(kept["challenge"]),
            expected_rp_id=_rp_id(node),
            expected_origin=_origin(node),
            require_user_verification=True,
        )
    except NONSENSE as error:
        raise SignInFailed from error
    if session.exec(select(OfficerPasskey.id).where(OfficerPasskey.credential_id == made.credential_id)).first():
        raise SignInFailed
    first = not has_factor(session, officer.id)
    session.add(
        OfficerPasskey(
            id=uuid7(node.now(), node.entropy),
            officer_id=officer.id,
            credential_id=made.credential_id,
            public_key=made.credential_public_key,
            sign_count=made.sign_count,
            created_at=node.now(),
        )
    )
    session.flush()
    record(session, node, officer.as_actor, "officer.passkey_added", purpose=officer.id)
    return factor_added(session, node, officer, token, first=first)


def begin_sign_in(node: Node) -> dict[str, Any]:
    """What the browser needs to sign in with a passkey; nobody's name is asked or told, and nothing is kept."""
    challenge = node.entropy.token_bytes(_CHALLENGE_BYTES)
    options = webauthn.generate_authentication_options(
        rp_id=_rp_id(node), challenge=challenge, user_verification=UserVerificationRequirement.REQUIRED
    )
    step = begin_open_step(node, "passkey", {"challenge": bytes_to_base64url(challenge)})
    return {"step": step, "options": json.loads(options_to_json(options))}


async def sign_in_with_passkey(node: Node, step: str, credential: str, *, address: str) -> str:
    """Check what the authenticator signed, open a session and return its token.

    Raises :class:`SignInFailed`, or :class:`TooManyAttempts` where many failed from this address.
    """

    def enter(session: Session, row: OfficerPasskey) -> str:
        return open_session(session, node, row.officer_id, "page", way="passkey", second=True, address=address)

    return await _with_passkey(node, step, credential, address, enter)


async def unlock_with_passkey(node: Node, token: str, step: str, credential: str, *, address: str) -> str:
    """Go on with a locked session after its own officer's passkey signed; returns its new token.

    Raises as :func:`sign_in_with_passkey`.
    """

    def go_on(session: Session, row: OfficerPasskey) -> str:
        found = find_session(session, node, token, "page")
        if found is None or found.officer.id != row.officer_id:
            raise SignInFailed
        return unlock_session(session, node, token, row.officer_id)

    return await _with_passkey(node, step, credential, address, go_on)


async def _with_passkey(
    node: Node, step: str, credential: str, address: str, then: Callable[[Session, OfficerPasskey], T]
) -> T:
    attempt = Attempt.of(node, None, address)

    def begin(session: Session) -> bytes | None:
        # Committed before the answer is looked at: a wrong one brings neither the challenge nor the count back.
        attempts.count(session, node, attempt)
        try:
            return base64url_to_bytes(use_open_step(session, node, "passkey", step)["challenge"])
        except SignInFailed:
            return None

    def finish(session: Session) -> T:
        if challenge is None:
            raise SignInFailed
        done = then(session, _verified(session, node, challenge, credential))
        attempts.take_back(session, attempt)
        return done

    challenge = await node.database.write(begin)
    try:
        return await node.database.write(finish)
    except SignInFailed:
        await note_failure(node)
        raise


def _verified(session: Session, node: Node, challenge: bytes, credential: str) -> OfficerPasskey:
    """The passkey that signed the challenge, of an officer who may sign in. Raises :class:`SignInFailed`."""
    try:
        sent = json.loads(credential)
        credential_id = base64url_to_bytes(sent["id"])
        handle = base64url_to_bytes(sent["response"]["userHandle"] or "")
    except NONSENSE as error:
        raise SignInFailed from error
    row = session.exec(
        select(OfficerPasskey).where(OfficerPasskey.credential_id == credential_id).with_for_update()
    ).first()
    if row is None or handle != row.officer_id.encode():
        raise SignInFailed
    try:
        signed = webauthn.verify_authentication_response(
            credential=sent,
            expected_challenge=challenge,
            expected_rp_id=_rp_id(node),
            expected_origin=_origin(node),
            credential_public_key=row.public_key,
            credential_current_sign_count=row.sign_count,
            require_user_verification=True,
        )
    except NONSENSE as error:
        raise SignInFailed from error
    if live_account(session, row.officer_id).must_change_password:
        raise SignInFailed
    row.sign_count = signed.new_sign_count
    row.used_at = node.now()
    session.add(row)
    return row


def _rp_id(node: Node) -> str:
    return urlsplit(node.settings.pages).hostname or ""


def _origin(node: Node) -> str:
    parts = urlsplit(node.settings.pages)
    return f"{parts.scheme}://{parts.netloc}"
