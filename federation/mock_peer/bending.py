"""Signing on purpose otherwise than the protocol says: one place to bend for each thing that a receiver must check.

What is left alone is right, so a test changes exactly what it is about. The signature is always a true one over what
the bent ``Signature-Input`` says, unless ``alter`` breaks it: a receiver that refuses has looked at the shape.
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlsplit

from federation.keys import NodeKeys, b64url
from federation.mock_peer.wire import Call
from federation.signatures import (
    ANSWER_TAG,
    LABEL,
    LIFETIME_SECONDS,
    REQUEST_TAG,
    SignedAnswer,
    SignedRequest,
    content_digest,
    signature_base,
)
from schemas.entropy import Entropy

REQUEST_PARAMETERS = ("created", "expires", "nonce", "keyid", "alg", "tag")
ANSWER_PARAMETERS = ("created", "keyid", "alg", "tag")
BODY_COMPONENTS = ('"@method"', '"@target-uri"', '"content-type"', '"content-digest"')
BARE_COMPONENTS = ('"@method"', '"@target-uri"')


@dataclass(frozen=True)
class Bend:
    """How a signed request departs from the protocol.

    ``parameters`` are serialised values by name (``'"x"'``, ``300``), ``None`` leaves one out. ``headers`` are fields
    that are sent otherwise than they were signed, ``body`` likewise; ``signed_uri`` is signed in place of the address.
    """

    keys: NodeKeys | None = field(default=None, repr=False)
    keyid: str | None = None
    components: tuple[str, ...] | None = None
    parameters: Mapping[str, str | None] = field(default_factory=dict)
    label: str = LABEL
    nonce: str | None = None
    created_shift_seconds: int = 0
    lifetime_seconds: int = LIFETIME_SECONDS
    digest: str | None = None
    signed_uri: str | None = None
    alter: bool = False
    unsigned: bool = False
    headers: Mapping[str, str | None] = field(default_factory=dict)
    body: bytes | None = None
    twice: str | None = None
    """The name of a header field that is sent two times."""


RIGHT = Bend()
"""A request as the protocol wants it."""


@dataclass(frozen=True)
class AnswerBend:
    """How a signed answer departs from the protocol; ``request`` is another one that it claims to answer."""

    keys: NodeKeys | None = field(default=None, repr=False)
    keyid: str | None = None
    without: str | None = None
    """A component that is left out."""
    tag: str = ANSWER_TAG
    label: str = LABEL
    digest: str | None = None
    alter: bool = False
    unsigned: bool = False
    request: SignedRequest | None = None


def bent_request(
    keys: NodeKeys,
    method: str,
    uri: str,
    *,
    content_type: str,
    body: bytes,
    now: datetime,
    entropy: Entropy,
    bend: Bend = RIGHT,
) -> tuple[SignedRequest, Call]:
    """A request to ``uri`` as ``bend`` says: what its signature covers, and the call as it goes over the wire."""
    signer = bend.keys or keys
    created = int(now.timestamp()) + bend.created_shift_seconds
    expires = created + bend.lifetime_seconds
    nonce = bend.nonce or b64url(entropy.token_bytes(16))
    keyid = bend.keyid or signer.kid("transport")
    digest = (bend.digest or content_digest(body)) if body else ""
    values_in_order = (str(created), str(expires), f'"{nonce}"', f'"{keyid}"', '"ed25519"', f'"{REQUEST_TAG}"')
    parameters: dict[str, str | None] = dict(zip(REQUEST_PARAMETERS, values_in_order, strict=True))
    parameters |= dict(bend.parameters)
    components = bend.components or (BODY_COMPONENTS if body else BARE_COMPONENTS)
    signed_uri = bend.signed_uri or uri
    values = request_values(method, signed_uri, content_type, digest)
    inner = _inner(components, parameters)
    signature = _sign(signer, [(one, values.get(one, "")) for one in components], inner, alter=bend.alter)
    signed = SignedRequest(
        method=method,
        target_uri=signed_uri,
        content_type=content_type if body else "",
        content_digest=digest,
        signature_input=f"{bend.label}={inner}",
        signature=f"{bend.label}=:{signature}:",
        keyid=keyid,
        created=created,
        expires=expires,
        nonce=nonce,
    )
    fields: dict[str, str | None] = {**signed.headers(), **bend.headers}
    if bend.unsigned:
        fields |= {"signature": None, "signature-input": None}
    headers = [(name, value) for name, value in fields.items() if value is not None]
    headers += [(name, value) for name, value in headers if name == bend.twice]
    return signed, Call(method, uri, tuple(headers), body if bend.body is None else bend.body)


def bent_answer(
    keys: NodeKeys,
    request: SignedRequest,
    *,
    status: int,
    content_type: str,
    body: bytes,
    now: datetime,
    bend: AnswerBend,
) -> SignedAnswer:
    """An answer to ``request`` as ``bend`` says; what is unsigned has empty signature fields."""
    signer, answered = bend.keys or keys, bend.request or request
    digest = bend.digest or content_digest(body)
    keyid = bend.keyid or signer.kid("transport")
    covered = answer_values(answered, status, content_type, digest)
    covered = [(name, value) for name, value in covered if name != bend.without]
    values_in_order = (str(int(now.timestamp())), f'"{keyid}"', '"ed25519"', f'"{bend.tag}"')
    parameters = dict(zip(ANSWER_PARAMETERS, values_in_order, strict=True))
    inner = _inner([name for name, _ in covered], parameters)
    signature = _sign(signer, covered, inner, alter=bend.alter)
    return SignedAnswer(
        status=status,
        content_type=content_type,
        content_digest=digest,
        signature_input="" if bend.unsigned else f"{bend.label}={inner}",
        signature="" if bend.unsigned else f"{bend.label}=:{signature}:",
        body=body,
        keyid=keyid,
    )


def request_values(method: str, uri: str, content_type: str, digest: str) -> dict[str, str]:
    """The values of the components that a request may cover here, by their serialised identifiers."""
    parts = urlsplit(uri)
    return {
        '"@method"': method,
        '"@target-uri"': uri,
        '"@authority"': parts.netloc.lower(),
        '"@path"': parts.path or "/",
        '"content-type"': content_type,
        '"content-digest"': digest,
    }


def answer_values(request: SignedRequest, status: int, content_type: str, digest: str) -> list[tuple[str, str]]:
    """The components of an answer in their order, with their values."""
    values = [('"@status"', str(status)), ('"content-type"', content_type), ('"content-digest"', digest)]
    if request.has_body:
        values.append(('"content-digest";req', request.content_digest))
    return [
        *values,
        (f'"signature";req;key="{LABEL}"', request.signature.partition("=")[2]),
        (f'"signature-input";req;key="{LABEL}"', request.signature_input.partition("=")[2]),
    ]


def _inner(components: Sequence[str], parameters: Mapping[str, str | None]) -> str:
    listed = "".join(f";{name}={value}" for name, value in parameters.items() if value is not None)
    return f"({' '.join(components)}){listed}"


def _sign(keys: NodeKeys, components: Sequence[tuple[str, str]], inner: str, *, alter: bool) -> str:
    signature = bytearray(keys.sign("transport", signature_base(components, inner)))
    if alter:
        signature[5] ^= 1
    return b64encode(bytes(signature)).decode()
