"""Verify a receipt offline: ``tonglu receipts show DIR ID --json | python verify_receipt.py``."""

import json

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256, Hash

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def unbase64(text: str) -> bytes:
    places = [(ALPHABET + ("-_" if set(text) & {"-", "_"} else "+/")).index(sign) for sign in text.rstrip("=")]
    bits = "".join(f"{place:06b}" for place in places)
    return bytes(int(bits[start : start + 8], 2) for start in range(0, len(bits) - len(bits) % 8, 8))


def sha256(data: bytes) -> bytes:
    hashed = Hash(SHA256())
    hashed.update(data)
    return hashed.finalize()


def check_signature(keys: dict, lines: list, part: dict) -> str:
    """Verify over the lines and the parameters (RFC 9421, 2.5); returns the id of the key."""
    parameters = part["signature_input"].removeprefix("tonglu=").replace("; ", ";")
    kid = parameters.split(';keyid="')[1].split('"')[0]
    key = keys[kid]
    named = json.dumps({"crv": "Ed25519", "kty": "OKP", "x": key["x"]}, separators=(",", ":")).encode()
    assert unbase64(kid) == sha256(named), "a key that is not what its id says (RFC 7638)"
    base = "\n".join([*(f"{name}: {value}" for name, value in lines), f'"@signature-params": {parameters}'])
    signature = unbase64(part["signature"].removeprefix("tonglu=:").removesuffix(":"))
    Ed25519PublicKey.from_public_bytes(unbase64(key["x"])).verify(signature, base.encode())
    return kid


def verify(receipt: dict) -> str:
    """What the receipt proves, as a sentence; raises where it proves nothing."""
    request, answer, keys = receipt["request"], receipt["answer"], {key["kid"]: key for key in receipt["keys"]}
    body = unbase64(answer["body_b64"])
    content = [(f'"{name}"', "content_" + name.split("-")[1]) for name in ("content-type", "content-digest")]
    lines = [('"@method"', request["method"]), ('"@target-uri"', request["target_uri"])]
    sender = check_signature(keys, lines + [(name, request[field]) for name, field in content], request)
    lines = [('"@status"', str(answer["status"]))] + [(name, answer[field]) for name, field in content]
    lines += [('"content-digest";req', request["content_digest"])]
    lines += [('"signature";req;key="tonglu"', request["signature"].removeprefix("tonglu="))]
    lines += [('"signature-input";req;key="tonglu"', request["signature_input"].removeprefix("tonglu="))]
    taker = check_signature(keys, lines, answer)
    assert unbase64(answer["content_digest"].removeprefix("sha-256=:").removesuffix(":")) == sha256(body), "body"
    result = next(one for one in json.loads(body) if one["id"] == receipt["message_id"])
    final = result.get("first", result)
    assert (answer["status"], result["digest"]) == (200, receipt["digest"]), "another message"
    return f"{receipt['message_id']} {final['result']} {final['recorded_at']}: sent by {sender}, taken by {taker}"


if __name__ == "__main__":
    with open(0) as given:
        print(verify(json.load(given)))
