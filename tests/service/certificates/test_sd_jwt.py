"""SD-JWT by the specification's own examples, and everything it says must be refused."""

import json
from base64 import urlsafe_b64decode
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicNumbers
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from federation.keys import b64url, b64url_bytes
from service.certificates import sd_jwt
from service.certificates.sd_jwt import SdJwtMalformed

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "sd-jwt.json").read_text("utf-8"))


@pytest.mark.parametrize("vector", VECTORS["disclosures"], ids=lambda vector: vector["section"])
def test_a_disclosures_digest_is_over_its_base64url_text(vector):
    assert sd_jwt.digest(vector["disclosure"]) == vector["digest"]
    raw = urlsafe_b64decode(vector["disclosure"] + "=" * (-len(vector["disclosure"]) % 4))
    assert json.loads(raw) == vector["content"]


@pytest.mark.parametrize("vector", VECTORS["sd_jwts"], ids=lambda vector: vector["section"])
def test_the_specifications_examples_reveal_what_it_prints(vector):
    assert sd_jwt.reveal(sd_jwt.parse(vector["text"])) == vector["processed"]


@pytest.mark.parametrize("vector", VECTORS["sd_jwts"], ids=lambda vector: vector["section"])
def test_the_signed_bytes_of_the_examples_are_those_that_their_issuer_signed(vector):
    key = VECTORS["issuer_key"]
    numbers = [int.from_bytes(b64url_bytes(key[name]), "big") for name in ("x", "y")]
    public = EllipticCurvePublicNumbers(numbers[0], numbers[1], SECP256R1()).public_key()
    token = sd_jwt.parse(vector["text"])
    r, s = (int.from_bytes(token.signature[at : at + 32], "big") for at in (0, 32))
    public.verify(encode_dss_signature(r, s), token.signed, ECDSA(SHA256()))


def test_what_is_not_disclosed_stays_hidden():
    kind = sd_jwt.disclosure("kind", "vaccination", b"1" * 16)
    name = sd_jwt.disclosure("name", "欧阳娜", b"2" * 16)
    token = _signed({"_sd": [sd_jwt.digest(kind), sd_jwt.digest(name)], "quarter": "2026Q4"})
    assert sd_jwt.reveal(sd_jwt.parse(sd_jwt.combine(token, []))) == {"quarter": "2026Q4"}
    assert sd_jwt.reveal(sd_jwt.parse(sd_jwt.combine(token, [name]))) == {"quarter": "2026Q4", "name": "欧阳娜"}


@pytest.mark.parametrize(
    ("claims", "shown"),
    [
        ({"_sd": []}, [["s", "kind", "vaccination"]]),
        ({"_sd": ["K", "K"]}, [["s", "kind", "vaccination"]]),
        ({"_sd": ["K"], "kind": "other"}, [["s", "kind", "vaccination"]]),
        ({"_sd": ["K"]}, [["s", "_sd", "x"]]),
        ({"_sd": ["K"]}, [["s", "...", "x"]]),
        ({"_sd": ["K"]}, [["s", "vaccination"]]),
        ({"_sd": ["K"]}, [["s", "kind"]]),
        ({"_sd": ["K"]}, [["s", "kind", "a", "b"]]),
        ({"_sd": ["K"]}, [[1, "kind", "a"]]),
        ({"_sd": ["K"]}, [{"kind": "a"}]),
        ({"_sd": "K"}, []),
        ({"_sd": [1]}, []),
        ({"a": [{"...": "K", "b": 1}]}, [["s", "x"]]),
        ({"a": [{"...": "K"}]}, [["s", "kind", "x"]]),
        ({"...": "K"}, []),
        ({"_sd": ["K"], "_sd_alg": "sha-512"}, [["s", "kind", "vaccination"]]),
        ({"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": {"i": {"j": {"k": {"l": {"m": 1}}}}}}}}}}}}}, []),
    ],
)
def test_disclosures_that_do_not_belong_are_refused(claims, shown):
    texts = [b64url(json.dumps(one).encode()) for one in shown]
    known = sd_jwt.digest(texts[0]) if texts else "K"
    filled = json.loads(json.dumps(claims).replace('"K"', json.dumps(known)))
    with pytest.raises(SdJwtMalformed):
        sd_jwt.reveal(sd_jwt.parse(sd_jwt.combine(_signed(filled), texts)))


def test_a_disclosure_that_stands_twice_is_refused():
    kind = sd_jwt.disclosure("kind", "vaccination", b"1" * 16)
    token = _signed({"_sd": [sd_jwt.digest(kind)]})
    with pytest.raises(SdJwtMalformed):
        sd_jwt.reveal(sd_jwt.parse(sd_jwt.combine(token, [kind, kind])))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "~",
        "a.b.c",
        "a.b.c~",
        "e30.e30~",
        "e30.e30.e30.e30~",
        "e30.W10.AAAA~",
        "e30.e30.AAAA",
        "e30.e30.AAAA~e30.e30.AAAA",
        "e30.e30.A==~",
        "é.e30.AAAA~",
        b64url(b'{"a":1,"a":2}') + ".e30.AAAA~",
        b64url(b"[" * 5000) + ".e30.AAAA~",
        b64url(b"\xff") + ".e30.AAAA~",
    ],
)
def test_what_is_no_sd_jwt_is_refused(text):
    with pytest.raises(SdJwtMalformed):
        sd_jwt.parse(text)


def _signed(claims):
    return sd_jwt.sign({"alg": "none"}, claims, lambda _: b"signature")
