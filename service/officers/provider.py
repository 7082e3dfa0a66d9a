"""Signing in with a sign-in service of the office's own (OpenID Connect Core 1.0; code flow with PKCE, RFC 7636).

The service says *who* somebody is, and nothing else: accounts are made here, roles and areas are given here, and an
administrator links each account to the service's by hand. It stands in for the password alone: an officer with a
second factor gives it as always, and where the node asks for one, it is asked for.

What must fit: the state (random, good once, and bound to the browser that went away by a cookie), the code's verifier,
and of the ID token the signature (by a key that the service publishes, with an algorithm of the list below, never
``none`` nor a shared secret), issuer, audience, authorised party, times, and the nonce. The service's addresses come
from its discovery document, which must name the very issuer that is set.
"""

import hmac
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final
from urllib.parse import quote_plus, urlencode

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from sqlmodel import Session, col, select

from federation.client import FetchFailedError, SignInClient
from schemas.problems import ProviderRefused, ProviderUnavailable, SignInFailed
from service.context import Node
from service.officers import attempts
from service.officers.administration import provider_link
from service.officers.attempts import Attempt
from service.officers.signing_in import CodeWanted, SignedIn, open_or_ask
from service.officers.steps import begin_open_step, use_open_step
from service.officers.tables import OfficerAccount

ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519")
KEEP: Final = timedelta(hours=1)
"""How long the service's addresses and keys are kept; an unknown key is looked for at once, once a minute."""
LOOK_AGAIN: Final = timedelta(minutes=1)
LEEWAY_SECONDS: Final = 60
NONSENSE: Final = (JoseError, ValueError, KeyError, TypeError, AttributeError, RecursionError)
"""What is said of a token that is none, or that no published key has signed."""
_RANDOM_BYTES: Final = 32


@dataclass(slots=True)
class _Known:
    """What the service published, and when it was read."""

    addresses: dict[str, Any]
    keys: dict[str, Any]
    at: datetime


class Provider:
    """The sign-in service that is set; made once an application, with the client that speaks to it."""

    def __init__(self, node: Node, client: SignInClient) -> None:
        self._node = node
        self._client = client
        self._known: _Known | None = None

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def begin(self) -> tuple[str, str]:
        """Begin a sign-in: where to send the browser, and the state that it must bring back.

        Raises :class:`ProviderUnavailable`.
        """
        node, known = self._node, await self._read()
        nonce, verifier = _random(node), _random(node)
        facts = {"nonce": nonce, "verifier": verifier}
        state = begin_open_step(node, "provider", facts)
        asked = {
            "response_type": "code",
            "client_id": node.settings.oidc_client_id or "",
            "redirect_uri": self._back,
            "scope": "openid" if node.settings.oidc_claim == "sub" else "openid profile email",
            "state": state,
            "nonce": nonce,
            "code_challenge": _unpadded(sha256(verifier.encode()).digest()),
            "code_challenge_method": "S256",
        }
        address = str(known.addresses["authorization_endpoint"])
        return f"{address}{'&' if '?' in address else '?'}{urlencode(asked)}", state

    async def finish(
        self, *, code: str, state: str, cookie: str | None, issuer: str | None, address: str
    ) -> SignedIn | CodeWanted:
        """Finish a sign-in with what the browser brought back.

        Raises :class:`ProviderRefused`, :class:`ProviderUnavailable`, or :class:`TooManyAttempts` where many failed
        from this address.
        """
        node = self._node
        attempt = Attempt.of(node, None, address)
        await node.database.write(lambda session: attempts.count(session, node, attempt))
        if not cookie or not hmac.compare_digest(cookie.encode(), state.encode()):
            raise ProviderRefused
        if issuer is not None and issuer != node.settings.oidc_issuer:
            raise ProviderRefused
        try:
            facts = await node.database.write(lambda session: use_open_step(session, node, "provider", state))
        except SignInFailed as error:
            raise ProviderRefused from error
        claims = await self._claims(await self._token(code, facts["verifier"]), facts["nonce"])
        who = claims.get(node.settings.oidc_claim)
        if not isinstance(who, str) or not who:
            raise ProviderRefused

        def open_for(session: Session) -> SignedIn | CodeWanted:
            link = provider_link(node, who)
            account = session.exec(
                select(OfficerAccount).where(
                    OfficerAccount.provider_link == link, col(OfficerAccount.disabled_at).is_(None)
                )
            ).first()
            if account is None:
                raise ProviderRefused
            attempts.take_back(session, attempt)
            return open_or_ask(session, node, account.id, None, address=address, door="page", way="provider")

        return await node.database.write(open_for)

    @property
    def _back(self) -> str:
        return f"{self._node.settings.pages}/signin/provider/done"

    async def _token(self, code: str, verifier: str) -> str:
        node, known = self._node, await self._read()
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": self._back, "code_verifier": verifier}
        client_id, secret = node.settings.oidc_client_id or "", node.settings.read_oidc_secret()
        if secret is None:
            form["client_id"] = client_id
        try:
            answer = await self._client.post_form(
                str(known.addresses["token_endpoint"]), form, _basic(client_id, secret)
            )
        except FetchFailedError as error:
            raise ProviderUnavailable from error
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise ProviderRefused
        return token

    async def _claims(self, token: str, nonce: str) -> dict[str, Any]:
        known = await self._read()
        try:
            claims = _verified(token, known.keys)
        except NONSENSE:
            # The service may have new keys since; whoever sends nonsense does not make us ask for each of it.
            if self._node.now() - known.at < LOOK_AGAIN:
                raise ProviderRefused from None
            try:
                claims = _verified(token, (await self._read(anew=True)).keys)
            except NONSENSE:
                raise ProviderRefused from None
        settings, now = self._node.settings, self._node.now().timestamp()
        audience = claims.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        fits = (
            claims.get("iss") == settings.oidc_issuer,
            settings.oidc_client_id in audiences,
            claims.get("azp", settings.oidc_client_id) == settings.oidc_client_id,
            len(audiences) == 1 or "azp" in claims,
            _number(claims.get("exp")) > now - LEEWAY_SECONDS,
            0 < _number(claims.get("iat")) <= now + LEEWAY_SECONDS,
            isinstance(claims.get("nonce"), str) and hmac.compare_digest(claims["nonce"].encode(), nonce.encode()),
        )
        if not all(fits):
            raise ProviderRefused
        return claims

    async def _read(self, *, anew: bool = False) -> _Known:
        now = self._node.now()
        if self._known is not None and not anew and now - self._known.at < KEEP:
            return self._known
        issuer = self._node.settings.oidc_issuer or ""
        try:
            addresses = await self._client.get_json(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
            if addresses.get("issuer") != issuer:
                raise ProviderUnavailable
            keys = await self._client.get_json(str(addresses["jwks_uri"]))
            for name in ("authorization_endpoint", "token_endpoint"):
                if not str(addresses[name]).startswith(("https://", "http://")):
                    raise ProviderUnavailable
        except (FetchFailedError, KeyError) as error:
            raise ProviderUnavailable from error
        self._known = _Known(addresses, keys, now)
        return self._known


def _basic(client_id: str, secret: str | None) -> tuple[str, str] | None:
    """Name and password of HTTP Basic, encoded as forms are (RFC 6749, 2.3.1); none for a public client."""
    return None if secret is None else (quote_plus(client_id), quote_plus(secret))


def _verified(token: str, keys: dict[str, Any]) -> dict[str, Any]:
    found = jwt.decode(token, KeySet.import_key_set({"keys": keys["keys"]}), algorithms=list(ALGORITHMS))
    return dict(found.claims)


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0


def _random(node: Node) -> str:
    return _unpadded(node.entropy.token_bytes(_RANDOM_BYTES))


def _unpadded(octets: bytes) -> str:
    return urlsafe_b64encode(octets).rstrip(b"=").decode()
