"""What is no longer needed goes, and what proves something stays."""

from datetime import timedelta
from typing import Any

from sqlmodel import func, select

from federation.purging import purge
from federation.receipts import receipts_of
from federation.tables import InboxMessage, Invitation, Nonce, OutboxMessage
from tests.federation.nodes import START, Pair, Side


def count(side: Side, table: Any) -> int:
    return int(side.read(lambda session: session.exec(select(func.count()).select_from(table)).one()))


async def test_nonces_stay_until_their_requests_expire(pair: Pair) -> None:
    pair.lan.remind(pair.qing)
    await pair.lan.delivery.tick()
    before = count(pair.qing, Nonce)
    assert before > 0
    assert pair.qing.write(lambda session: purge(session, START + timedelta(seconds=300))) == 0
    assert pair.qing.write(lambda session: purge(session, START + timedelta(seconds=301))) == before


async def test_settled_messages_stay_for_35_days_and_their_receipts_for_ever(pair: Pair) -> None:
    sent = pair.lan.remind(pair.qing)
    await pair.lan.delivery.tick()
    waiting = pair.lan.remind(pair.qing)
    pair.lan.write(lambda session: purge(session, START + timedelta(days=35)))
    assert count(pair.lan, OutboxMessage) == 2
    pair.lan.write(lambda session: purge(session, START + timedelta(days=36)))
    left = pair.lan.read(lambda session: session.exec(select(OutboxMessage.id)).all())
    assert left == [waiting], "what has no receipt stays"
    assert pair.lan.read(lambda session: receipts_of(session, sent))
    pair.qing.write(lambda session: purge(session, START + timedelta(days=4000)))
    assert count(pair.qing, InboxMessage) == 1, "what makes an effect happen once stays"
    assert count(pair.qing, Invitation) == 0, "invitations out of date go"
