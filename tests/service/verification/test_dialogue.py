"""The whole dialogue between two regions, through their JSON API and the line between them."""

from tests.service.two_regions import ANSWERER, ASKER, Regions

SHARE_HOME, SHARE_AWAY = f"share_with_peer:{ANSWERER}", f"share_with_peer:{ASKER}"


async def received(regions: Regions, case: str) -> dict:
    items = (await regions.answerer.get("/verifications", direction="received"))["items"]
    return next(item for item in items if item["case"] == case)


async def test_an_exact_match_is_answered_by_itself_and_confirms_both_sides(regions):
    departure = await regions.answerer.leaves()
    arrival = await regions.asker.arrives(SHARE_HOME)
    asked = await regions.asker.asks(arrival["person_id"])
    assert asked["state"] == "queued"
    assert (await regions.asker.get(f"/arrivals/{arrival['id']}"))["state"] == "verifying"
    await regions.settle()

    done = await regions.asker.get(f"/verifications/{asked['id']}")
    assert (done["state"], done["automatic"]) == ("answered", True)
    assert done["answers"] == {"identity": "confirmed", "departure_declared": "confirmed"}
    there = await received(regions, asked["case"])
    assert (there["state"], there["automatic"], there["answers"]) == ("answered", True, done["answers"])
    assert "person_id" not in there
    for wrong in ("nonsense", "confirmed", "%00"):
        await regions.asker.get("/verifications", 422, state=wrong)

    here_now = await regions.asker.get(f"/arrivals/{arrival['id']}")
    there_now = await regions.answerer.get(f"/departures/{departure['id']}")
    assert (here_now["state"], there_now["state"]) == ("confirmed", "confirmed")
    assert here_now["journey"] == there_now["journey"]


async def test_both_hold_receipts_of_the_same_bytes(regions):
    await regions.answerer.leaves()
    arrival = await regions.asker.arrives(SHARE_HOME)
    asked = await regions.asker.asks(arrival["person_id"])
    await regions.settle()
    here = await regions.asker.get(f"/verifications/{asked['id']}")
    there = await received(regions, asked["case"])
    assert sorted(here["receipts"]) == sorted(there["receipts"])
    assert len(here["receipts"]) == 3  # the request, the answer, and that the arrival matched
    for message_id in here["receipts"]:
        one = await regions.asker.get("/receipts", message=message_id)
        other = await regions.answerer.get("/receipts", message=message_id)
        assert one["digest"] == other["digest"]
    await regions.asker.get("/receipts", 404, message="0192f0c1-0000-7000-8000-000000000009")


async def test_a_misspelt_name_waits_for_an_officer_who_answers(regions):
    departure = await regions.answerer.leaves(SHARE_AWAY, name="韩辰曦")
    arrival = await regions.asker.arrives(SHARE_HOME)
    asked = await regions.asker.asks(arrival["person_id"])
    await regions.settle()

    there = await received(regions, asked["case"])
    assert (there["state"], there["answers"]) == ("received", None)
    items = (await regions.answerer.get("/work-items"))["items"]
    assert [(item["kind"], item["about"]) for item in items] == [("answer_request", there["id"])]

    opened = await regions.answerer.get(f"/verifications/{there['id']}")
    assert opened["subject"]["name"] == "韩晨曦"
    assert [one["name"] for one in opened["candidates"]] == ["韩辰曦"]
    prepared = await regions.answerer.post(
        f"/verifications/{there['id']}/answer",
        {"answers": {"identity": "confirmed", "departure_declared": "confirmed"}},
    )
    assert (prepared["state"], prepared["leaves_at"]) == ("answering", "2026-11-23T04:00:00Z")
    assert (await regions.answerer.get("/work-items"))["items"] == []
    await regions.settle()
    assert (await regions.asker.get(f"/verifications/{asked['id']}"))["state"] == "delivered"

    regions.clock.advance(hours=2)
    assert await regions.answerer.run("releases") == 1
    await regions.settle()
    done = await regions.asker.get(f"/verifications/{asked['id']}")
    assert (done["state"], done["automatic"]) == ("answered", False)
    here_now = await regions.asker.get(f"/arrivals/{arrival['id']}")
    there_now = await regions.answerer.get(f"/departures/{departure['id']}")
    assert (here_now["state"], there_now["state"]) == ("confirmed", "confirmed")
    assert here_now["journey"] == there_now["journey"]


async def test_a_departure_told_first_meets_its_arrival(regions):
    departure = await regions.answerer.leaves(SHARE_AWAY)
    await regions.settle()
    assert (await regions.answerer.get(f"/departures/{departure['id']}"))["state"] == "notified"
    arrival = await regions.asker.arrives(SHARE_HOME)
    await regions.settle()
    assert (await regions.asker.get(f"/arrivals/{arrival['id']}"))["state"] == "confirmed"
    there_now = await regions.answerer.get(f"/departures/{departure['id']}")
    assert there_now["state"] == "confirmed"


async def test_nothing_is_told_of_a_departure_or_an_arrival_without_consent(regions):
    departure = await regions.answerer.leaves()
    told = await regions.answerer.leaves(SHARE_AWAY, name="陈小禾", document_number="790101198501011234")
    arrival = await regions.asker.arrives(
        name="陈小禾", document_number="790101198501011234", date_of_birth="1985-01-01"
    )
    await regions.settle()
    assert (await regions.answerer.get(f"/departures/{departure['id']}"))["state"] == "declared"
    assert (await regions.answerer.get(f"/departures/{told['id']}"))["state"] == "notified"
    assert (await regions.asker.get(f"/arrivals/{arrival['id']}"))["state"] == "declared"


async def test_an_arrival_that_ends_is_told_to_the_origin(regions):
    departure = await regions.answerer.leaves()
    arrival = await regions.asker.arrives(SHARE_HOME)
    await regions.asker.asks(arrival["person_id"])
    await regions.settle()
    await regions.asker.post(f"/arrivals/{arrival['id']}/end", {"ended_on": "2026-11-20", "reason": "deceased"})
    await regions.settle()
    assert (await regions.answerer.get(f"/departures/{departure['id']}"))["state"] == "confirmed", "it may be undone"
    await regions.past_undoing()
    await regions.settle()
    there_now = await regions.answerer.get(f"/departures/{departure['id']}")
    assert (there_now["state"], there_now["ended_on"], there_now["ended_reason"]) == ("ended", "2026-11-20", None)


async def test_a_line_that_is_cut_delays_and_loses_nothing(regions):
    await regions.answerer.leaves()
    arrival = await regions.asker.arrives(SHARE_HOME)
    regions.wire.cut.add(f"{ANSWERER}.example")
    asked = await regions.asker.asks(arrival["person_id"])
    await regions.settle()
    assert (await regions.asker.get(f"/verifications/{asked['id']}"))["state"] == "queued"
    regions.wire.cut.clear()
    regions.clock.advance(minutes=5)
    await regions.settle()
    assert (await regions.asker.get(f"/verifications/{asked['id']}"))["state"] == "answered"
