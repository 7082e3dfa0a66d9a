"""Peers witness each other's access logs: heads go once a day, are cosigned, and contradictions are noticed."""

import base64
import json

import pytest
from sqlmodel import col, select, update

from federation.keys import NodeKeys
from federation.outbox import enqueue, find_message
from federation.receipts import (
    ReceiptDocument,
    ReceiptUnproven,
    receipt_document,
    trusted_keys,
    verify_receipt,
)
from federation.tables import Exchange, OutboxMessage, PeerKey, Receipt
from schemas.entropy import SeededEntropy
from schemas.envelope import Outgoing
from service.access_log import LogCheckpoint, LogCosignature, PeerLog
from service.agreements.trust import rotate_keys
from service.cli import run
from service.evidence import KeptEvidence, witnessed_at
from service.log_tree import sign_checkpoint
from service.log_verify import read_checkpoints
from service.witnesses import CHECKPOINT, COSIGNED, check_cosignatures, cosignature, read_cosignature
from tests.service.two_regions import ANSWERER, ASKER, Region, Regions


def rows(region: Region, table):
    return region.node.database.read_sync(lambda session: list(session.exec(select(table)).all()))


def send(region: Region, to: Region, kind: str, text: str) -> str:
    outgoing = Outgoing(to.code, kind, "node", {"checkpoint": text})
    return str(region.node.database.write_sync(lambda session: enqueue(session, region.node.fed, outgoing)))


async def outcome(regions: Regions, region: Region, message: str) -> str:
    await regions.deliver()
    row = region.node.database.read_sync(lambda session: find_message(session, message))
    return row.problem_code or row.state


def head(region: Region, size: int, fill: bytes = b"\x07") -> str:
    return sign_checkpoint(region.node.fed.keys, region.code, size, fill * 32)


def proven(region: Region, message: str) -> str:
    """`accepted`, or why the receipt proves nothing."""

    def verify(session) -> str:
        document = ReceiptDocument.from_wire(json.loads(json.dumps(receipt_document(session, message))))
        trusted = trusted_keys(session, region.node.fed)
        try:
            return verify_receipt(document, trusted, witnessed_at=witnessed_at(session, document)).result
        except ReceiptUnproven as error:
            return str(error)

    return region.node.database.read_sync(verify)


async def test_what_lay_under_a_cosigned_head_outlives_a_compromised_key(regions, monkeypatch):
    asker = regions.asker
    (early,) = [row.message_id for row in rows(asker, Receipt) if row.direction == "sent"][:1]
    regions.clock.advance(days=1)
    # A head goes only once yesterday's evidence lies under it.
    await asker.run("streams")
    assert not [row for row in rows(asker, OutboxMessage) if row.type == CHECKPOINT]
    await asker.run("log")
    await asker.run("streams")
    await regions.settle()
    (late,) = [row.id for row in rows(asker, OutboxMessage) if row.type == CHECKPOINT]
    assert len(rows(asker, KeptEvidence)) == 1
    assert rows(asker, LogCosignature)
    regions.clock.advance(hours=1)
    asker.node.database.write_sync(lambda session: rotate_keys(session, asker.node, asker.clock.now()))
    assert proven(asker, early) == "accepted"
    assert "no cosigned checkpoint" in proven(asker, late)
    monkeypatch.setenv("TONGLU_DATABASE_URL", asker.node.settings.database)
    monkeypatch.setenv("TONGLU_ALLOW_PRIVATE_PEERS", "true")
    for message, code in ((early, 0), (late, 1)):
        assert run(["receipts", "verify", str(asker.node.settings.dir), message]) == code

    def bend(statement):
        asker.node.database.write_sync(lambda session: session.exec(statement))

    # The witness's own key, if it is compromised, witnesses nothing.
    bend(update(PeerKey).where(col(PeerKey.tonglu_use) == "checkpoint").values(compromised_from=asker.clock.now()))
    assert "no cosigned checkpoint" in proven(asker, early)
    bend(update(PeerKey).values(compromised_from=None))
    assert proven(asker, early) == "accepted"
    # Nor does the tree bear out what was changed after it was hashed.
    bend(update(Exchange).where(col(Exchange.direction) == "received").values(target_uri="https://elsewhere.example"))
    assert "no cosigned checkpoint" in proven(asker, early)


async def test_each_day_every_peer_cosigns_the_newest_head(regions):
    asker = regions.asker
    await asker.run("log")
    await asker.run("streams")
    assert not [row for row in rows(asker, OutboxMessage) if row.type == CHECKPOINT], "not on the day of the pairing"
    for day in (1, 2):
        regions.clock.advance(days=1)
        for _ in range(2):
            await asker.run("log")
            await asker.run("streams")
        await regions.settle()
        assert len([row for row in rows(asker, OutboxMessage) if row.type == CHECKPOINT]) == day
        newest = max(rows(asker, LogCheckpoint), key=lambda row: row.size)
        assert [row.peer for row in rows(asker, LogCosignature)] == [ANSWERER] * day
        seen = rows(regions.answerer, PeerLog)[0]
        assert (seen.peer, seen.size, seen.checkpoint) == (ASKER, newest.size, newest.text)
        await asker.get("/peers")
        await asker.post(f"/peers/{ANSWERER}/retry")
    assert asker.node.database.read_sync(check_cosignatures) == (2, [])


async def test_a_log_that_was_rewritten_is_not_the_one_that_was_cosigned(regions, monkeypatch, capsys):
    asker = regions.asker
    regions.clock.advance(days=1)
    await asker.run("log")
    await asker.run("streams")
    await regions.settle()
    settings = asker.node.settings
    monkeypatch.setenv("TONGLU_DATABASE_URL", settings.database)
    monkeypatch.setenv("TONGLU_ALLOW_PRIVATE_PEERS", "true")
    assert run(["log", "verify", str(settings.dir)]) == 0
    assert "1 cosignatures" in capsys.readouterr().out
    cosigned = rows(asker, LogCosignature)[0].size

    def rewrite(session) -> None:
        row = session.get(LogCheckpoint, cosigned)
        row.text = head(asker, cosigned)
        session.add(row)

    asker.node.database.write_sync(rewrite)
    assert run(["log", "verify", str(settings.dir)]) == 1
    assert f"is not the one that {ANSWERER} cosigned" in capsys.readouterr().err


async def test_a_head_that_contradicts_an_earlier_one_is_not_cosigned(regions):
    asker, answerer = regions.asker, regions.answerer
    assert await outcome(regions, asker, send(asker, answerer, CHECKPOINT, head(asker, 9))) == "receipted"
    assert await outcome(regions, asker, send(asker, answerer, CHECKPOINT, head(asker, 9))) == "receipted"
    for text in (head(asker, 9, b"\x08"), head(asker, 8)):
        assert await outcome(regions, asker, send(asker, answerer, CHECKPOINT, text)) == "receipted"
        seen = rows(answerer, PeerLog)[0]
        assert (seen.size, seen.conflict) == (9, text)
    assert len([row for row in rows(answerer, OutboxMessage) if row.type == COSIGNED]) == 2
    actions = [one["action"] for one in (await answerer.get("/access-log"))["items"]]
    assert actions.count("log.contradicted") == 2


@pytest.mark.parametrize("fault", ["origin", "signature", "two", "prose", "text before"])
async def test_a_head_that_is_not_the_senders_is_refused(regions, fault):
    asker, answerer = regions.asker, regions.answerer
    stranger = NodeKeys.generate(SeededEntropy("a stranger"))
    texts = {
        "origin": sign_checkpoint(asker.node.fed.keys, "790202", 9, b"\x07" * 32),
        "signature": sign_checkpoint(stranger, ASKER, 9, b"\x07" * 32),
        "two": head(asker, 9) + "\n" + head(asker, 10),
        "prose": "All is well.\n",
        "text before": "All is well.\n\n" + head(asker, 9),
    }
    assert await outcome(regions, asker, send(asker, answerer, CHECKPOINT, texts[fault])) == "invalid_message"
    assert not [row for row in rows(answerer, PeerLog) if row.size]


@pytest.mark.parametrize("fault", ["unknown head", "no line", "another's", "bent", "later", "two lines", "revoked"])
async def test_a_cosignature_that_does_not_hold_is_refused(regions, fault):
    asker, answerer = regions.asker, regions.answerer
    await asker.run("log")
    ours = max(rows(asker, LogCheckpoint), key=lambda row: row.size).text
    signed, now, keys = read_checkpoints(ours)[0].signed, regions.clock.now(), answerer.node.fed.keys
    line = cosignature(keys, ANSWERER, signed, now)
    bent = bytearray(base64.b64decode(line.split()[-1]))
    bent[20] ^= 1
    later = now.replace(year=now.year + 1)
    texts = {
        "unknown head": head(asker, 999_999) + line,
        "no line": ours,
        "another's": ours + cosignature(NodeKeys.generate(SeededEntropy("a stranger")), ANSWERER, signed, now),
        "bent": ours + f"— tonglu/{ANSWERER} {base64.b64encode(bytes(bent)).decode()}\n",
        "later": ours + cosignature(keys, ANSWERER, signed, later),
        "two lines": ours + line + line,
        "revoked": ours + line,
    }
    if fault == "revoked":

        def compromise(session) -> None:
            for key in session.exec(select(PeerKey).where(PeerKey.tonglu_use == "checkpoint")):
                key.compromised_from = now
                session.add(key)

        asker.node.database.write_sync(compromise)
    assert await outcome(regions, answerer, send(answerer, asker, COSIGNED, texts[fault])) == "invalid_message"
    assert rows(asker, LogCosignature) == []


@pytest.mark.parametrize(
    "line", ["", "— x y", "- tonglu/790101 AAAA", "— tonglu/790101 A", "— tonglu/790101 " + "A" * 104]
)
def test_what_is_no_cosignature_line_reads_as_none(line):
    seen = read_cosignature(line, ANSWERER)
    assert seen is None or not seen.is_by({"crv": "Ed25519"}, b"")
