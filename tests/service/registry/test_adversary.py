"""Random lives of records under several hands: nothing doubled, nothing lost, what is taken back as it was."""

import pytest

from tests.service.registry.adversary import EAST, WEST, Adversary, dump, register

STEPS = 40


@pytest.mark.by_turns
@pytest.mark.parametrize("seed", [1, 2, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(3, 9))])
async def test_nothing_is_doubled_or_lost_and_undoing_is_exact(region, seed):
    officers = [region, await region.as_officer("东镇", area=EAST), await region.as_officer("西镇", area=WEST)]
    adversary = Adversary(region, officers, seed)
    for number in range(5):
        await register(adversary, officers[number % 2])
    for _ in range(STEPS):
        await adversary.step()
    assert adversary.done > STEPS // 6
    hidden = {one for one, facts in adversary.read(dump).items() if one.startswith("person ") and unseen(facts)}
    for query in ("韩晨曦", "单雨桐", "陈小禾", "hanchenxi"):
        shown = (await region.request("POST", "/search", json={"q": query})).json()["items"]
        assert hidden.isdisjoint(f"person {one['person_id']}" for one in shown)
    for way in ("arrivals", "departures"):
        listed = (await region.get(f"/{way}"))["items"]
        assert hidden.isdisjoint(f"person {one['person_id']}" for one in listed)


def unseen(facts):
    return facts["state"] != "active" or (facts["protection_until"] or "") >= "2026-11-23"
