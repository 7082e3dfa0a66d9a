"""What must be true after a run: what was acknowledged is there, took effect, and did so once."""

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from tests.chaos.world import PAIRS, World

_EFFECTS = {
    "tonglu.verification.requested.v1": """
        SELECT message_id FROM verification_request WHERE direction = 'received' AND peer = '{peer}'""",
    "tonglu.verification.answered.v1": """
        SELECT "case" FROM verification_request
        WHERE direction = 'sent' AND peer = '{peer}' AND state = 'answered' AND answers IS NOT NULL""",
    "tonglu.departure.notified.v1": """
        SELECT journey FROM received_departure WHERE peer = '{peer}' UNION ALL
        SELECT coalesce(other_journey, journey) FROM arrival WHERE origin_region = '{peer}' AND state = 'confirmed'
        UNION ALL SELECT journey FROM arrival
        WHERE origin_region = '{peer}' AND state = 'confirmed' AND other_journey IS NOT NULL""",
    "tonglu.arrival.confirmed.v1": """
        SELECT journey FROM departure WHERE destination_region = '{peer}' AND state = 'confirmed' UNION ALL
        SELECT other_journey FROM departure
        WHERE destination_region = '{peer}' AND state = 'confirmed' AND other_journey IS NOT NULL""",
}
"""By type: what at its receiver shows the effects, named by message id, case or journey."""

LOGGED_EACH = 3
"""Entries in a node's log for each traveller, besides the registration of the arrival: at home the departure, the
question and the confirmation; at the other end the question, the answer and the confirmation."""


@dataclass
class Judgement:
    """What was counted; `lost` and `doubled` say by name what should not be."""

    messages: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    unproven: list[str] = field(default_factory=list)
    delays_seconds: list[float] = field(default_factory=list)


def judge(world: World) -> Judgement:
    """Compare the rows of all nodes."""
    judgement = Judgement()
    for sender, receiver in PAIRS:
        _judge_line(world, sender, receiver, judgement)
    for region in world.nodes:
        _judge_node(world, region, judgement)
    return judgement


def _judge_line(world: World, sender: str, receiver: str, judgement: Judgement) -> None:
    """What one node sent to another one: in the inbox, with its effect, and with a receipt on both sides."""
    sent = world.rows(
        sender, f"SELECT id, type, body, state, stream, streamseq FROM outbox_message WHERE region = '{receiver}'"
    )
    inbox = dict(world.rows(receiver, f"SELECT id, result FROM inbox_message WHERE peer = '{sender}'"))
    proofs = [
        Counter(one for (one,) in world.rows(at, f"SELECT message_id FROM receipt WHERE direction = '{way}'"))
        for at, way in ((sender, "sent"), (receiver, "received"))
    ]
    effects = {
        kind: Counter(one for (one,) in world.rows(receiver, query.format(peer=sender)))
        for kind, query in _EFFECTS.items()
    }
    numbers = Counter((stream, number) for *_, stream, number in sent)
    judgement.doubled += [f"{sender}: number {number} of a stream" for number, times in numbers.items() if times > 1]
    for message_id, kind, body, state, *_ in sent:
        judgement.messages[kind] += 1
        if state == "receipted" and inbox.get(message_id) != "accepted":
            judgement.lost.append(f"{kind} {message_id}: receipted at {sender}, not in the inbox of {receiver}")
        if any(proof[message_id] != 1 for proof in proofs):
            judgement.unproven.append(f"{kind} {message_id}: {[proof[message_id] for proof in proofs]} receipts")
        if message_id in inbox and kind in effects:
            times = effects[kind][_named(message_id, kind, bytes(body))]
            if times != 1:
                (judgement.doubled if times else judgement.lost).append(f"{kind} {message_id}: {times} effects")
    only_there = inbox.keys() - {row[0] for row in sent}
    judgement.lost += [f"{one}: in the inbox of {receiver}, unknown to {sender}" for one in only_there]


def _named(message_id: str, kind: str, body: bytes) -> str:
    if kind.endswith("requested.v1"):
        return message_id
    data = json.loads(body)["data"]
    return str(data.get("journey") or data["case"])


def _judge_node(world: World, region: str, judgement: Judgement) -> None:
    """What one node did: each call of an office and each answer once, each with its line in the log."""
    there = [one for one in world.travellers if region in (one.here, one.home)]
    away = sum(one.home == region for one in there)
    here = len(there) - away
    wanted = {
        "departures": ("SELECT count(*) FROM departure", away),
        "questions": ("SELECT count(*) FROM verification_request WHERE direction = 'sent'", here),
        "questions of peers": ("SELECT count(*) FROM verification_request WHERE direction = 'received'", away),
        "answers": ("SELECT count(*) FROM outbox_message WHERE type = 'tonglu.verification.answered.v1'", away),
        "answers given and taken": ("SELECT count(*) FROM given_answer", len(there)),
        "notes": ("SELECT count(*) FROM outbox_message WHERE type = 'tonglu.departure.notified.v1'", away),
        "confirmations": ("SELECT count(*) FROM outbox_message WHERE type = 'tonglu.arrival.confirmed.v1'", here),
        "log entries": (
            "SELECT count(*) FROM access_log_entry WHERE action = 'person'",
            here + LOGGED_EACH * len(there),
        ),
    }
    for what, (query, number) in wanted.items():
        found = int(world.value(region, query))
        if found != number:
            (judgement.doubled if found > number else judgement.lost).append(f"{region}: {found} {what}, not {number}")
    query = "SELECT created_at, finished_at FROM outbox_message WHERE state = 'receipted'"
    judgement.delays_seconds += [_seconds(*row) for row in world.rows(region, query)]


def _seconds(created_at: object, finished_at: object) -> float:
    one, other = (datetime.fromisoformat(str(at)) for at in (created_at, finished_at))
    return (other - one).total_seconds()
