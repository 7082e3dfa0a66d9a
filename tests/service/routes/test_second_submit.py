"""A form that is sent twice is carried out once, also without a script (a double click, Back and again)."""

import re

import pytest

from schemas.clock import FakeClock
from service.registry.tables import Arrival
from tests.service.conftest import connect, sign_in_as

PERSON = {
    "name": "韩晨曦",
    "document_type": "resident_id",
    "document_number": "79010119900307123X",
    "date_of_birth": "19900307",
    "region": "青禾县",
    "moved_on": "20260901",
    "notice_way": "spoken",
    "language": "zh-CN",
}


@pytest.fixture
async def pages(app, officer):
    token = sign_in_as(app.state.node, officer, "page")
    async with connect(app, cookies={"tonglu_session": token}) as http:
        yield http


async def hidden(pages, path):
    """The hidden fields of the page's main form: its token and its own key."""
    page = (await pages.get(path)).text
    form = page[page.index(f'action="{path}"') :]
    return {name: re.search(f'name="{name}" value="([^"]*)"', form)[1] for name in ("form_token", "form_key")}


def arrivals(app):
    from sqlmodel import func, select

    counted = select(func.count()).select_from(Arrival)
    return app.state.node.database.read_sync(lambda session: session.exec(counted).one())


async def test_a_registration_sent_twice_is_one_registration(app, pages):
    form = PERSON | await hidden(pages, "/arrivals/new")
    first = await pages.post("/arrivals/new", data=form)
    assert first.status_code == 303, first.text
    second = await pages.post("/arrivals/new", data=form)
    assert (second.status_code, second.headers["location"]) == (303, first.headers["location"])
    assert arrivals(app) == 1


async def test_a_form_sent_again_with_other_values_is_refused_and_changes_nothing(app, pages):
    form = PERSON | await hidden(pages, "/arrivals/new")
    assert (await pages.post("/arrivals/new", data=form)).status_code == 303
    other = await pages.post("/arrivals/new", data=form | {"moved_on": "20260902"})
    assert other.status_code == 422
    assert arrivals(app) == 1


async def test_the_next_form_is_another_one(app, pages, clock: FakeClock):
    for number in ("79010119900307123X", "790101199104124121"):
        form = PERSON | {"document_number": number, "date_of_birth": f"{number[6:14]}"}
        sent = await pages.post("/arrivals/new", data=form | await hidden(pages, "/arrivals/new"))
        assert sent.status_code == 303, sent.text
    assert arrivals(app) == 2
