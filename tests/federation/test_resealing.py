"""What a peer cannot open is sealed anew for the key that its descriptor shows, if a pinned key signed that."""

import dataclasses
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import httpx
from sqlmodel import Session, col, select

from federation.keys import NodeKeys
from federation.node import DESCRIPTOR_PATH
from federation.outbox import VOIDED
from federation.tables import OutboxMessage
from tests.federation.nodes import PERSON, Pair, Side, ask, effects, state


def lose_seal_key(side: Side) -> Side:
    """The same node with another seal key and nothing of the old one."""
    keys = {key.use: key for key in side.fed.keys.all()}
    fresh = NodeKeys.generate(side.fed.entropy).current("seal")
    changed = NodeKeys([keys["transport"], keys["certificate"], keys["checkpoint"], fresh])
    return Side(dataclasses.replace(side.fed, keys=changed), side.database, side.wire)


def remakes(side: Side, other: Side) -> list[str]:
    """Let ``side`` say again what could not be opened; the ids of what it said."""
    made: list[str] = []

    def remake(session: Session, row: OutboxMessage, now: datetime) -> str | None:
        from federation.outbox import enqueue
        from schemas.claims import Purpose
        from schemas.envelope import Outgoing

        old = json.loads(row.body)
        data = {name: value for name, value in old["data"].items() if name != "subject_identity"}
        outgoing = Outgoing(
            other.region, row.type, row.subject, data, old["agreement"], Purpose(old["purpose"]), person=PERSON
        )
        made.append(enqueue(session, side.fed, outgoing))
        return made[-1]

    side.delivery._remake = remake
    return made


def parked(side: Side) -> list[tuple[str, str | None]]:
    return [(one.result, one.problem_code) for one in side.outcomes]


async def test_what_could_not_be_opened_goes_again_under_a_new_id(pair: Pair) -> None:
    made = remakes(pair.lan, pair.qing)
    first = ask(pair.lan, pair.qing)
    changed = lose_seal_key(pair.qing)
    await pair.lan.delivery.tick()
    await pair.lan.delivery.tick()
    assert len(made) == 1
    assert made[0] != first
    assert state(pair.lan, first) == "voided"
    assert state(pair.lan, made[0]) == "receipted"
    assert [one.person for one in changed.seen] == [PERSON]
    assert effects(changed) == 1
    assert ("parked", "unknown_seal_key") not in parked(pair.lan)
    void = pair.lan.read(
        lambda session: session.exec(select(OutboxMessage).where(col(OutboxMessage.type) == VOIDED)).one()
    )
    assert void.state == "receipted"


async def test_a_descriptor_that_no_pinned_key_signed_gives_no_key(pair: Pair) -> None:
    made = remakes(pair.lan, pair.qing)
    first = ask(pair.lan, pair.qing)
    lose_seal_key(pair.qing)
    stranger = dataclasses.replace(pair.qing.fed, keys=NodeKeys.generate(pair.qing.fed.entropy))
    pair.wire.instead = showing(stranger)
    await pair.lan.delivery.tick()
    assert made == []
    assert state(pair.lan, first) == "parked"
    assert parked(pair.lan) == [("parked", "unknown_seal_key")]


async def test_while_no_descriptor_can_be_had_the_message_waits_alone(pair: Pair) -> None:
    made = remakes(pair.lan, pair.qing)
    first = ask(pair.lan, pair.qing)
    lose_seal_key(pair.qing)

    def nothing(request: httpx.Request) -> httpx.Response | None:
        return httpx.Response(502) if request.url.path == DESCRIPTOR_PATH else None

    pair.wire.instead = nothing
    await pair.lan.delivery.tick()
    assert (state(pair.lan, first), made) == ("waiting", [])
    pair.wire.instead = None
    for _ in range(3):
        pair.clock.advance(minutes=1)
        await pair.lan.delivery.tick()
    assert len(made) == 1
    assert state(pair.lan, made[0]) == "receipted"


async def test_what_the_host_cannot_say_again_is_parked_for_an_officer(pair: Pair) -> None:
    def fails(session: Session, row: OutboxMessage, now: datetime) -> str | None:
        raise RuntimeError(PERSON.name)

    pair.lan.delivery._remake = fails
    first = ask(pair.lan, pair.qing)
    lose_seal_key(pair.qing)
    await pair.lan.delivery.tick()
    assert state(pair.lan, first) == "parked"


async def test_a_peer_that_cannot_open_its_own_key_is_not_sent_more_and_more(pair: Pair) -> None:
    """It shows the very key that was sealed for, and refuses all the same."""
    made = remakes(pair.lan, pair.qing)
    shown = dataclasses.replace(pair.qing.fed)
    first = ask(pair.lan, pair.qing)
    lose_seal_key(pair.qing)
    pair.wire.instead = showing(shown)
    for _ in range(3):
        await pair.lan.delivery.tick()
        pair.clock.advance(minutes=1)
    assert made == []
    assert state(pair.lan, first) == "parked"


def showing(fed: Any) -> Callable[[httpx.Request], httpx.Response | None]:
    """Answer for the descriptor as ``fed`` would, and leave the rest."""
    from federation.pairing import descriptor_jws

    def answer(request: httpx.Request) -> httpx.Response | None:
        if request.url.path != DESCRIPTOR_PATH:
            return None
        return httpx.Response(200, json={"jws": descriptor_jws(fed)})

    return answer
