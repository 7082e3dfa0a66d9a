"""Descriptors, invitations, agreements, and the closed lists."""

from datetime import date

import pytest
from pydantic import TypeAdapter, ValidationError

from schemas import claims
from schemas.agreements import Agreement, SignedAgreement, most_per_month
from schemas.claims import ConsentPurpose, ReminderKind, Urgency
from schemas.descriptor import Descriptor, Invitation, KeyUse, Limits
from tests.schemas.samples import AGREEMENT, JWS, MESSAGE, SIGNED


def jwk(use, kid):
    sealing = use == "seal"
    return {
        "kty": "OKP",
        "crv": "X25519" if sealing else "Ed25519",
        "x": "A" * 43,
        "kid": kid * 43,
        "use": "enc" if sealing else "sig",
        "tonglu_use": use,
    }


KEYS = [jwk("transport", "t"), jwk("certificate", "c"), jwk("checkpoint", "p"), jwk("seal", "s")]
DESCRIPTOR = {
    "region": "790303",
    "name": "澜江市",
    "base_url": "https://lanjiang.example",
    "versions": [1],
    "limits": {"max_messages": 200, "max_bytes": 1048576, "requests_per_second": 10, "concurrent": 2},
    "keys": {"keys": KEYS},
    "issued_at": "2026-11-22T04:00:00Z",
}
PACT = {
    "id": AGREEMENT,
    "regions": ["790303", "790101"],
    "purposes": ["confirm_journey"],
    "claims": ["identity", "departure_declared"],
    "per_month": 50,
    "answer_working_days": 10,
    "retention_days": 90,
    "valid_from": "2026-11-22",
    "valid_until": "2027-11-21",
}


def test_a_descriptor_is_read_and_written_unchanged():
    descriptor = Descriptor.from_wire(DESCRIPTOR)
    assert descriptor.to_wire() == DESCRIPTOR
    assert descriptor.keys.of_use(KeyUse.SEAL).crv == "X25519"


def test_the_limits_have_the_protocols_defaults():
    assert Limits().to_wire() == DESCRIPTOR["limits"]


@pytest.mark.parametrize(
    "url",
    [
        "https://a.example",
        "https://a.example:8443",
        "https://a.example/tonglu",
        "http://127.0.0.1:8801",
        "http://[::1]:8801",
    ],
)
def test_base_urls(url):
    assert Descriptor.from_wire(DESCRIPTOR | {"base_url": url}).base_url == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "a.example",
        "ftp://a.example",
        "https://",
        "https:///path",
        "https://a.example/",
        "https://user:pw@a.example",
        "https://a.example?x=1",
        "https://a.example?",
        "https://a.example#x",
        "https://a.example:port",
        "https://a.example:99999",
        "https://a.example:0",
        "https://a example",
        "https://a.example\n",
        "https://县.example",
        "https://[::1",
        "https://" + "a" * 300,
    ],
)
def test_other_urls_are_refused(url):
    with pytest.raises(ValidationError):
        Descriptor.from_wire(DESCRIPTOR | {"base_url": url})


@pytest.mark.parametrize(
    "keys",
    [
        KEYS[:3],
        [*KEYS[:3], jwk("transport", "x")],
        [*KEYS, KEYS[0]],
        [*KEYS[:3], KEYS[3] | {"crv": "Ed25519"}],
        [*KEYS[:3], KEYS[3] | {"use": "sig"}],
        [KEYS[0] | {"d": "A" * 43}, *KEYS[1:]],
        [KEYS[0] | {"x": "A" * 42}, *KEYS[1:]],
        [KEYS[0] | {"kty": "EC"}, *KEYS[1:]],
    ],
)
def test_a_set_has_a_public_key_of_each_use(keys):
    with pytest.raises(ValidationError):
        Descriptor.from_wire(DESCRIPTOR | {"keys": {"keys": keys}})


def test_an_invitation_is_read():
    paper = {
        "tonglu_invitation": 1,
        "descriptor": {"jws": JWS},
        "invitation_id": MESSAGE,
        "expires_at": "2026-12-06T04:00:00Z",
    }
    assert Invitation.from_wire(paper).to_wire() == paper
    with pytest.raises(ValidationError):
        Invitation.from_wire(paper | {"tonglu_invitation": 2})


def test_an_agreement_is_read_and_says_what_it_covers():
    agreement = Agreement.from_wire(PACT)
    assert agreement.to_wire() == PACT
    assert agreement.in_force_on(date(2026, 11, 22))
    assert agreement.in_force_on(date(2027, 11, 21))
    assert not agreement.in_force_on(date(2027, 11, 22))
    assert agreement.other_than("790303") == "790101"
    with pytest.raises(ValueError, match="not a region"):
        agreement.other_than("790202")


@pytest.mark.parametrize(
    "change",
    [
        {"regions": ["790303", "790303"]},
        {"regions": ["790303", "790303001"]},
        {"regions": ["790303"]},
        {"purposes": []},
        {"purposes": ["confirm_journey", "confirm_journey"]},
        {"claims": ["fertility"]},
        {"per_month": 0},
        {"retention_days": 91},
        {"valid_until": "2026-11-21"},
        {"remark": "x"},
    ],
)
def test_other_agreements_are_refused(change):
    with pytest.raises(ValidationError):
        Agreement.from_wire(PACT | change)


def test_an_agreement_is_signed_by_at_most_two():
    assert SignedAgreement.from_wire(SIGNED).to_wire() == SIGNED
    with pytest.raises(ValidationError):
        SignedAgreement.from_wire(SIGNED | {"signatures": SIGNED["signatures"] * 3})


def test_the_quota_has_a_hard_cap():
    assert [most_per_month(journeys) for journeys in (0, 50, 51, 900)] == [50, 50, 51, 900]


@pytest.mark.parametrize("text", ["share_with_peer:790303", "certificate_home:790101", "remind:vaccination"])
def test_purposes_of_consents(text):
    purpose = ConsentPurpose.parse(text)
    assert purpose == text
    assert TypeAdapter(ConsentPurpose).dump_json(purpose) == f'"{text}"'.encode()


def test_a_consent_purpose_knows_its_parts():
    assert ConsentPurpose.share_with_peer("790303").region == "790303"
    assert ConsentPurpose.certificate_home("790101").action == "certificate_home"
    assert ConsentPurpose.remind(ReminderKind.VACCINATION).reminder_kind is ReminderKind.VACCINATION
    assert ConsentPurpose.remind(ReminderKind.VACCINATION).region is None
    assert ConsentPurpose.share_with_peer("790303").reminder_kind is None


@pytest.mark.parametrize(
    "text", ["", "remind", "remind:", "remind:birth", "share_with_peer:", "share_with_peer:x", "other:790101"]
)
def test_other_purposes_are_refused(text):
    with pytest.raises(ValueError, match="purpose"):
        ConsentPurpose.parse(text)
    with pytest.raises(ValidationError):
        TypeAdapter(ConsentPurpose).validate_python(text)


def test_no_list_has_an_other():
    lists = [cls for cls in vars(claims).values() if isinstance(cls, type) and issubclass(cls, claims.StrEnum)]
    values = {str(member) for cls in lists for member in cls}
    assert len(lists) > 10
    assert not values & {"other", "unknown", "custom", "misc"}


def test_urgency_tells_its_working_days():
    assert (Urgency.NORMAL.working_days, Urgency.URGENT.working_days) == (10, 3)
