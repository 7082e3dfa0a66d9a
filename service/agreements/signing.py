"""The JWS that both regions sign: general JSON serialisation, Ed25519 (RFC 7515, 7.2.1; RFC 9864)."""

import json
from datetime import datetime

from pydantic import ValidationError
from sqlmodel import Session

from federation.keys import Jwk, b64url, b64url_bytes, verifies
from federation.node import FederationNode
from federation.peers import transport_keys
from schemas.agreements import Agreement, JwsSignature, SignedAgreement
from schemas.envelope import canonical
from schemas.problems import InvalidMessage
from schemas.strict_json import UnreadableJsonError, read_document

TYP = "tonglu-agreement+jws"


def sign_new(fed: FederationNode, agreement: Agreement) -> SignedAgreement:
    """Sign an agreement of our own making."""
    payload = b64url(canonical(agreement.to_wire()))
    return SignedAgreement(payload=payload, signatures=(_signature(fed, payload),))


def add_signature(fed: FederationNode, signed: SignedAgreement) -> SignedAgreement:
    """Put our signature beside the peer's."""
    return SignedAgreement(payload=signed.payload, signatures=(*signed.signatures, _signature(fed, signed.payload)))


def read_agreement(signed: SignedAgreement) -> Agreement:
    """Read the agreement that a JWS holds; nothing is verified here. Raises `InvalidMessage`."""
    try:
        return Agreement.from_wire(read_document(b64url_bytes(signed.payload)))
    except (UnreadableJsonError, ValidationError, ValueError):
        raise InvalidMessage(errors=[{"field": "data.agreement", "message": "not an agreement"}]) from None


def signed_by_peer(session: Session, signed: SignedAgreement, peer: str, now: datetime) -> bool:
    """Tell whether one of the signatures is by a transport key of `peer` that counts at `now`."""
    return any(_is_by(signed, jwk) for jwk in transport_keys(session, peer, now))


def signed_by_us(fed: FederationNode, signed: SignedAgreement) -> bool:
    """Tell whether one of the signatures is by a transport key of ours, retired ones included."""
    ours = [key.jwk for key in fed.keys.all() if key.use == "transport"]
    return any(_is_by(signed, jwk) for jwk in ours)


def _signature(fed: FederationNode, payload: str) -> JwsSignature:
    key = fed.keys.current("transport")
    header = {"alg": "Ed25519", "kid": key.kid, "typ": TYP}
    protected = b64url(json.dumps(header, separators=(",", ":")).encode("ascii"))
    signature = key.sign(f"{protected}.{payload}".encode("ascii"))
    return JwsSignature(protected=protected, signature=b64url(signature))


def _is_by(signed: SignedAgreement, jwk: Jwk) -> bool:
    for one in signed.signatures:
        try:
            header = read_document(b64url_bytes(one.protected))
            signature = b64url_bytes(one.signature)
        except (UnreadableJsonError, ValueError):
            continue
        fits = header == {"alg": "Ed25519", "kid": jwk.get("kid"), "typ": TYP}
        if fits and verifies(jwk, signature, f"{one.protected}.{signed.payload}".encode("ascii")):
            return True
    return False
