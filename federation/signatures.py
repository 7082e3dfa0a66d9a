"""HTTP message signatures of requests and answers (RFC 9421, Ed25519), of one exact shape each.

A *request* is signed over exactly, and in this order, ``"@method" "@target-uri" "content-type" "content-digest"``, or
without a body over ``"@method" "@target-uri"``; with exactly the parameters ``created``, ``expires`` (five minutes
later), ``nonce``, ``keyid``, ``alg`` and ``tag``. An *answer* is signed over its status, its content and the request
that it answers, so that it can be neither moved to another request nor taken for another node's.

RFC 9421 leaves the choice of components to the signer; leaving it to an attacker would be a hole. So nothing is
negotiated: a ``Signature-Input`` that is not word for word of our shape (parameters may stand in any order) is
refused before any key is looked at, and every value that enters the signature base is built here from the raw request
and our own base URL, never from what the message says about itself. The algorithm comes from the pinned key.
"""

import re
from base64 import b64decode, b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from federation.keys import Jwk, NodeKeys, b64url, b64url_bytes, verifies
from schemas.entropy import Entropy
from schemas.problems import ClockSkew, DigestMismatch, Unauthenticated

LABEL = "tonglu"
REQUEST_TAG = "tonglu-v1"
ANSWER_TAG = "tonglu-answer-v1"
LIFETIME_SECONDS = 300

_BODY_REQUEST = '("@method" "@target-uri" "content-type" "content-digest")'
_BARE_REQUEST = '("@method" "@target-uri")'
_OF_REQUEST = f'"signature";req;key="{LABEL}" "signature-input";req;key="{LABEL}"'
_BODY_ANSWER = f'("@status" "content-type" "content-digest" "content-digest";req {_OF_REQUEST})'
_BARE_ANSWER = f'("@status" "content-type" "content-digest" {_OF_REQUEST})'

_LONGEST_INPUT = 500

_REQUEST_PARAMETERS = frozenset({"created", "expires", "nonce", "keyid", "alg", "tag"})
_ANSWER_PARAMETERS = frozenset({"created", "keyid", "alg", "tag"})

_INPUT = re.compile(
    rf'{LABEL}=(?P<components>\([^()]*\))(?P<parameters>(?:; *[a-z]+=(?:[0-9]{{1,12}}|"[ -!#-\[\]-~]*"))*)', re.ASCII
)
_PARAMETER = re.compile(r'; *([a-z]+)=([0-9]+|"[^"]*")', re.ASCII)
_SIGNATURE = re.compile(rf"{LABEL}=:([A-Za-z0-9+/]{{86}}==):", re.ASCII)
_DIGEST = re.compile(r"sha-256=:([A-Za-z0-9+/]{43}=):", re.ASCII)
_FIELD_VALUE = re.compile(r"[ -~]*", re.ASCII)

Headers = Sequence[tuple[str, str]]
"""Header fields as they came, names in lower case, repeated ones repeated."""


@dataclass(frozen=True)
class SignedRequest:
    """Every value that a request's signature covers, and its two signature fields as sent; ``content_type`` and
    ``content_digest`` are empty for a request without a body.
    """

    method: str
    target_uri: str
    content_type: str
    content_digest: str
    signature_input: str
    signature: str
    keyid: str
    created: int
    expires: int
    nonce: str

    @property
    def has_body(self) -> bool:
        """Whether a body is covered."""
        return self.content_digest != ""

    def headers(self) -> dict[str, str]:
        """The header fields that carry the signature."""
        fields = {"content-type": self.content_type, "content-digest": self.content_digest}
        signature = {"signature-input": self.signature_input, "signature": self.signature}
        return (fields if self.has_body else {}) | signature


@dataclass(frozen=True)
class SignedAnswer:
    """Every value that an answer's signature covers beside the request's, its signature fields, and its body."""

    status: int
    content_type: str
    content_digest: str
    signature_input: str
    signature: str
    body: bytes
    keyid: str

    @property
    def created(self) -> int:
        """When the answerer signed, by its own clock (seconds since 1970)."""
        return int(_parameters_of(self.signature_input)["created"])

    def headers(self) -> dict[str, str]:
        """The header fields of the answer."""
        return {
            "content-type": self.content_type,
            "content-digest": self.content_digest,
            "signature-input": self.signature_input,
            "signature": self.signature,
        }


def content_digest(body: bytes) -> str:
    """The ``Content-Digest`` of raw bytes (RFC 9530), always ``sha-256``."""
    return f"sha-256=:{b64encode(sha256(body).digest()).decode()}:"


def signature_base(components: Iterable[tuple[str, str]], parameters: str) -> bytes:
    """The signature base of RFC 9421, section 2.5: ``components`` are serialised identifiers and their values,
    ``parameters`` the value of ``@signature-params``.
    """
    lines = [f"{identifier}: {value}" for identifier, value in components]
    lines.append(f'"@signature-params": {parameters}')
    return "\n".join(lines).encode("ascii")


# --- Requests ----------------------------------------------------------------------------------------------------


def sign_request(
    keys: NodeKeys,
    method: str,
    target_uri: str,
    *,
    content_type: str = "",
    body: bytes = b"",
    now: datetime,
    entropy: Entropy,
    kid: str | None = None,
) -> SignedRequest:
    """Sign a request at ``now`` with a fresh nonce; without a body ``content_type`` and ``body`` are empty.

    ``kid`` names a retired transport key that is still to sign (``rotation``); without it the one in force does.
    """
    key = keys.signer(kid)
    created, nonce, keyid = int(now.timestamp()), b64url(entropy.token_bytes(16)), key.kid
    components = _BODY_REQUEST if body else _BARE_REQUEST
    parameters = (
        f'{components};created={created};expires={created + LIFETIME_SECONDS};nonce="{nonce}"'
        f';keyid="{keyid}";alg="ed25519";tag="{REQUEST_TAG}"'
    )
    digest = content_digest(body) if body else ""
    base = _request_base(method, target_uri, content_type, digest, parameters)
    return SignedRequest(
        method=method,
        target_uri=target_uri,
        content_type=content_type,
        content_digest=digest,
        signature_input=f"{LABEL}={parameters}",
        signature=_signature_field(key.sign(base)),
        keyid=keyid,
        created=created,
        expires=created + LIFETIME_SECONDS,
        nonce=nonce,
    )


def read_request(method: str, target_uri: str, headers: Headers, *, has_body: bool) -> SignedRequest:
    """What a request claims, before any key is known; raises ``Unauthenticated`` unless it is exactly of our shape."""
    if not _FIELD_VALUE.fullmatch(target_uri):
        raise Unauthenticated
    if has_body:
        content_type, digest = _one(headers, "content-type"), _one(headers, "content-digest")
    elif any(name in ("content-type", "content-digest") for name, _ in headers):
        raise Unauthenticated
    else:
        content_type = digest = ""
    field = _one(headers, "signature-input")
    signature = _one(headers, "signature")
    given = _parameters(field, _BODY_REQUEST if has_body else _BARE_REQUEST, _REQUEST_PARAMETERS, REQUEST_TAG)
    created, expires = _number(given["created"]), _number(given["expires"])
    nonce = _text(given["nonce"])
    if expires != created + LIFETIME_SECONDS or not _is_nonce(nonce) or not _SIGNATURE.fullmatch(signature):
        raise Unauthenticated
    keyid = _text(given["keyid"])
    return SignedRequest(
        method, target_uri, content_type, digest, field, signature, keyid, created, expires, nonce
    )  # fmt: skip


def verify_request(request: SignedRequest, jwk: Jwk) -> None:
    """Raise ``Unauthenticated`` unless the pinned transport key ``jwk`` signed exactly this request."""
    base = _request_base(
        request.method,
        request.target_uri,
        request.content_type,
        request.content_digest,
        _canonical_parameters(request.signature_input),
    )
    is_transport = jwk.get("tonglu_use") == "transport" and jwk.get("kid") == request.keyid
    if not is_transport or not verifies(jwk, _signature_bytes(request.signature), base):
        raise Unauthenticated


def check_digest(request: SignedRequest, body: bytes) -> None:
    """Raise ``DigestMismatch`` unless the raw ``body`` is the one that the (verified) digest names."""
    if not _DIGEST.fullmatch(request.content_digest) or request.content_digest != content_digest(body):
        raise DigestMismatch


def check_clock(request: SignedRequest, now: datetime) -> None:
    """Raise ``ClockSkew`` unless ``created`` - 300 s ≤ ``now`` ≤ ``expires``; ``offset_seconds`` tells how far the
    sender's clock is ahead (behind, if negative).
    """
    moment = now.timestamp()
    if not request.created - LIFETIME_SECONDS <= moment <= request.expires:
        raise ClockSkew(offset_seconds=round(request.created - moment))


# --- Answers -----------------------------------------------------------------------------------------------------


def sign_answer(
    keys: NodeKeys,
    request: SignedRequest,
    *,
    status: int,
    content_type: str,
    body: bytes,
    now: datetime,
    kid: str | None = None,
) -> SignedAnswer:
    """Sign the answer to ``request`` at ``now``; ``kid`` as for a request."""
    key = keys.signer(kid)
    keyid, digest = key.kid, content_digest(body)
    components = _BODY_ANSWER if request.has_body else _BARE_ANSWER
    parameters = f'{components};created={int(now.timestamp())};keyid="{keyid}";alg="ed25519";tag="{ANSWER_TAG}"'
    base = _answer_base(request, status, content_type, digest, parameters)
    return SignedAnswer(
        status=status,
        content_type=content_type,
        content_digest=digest,
        signature_input=f"{LABEL}={parameters}",
        signature=_signature_field(key.sign(base)),
        body=body,
        keyid=keyid,
    )


def verify_answer(
    request: SignedRequest, *, status: int, headers: Headers, body: bytes, keys: Iterable[Jwk]
) -> SignedAnswer:
    """The answer, once one of the pinned transport ``keys`` is seen to have signed it for this very request.

    Raises ``Unauthenticated`` when it did not; the answer's age is not checked, for it is bound to a fresh request.
    """
    content_type, digest = _one(headers, "content-type"), _one(headers, "content-digest")
    field, signature = _one(headers, "signature-input"), _one(headers, "signature")
    components = _BODY_ANSWER if request.has_body else _BARE_ANSWER
    keyid = _text(_parameters(field, components, _ANSWER_PARAMETERS, ANSWER_TAG)["keyid"])
    if digest != content_digest(body) or not _SIGNATURE.fullmatch(signature):
        raise Unauthenticated
    base = _answer_base(request, status, content_type, digest, _canonical_parameters(field))
    for jwk in keys:
        is_transport = jwk.get("tonglu_use") == "transport" and jwk.get("kid") == keyid
        if is_transport and verifies(jwk, _signature_bytes(signature), base):
            return SignedAnswer(status, content_type, digest, field, signature, body, keyid)
    raise Unauthenticated


# --- The pieces --------------------------------------------------------------------------------------------------


def _request_base(method: str, target: str, content_type: str, digest: str, parameters: str) -> bytes:
    components = [('"@method"', method), ('"@target-uri"', target)]
    if digest:
        components += [('"content-type"', content_type), ('"content-digest"', digest)]
    return signature_base(components, parameters)


def _answer_base(request: SignedRequest, status: int, content_type: str, digest: str, parameters: str) -> bytes:
    components = [
        ('"@status"', str(status)),
        ('"content-type"', content_type),
        ('"content-digest"', digest),
    ]
    if request.has_body:
        components.append(('"content-digest";req', request.content_digest))
    components += [
        (f'"signature";req;key="{LABEL}"', request.signature.removeprefix(f"{LABEL}=")),
        (f'"signature-input";req;key="{LABEL}"', _canonical_parameters(request.signature_input)),
    ]
    return signature_base(components, parameters)


def _one(headers: Headers, name: str) -> str:
    values = [value.strip(" \t") for field, value in headers if field == name]
    if len(values) != 1 or not values[0] or not _FIELD_VALUE.fullmatch(values[0]):
        raise Unauthenticated
    return values[0]


def _parameters(field: str, components: str, expected: frozenset[str], tag: str) -> dict[str, str]:
    shape = _INPUT.fullmatch(field) if len(field) <= _LONGEST_INPUT else None
    if shape is None or shape["components"] != components:
        raise Unauthenticated
    pairs = _PARAMETER.findall(shape["parameters"])
    given: dict[str, str] = dict(pairs)
    if len(pairs) != len(expected) or set(given) != expected:
        raise Unauthenticated
    if given["alg"] != '"ed25519"' or given["tag"] != f'"{tag}"':
        raise Unauthenticated
    _number(given["created"])
    return given


def _parameters_of(field: str) -> dict[str, str]:
    """The parameters of a ``Signature-Input`` whose shape was checked."""
    shape = _INPUT.fullmatch(field)
    return dict(_PARAMETER.findall(shape["parameters"])) if shape is not None else {}


def _canonical_parameters(field: str) -> str:
    # RFC 8941 lets spaces stand after a semicolon; the signature base has the canonical form without them.
    shape = _INPUT.fullmatch(field)
    if shape is None:
        raise Unauthenticated
    pairs: list[tuple[str, Any]] = _PARAMETER.findall(shape["parameters"])
    return shape["components"] + "".join(f";{name}={value}" for name, value in pairs)


def _number(value: str) -> int:
    if value.startswith('"') or (value.startswith("0") and value != "0"):
        raise Unauthenticated
    return int(value)


def _text(value: str) -> str:
    if not value.startswith('"'):
        raise Unauthenticated
    return value[1:-1]


def _is_nonce(text: str) -> bool:
    try:
        return len(b64url_bytes(text)) == 16
    except ValueError:
        return False


def _signature_field(signature: bytes) -> str:
    return f"{LABEL}=:{b64encode(signature).decode()}:"


def _signature_bytes(field: str) -> bytes:
    return b64decode(field.removeprefix(f"{LABEL}=:").removesuffix(":"))
