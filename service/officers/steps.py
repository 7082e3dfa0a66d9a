"""What a sign-in or an enrolment must be finished with, between two requests: kept sealed, good once, for minutes.

The browser gets a random token, the database its SHA-256: any process can finish what another one began.
"""

import json
from datetime import timedelta
from hashlib import sha256
from typing import Any, Literal

from sqlmodel import Session, col, delete

from federation.keys import b64url
from schemas.problems import SignInFailed
from service.context import Node
from service.officers.tables import SignInStep

Kind = Literal["code", "enrol", "passkey", "provider"]
"""The second factor after the password; a passkey to enrol; one to sign in with; the way to the sign-in service."""

LIFE = timedelta(minutes=5)
PROVIDER_LIFE = timedelta(minutes=10)
_TOKEN_BYTES = 32


def begin_step(
    session: Session, node: Node, kind: Kind, facts: dict[str, Any], *, officer_id: str | None = None
) -> str:
    """Keep what the next request must fit, and return the token that finds it."""
    token = b64url(node.entropy.token_bytes(_TOKEN_BYTES))
    life = PROVIDER_LIFE if kind == "provider" else LIFE
    session.add(
        SignInStep(
            token_hash=_hash(token),
            kind=kind,
            officer_id=officer_id,
            sealed=node.vault.seal_secret(_context(token), json.dumps(facts).encode()),
            expires_at=node.now() + life,
        )
    )
    return token


def look_at_step(session: Session, node: Node, kind: Kind, token: str) -> tuple[str | None, dict[str, Any]]:
    """Whose step it is and what was kept. Raises :class:`SignInFailed`: unknown, of another kind, used, or too old."""
    row = session.get(SignInStep, _hash(token))
    if row is None or row.kind != kind or row.expires_at <= node.now():
        raise SignInFailed
    facts: dict[str, Any] = json.loads(node.vault.open_secret(_context(token), row.sealed))
    return row.officer_id, facts


def finish_step(session: Session, node: Node, kind: Kind, token: str) -> tuple[str | None, dict[str, Any]]:
    """Do as :func:`look_at_step`, and use the step up."""
    found = look_at_step(session, node, kind, token)
    used = session.exec(delete(SignInStep).where(col(SignInStep.token_hash) == _hash(token)))
    if used.rowcount != 1:
        raise SignInFailed
    return found


def drop_steps(session: Session, officer_id: str) -> None:
    """Forget what an officer had begun."""
    session.exec(delete(SignInStep).where(col(SignInStep.officer_id) == officer_id))


def purge_steps(session: Session, node: Node) -> None:
    """Delete steps that are too old to be finished."""
    session.exec(delete(SignInStep).where(col(SignInStep.expires_at) <= node.now()))


def _hash(token: str) -> bytes:
    return sha256(token.encode("utf-8", "surrogatepass")).digest()


def _context(token: str) -> str:
    return f"sign_in_step.sealed:{_hash(token).hex()}"
