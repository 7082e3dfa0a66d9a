"""Both regions made a journey id, and what is said crosses on the line: the smaller wins, and nothing is lost."""

import pytest

from service.registry.tables import Arrival, Departure
from tests.service.two_regions import ANSWERER, ASKER

SHARE_HOME, SHARE_AWAY = f"share_with_peer:{ANSWERER}", f"share_with_peer:{ASKER}"
SMALL, LARGE = "00000000-0000-4000-8000-000000000001", "ffffffff-ffff-4fff-bfff-ffffffffffff"


def name_journey(region, table, row_id, journey):
    def change(session):
        row = session.get_one(table, row_id)
        row.journey = journey
        session.add(row)

    region.node.database.write_sync(change)


async def meet(regions, own, theirs):
    """A question and the arrival's early confirmation leave together; the peer has not looked the question up yet."""
    departure = await regions.answerer.leaves()
    name_journey(regions.answerer, Departure, departure["id"], theirs)
    await regions.answerer.post(
        f"/people/{departure['person_id']}/consents",
        {"consents": [{"purpose": SHARE_AWAY, "way": "spoken", "witness": "李伟"}], "refused": []},
    )
    await regions.deliver()
    arrival = await regions.asker.arrives(SHARE_HOME)
    name_journey(regions.asker, Arrival, arrival["id"], own)
    asked = await regions.asker.asks(arrival["person_id"])
    await regions.asker.run("matching")
    assert (await regions.asker.get(f"/arrivals/{arrival['id']}"))["state"] == "confirmed"
    return arrival, departure, asked


@pytest.mark.parametrize(("own", "theirs"), [(SMALL, LARGE), (LARGE, SMALL)])
async def test_a_confirmation_before_the_answer_names_the_journey_that_the_peer_knows(regions, own, theirs):
    arrival, departure, asked = await meet(regions, own, theirs)
    await regions.asker.tools.delivery.tick(regions.clock.now())
    assert (await regions.answerer.get(f"/departures/{departure['id']}"))["state"] == "confirmed"
    await regions.settle()
    assert (await regions.asker.get(f"/verifications/{asked['id']}"))["state"] == "answered"
    here = await regions.asker.get(f"/arrivals/{arrival['id']}")
    there = await regions.answerer.get(f"/departures/{departure['id']}")
    assert (here["state"], there["state"]) == ("confirmed", "confirmed")
    assert (here["journey"], there["journey"]) == (SMALL, SMALL)


async def test_a_journey_that_ends_before_the_answer_ends_there_too(regions):
    arrival, departure, _asked = await meet(regions, SMALL, LARGE)
    await regions.asker.post(f"/arrivals/{arrival['id']}/end", {"ended_on": "2026-11-20"})
    await regions.past_undoing()
    await regions.deliver()
    assert (await regions.answerer.get(f"/departures/{departure['id']}"))["state"] == "ended"
