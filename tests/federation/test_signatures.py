"""The signature core: the standard's own vectors, another implementation, and everything that is refused."""

import json
import re
from base64 import b64decode
from datetime import UTC, datetime, timedelta
from pathlib import Path

import http_message_signatures
import httpx
import pytest

from federation.keys import NodeKeys, thumbprint, verifies
from federation.signatures import (
    SignedRequest,
    check_clock,
    check_digest,
    content_digest,
    read_request,
    sign_answer,
    sign_request,
    signature_base,
    verify_answer,
    verify_request,
)
from schemas.entropy import SeededEntropy
from schemas.problems import ClockSkew, DigestMismatch, Unauthenticated

NOW = datetime(2026, 11, 2, 1, 30, tzinfo=UTC)
URI = "https://790101.example/federation/v1/events"
BODY = b'[{"id":"x"}]'
KEYS = NodeKeys.generate(SeededEntropy(1))
OTHERS = NodeKeys.generate(SeededEntropy(2))


def signed(body: bytes = BODY, method: str = "POST", uri: str = URI) -> SignedRequest:
    content_type = "application/cloudevents-batch+json" if body else ""
    return sign_request(KEYS, method, uri, content_type=content_type, body=body, now=NOW, entropy=SeededEntropy(3))


def check(request: SignedRequest, headers: list[tuple[str, str]] | None = None, uri: str = URI) -> SignedRequest:
    fields = headers if headers is not None else list(request.headers().items())
    read = read_request(request.method, uri, fields, has_body=request.has_body)
    verify_request(read, KEYS.jwk("transport"))
    return read


def test_every_ed25519_vector_of_wycheproof_comes_out_as_it_says() -> None:
    document = json.loads((Path(__file__).parent.parent / "vectors" / "wycheproof-ed25519.json").read_bytes())
    ran = 0
    for group in document["testGroups"]:
        jwk = {name: group["publicKeyJwk"][name] for name in ("kty", "crv", "x")}
        jwk |= {"tonglu_use": "transport", "kid": thumbprint(jwk)}
        for case in group["tests"]:
            good = verifies(jwk, bytes.fromhex(case["sig"]), bytes.fromhex(case["msg"]))
            assert good == (case["result"] == "valid"), case["tcId"]
            ran += 1
    assert ran == document["numberOfTests"] == 151


def test_rfc_9421_b_2_6_verifies() -> None:
    parameters = (
        '("date" "@method" "@path" "@authority" "content-type" "content-length")'
        ';created=1618884473;keyid="test-key-ed25519"'
    )
    base = signature_base(
        [
            ('"date"', "Tue, 20 Apr 2021 02:07:55 GMT"),
            ('"@method"', "POST"),
            ('"@path"', "/foo"),
            ('"@authority"', "example.com"),
            ('"content-type"', "application/json"),
            ('"content-length"', "18"),
        ],
        parameters,
    )
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": "JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs"}
    jwk |= {"tonglu_use": "transport", "kid": thumbprint(jwk)}
    signature = b64decode("wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==")
    assert verifies(jwk, signature, base)
    assert not verifies(jwk, signature, base + b" ")


class _Key(http_message_signatures.HTTPSignatureKeyResolver):
    def resolve_public_key(self, key_id: str):
        assert key_id == KEYS.kid("transport")
        return KEYS.all()[0].ed25519.public_key()

    def resolve_private_key(self, key_id: str):
        return KEYS.all()[0].ed25519


def test_another_implementation_accepts_our_requests() -> None:
    ours = sign_request(
        KEYS,
        "POST",
        URI,
        content_type="application/cloudevents-batch+json",
        body=BODY,
        now=datetime.now(UTC),
        entropy=SeededEntropy(3),
    )
    request = httpx.Request("POST", URI, content=BODY, headers=ours.headers())
    verifier = http_message_signatures.HTTPMessageVerifier(
        signature_algorithm=http_message_signatures.algorithms.ED25519, key_resolver=_Key()
    )
    (result,) = verifier.verify(request, max_age=timedelta(minutes=5))
    assert list(result.covered_components) == [
        '"@method"',
        '"@target-uri"',
        '"content-type"',
        '"content-digest"',
        '"@signature-params"',
    ]


def test_we_accept_the_requests_of_another_implementation() -> None:
    headers = {"content-type": "application/cloudevents-batch+json", "content-digest": content_digest(BODY)}
    request = httpx.Request("POST", URI, content=BODY, headers=headers)
    signer = http_message_signatures.HTTPMessageSigner(
        signature_algorithm=http_message_signatures.algorithms.ED25519, key_resolver=_Key()
    )
    signer.sign(
        request,
        key_id=KEYS.kid("transport"),
        created=NOW,
        expires=NOW + timedelta(seconds=300),
        nonce="AAAAAAAAAAAAAAAAAAAAAA",
        tag="tonglu-v1",
        label="tonglu",
        use_existing_digest=True,
        covered_component_ids=("@method", "@target-uri", "content-type", "content-digest"),
    )
    fields = [(name.lower(), value) for name, value in request.headers.items()]
    read = read_request("POST", URI, fields, has_body=True)
    verify_request(read, KEYS.jwk("transport"))
    check_digest(read, BODY)


@pytest.mark.parametrize("body", [BODY, b""], ids=["with a body", "without one"])
def test_a_signed_request_verifies_and_keeps_its_values(body: bytes) -> None:
    request = signed(body)
    assert check(request) == request
    assert request.expires == request.created + 300
    check_clock(request, NOW)


def test_parameters_may_stand_in_another_order_but_components_may_not() -> None:
    request = signed()
    names = re.findall(r";([a-z]+=[^;]+)", request.signature_input)
    turned = request.signature_input.split(";", 1)[0] + "".join(f"; {one}" for one in reversed(names))
    # Another order is another signature; that it is read is what this shows.
    with pytest.raises(Unauthenticated):
        check(request, [*_without(request, "signature-input"), ("signature-input", turned)])
    read = read_request(
        "POST", URI, [*_without(request, "signature-input"), ("signature-input", turned)], has_body=True
    )
    assert read.keyid == request.keyid
    swapped = request.signature_input.replace('"@method" "@target-uri"', '"@target-uri" "@method"')
    with pytest.raises(Unauthenticated):
        read_request("POST", URI, [*_without(request, "signature-input"), ("signature-input", swapped)], has_body=True)


def _without(request: SignedRequest, name: str) -> list[tuple[str, str]]:
    return [(field, value) for field, value in request.headers().items() if field != name]


def _bent(request: SignedRequest, old: str, new: str) -> str:
    assert old in request.signature_input
    return request.signature_input.replace(old, new, 1)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("tonglu=(", "sig1=("),
        ('"@method" ', ""),
        ('"content-digest")', '"content-digest" "date")'),
        ('"content-digest")', '"content-digest" "content-digest")'),
        ('"content-type" "content-digest")', '"content-digest")'),
        ('"content-digest")', '"content-digest";bs)'),
        ('"@target-uri"', '"@path"'),
        (";nonce=", ";once="),
        (';alg="ed25519"', ""),
        (';alg="ed25519"', ';alg="ed25519";alg="ed25519"'),
        (';alg="ed25519"', ';alg="hmac-sha256"'),
        (';alg="ed25519"', ';alg="ed25519";extra="1"'),
        (';tag="tonglu-v1"', ';tag="tonglu-answer-v1"'),
        (';tag="tonglu-v1"', ';tag="tonglu-v1", other=();created=1'),
        (";created=", ";created=0"),
        (";created=", ";created=-"),
        (";created=", ';created="'),
        ("tonglu=(", "tonglu =("),
        ("tonglu=(", "tonglu=( "),
        ('"@method" "@target-uri"', '"@method"  "@target-uri"'),
        (";created=", ";\tcreated="),
    ],
)
def test_a_signature_input_of_another_shape_is_refused(old: str, new: str) -> None:
    request = signed()
    fields = [*_without(request, "signature-input"), ("signature-input", _bent(request, old, new))]
    with pytest.raises(Unauthenticated):
        check(request, fields)


@pytest.mark.parametrize("name", ["content-type", "content-digest", "signature-input", "signature"])
def test_a_field_that_is_missing_or_doubled_is_refused(name: str) -> None:
    request = signed()
    with pytest.raises(Unauthenticated):
        check(request, _without(request, name))
    with pytest.raises(Unauthenticated):
        check(request, [*request.headers().items(), (name, request.headers()[name])])


@pytest.mark.parametrize("name", ["content-type", "content-digest"])
def test_a_request_without_a_body_has_neither_content_field(name: str) -> None:
    request = signed(b"")
    with pytest.raises(Unauthenticated):
        check(request, [*request.headers().items(), (name, "x")])


@pytest.mark.parametrize(
    "change",
    [
        {"method": "PUT"},
        {"target_uri": "https://790102.example/federation/v1/events"},
        {"target_uri": URI + "?a=1"},
        {"content_type": "application/json"},
        {"content_digest": content_digest(b"[]")},
    ],
    ids=str,
)
def test_a_changed_value_does_not_verify(change: dict[str, str]) -> None:
    request = signed()
    changed = SignedRequest(**{**request.__dict__, **change})
    with pytest.raises(Unauthenticated):
        verify_request(changed, KEYS.jwk("transport"))


def test_only_the_transport_key_that_is_named_verifies() -> None:
    request = signed()
    with pytest.raises(Unauthenticated):
        verify_request(request, OTHERS.jwk("transport"))
    with pytest.raises(Unauthenticated):
        verify_request(request, {**KEYS.jwk("transport"), "tonglu_use": "certificate"})


@pytest.mark.parametrize("digest", ["sha-512=:" + "A" * 86 + "==:", "sha-256=" + "A" * 44, content_digest(b"other")])
def test_a_digest_of_another_kind_or_body_is_refused(digest: str) -> None:
    request = SignedRequest(**{**signed().__dict__, "content_digest": digest})
    with pytest.raises(DigestMismatch):
        check_digest(request, BODY)


@pytest.mark.parametrize(("seconds", "offset"), [(299, 0), (-299, 0), (300, 0), (-300, 0), (301, -301), (-301, 301)])
def test_five_minutes_either_way_are_accepted_and_more_is_told(seconds: int, offset: int) -> None:
    moment = NOW + timedelta(seconds=seconds)
    if not offset:
        check_clock(signed(), moment)
        return
    with pytest.raises(ClockSkew) as problem:
        check_clock(signed(), moment)
    assert problem.value.facts == {"offset_seconds": offset}


@pytest.mark.parametrize("body", [BODY, b""], ids=["with a body", "without one"])
def test_an_answer_is_bound_to_its_request(body: bytes) -> None:
    request = signed(body)
    answer = sign_answer(OTHERS, request, status=200, content_type="application/json", body=b"[]", now=NOW)
    fields, keys = list(answer.headers().items()), [OTHERS.jwk("transport")]
    assert verify_answer(request, status=200, headers=fields, body=b"[]", keys=keys) == answer
    other = sign_request(
        KEYS,
        "POST",
        URI,
        content_type="application/cloudevents-batch+json" if body else "",
        body=body,
        now=NOW,
        entropy=SeededEntropy(99),
    )
    for wrong in (
        {"request": other},
        {"status": 202},
        {"body": b"[ ]"},
        {"keys": [KEYS.jwk("transport")]},
        {"keys": []},
        {"headers": [*fields, ("signature", answer.signature)]},
        {"headers": [("content-type", "text/plain"), *fields[1:]]},
    ):
        given = {"request": request, "status": 200, "headers": fields, "body": b"[]", "keys": keys} | wrong
        with pytest.raises(Unauthenticated):
            verify_answer(given.pop("request"), **given)
