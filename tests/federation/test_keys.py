"""Node keys, JWKs and compact JWS."""

import json
from pathlib import Path

import pytest
from joserfc import jws
from joserfc.jwk import OKPKey

from federation.jws import JwsRefused, read_jws, sign_jws
from federation.keys import KEY_USES, KeyUnusable, NodeKeys, b64url_bytes, public_bytes, thumbprint, verifies
from schemas.entropy import SeededEntropy

KEYS = NodeKeys.generate(SeededEntropy(1))


def test_the_thumbprint_is_that_of_rfc_8037() -> None:
    assert (
        thumbprint({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})
        == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    )


def test_four_keys_are_kept_for_their_owner_alone_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    KEYS.save(path)
    assert path.stat().st_mode & 0o777 == 0o600
    again = NodeKeys.load(path)
    assert again.public_jwks() == KEYS.public_jwks()
    assert [key["tonglu_use"] for key in again.public_jwks()["keys"]] == list(KEY_USES)
    assert all("d" not in key for key in again.public_jwks()["keys"])
    assert verifies(KEYS.jwk("transport"), again.sign("transport", b"x"), b"x")
    path.chmod(0o644)
    with pytest.raises(KeyUnusable):
        NodeKeys.load(path)


@pytest.mark.parametrize("text", ["{}", "[]", "nonsense", '{"keys":[{"tonglu_use":"transport","d":"AA"}]}'])
def test_a_broken_key_file_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "keys.json"
    path.touch(0o600)
    path.write_text(text)
    with pytest.raises(KeyUnusable):
        NodeKeys.load(path)


@pytest.mark.parametrize(
    "change",
    [{"crv": "X25519"}, {"kty": "EC"}, {"kid": "A" * 43}, {"x": "AA"}, {"x": "é"}, {"tonglu_use": "seal"}, {"x": 7}],
    ids=str,
)
def test_a_jwk_that_does_not_fit_its_use_is_unusable(change: dict[str, str]) -> None:
    jwk = {**KEYS.jwk("transport"), **change}
    with pytest.raises(KeyUnusable):
        public_bytes(jwk)
    assert not verifies(jwk, KEYS.sign("transport", b"x"), b"x")


@pytest.mark.parametrize("text", ["AB", "A", "AA==", "A+", "A A"])
def test_base64url_has_one_spelling(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        b64url_bytes(text)


def test_another_implementation_verifies_our_jws_and_we_its() -> None:
    ours = sign_jws(KEYS, "transport", "tonglu-descriptor+jws", {"region": "790101"})
    key = OKPKey.import_key({k: KEYS.private_jwk("transport")[k] for k in ("kty", "crv", "x", "d")})
    assert json.loads(jws.deserialize_compact(ours, key, algorithms=["Ed25519"]).payload) == {"region": "790101"}
    header = {"alg": "Ed25519", "kid": KEYS.kid("transport"), "typ": "t"}
    read = read_jws(jws.serialize_compact(header, b'{"a":1}', key, algorithms=["Ed25519"]), "t")
    assert read.payload == {"a": 1}
    assert read.is_by(KEYS.jwk("transport"))
    assert not read.is_by(KEYS.jwk("certificate"))


@pytest.mark.parametrize("header", [{"alg": "none"}, {"alg": "EdDSA"}, {"typ": "x"}, {"crit": ["b64"]}, {"kid": 1}])
def test_a_jws_with_another_header_is_refused(header: dict[str, object]) -> None:
    from federation.keys import b64url

    whole = {"alg": "Ed25519", "kid": "k", "typ": "t"} | header
    with pytest.raises(JwsRefused):
        read_jws(f"{b64url(json.dumps(whole).encode())}.e30.AA", "t")
