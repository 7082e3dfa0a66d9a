"""The matching job: looks up, after the receipt and away from it, whom a peer speaks of.

A question is answered by itself only when it is an exact match and everything that may be told is `confirmed` (rule 8).
All else is one and the same work item: an absent, a protected and a misspelt person look alike in every queue.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlmodel import Session, col, select

from federation.sets import Failed, in_sets
from schemas.claims import Purpose
from schemas.identity import PersonIdentity
from service.access_log import Actor, Told, record_told, told_of
from service.agreements.queries import find_agreements
from service.context import Node
from service.registry.life.moves import confirm_arrival
from service.registry.searching.matching import adopt_journey, bind_journey, find_all_exact, find_exact, open_arrivals
from service.registry.tables import Person
from service.registry.telling import may_share
from service.request_notices.waiting import ToTell, queue_notices
from service.verification.cases import claims_asked, open_subject, standings_of, withheld_by
from service.verification.rules import ASK_AGAIN_AFTER, automatic_answer
from service.verification.sending import Leaving, send_answers
from service.verification.tables import ReceivedDeparture, VerificationRequest
from service.work_items.actions import open_item

BATCH = 200


async def run_matching(node: Node) -> int:
    """Look up what is waiting; give how many there were.

    A fault in one of them leaves it waiting, does not hold up the others, and is raised at the end.
    """
    requests = await node.database.read(_waiting_requests)
    departures = await node.database.read(_waiting_departures)
    faults: list[Exception] = []
    for waiting, match in ((requests, match_requests), (departures, match_departures)):
        if waiting:
            faults += await node.database.write(partial(_match, node=node, waiting=waiting, match=match))
    if faults:
        raise faults[0]
    if BATCH in (len(requests), len(departures)):
        node.wake("matching")
    return len(requests) + len(departures)


def match_request(session: Session, node: Node, request_id: str) -> None:
    """Answer a question, or give it to an officer. One that was looked at, answered or taken back is left alone."""
    match_requests(session, node, [request_id])


def match_requests(session: Session, node: Node, request_ids: Sequence[str]) -> None:
    """Answer questions, or give them to officers, as `match_request`."""
    rows = _unmatched(session, request_ids)
    node.point("matching.claimed")
    asked = [_Asked(row, subject) for row in rows if (subject := open_subject(node, row)) is not None]
    agreements = find_agreements(session, [row.agreement for row in rows])
    # A hidden record is looked for only where no visible one is found: beside a visible one it must change nothing.
    known = [one.anyone for one in find_all_exact(session, node, [one.subject for one in asked])]
    pairs = [(person, one.row.peer) for person, one in zip(known, asked, strict=True)]
    standings = standings_of(session, node, pairs)
    repeated = _asked_before(session, [one.row for one in asked])
    leaving, kept = [], []
    for one, person, standing in zip(asked, known, standings, strict=True):
        row, claims = one.row, claims_asked(one.row)
        answers = automatic_answer(claims, standing, withheld_by(agreements.get(row.agreement), row))
        row.matched_at = node.now()
        session.add(row)
        if answers is not None and person is not None and row.id not in repeated:
            leaving.append(Leaving(row, answers, person))
        else:
            kept.append(row)
    automatic = {one.row.id for one in leaving}
    _log_questions(session, node, [(one.row, person) for one, person in zip(asked, known, strict=True)], automatic)
    send_answers(session, node, leaving, automatic=True)
    for row in kept:
        open_item(session, node, "answer_request", row.id, due=row.due_on, peer=row.peer)


def match_departures(session: Session, node: Node, row_ids: Sequence[str]) -> None:
    """Put together what peers told of departures with arrivals here, if the people allow telling the peer."""
    for row_id in row_ids:
        match_departure(session, node, row_id)


def match_departure(session: Session, node: Node, row_id: str) -> None:
    """Put together what a peer told of a departure with an arrival here, if the person allows telling the peer."""
    row = session.get(ReceivedDeparture, row_id)
    if row is None or row.looked_at is not None:
        return
    node.point("matching.claimed")
    row.looked_at = node.now()
    session.add(row)
    session.flush()
    key = node.vault.open_key(row.wrapped_key)
    opened = node.vault.unseal_bytes(key, row.subject, f"received_departure.subject:{row.id}")
    person = find_exact(session, node, PersonIdentity.model_validate(json.loads(opened)))
    if person is None:
        return
    key = node.vault.open_key(person.wrapped_key)
    if may_share(session, node, key, row.peer, Purpose.CONFIRM_JOURNEY) is None:
        return
    arrivals = open_arrivals(session, person.id, row.peer)
    if arrivals:
        know = bind_journey if arrivals[0].state == "confirmed" else adopt_journey
        know(session, arrivals[0], row.journey)
        confirm_arrival(session, node, arrivals[0], peer=row.peer)
        session.delete(row)
        session.flush()


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question that waits, with whom it is about."""

    row: VerificationRequest
    subject: PersonIdentity


def _match(
    session: Session, node: Node, waiting: Sequence[str], match: Callable[[Session, Node, Sequence[str]], None]
) -> list[Exception]:
    """Match what waits in as large sets as succeed; give the faults of those that do not."""
    parts = in_sets(session, waiting, lambda ids: match(session, node, ids))
    return [one.error for one in parts if isinstance(one, Failed)]


def _unmatched(session: Session, request_ids: Sequence[str]) -> Sequence[VerificationRequest]:
    return session.exec(
        select(VerificationRequest)
        .where(
            col(VerificationRequest.id).in_(request_ids),
            VerificationRequest.direction == "received",
            VerificationRequest.state == "received",
            col(VerificationRequest.matched_at).is_(None),
        )
        .order_by(col(VerificationRequest.id))
    ).all()


def _asked_before(session: Session, rows: Sequence[VerificationRequest]) -> set[str]:
    """Those of some questions that this peer asked about the same person within 30 days: an officer decides (rule 5).

    It depends on what was asked alone, never on who is in the register.
    """
    indexes = {row.subject_index for row in rows if row.subject_index is not None}
    wanted = select(VerificationRequest.id, VerificationRequest.subject_index, VerificationRequest.created_at)
    earlier: dict[bytes | None, list[tuple[str, datetime]]] = defaultdict(list)
    for request_id, index, created_at in session.exec(
        wanted.where(
            VerificationRequest.direction == "received",
            col(VerificationRequest.subject_index).in_(indexes),
        )
    ):
        earlier[index].append((request_id, created_at))
    return {
        row.id
        for row in rows
        if any(
            other != row.id and row.created_at - ASK_AGAIN_AFTER < at <= row.created_at
            for other, at in earlier[row.subject_index]
        )
    }


def _log_questions(
    session: Session,
    node: Node,
    asked: Sequence[tuple[VerificationRequest, Person | None]],
    automatic: Collection[str],
) -> None:
    """Write who was asked about; a question that matched nobody writes an entry that looks the same."""
    by_peer: dict[str, list[Told]] = defaultdict(list)
    for row, person in asked:
        fields = tuple(claim.value for claim in claims_asked(row))
        said = {"purpose": row.purpose, "fields": fields, "automatic": row.id in automatic}
        by_peer[row.peer].append(told_of(node, person, "verification.received", **said))
    for peer, told in by_peer.items():
        record_told(session, node, Actor.peer(peer), told)
    # The same row for everyone; whether there is anybody to tell is looked up later.
    found = [ToTell(row.id, row.peer, "received", person.id if person else None) for row, person in asked]
    queue_notices(session, node, found)


def _waiting_requests(session: Session) -> list[str]:
    return list(
        session.exec(
            select(VerificationRequest.id)
            .where(
                VerificationRequest.state == "received",
                VerificationRequest.direction == "received",
                col(VerificationRequest.matched_at).is_(None),
            )
            .order_by(col(VerificationRequest.id))
            .limit(BATCH)
        ).all()
    )


def _waiting_departures(session: Session) -> list[str]:
    return list(
        session.exec(
            select(ReceivedDeparture.id)
            .where(col(ReceivedDeparture.looked_at).is_(None))
            .order_by(col(ReceivedDeparture.id))
            .limit(BATCH)
        ).all()
    )
