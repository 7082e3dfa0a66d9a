"""The sealed person: another implementation opens it and seals for us, and nothing lifted or bent is opened."""

import json
from base64 import urlsafe_b64decode

import pytest
from joserfc import jwe
from joserfc.jwk import OKPKey

from federation.keys import NodeKeys, b64url
from federation.sealing import Binding, open_disclosures, open_subject, seal_disclosures, seal_subject
from schemas.entropy import SeededEntropy
from schemas.identity import PersonIdentity
from schemas.problems import DateOfBirthMissing, InvalidInput, InvalidMessage, UnknownSealKey

KEYS = NodeKeys.generate(SeededEntropy(1))
OTHERS = NodeKeys.generate(SeededEntropy(2))
BINDING = Binding("0192f0c1-0000-7000-8000-000000000001", "/regions/790303", "/regions/790101")
PERSON = PersonIdentity.model_validate(
    {
        "name": "欧阳·明月",
        "document_type": "resident_id",
        "document_number": "790101199003071230",
        "date_of_birth": "1990-03-07",
    }
)


def sealed(person: PersonIdentity = PERSON) -> str:
    return seal_subject(person, BINDING, KEYS.jwk("seal"), SeededEntropy(3))


def header_of(text: str) -> dict[str, object]:
    part = text.split(".", maxsplit=1)[0]
    return dict(json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4))))


def by_joserfc(content: object, size: int = 512, **header: object) -> str:
    """Seal as another node would, with a library."""
    key = OKPKey.import_key({k: KEYS.jwk("seal")[k] for k in ("kty", "crv", "x")})
    protected = {"alg": "ECDH-ES", "enc": "A256GCM", "kid": KEYS.kid("seal"), "typ": "tonglu-subject+jwe"} | header
    plaintext = content if isinstance(content, bytes) else json.dumps(content).encode().ljust(size)
    return str(jwe.encrypt_compact(protected, plaintext, key, algorithms=["ECDH-ES", "A256GCM", "DEF"]))


def content(**changes: object) -> dict[str, object]:
    whole = {"id": BINDING.id, "source": BINDING.source, "recipient": BINDING.recipient, "person": PERSON.to_wire()}
    return whole | changes


def test_what_is_sealed_opens_again_and_has_the_exact_header() -> None:
    assert open_subject(sealed(), BINDING, KEYS) == PERSON
    header = header_of(sealed())
    assert set(header) == {"alg", "enc", "kid", "typ", "epk"}
    assert (header["alg"], header["enc"], header["typ"]) == ("ECDH-ES", "A256GCM", "tonglu-subject+jwe")
    assert header["kid"] == KEYS.kid("seal")


def test_another_implementation_opens_what_we_seal() -> None:
    private = KEYS.private_jwk("seal")
    key = OKPKey.import_key({k: private[k] for k in ("kty", "crv", "x", "d")})
    opened = jwe.decrypt_compact(sealed(), key, algorithms=["ECDH-ES", "A256GCM"])
    assert opened.plaintext is not None
    assert len(opened.plaintext) == 512
    assert json.loads(opened.plaintext) == content()


def test_we_open_what_another_implementation_seals() -> None:
    assert open_subject(by_joserfc(content()), BINDING, KEYS) == PERSON


def test_the_length_tells_nothing_about_the_name() -> None:
    short = PERSON.model_copy(update={"name": "王一"})
    long = PERSON.model_copy(update={"name": "王" * 50})
    assert len({len(sealed(person)) for person in (PERSON, short, long)}) == 1


@pytest.mark.parametrize("field", ["id", "source", "recipient"])
def test_a_ciphertext_lifted_into_another_message_is_refused(field: str) -> None:
    other = Binding(**{**BINDING.__dict__, field: "/regions/790102"})
    with pytest.raises(InvalidMessage):
        open_subject(sealed(), other, KEYS)


@pytest.mark.parametrize("place", [0, 2, 3, 4])
def test_a_bent_part_is_refused(place: int) -> None:
    parts = sealed().split(".")
    parts[place] = ("B" if parts[place][0] != "B" else "C") + parts[place][1:]
    with pytest.raises(InvalidMessage):
        open_subject(".".join(parts), BINDING, KEYS)


def test_a_key_that_is_not_ours_is_unknown() -> None:
    with pytest.raises(UnknownSealKey):
        open_subject(sealed(), BINDING, OTHERS)


def test_only_the_seal_key_opens() -> None:
    parts = sealed().split(".")
    header = header_of(sealed()) | {"kid": KEYS.kid("transport")}
    parts[0] = b64url(json.dumps(header).encode())
    with pytest.raises(UnknownSealKey):
        open_subject(".".join(parts), BINDING, KEYS)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(by_joserfc(content(), zip="DEF"), id="compressed"),
        pytest.param(by_joserfc(content(), typ="JOSE"), id="another type"),
        pytest.param(by_joserfc(content(), cty="json"), id="a further header"),
        pytest.param(by_joserfc(content(), size=600), id="padded to another length"),
        pytest.param(by_joserfc(content(extra=1)), id="a further member"),
        pytest.param(by_joserfc(content(person={"name": "王一"})), id="half a person"),
        pytest.param(by_joserfc(content(person={**PERSON.to_wire(), "sex": "f"})), id="a field that nobody may send"),
        pytest.param(
            by_joserfc(content(person={k: v for k, v in PERSON.to_wire().items() if k != "date_of_birth"})),
            id="no date of birth",
        ),
        pytest.param(by_joserfc(b"[]".ljust(512)), id="no object"),
        pytest.param(by_joserfc(b'{"id":1,"id":2}'.ljust(512)), id="a doubled key"),
        pytest.param("a.b.c", id="three parts"),
        pytest.param("....", id="empty"),
    ],
)
def test_what_is_not_exactly_of_our_form_is_refused(text: str) -> None:
    with pytest.raises(InvalidMessage) as problem:
        open_subject(text, BINDING, KEYS)
    assert "明月" not in str(problem.value.facts)


def test_a_public_key_of_small_order_is_refused() -> None:
    parts = sealed().split(".")
    header = header_of(sealed())
    header["epk"] = {"kty": "OKP", "crv": "X25519", "x": b64url(bytes(32))}
    parts[0] = b64url(json.dumps(header).encode())
    with pytest.raises(InvalidMessage):
        open_subject(".".join(parts), BINDING, KEYS)


def test_a_person_without_a_date_of_birth_is_not_sealed() -> None:
    with pytest.raises(DateOfBirthMissing):
        sealed(PERSON.model_copy(update={"date_of_birth": None}))


def test_disclosures_travel_the_same_way_but_are_no_person() -> None:
    disclosures = ("WyJhIiwibmFtZSIsIngiXQ", "WyJiIiwia2luZCIsInkiXQ")
    text = seal_disclosures(disclosures, BINDING, KEYS.jwk("seal"), SeededEntropy(3))
    assert open_disclosures(text, BINDING, KEYS) == disclosures
    with pytest.raises(InvalidMessage):
        open_subject(text, BINDING, KEYS)
    with pytest.raises(InvalidMessage):
        open_disclosures(sealed(), BINDING, KEYS)
    with pytest.raises(InvalidInput):
        seal_disclosures(("x" * 2000,), BINDING, KEYS.jwk("seal"), SeededEntropy(3))
