"""Checking a certificate: each of the seven results, offline, and nothing else ever called valid."""

import asyncio
import dataclasses
from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from federation.tables import Peer, PeerKey, PeerState
from schemas.certificates import STATUS_LIST_TYPE, Disclosable, StatusValue
from service.certificates import sd_jwt, status_bits
from service.certificates.actions import change_certificate
from service.certificates.peer_lists import cached_entry, fetch_due_lists, oldest_list
from service.certificates.status_lists import (
    ensure_first_list,
    number_in,
    set_entry,
    status_list_token,
    take_entry,
)
from service.certificates.tables import PeerStatusList, StatusList
from service.certificates.verify import check_certificate
from tests.service.certificates.conftest import DRAFT
from tests.service.own_node import HERE

LIST = "http://790303.example/federation/v1/status/"
ALL = dataclasses.replace(DRAFT, disclose=frozenset(Disclosable))


class Fetcher:
    """A wire to the issuing node: what it serves, or nothing."""

    def __init__(self, side):
        self.side, self.asked, self.down, self.instead = side, [], False, None

    async def get_public(self, base_url, path, accept, max_bytes):
        self.asked.append(base_url + path)
        if self.down:
            raise ConnectionError
        if self.instead is not None:
            return self.instead
        number = int(path.rpartition("/")[2])
        token = self.side.read(lambda session: status_list_token(session, self.side.node, number))
        return None if token is None else token.encode()


@pytest.fixture
def wire(here):
    here.write(lambda session: ensure_first_list(session, here.node))
    return Fetcher(here)


@pytest.fixture
def text(here, person_id, issue):
    return issue(person_id, ALL).text


def test_valid_at_the_issuer_and_offline_at_a_peer_that_fetched_ahead(here, home, wire, person_id, issue):
    assert _fetch(home, wire) == 1
    text = issue(person_id, ALL).text
    asked = list(wire.asked)
    for side in (here, home):
        check = _check(side, text)
        assert check.result == "valid"
        assert check.status_age_hours == 0
        assert check.claims == {
            "region": HERE,
            "region_name": "澜江市",
            "quarter": "2026Q4",
            "attended_on": "2026-11-20",
            "valid_until": "2027-02-20",
            "kind": "general_health",
            "name": "韩晨曦",
            "date_of_birth": "1990-03-07",
        }
    assert wire.asked == asked, "nobody is told that it was checked"


def test_spaces_and_line_breaks_of_a_scanner_are_no_alteration(here, text):
    assert _check(here, f"\n {text[:40]}\r\n{text[40:]} ").result == "valid"


def test_without_any_list_it_is_not_current(home, text):
    check = _check(home, text)
    assert (check.result, check.status_age_hours) == ("not_current", None)
    assert check.claims["quarter"] == "2026Q4"


def test_a_list_of_seven_days_will_do_and_an_older_one_will_not(home, wire, text):
    _fetch(home, wire)
    home.clock.advance(days=7)
    assert (_check(home, text).result, _check(home, text).status_age_hours) == ("valid", 168)
    home.clock.advance(seconds=1)
    assert _check(home, text).result == "not_current"


def test_revocation_and_suspension_reach_a_peer_with_the_next_list(here, home, wire, person_id, issue):
    view = issue(person_id)
    _fetch(home, wire)
    for change, result in (("suspended", "suspended"), ("issued", "valid"), ("revoked", "revoked")):
        _change(here, person_id, view.id, change)
        here.clock.advance(hours=1)
        _fetch(home, wire)
        assert _check(home, view.text).result == result
        assert _check(here, view.text).result == result


def test_an_old_list_proves_a_revocation_and_no_suspension(here, home, wire, person_id, issue):
    revoked, suspended = issue(person_id), issue(person_id)
    _change(here, person_id, revoked.id, "revoked")
    _change(here, person_id, suspended.id, "suspended")
    _fetch(home, wire)
    home.clock.advance(days=20)
    assert _check(home, revoked.text).result == "revoked"
    assert _check(home, suspended.text).result == "not_current"


def test_after_the_last_day_it_is_expired_whatever_the_list(here, home, text):
    here.clock.set(here.clock.now().replace(year=2027, month=2, day=21))
    assert _check(here, text).result == "expired"
    assert _check(home, text).result == "expired"


@pytest.mark.parametrize("state", [PeerState.REVOKED, PeerState.PAPER])
def test_a_region_without_trust_is_an_unknown_issuer(home, text, state):
    home.write(lambda session: setattr(session.get_one(Peer, HERE), "state", state))
    check = _check(home, text)
    assert (check.result, check.claims) == ("unknown_issuer", {})


def test_a_suspended_peers_certificates_still_count(home, wire, text):
    _fetch(home, wire)
    home.write(lambda session: setattr(session.get_one(Peer, HERE), "state", PeerState.SUSPENDED))
    assert _check(home, text).result == "valid"


def test_a_retired_key_verifies_and_a_compromised_one_does_not(here, home, wire, text):
    _fetch(home, wire)
    kid = here.node.fed.keys.kid("certificate")
    home.write(lambda session: setattr(session.get_one(PeerKey, kid), "accepted_until", home.clock.now()))
    assert _check(home, text).result == "valid"
    home.write(lambda session: setattr(session.get_one(PeerKey, kid), "compromised_from", home.clock.now()))
    assert _check(home, text).result == "unknown_issuer"


@pytest.mark.parametrize("use", ["transport", "checkpoint"])
def test_another_key_of_the_issuer_makes_no_certificate(here, home, use):
    claims = sd_jwt.parse(_unsigned(here)).payload
    forged = _signed(here, claims, use=use)
    assert _check(here, forged).result == "unknown_issuer"
    assert _check(home, forged).result == "unknown_issuer"


def test_a_peer_cannot_sign_for_us(here, home):
    token = sd_jwt.parse(_unsigned(here))
    header = token.header | {"kid": home.node.fed.keys.kid("certificate")}
    signed = sd_jwt.sign(header, token.payload, lambda raw: home.node.fed.keys.sign("certificate", raw))
    assert _check(here, f"{signed}~").result == "unknown_issuer"
    assert _check(home, f"{signed}~").result == "unknown_issuer"


@pytest.mark.parametrize(
    ("header", "claims", "result"),
    [
        ({"alg": "none"}, {}, "altered"),
        ({"alg": "EdDSA"}, {}, "altered"),
        ({"typ": "vc+sd-jwt"}, {}, "altered"),
        ({"crit": ["exp"]}, {}, "altered"),
        ({"kid": None}, {}, "unknown_issuer"),
        ({}, {"vct": "another"}, "altered"),
        ({}, {"iss": "https://example.org"}, "altered"),
        ({}, {"iss": "/regions/790404"}, "unknown_issuer"),
        ({}, {"quarter": "2026Q5"}, "altered"),
        ({}, {"valid_until": "2026-01-01"}, "altered"),
        ({}, {"result": "healthy"}, "altered"),
        ({}, {"_sd_alg": "sha-512"}, "altered"),
        ({}, {"_sd": []}, "altered"),
        ({}, {"status": {"status_list": {"idx": -1, "uri": LIST + "1"}}}, "altered"),
        ({}, {"status": {"status_list": {"idx": 99999, "uri": LIST + "1"}}}, "not_current"),
        ({}, {"status": {"status_list": {"idx": 1, "uri": LIST.replace("v1", "v2") + "1"}}}, "not_current"),
        ({}, {"status": {"status_list": {"idx": 1, "uri": LIST + "9"}}}, "not_current"),
    ],
)  # fmt: skip
def test_what_no_node_of_ours_would_sign_is_never_valid(here, header, claims, result):
    token = sd_jwt.parse(_unsigned(here))
    signed = sd_jwt.sign(
        token.header | header, token.payload | claims, lambda raw: here.node.fed.keys.sign("certificate", raw)
    )
    assert _check(here, f"{signed}~").result == result


def test_a_disclosure_of_another_claim_or_value_is_altered(here, text):
    token, *_ = text.split("~")
    for claim, value in (("kind", "general_health"), ("name", "刘一"), ("pregnant", "no"), ("date_of_birth", "soon")):
        assert _check(here, f"{token}~{sd_jwt.disclosure(claim, value, b'0' * 16)}~").result == "altered"


def test_dropping_a_disclosure_is_the_holders_right(here, text):
    token, *disclosures = text.split("~")
    check = _check(here, "~".join([token, disclosures[1], ""]))
    assert check.result == "valid"
    assert set(check.claims) >= {"name"}
    assert "kind" not in check.claims


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_changed_character_stays_valid(here, text, data):
    place = data.draw(st.integers(0, len(text) - 1))
    letter = data.draw(st.sampled_from("ABab01-_~.= \u00e9"))
    changed = text[:place] + letter + text[place + 1 :]
    if changed == text:
        return
    result = _check(here, changed).result
    dropped_disclosure = letter in "~ " or text[place] == "~"
    assert result in {"altered", "unknown_issuer"} or (dropped_disclosure and "".join(changed.split()) == text)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(typed=st.text(max_size=300))
def test_whatever_is_typed_comes_to_a_result(here, typed):
    assert _check(here, typed).result in {"altered", "unknown_issuer"}


def test_a_text_that_is_too_long_is_not_looked_at(here, text):
    assert _check(here, text + "A" * 5000).result == "altered"


# --- the lists themselves ---------------------------------------------------------------------------------------------


def test_the_token_is_as_the_draft_says_and_the_same_for_an_hour(here, wire):
    here.clock.set(here.clock.now().replace(minute=7))
    token = _token(here)
    parts = sd_jwt.parse_jws(token)
    assert parts.header == {"alg": "Ed25519", "kid": here.node.fed.keys.kid("certificate"), "typ": STATUS_LIST_TYPE}
    assert parts.payload["sub"] == "http://790303.example/federation/v1/status/1"
    assert parts.payload["iat"] == int(here.clock.now().replace(minute=0).timestamp())
    assert parts.payload["ttl"] == 86400
    assert parts.payload["status_list"]["bits"] == 2
    assert len(status_bits.unpack(parts.payload["status_list"]["lst"])) * 4 >= 10_000
    here.clock.advance(minutes=50)
    assert _token(here) == token


def test_issuing_leaves_the_list_as_it_was(here, wire, person_id, issue):
    before = _token(here)
    issue(person_id)
    assert _token(here) == before


def test_indexes_are_random_unused_and_a_full_list_begins_another(here, wire):
    seen = set()
    for _ in range(50):
        number, index = here.write(lambda session: take_entry(session, here.node))
        assert number == 1
        seen.add(index)
    assert len(seen) == 50
    assert max(seen) - min(seen) > 5000
    full = bytes([0b01010101]) * (status_bits.STATUS_LIST_SIZE // 8)
    here.write(lambda session: setattr(session.get_one(StatusList, 1), "taken", full))
    number, index = here.write(lambda session: take_entry(session, here.node))
    assert number == 2
    here.write(lambda session: set_entry(session, 2, index, StatusValue.REVOKED))
    assert here.read(lambda session: status_list_token(session, here.node, 3)) is None


def test_a_second_list_is_fetched_with_the_first(here, home, wire):
    here.write(lambda session: session.add(_list(2)))
    assert _fetch(home, wire) == 2
    assert home.read(lambda session: cached_entry(session, HERE, 2, 5)) is not None
    assert wire.asked[-1].endswith("/3")


def test_a_list_is_asked_for_once_an_hour_and_later_and_later_while_it_fails(home, wire):
    assert [_fetch(home, wire), _fetch(home, wire)] == [1, 0]
    home.clock.advance(minutes=59)
    assert _fetch(home, wire) == 0
    wire.down = True
    waits = []
    for _ in range(12):
        home.clock.advance(hours=7)
        before = len(wire.asked)
        assert _fetch(home, wire) == 0
        assert len(wire.asked) == before + 1
        row = home.read(lambda session: session.get_one(PeerStatusList, (HERE, 1)))
        waits.append((row.next_fetch_at - home.clock.now()).total_seconds())
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (60, 6 * 3600)
    assert home.read(oldest_list) is not None, "the last good list stays"
    wire.down = False
    home.clock.advance(hours=7)
    assert _fetch(home, wire) == 1


@pytest.mark.parametrize("flaw", ["garbage", "another type", "another list", "another region's key", "from tomorrow"])
def test_a_list_that_is_not_that_regions_own_is_not_kept(here, home, wire, flaw):
    parts = sd_jwt.parse_jws(_token(here))
    header, claims, signer = dict(parts.header), dict(parts.payload), here.node
    if flaw == "another type":
        header["typ"] = "JWT"
    elif flaw == "another list":
        claims["sub"] = "http://790303.example/federation/v1/status/2"
    elif flaw == "another region's key":
        signer = home.node
        header["kid"] = home.node.fed.keys.kid("certificate")
    elif flaw == "from tomorrow":
        claims["iat"] += 86400
    token = sd_jwt.sign(header, claims, lambda raw: signer.fed.keys.sign("certificate", raw))
    wire.instead = b"\xff\xfegarbage" if flaw == "garbage" else token.encode()
    assert _fetch(home, wire) == 0
    assert home.read(lambda session: cached_entry(session, HERE, 1, 1)) == (None, None)


def test_an_older_list_does_not_take_the_place_of_a_newer_one(here, home, wire):
    old = _token(here).encode()
    here.clock.advance(hours=2)
    _fetch(home, wire)
    issued = home.read(lambda session: session.get_one(PeerStatusList, (HERE, 1)).issued_at)
    here.clock.advance(hours=2)
    wire.instead = old
    assert _fetch(home, wire) == 0
    assert home.read(lambda session: session.get_one(PeerStatusList, (HERE, 1)).issued_at) == issued


def test_a_number_is_read_from_a_list_address_of_ours_alone():
    good = "https://a.example/federation/v1/status/"
    assert [number_in(good + tail) for tail in ("1", "4096", "4097", "0", "x", "1/2", "12345", "٣")] == [
        1, 4096, None, None, None, None, None, None,
    ]  # fmt: skip
    assert number_in("not a uri") is None


# --- what the tests do ------------------------------------------------------------------------------------------------


def _check(side, text):
    return side.read(lambda session: check_certificate(session, side.node, text))


def _fetch(side, wire):
    return asyncio.run(fetch_due_lists(side.node, wire))


def _token(side):
    return side.read(lambda session: status_list_token(session, side.node, 1))


def _list(number):
    return StatusList(
        number=number,
        created_on=date(2026, 11, 1),
        entries=status_bits.empty_entries(),
        taken=status_bits.empty_map(),
    )


def _change(side, person_id, certificate_id, change):
    side.write(
        lambda session: change_certificate(session, side.node, person_id, certificate_id, change, by=side.officer)
    )


def _unsigned(side):
    """Header and claims as this node would sign them, with nobody's signature."""
    side.write(lambda session: ensure_first_list(session, side.node))
    claims = {
        "vct": "tonglu-check-certificate",
        "iss": f"/regions/{side.node.region}",
        "quarter": "2026Q4",
        "attended_on": "2026-11-20",
        "valid_until": "2027-02-20",
        "status": {"status_list": {"idx": 1, "uri": f"{side.node.base_url}/federation/v1/status/1"}},
        "_sd": ["A" * 43, "B" * 43, "C" * 43],
        "_sd_alg": "sha-256",
    }
    header = {"alg": "Ed25519", "kid": side.node.fed.keys.kid("certificate"), "typ": "dc+sd-jwt"}
    return sd_jwt.sign(header, claims, lambda _: b"none") + "~"


def _signed(side, claims, *, use):
    header = {"alg": "Ed25519", "kid": side.node.fed.keys.kid(use), "typ": "dc+sd-jwt"}
    return sd_jwt.sign(header, claims, lambda raw: side.node.fed.keys.sign(use, raw)) + "~"
