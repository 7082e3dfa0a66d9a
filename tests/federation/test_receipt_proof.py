"""What a node takes for proof: the pinned keys' signatures alone, whatever has become of the person and of the keys."""

import json
from collections.abc import Iterator
from copy import deepcopy
from datetime import datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError
from sqlmodel import col, select, update

from federation import peers
from federation.receipts import (
    Proven,
    ReceiptDocument,
    ReceiptUnproven,
    receipt_document,
    trusted_keys,
    verify_receipt,
)
from federation.tables import OutboxMessage, PeerKey
from schemas.envelope import digest
from tests.federation.nodes import Pair, Side, ask


def receipt(side: Side, message_id: str) -> dict[str, Any]:
    found: dict[str, Any] | None = side.read(lambda session: receipt_document(session, message_id))
    assert found is not None
    return found


def prove(side: Side, document: dict[str, Any], *, witnessed_at: datetime | None = None) -> Proven:
    parsed = ReceiptDocument.from_wire(json.loads(json.dumps(document)))
    trusted = side.read(lambda session: trusted_keys(session, side.fed))
    return verify_receipt(parsed, trusted, witnessed_at=witnessed_at)


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    if isinstance(value, dict | list):
        members = value.items() if isinstance(value, dict) else enumerate(value)
        for name, member in members:
            yield from leaves(member, (*path, name))
    else:
        yield path, value


def bent(document: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    copy = deepcopy(document)
    place: Any = copy
    for name in path[:-1]:
        place = place[name]
    if value is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return copy


async def test_a_receipt_says_who_took_which_message_and_when(pair: Pair) -> None:
    sent = ask(pair.lan, pair.qing)
    await pair.lan.delivery.tick()
    body = pair.lan.read(lambda s: s.exec(select(OutboxMessage.body).where(OutboxMessage.id == sent)).one())
    for side in (pair.lan, pair.qing):
        proven = prove(side, receipt(side, sent))
        assert (proven.sent_by, proven.taken_by, proven.result) == (pair.lan.region, pair.qing.region, "accepted")
        assert proven.recorded_at == proven.answered_at == "2026-11-02T01:30:00Z"
        assert proven.digest == digest(json.loads(body))


async def test_every_changed_field_is_found(pair: Pair) -> None:
    sent = pair.lan.remind(pair.qing)
    await pair.lan.delivery.tick()
    good = receipt(pair.lan, sent)
    tried = 0
    for path, value in leaves(good):
        changes: list[Any] = [..., None, value + 1] if isinstance(value, int) else [..., None, "", f"{value} "]
        if isinstance(value, str):
            # One sign in the middle, and the last one, where base64 hides spare bits.
            for place in (len(value) // 2, len(value) - 1):
                other = "A" if value[place] != "A" else "B"
                changes.append(value[:place] + other + value[place + 1 :])
        for change in changes:
            tried += 1
            with pytest.raises((ReceiptUnproven, ValidationError)):
                prove(pair.lan, bent(good, path, change))
    assert tried > 100
    for more in ({**good, "note": ""}, {**good, "keys": []}, {**good, "keys": good["keys"][::-1]}, {**good, "keys": 1}):
        with pytest.raises((ReceiptUnproven, ValidationError)):
            prove(pair.lan, more)
    assert prove(pair.lan, good).message_id == sent


async def test_neither_half_of_another_exchange_fits(pair: Pair) -> None:
    one = pair.lan.remind(pair.qing)
    await pair.lan.delivery.tick()
    other = pair.lan.remind(pair.qing)
    await pair.lan.delivery.tick()
    here, there = receipt(pair.lan, one), receipt(pair.lan, other)
    for part in ("request", "answer", "message_id", "digest"):
        with pytest.raises(ReceiptUnproven):
            prove(pair.lan, bent(here, (part,), there[part]))


async def test_a_receipt_outlives_the_message_the_keys_and_the_trust(pair: Pair) -> None:
    lan, qing = pair.lan, pair.qing
    sent = ask(lan, qing)
    await lan.delivery.tick()
    good = receipt(lan, sent)
    lan.write(lambda s: s.exec(update(OutboxMessage).values(body=b"")))
    for side in (lan, qing):
        side.fed.keys.take(side.fed.keys.rotated(side.fed.entropy, pair.clock.now()))
    lan.write(lambda s: s.exec(update(PeerKey).values(accepted_until=pair.clock.now())))
    lan.write(lambda s: peers.revoke(s, lan.fed, qing.region))
    pair.clock.advance(days=4000)
    assert receipt(lan, sent) == good
    for side in (lan, qing):
        assert prove(side, good).result == "accepted"


async def test_a_stranger_proves_nothing(pair: Pair, new_side: Any) -> None:
    sent = pair.lan.remind(pair.qing)
    await pair.lan.delivery.tick()
    with pytest.raises(ReceiptUnproven, match="not signed by a key that is known here"):
        prove(new_side("790202", "云台县"), receipt(pair.lan, sent))


async def test_a_compromised_key_proves_what_was_witnessed_before_and_nothing_else(pair: Pair) -> None:
    sent = pair.lan.remind(pair.qing)
    await pair.lan.delivery.tick()
    good, since = receipt(pair.lan, sent), pair.clock.now()
    lost = update(PeerKey).where(col(PeerKey.region) == pair.qing.region)
    pair.lan.write(lambda s: s.exec(lost.values(compromised_from=since)))
    assert prove(pair.lan, good, witnessed_at=since - timedelta(seconds=1)).result == "accepted"
    for witnessed_at in (None, since):
        with pytest.raises(ReceiptUnproven, match="compromised"):
            prove(pair.lan, good, witnessed_at=witnessed_at)


async def test_a_refusal_for_good_is_proven_with_its_reason(pair: Pair) -> None:
    del pair.qing.handlers["tonglu.verification.reminded.v1"]
    sent = pair.lan.remind(pair.qing)
    await pair.lan.delivery.tick()
    proven = prove(pair.lan, receipt(pair.lan, sent))
    assert (proven.result, proven.problem_code) == ("refused", "unknown_type")
