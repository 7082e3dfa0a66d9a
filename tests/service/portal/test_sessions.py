"""Coming in: code, date of birth and PIN; whatever is wrong looks the same, and guessing gets slower."""

import re
from datetime import date, timedelta

import pytest
import sqlalchemy

from schemas.problems import InvalidInput
from service.portal import sessions
from service.portal.codes import CODE_LIFE, plain_code, purge
from service.portal.sessions import VISIT_LIFE, check_new_pin
from tests.service.conftest import connect
from tests.service.portal.conftest import PIN, credentials


async def test_the_first_visit_chooses_the_pin_and_later_ones_need_it(app, code):
    async with connect(app) as http:
        assert (await _enter(http, code)).status_code == 200
        assert (await _enter(http, code)).status_code == 200
        wrong = await _enter(http, code, pin="314159")
        assert (wrong.status_code, wrong.json()["type"]) == (401, "/problems/sign_in_failed")


async def test_a_failed_first_visit_chooses_no_pin(app, code):
    async with connect(app) as http:
        assert (await _enter(http, code, date_of_birth="1991-03-07", pin="999999")).status_code == 401
        assert (await _enter(http, code)).status_code == 200


async def test_whatever_is_wrong_gets_one_and_the_same_answer(app, code):
    async with connect(app) as http:
        await _enter(http, code)
        answers = [
            await _enter(http, "AAAA-BBBB-CCCC"),
            await _enter(http, code, date_of_birth="1991-03-07"),
            await _enter(http, code, pin="314159"),
        ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({re.sub(r'"instance":"[^"]*"', "", answer.text) for answer in answers}) == 1


async def test_a_code_forgives_how_it_is_typed(app, code):
    async with connect(app) as http:
        full_width = "".join(chr(ord(one) + 0xFEE0) if one.isalnum() else one for one in code)
        for typed in (code.lower(), code.replace("-", ""), f" {code.replace('-', ' ')} ", full_width):
            assert (await _enter(http, typed)).status_code == 200
    assert plain_code("o0-iIlL") == "001111"


async def test_guessing_gets_slower_and_is_forgotten_in_time(app, clock, code):
    async with connect(app) as http:
        await _enter(http, code)
        for _ in range(5):
            assert (await _enter(http, code, pin="314159")).status_code == 401
        blocked = await _enter(http, code)
        assert (blocked.status_code, blocked.json()["type"]) == (429, "/problems/too_many_attempts")
        clock.advance(seconds=31)
        assert (await _enter(http, code)).status_code == 200
        assert (await _enter(http, code, pin="314159")).status_code == 401, "a right one takes the count back"


async def test_many_codes_from_one_address_are_slowed_too(app):
    node = app.state.node
    for number in range(29):
        keys = sessions._failure_keys(node, f"AAAA-BBBB-{number:04}", "192.0.2.7")
        node.database.write_sync(lambda session, keys=keys: sessions._count(session, node, keys))
    async with connect(app) as http:
        answers = [await _enter(http, f"CCCC-BBBB-{number:04}") for number in range(2)]
    assert [answer.status_code for answer in answers] == [401, 429]


async def test_a_new_code_ends_the_old_one_its_pin_and_open_visits(client, app, person_id, code, me):
    assert (await me.get("/api/v1/me")).status_code == 200
    fresh = (await client.post(f"/api/v1/people/{person_id}/access-code")).json()["code"]
    assert fresh != code
    assert (await me.get("/api/v1/me")).status_code == 401
    async with connect(app) as http:
        assert (await _enter(http, code)).status_code == 401
        assert (await _enter(http, fresh, pin="a new one")).status_code == 200


async def test_codes_and_visits_end_by_themselves(app, clock, code, me):
    clock.advance(seconds=VISIT_LIFE.total_seconds())
    assert (await me.get("/api/v1/me")).status_code == 401
    clock.advance(seconds=(CODE_LIFE - VISIT_LIFE).total_seconds())
    async with connect(app) as http:
        assert (await _enter(http, code)).status_code == 401
    node = app.state.node
    node.database.write_sync(lambda session: purge(session, node))
    counts = node.database.read_sync(
        lambda session: [
            session.execute(sqlalchemy.text(f"SELECT count(*) FROM {table}")).scalar_one()
            for table in ("access_code", "portal_session")
        ]
    )
    assert counts == [0, 0]


async def test_leaving_ends_the_visit(me):
    assert (await me.delete("/api/v1/me/session")).status_code == 204
    assert (await me.get("/api/v1/me")).status_code == 401


async def test_an_officers_token_opens_nobodys_page_and_a_visit_no_office(client, me, person_id):
    assert (await client.get("/api/v1/me")).status_code == 401
    assert (await me.get(f"/api/v1/people/{person_id}")).status_code == 401
    assert (await me.get("/api/v1/arrivals")).status_code == 401


async def test_no_row_tells_whose_code_it_is_or_that_the_page_was_visited(app, code, person_id):
    node = app.state.node

    def columns(session):
        row = session.execute(sqlalchemy.text("SELECT * FROM access_code")).mappings().one()
        return {name: bytes(value) if isinstance(value, bytes | memoryview) else value for name, value in row.items()}

    before = node.database.read_sync(columns)
    async with connect(app) as http:
        await _enter(http, code)
    after = node.database.read_sync(columns)
    assert len(before["sealed"]) == len(after["sealed"])
    assert {name: value for name, value in before.items() if name != "sealed"} == {
        name: value for name, value in after.items() if name != "sealed"
    }
    for known in (person_id, code, plain_code(code), PIN):
        assert known.encode() not in b"".join(value for value in after.values() if isinstance(value, bytes))


async def test_a_person_without_a_date_of_birth_gets_no_code(client):
    body = {
        "person": {"name": "刘一", "document_type": "none"},
        "origin_region": "790101",
        "arrived_on": "2026-09-01",
        "notice": {"version": "2026-11", "way": "spoken", "given_at": "2026-11-23T01:00:00Z"},
    }
    person_id = (await client.post("/api/v1/arrivals", json=body)).json()["person_id"]
    answer = await client.post(f"/api/v1/people/{person_id}/access-code")
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/date_of_birth_missing")


@pytest.mark.parametrize("pin", ["123", "", "19900307", "900307", "1990", "0307", "0000", "x" * 65])
def test_a_pin_that_anyone_would_guess_is_refused(pin):
    with pytest.raises(InvalidInput):
        check_new_pin(pin, date(1990, 3, 7))


def test_visits_are_short():
    assert timedelta(hours=1) >= VISIT_LIFE


async def _enter(http, code, **changes):
    return await http.post("/api/v1/me/session", json=credentials(code, **changes))
