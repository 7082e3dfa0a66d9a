"""Agreements and comparisons on the peer's page, as an officer without scripts sees them."""

from typing import Any

import pytest

from service.web.templating import Pages
from tests.service.agreements.peer_world import Browser, said
from tests.service.conftest import connect
from tests.service.two_regions import ANSWERER, Region, Regions, agree


@pytest.fixture
async def pages(strangers: Regions) -> Any:
    """The asker's officer at the pages."""
    region = strangers.asker
    region.app.state.pages = _pages(region)
    async with connect(region.app, headers={"Accept": "text/html"}, follow_redirects=False) as http:
        yield Browser(http, region.node, region.officer)


def _pages(region: Region) -> Pages:
    return Pages(
        region=region.code,
        region_name=region.node.name,
        zone=region.node.zone,
        now=region.node.now,
        region_full_name=region.node.divisions.full_name,
        secure=False,
    )


async def test_terms_are_typed_and_what_cannot_be_keeps_them(strangers, pages):
    page, action = f"/peers/{ANSWERER}", f"/peers/{ANSWERER}/propose"
    fields = {"per_month": "４0", "answer_working_days": "4", "retention_days": "100", "claims": "identity"}
    refused = await pages.sends(page, action, 422, **fields)
    assert "请填写整数。" in said(refused.text)
    assert 'value="4"' in refused.text
    fields |= {"retention_days": "7", "valid_from": "20261201", "valid_until": "2027-05-31"}
    await pages.sends(page, action, **fields)
    (proposed,) = (await strangers.asker.get("/agreements"))["items"]
    assert (proposed["per_month"], proposed["answer_working_days"], proposed["retention_days"]) == (40, 4, 7)
    assert (proposed["valid_from"], proposed["valid_until"]) == ("2026-12-01", "2027-05-31")
    assert (proposed["claims"], len(proposed["purposes"])) == (["identity"], 3)


async def test_a_task_leads_to_the_page_where_a_successor_is_proposed(strangers, pages):
    old = await agree(strangers)
    strangers.clock.advance(days=340)
    await strangers.asker.run("deadlines")
    assert f"/agreements/{old}" in (await pages.gets("/")).text
    led = await pages.gets(f"/agreements/{old}")
    assert led.headers["location"] == f"/peers/{ANSWERER}"
    await pages.sends(f"/peers/{ANSWERER}", f"/peers/{ANSWERER}/agreements/{old}/renew")
    newest = (await strangers.asker.get("/agreements"))["items"][0]
    assert (newest["state"], newest["valid_from"]) == ("proposed", "2027-11-24")
    again = await pages.sends(f"/peers/{ANSWERER}", f"/peers/{ANSWERER}/agreements/{old}/renew", 409)
    assert "这份协议已有续签协议。" in said(again.text)


async def test_journeys_are_compared_from_the_peers_page(strangers, pages):
    await agree(strangers)
    path = f"/peers/{ANSWERER}/reconciliations"
    assert f'href="{path}"' in (await pages.gets(f"/peers/{ANSWERER}")).text
    assert "暂无" in await pages.reads(path)
    few = await pages.sends(path, path, 422)
    assert "20 条" in said(few.text)
