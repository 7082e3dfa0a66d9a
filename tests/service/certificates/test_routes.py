"""Certificates through the API: one person's, printed and read back, checked by anyone."""

import pypdfium2
import pytest
import zxingcpp

from schemas.certificates import STATUS_LIST_MEDIA_TYPE, StatusListClaims
from service.certificates import sd_jwt, status_bits
from tests.service.conftest import connect

HAN = {
    "name": "欧阳𬱖",
    "document_type": "resident_id",
    "document_number": "790101199003071230",
    "email": "chenxi@example.net",
}
NOTICE = {"version": "2026-11", "way": "spoken", "given_at": "2026-11-23T01:00:00Z"}


@pytest.fixture
async def person_id(client):
    body = {"person": HAN, "origin_region": "790101", "arrived_on": "2026-09-01", "notice": NOTICE, "consents": []}
    answer = await client.post("/api/v1/arrivals", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()["person_id"]


@pytest.fixture
async def made(client, person_id):
    answer = await client.post("/api/v1/certificates", json=_wanted(person_id, disclose=["name", "kind"]))
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_what_is_made_is_what_is_shown(client, person_id, made):
    assert set(made) >= {"id", "state", "quarter", "attended_on", "valid_until", "certificate"}
    assert (made["state"], made["quarter"]) == ("issued", "2026Q4")
    shown = await client.get(f"/api/v1/certificates/{made['id']}?person_id={person_id}")
    assert shown.json() == made
    listed = await client.get(f"/api/v1/people/{person_id}/certificates")
    assert listed.json()["items"] == [made]


async def test_without_the_right_person_there_is_nothing_to_see_and_nothing_to_change(client, made):
    for whose in ("", "?person_id=", "?person_id=01a20621-ad00-7000-bbc3-9575c20c023f"):
        for path in ("", "/qr.svg", "/slip.pdf"):
            answer = await client.get(f"/api/v1/certificates/{made['id']}{path}{whose}")
            assert (answer.status_code, answer.json()["type"]) == (404, "/problems/not_found"), path + whose
        for step in ("suspend", "resume", "revoke", "deliver"):
            answer = await client.post(f"/api/v1/certificates/{made['id']}/{step}{whose}")
            assert answer.status_code == 404, step + whose


async def test_every_door_but_the_check_asks_for_a_sign_in(anonymous, person_id, made):
    query = f"?person_id={person_id}"
    for method, path in (
        ("POST", "/certificates"),
        ("GET", f"/certificates/{made['id']}{query}"),
        ("GET", f"/certificates/{made['id']}/qr.svg{query}"),
        ("GET", f"/certificates/{made['id']}/slip.pdf{query}"),
        ("POST", f"/certificates/{made['id']}/revoke{query}"),
        ("GET", f"/people/{person_id}/certificates"),
    ):
        answer = await anonymous.request(
            method, f"/api/v1{path}", json=_wanted(person_id) if method == "POST" else None
        )
        assert answer.status_code == 401, path


async def test_the_slip_is_one_small_page_and_its_code_checks_without_sign_in(app, client, person_id, made):
    answer = await client.get(f"/api/v1/certificates/{made['id']}/slip.pdf?person_id={person_id}")
    assert answer.headers["content-type"] == "application/pdf"
    with pypdfium2.PdfDocument(answer.content) as document:
        assert len(document) == 1
        width, height = document[0].get_size()
        text = document[0].get_textpage().get_text_bounded()
        (code,) = zxingcpp.read_barcodes(document[0].render(scale=5).to_pil())
    assert (round(width / 72 * 25.4), round(height / 72 * 25.4)) == (105, 148)
    for part in ("健康服务参加凭证", "欧阳𬱖", "2026Q4", "一般健康", "任何人不得因没有凭证而拒绝提供服务"):
        assert part in text
    assert "1990" not in text, "what is not disclosed is not printed"
    assert code.text == made["certificate"]
    async with connect(app) as anyone:
        check = (await anyone.post("/api/v1/certificates/verify", json={"certificate": code.text})).json()
    assert (check["result"], check["status_age_hours"]) == ("valid", 0)
    assert check["claims"]["name"] == "欧阳𬱖"
    assert check["claims"]["kind"] == "general_health"


async def test_the_qr_picture_is_a_plain_svg(client, person_id, made):
    answer = await client.get(f"/api/v1/certificates/{made['id']}/qr.svg?person_id={person_id}")
    assert answer.headers["content-type"].startswith("image/svg+xml")
    assert answer.text.startswith("<svg")
    assert "script" not in answer.text


async def test_suspend_resume_revoke(client, person_id, made):
    states = []
    for step in ("suspend", "resume", "revoke"):
        answer = await client.post(f"/api/v1/certificates/{made['id']}/{step}?person_id={person_id}")
        check = await client.post("/api/v1/certificates/verify", json={"certificate": made["certificate"]})
        states.append((answer.json()["state"], check.json()["result"]))
    assert states == [("suspended", "suspended"), ("issued", "valid"), ("revoked", "revoked")]
    again = await client.post(f"/api/v1/certificates/{made['id']}/resume?person_id={person_id}")
    assert (again.status_code, again.json()["type"]) == (409, "/problems/wrong_state")


async def test_what_cannot_be_certified_is_refused(client, person_id):
    for changes, code, status in (
        ({"attended_on": "2026-11-24"}, "date_in_future", 422),
        ({"valid_until": "2026-11-20"}, "invalid_input", 422),
        ({"quarter": "2026Q3"}, "invalid_input", 422),
        ({"quarter": "2026-4"}, "invalid_input", 422),
        ({"kind": "pregnancy"}, "invalid_input", 422),
        ({"disclose": ["result"]}, "invalid_input", 422),
        ({"result": "healthy"}, "invalid_input", 422),
        ({"attended_on": "soon"}, "invalid_input", 422),
        ({"person_id": "nobody"}, "not_found", 404),
    ):
        answer = await client.post("/api/v1/certificates", json=_wanted(person_id) | changes)
        assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{code}"), changes


async def test_any_text_may_be_checked(anonymous):
    for text in ("", "~", "hello", "a.b.c~", "x" * 10_000, "\u0000", "🙂"):
        answer = await anonymous.post("/api/v1/certificates/verify", json={"certificate": text})
        assert (answer.status_code, answer.json()["result"]) == (200, "altered"), text[:20]
        assert answer.json()["claims"] == {}


async def test_the_status_list_is_public_and_there_before_any_certificate(anonymous):
    answer = await anonymous.get("/federation/v1/status/1")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == STATUS_LIST_MEDIA_TYPE
    claims = StatusListClaims.model_validate(sd_jwt.parse_jws(answer.text).payload)
    assert claims.sub.endswith("/federation/v1/status/1")
    assert len(status_bits.unpack(claims.status_list.lst)) * 4 >= 10_000
    assert (await anonymous.get("/federation/v1/status/1")).content == answer.content
    for other in ("2", "0", "x", "-1", "99999", "1%2F2"):
        assert (await anonymous.get(f"/federation/v1/status/{other}")).status_code == 404


def _wanted(person_id, **changes):
    return {
        "person_id": person_id,
        "kind": "general_health",
        "quarter": "2026Q4",
        "attended_on": "2026-11-20",
        "valid_until": "2027-02-20",
    } | changes
