"""What a sign-in or an enrolment must be finished with, between two requests: kept sealed, good once, for minutes.

The browser gets a random token, the database its SHA-256: any process can finish what another one began. An officer has
at most ten such steps of a kind; the oldest goes.

What anybody may begin without saying who they are (a passkey's challenge, the way to the sign-in service) leaves no
row, or a visitor could fill the disk: the facts travel to the browser and back, sealed under the node's key, and only
that they were used is kept, for as long as they would be good.
"""

import json
from base64 import urlsafe_b64decode
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final, Literal

from sqlmodel import Session, col, delete, select

from federation.keys import b64url
from schemas.problems import SignInFailed
from service.context import Node
from service.officers.tables import SignInStep
from service.vault import VaultError

Kind = Literal["code", "enrol", "totp"]
"""The second factor after the password; a passkey or an authenticator to enrol."""
OpenKind = Literal["passkey", "provider"]
"""What anybody may begin: signing in with a passkey, and by the sign-in service."""
MOST: Final = 10
_USED: Final = "used"
_MOST_CHARACTERS: Final = 2_000

LIFE = timedelta(minutes=5)
PROVIDER_LIFE = timedelta(minutes=10)
_TOKEN_BYTES = 32


def begin_step(session: Session, node: Node, kind: Kind, facts: dict[str, Any], *, officer_id: str) -> str:
    """Keep what the next request must fit, and return the token that finds it."""
    token = b64url(node.entropy.token_bytes(_TOKEN_BYTES))
    earlier = select(SignInStep).where(SignInStep.officer_id == officer_id, SignInStep.kind == kind)
    for row in session.exec(earlier.order_by(col(SignInStep.expires_at).desc()).offset(MOST - 1)).all():
        session.delete(row)
    session.add(
        SignInStep(
            token_hash=_hash(token),
            kind=kind,
            officer_id=officer_id,
            sealed=node.vault.seal_secret(_context(token), json.dumps(facts).encode()),
            expires_at=node.now() + LIFE,
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


def begin_open_step(node: Node, kind: OpenKind, facts: dict[str, Any]) -> str:
    """Seal what the next request must fit into the token that it brings back; nothing is kept."""
    until = node.now() + (PROVIDER_LIFE if kind == "provider" else LIFE)
    content = json.dumps({"until": until.isoformat()} | facts).encode()
    return b64url(node.vault.seal_secret(_open_context(kind), content))


def use_open_step(session: Session, node: Node, kind: OpenKind, token: str) -> dict[str, Any]:
    """Open what was sealed, and use it up. Raises :class:`SignInFailed`: not ours, of another kind, used, too old."""
    try:
        given = token[:_MOST_CHARACTERS]
        sealed = urlsafe_b64decode(given + "=" * (-len(given) % 4))
        facts: dict[str, Any] = json.loads(node.vault.open_secret(_open_context(kind), sealed))
    except (ValueError, VaultError) as error:
        raise SignInFailed from error
    until, key = datetime.fromisoformat(facts.pop("until")), sha256(sealed).digest()
    if until <= node.now() or session.get(SignInStep, key) is not None:
        raise SignInFailed
    session.add(SignInStep(token_hash=key, kind=_USED, sealed=b"", expires_at=until))
    session.flush()
    return facts


def drop_steps(session: Session, officer_id: str) -> None:
    """Forget what an officer had begun."""
    session.exec(delete(SignInStep).where(col(SignInStep.officer_id) == officer_id))


def purge_steps(session: Session, node: Node) -> None:
    """Delete steps that are too old to be finished."""
    session.exec(delete(SignInStep).where(col(SignInStep.expires_at) <= node.now()))


def _open_context(kind: OpenKind) -> str:
    return f"sign_in_step.open:{kind}"


def _hash(token: str) -> bytes:
    return sha256(token.encode("utf-8", "surrogatepass")).digest()


def _context(token: str) -> str:
    return f"sign_in_step.sealed:{_hash(token).hex()}"
