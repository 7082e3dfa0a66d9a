"""The agreement that two regions sign: JWS in general JSON serialisation (RFC 7515, 7.2.1), Ed25519 (RFC 9864).

Written on its own, from the protocol page alone, so that a mistake in a node's signing is not repeated here.
"""

import json
from collections.abc import Mapping, Sequence

from pydantic import ValidationError

from federation.keys import Jwk, NodeKeys, b64url, b64url_bytes, verifies
from schemas.agreements import Agreement, JwsSignature, SignedAgreement
from schemas.envelope import canonical
from schemas.problems import InvalidMessage
from schemas.strict_json import UnreadableJsonError, read_document

AGREEMENT_TYP = "tonglu-agreement+jws"


def propose(keys: NodeKeys, agreement: Agreement) -> SignedAgreement:
    """The agreement with our signature alone."""
    payload = b64url(canonical(agreement.to_wire()))
    return SignedAgreement(payload=payload, signatures=(_signature(keys, payload),))


def add_signature(keys: NodeKeys, signed: SignedAgreement) -> SignedAgreement:
    """The agreement with our signature beside the other one."""
    return SignedAgreement(payload=signed.payload, signatures=(*signed.signatures, _signature(keys, signed.payload)))


def read_agreement(signed: SignedAgreement) -> Agreement:
    """What was signed; raises ``InvalidMessage``, and verifies nothing."""
    try:
        return Agreement.from_wire(read_document(b64url_bytes(signed.payload)))
    except (UnreadableJsonError, ValidationError, ValueError):
        raise InvalidMessage(errors=[{"field": "data.agreement", "message": "not an agreement"}]) from None


def signers(signed: SignedAgreement, keys: Mapping[str, Sequence[Jwk]]) -> set[str]:
    """Which regions' transport keys signed it."""
    return {
        region
        for region, jwks in keys.items()
        if any(_is_by(one, signed.payload, jwk) for one in signed.signatures for jwk in jwks)
    }


def _signature(keys: NodeKeys, payload: str) -> JwsSignature:
    header = {"alg": "Ed25519", "kid": keys.kid("transport"), "typ": AGREEMENT_TYP}
    protected = b64url(json.dumps(header, separators=(",", ":")).encode("ascii"))
    signed = f"{protected}.{payload}".encode("ascii")
    return JwsSignature(protected=protected, signature=b64url(keys.sign("transport", signed)))


def _is_by(one: JwsSignature, payload: str, jwk: Jwk) -> bool:
    try:
        header = read_document(b64url_bytes(one.protected))
        signature = b64url_bytes(one.signature)
    except (UnreadableJsonError, ValueError):
        return False
    fits = header == {"alg": "Ed25519", "kid": jwk["kid"], "typ": AGREEMENT_TYP}
    return fits and verifies(jwk, signature, f"{one.protected}.{payload}".encode("ascii"))
