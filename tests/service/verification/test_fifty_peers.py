"""One person in fifty regions' way: whoever is not part of her journey learns nothing, whatever message they send.

A short run has twelve of them. The peers know all that can be known from outside: her name, number and birth date, the
id of her journey, the case of the question that was asked about her and the ids of the messages that told of her. Each
sends every type of message. One region is part of the journey and has her consent: it is answered, so that silence
towards the others means something.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from itertools import cycle
from typing import Any

import httpx
import pytest
from sqlmodel import func, select

from federation import pairing
from federation.mock_peer import AsgiWire, KnownPeer, MockPeer
from federation.tables import OutboxMessage, Peer, PeerState
from schemas.entropy import SeededEntropy, uuid7
from schemas.identity import PersonIdentity
from schemas.messages import MESSAGE_TYPES, subject_of
from service.agreements.actions import propose_agreement
from service.agreements.tables import Agreement
from service.jobs import JOBS
from tests.schemas.samples import DATA, WITH_AGREEMENT
from tests.service.two_regions import ANSWERER, ASKER, HAN, NAMES, Region, Wire, close_region, open_region

HOME = ANSWERER
PERSON = PersonIdentity.model_validate({key: value for key, value in HAN.items() if key != "phone"})
SHARE_HOME = f"share_with_peer:{HOME}"
OFFICES = ("agreement", "keys", "node", "log", "message")
"""Messages between offices, which are about no person."""
NOTHING = {
    ("verification.answered", "no_record"),
    ("verification.answered", "withheld"),
    ("verification.declined", "not_our_area"),
    ("record.erased", ""),
}
"""What a region without her journey and her consent may get, beside receipts."""


@pytest.fixture
async def here(new_settings, clock, password_hash) -> AsyncIterator[tuple[Region, Wire]]:
    wire = Wire()
    region = open_region(new_settings(ASKER, NAMES[ASKER]), wire, clock, password_hash)
    yield region, wire
    await close_region(region)


@pytest.fixture(params=[12, pytest.param(50, marks=pytest.mark.long)], ids="{} peers".format)
def strangers(request) -> list[str]:
    """Regions that have nothing to do with her: fifty where there is time."""
    return [f"7905{number:02}" for number in range(1, request.param + 1)]


@pytest.fixture
async def peers(here, strangers, clock) -> AsyncIterator[dict[str, MockPeer]]:
    """The home region and the strangers, all paired, with an agreement on everything signed by both."""
    region, wire = here
    to_us = AsgiWire({f"{ASKER}.example": region.app})
    made = {}
    async with AsyncExitStack() as entered:
        for code in (HOME, *strangers):
            url, entropy = f"http://{code}.example", SeededEntropy(code)
            peer = MockPeer(code, url, wire=to_us, clock=clock, entropy=entropy, patience_seconds=2)
            made[code] = await entered.enter_async_context(peer)
            wire.apps[f"{code}.example"] = httpx.ASGITransport(app=peer.app)
            introduce(region, peer)
        await region.tools.delivery.tick(clock.now())
        signed = select(func.count()).where(Agreement.state == "signed")
        for _ in range(2000):
            if region.node.database.read_sync(lambda session: session.exec(signed).one()) == len(made):
                break
            await asyncio.sleep(0.01)
        yield made


def introduce(here: Region, peer: MockPeer) -> None:
    """Pair, and propose an agreement, which the peer signs at once."""
    node = here.node
    keys = node.fed.keys.public_jwks()["keys"]
    peer.memory.peers[here.code] = KnownPeer(here.code, node.base_url, keys, node.fed.limits, state="active")

    def take(session):
        pairing.accept(session, node.fed, pairing.read_invitation(node.fed, peer.invitation()))
        row = session.get_one(Peer, peer.region)
        row.state, row.activated_at = PeerState.ACTIVE, node.now()
        session.add(row)
        session.flush()
        propose_agreement(session, node, peer.region, by=here.officer)

    node.database.write_sync(take)


def every_type(peer: MockPeer, known: dict[str, Any]) -> list[dict[str, Any]]:
    """One message of each type, as much about her as it can be."""
    agreement = next(iter(peer.memory.agreements))
    messages = []
    for kind, model in MESSAGE_TYPES.items():
        name = kind.removeprefix("tonglu.").removesuffix(".v1")
        data = {key: known.get(key, value) for key, value in DATA[name].items()}
        data |= {"case": uuid7(peer.own.clock.now(), peer.own.entropy)} if name == "verification.requested" else {}
        if "consent" in data:
            purpose = f"share_with_peer:{ASKER}" if name == "verification.requested" else data["consent"]["purpose"]
            data["consent"] = data["consent"] | {"purpose": purpose}
        envelope = {"agreement": agreement, "purpose": "confirm_journey"} if name in WITH_AGREEMENT else {}
        if name in ("certificate.delivered", "plan.handed_over", "plan.accepted"):
            envelope["purpose"] = "persons_request"
        person = PERSON if "subject_identity" in data else None
        subject = subject_of(model.model_validate(data))
        messages.append(peer.message(ASKER, kind, data, subject=subject, person=person, **envelope))
    return messages


def got(peer: MockPeer) -> set[tuple[str, str]]:
    """What a peer was told: short type, and the word or reason, apart from what is between offices."""
    told = set()
    for one in peer.taken:
        name = one.envelope.type.removeprefix("tonglu.").removesuffix(".v1")
        if name.split(".")[0] in OFFICES:
            continue
        words = one.envelope.data.get("answers", {"": one.envelope.data.get("reason", "")}).values()
        told |= {(name, word) for word in words}
    return told


async def settle(here: Region) -> None:
    for _ in range(12):
        if not await here.run("matching") + await here.tools.delivery.tick(here.clock.now()):
            return
    raise AssertionError("it never comes to rest")


async def test_fifty_peers_with_every_message_learn_nothing_of_her(here, strangers, peers):
    region, _ = here
    arrival = await region.arrives(SHARE_HOME, origin=HOME)
    asked = await region.asks(arrival["person_id"], peer=HOME)
    await settle(region)
    told_home = select(OutboxMessage.id).where(OutboxMessage.region == HOME)
    ids = region.node.database.read_sync(lambda session: list(session.exec(told_home)))
    known = {"journey": arrival["journey"], "case": asked["case"], "message_ids": ids}
    known["claims"] = ["identity", "arrival_declared"]
    # The home region asks what it may ask, and is told.
    home = peers[HOME]
    await home.post(ASKER, [one for one in every_type(home, known) if one["type"].endswith(".requested.v1")][:1])
    results = defaultdict(set)
    for code in strangers:
        exchange = await peers[code].post(ASKER, every_type(peers[code], known))
        for kind, result in zip(MESSAGE_TYPES, exchange.results, strict=True):
            results[kind].add((result.result, result.code))
    # The receipts of one type are the same for all.
    assert all(len(seen) == 1 for seen in results.values()), results
    await settle(region)

    await answer_all(region, len(strangers))
    for days in (1, 30):
        region.clock.advance(days=days)
        for job in JOBS:
            await region.run(job)
        await settle(region)
    # Her word in the strangers' books, if any, is nothing.
    for code in strangers:
        assert got(peers[code]) <= NOTHING, code
    everybody = set().union(*(got(peers[code]) for code in strangers))
    assert everybody >= {("verification.answered", "no_record"), ("record.erased", "")}
    assert ("verification.answered", "confirmed") in got(home)


async def answer_all(region: Region, least: int) -> None:
    """An officer answers what waits, by turns as well as the register lets them, and declining."""
    items = (await region.get("/verifications", direction="received", limit=200))["items"]
    waiting = [one for one in items if one["state"] == "received"]
    assert len(waiting) >= least
    for one, confirms in zip(waiting, cycle((True, False)), strict=False):
        path = f"/verifications/{one['id']}"
        if not confirms:
            await region.post(f"{path}/decline", {"reason": "not_our_area"})
            continue
        if one == waiting[0]:
            for word in ("confirmed", "not_confirmed"):
                words = {"answers": dict.fromkeys(one["claims"], word)}
                await region.refused(f"{path}/answer", words, "invalid_input")
        await region.post(f"{path}/answer", {"answers": dict.fromkeys(one["claims"], "no_record")})
