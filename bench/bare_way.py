"""The baseline in bare ASGI and raw SQL: batches of 200, `executemany`, and one commit for each step of a batch."""

import json
from datetime import UTC, datetime
from typing import Any

import httpx

from bench.plain_node import (
    ENTROPY,
    Desk,
    Node,
    PlainAnswer,
    PlainLog,
    PlainNonce,
    PlainReceipt,
    PlainRequest,
    PlainSeen,
    answer_row,
    check_consent,
    envelope,
    evidence,
    index,
    insert,
    log_row,
    post,
    question,
    question_row,
    results_of,
    subject,
)
from schemas.entropy import uuid7
from schemas.identity import PersonIdentity

Clients = tuple[httpx.AsyncClient, httpx.AsyncClient]
Row = tuple[Any, ...]


def take(node: Node, messages: list[dict[str, Any]], nonce: str) -> list[dict[str, Any]]:
    raw = node.raw
    raw.execute("BEGIN IMMEDIATE")
    insert(node, PlainNonce, [{"nonce": nonce}])
    results = results_of(messages)
    insert(node, PlainSeen, [{"id": one["id"], "digest": one["digest"]} for one in results])
    _agreed(node, messages)
    kind = messages[0]["type"]
    if kind == "requested":
        insert(node, PlainRequest, [question_row(node, one, subject(node, one)) for one in messages])
    elif kind == "answered":
        _take_answers(node, messages)
    else:
        journeys = [one["data"]["journey"] for one in messages]
        wanted = f"SELECT journey, person FROM plainmove WHERE journey IN ({_marks(journeys)})"
        people = dict(raw.execute(wanted, journeys).fetchall())
        _confirm(node, [people[one] for one in journeys])
    raw.execute("COMMIT")
    return results


def keep(node: Node, ids: list[str], request, answer) -> None:
    node.raw.execute("BEGIN IMMEDIATE")
    text = evidence(request, answer)
    insert(
        node, PlainReceipt, [{"id": one, "evidence": text if number == 0 else ids[0]} for number, one in enumerate(ids)]
    )
    node.raw.execute("COMMIT")


async def trips(asker: Node, answerer: Node, clients: Clients, people: list[PersonIdentity]) -> None:
    """A batch of questions, their answers, and the word that the arrivals are confirmed."""
    cases, messages = _ask(asker, answerer, people)
    await _send(asker, answerer, clients[0], messages)
    await _send(answerer, asker, clients[1], _answer(answerer, asker, list(cases)))
    told = [envelope(asker, answerer, "confirmed", case, {"journey": journey}) for case, journey in cases.items()]
    await _send(asker, answerer, clients[0], told)


def clients_of(asker: Node, answerer: Node) -> Clients:
    desks = Desk(answerer, asker, take, keep), Desk(asker, answerer, take, keep)
    one, two = (httpx.AsyncClient(transport=httpx.ASGITransport(app=desk)) for desk in desks)
    return one, two


async def _send(node: Node, other: Node, client: httpx.AsyncClient, messages: list[dict[str, Any]]) -> None:
    request, answer = await post(node, other, client, messages)
    keep(node, [one["id"] for one in messages], request, answer)


def _ask(node: Node, other: Node, people: list[PersonIdentity]) -> tuple[dict[str, str], list[dict[str, Any]]]:
    node.raw.execute("BEGIN IMMEDIATE")
    found = _find(node, people)
    keys = {row[0]: node.vault.open_key(row[2]) for row in found}
    node.raw.execute("SELECT id, per_month FROM plainagreement WHERE peer = ?", (other.region,)).fetchone()
    _check_consents(node, list(keys.values()))
    journeys = _journeys(node, list(keys))
    if node.raw.execute(f"SELECT 1 FROM plainrequest WHERE person IN ({_marks(keys)})", list(keys)).fetchone():
        raise PermissionError
    cases, asked, logs, messages = {}, [], [], []
    for person_id, _, wrapped, sealed in found:
        opened = node.vault.unseal_bytes(keys[person_id], sealed, f"person:{person_id}")
        case, journey = uuid7(datetime.now(UTC), ENTROPY), journeys[person_id]
        cases[case] = journey
        row = {"id": case, "person": person_id, "journey": journey, "state": "queued", "wrapped_key": wrapped}
        asked.append(row | {"sealed": sealed, "answers": ""})
        logs.append(log_row(node, keys[person_id], "asked"))
        messages.append(question(node, other, case, journey, PersonIdentity.model_validate_json(opened)))
    insert(node, PlainRequest, asked)
    insert(node, PlainLog, logs)
    moved = [("verifying", journey) for journey in cases.values()]
    node.raw.executemany("UPDATE plainmove SET state = ? WHERE journey = ?", moved)
    node.raw.execute("COMMIT")
    return cases, messages


def _answer(node: Node, asker: Node, cases: list[str]) -> list[dict[str, Any]]:
    raw = node.raw
    raw.execute("BEGIN IMMEDIATE")
    wanted = f"SELECT id, journey, wrapped_key, sealed FROM plainrequest WHERE id IN ({_marks(cases)})"
    rows = raw.execute(wanted, cases).fetchall()
    opened = [node.vault.unseal_bytes(node.vault.open_key(row[2]), row[3], f"request:{row[0]}") for row in rows]
    found = _find(node, [PersonIdentity.model_validate_json(one) for one in opened])
    keys = [node.vault.open_key(one[2]) for one in found]
    _check_consents(node, keys)
    _journeys(node, [one[0] for one in found])
    answers = {"identity": "confirmed", "departure_declared": "confirmed"}
    text = json.dumps(answers)
    insert(node, PlainLog, [log_row(node, key, "received") for key in keys])
    insert(node, PlainAnswer, [answer_row(row[0], text) for row in rows])
    raw.executemany(
        "UPDATE plainrequest SET state = 'answered', answers = ? WHERE id = ?", [(text, r[0]) for r in rows]
    )
    bound = [(row[1], one[0]) for row, one in zip(rows, found, strict=True)]
    raw.executemany("UPDATE plainmove SET journey = ? WHERE person = ?", bound)
    raw.execute("COMMIT")
    return [envelope(node, asker, "answered", row[0], {"answers": answers}) for row in rows]


def _take_answers(node: Node, messages: list[dict[str, Any]]) -> None:
    said = {one["subject"]: json.dumps(one["data"]["answers"]) for one in messages}
    wanted = f"SELECT id, person, wrapped_key FROM plainrequest WHERE id IN ({_marks(said)})"
    rows = node.raw.execute(wanted, list(said)).fetchall()
    update = "UPDATE plainrequest SET state = 'answered', answers = ? WHERE id = ?"
    node.raw.executemany(update, [(text, case) for case, text in said.items()])
    insert(node, PlainAnswer, [answer_row(case, text) for case, text in said.items()])
    keys = [node.vault.open_key(row[2]) for row in rows]
    insert(node, PlainLog, [log_row(node, key, "answered") for key in keys])
    _check_consents(node, keys)
    _confirm(node, [row[1] for row in rows])


def _confirm(node: Node, people: list[str]) -> None:
    rows = node.raw.execute(f"SELECT wrapped_key FROM plainperson WHERE id IN ({_marks(people)})", people).fetchall()
    node.raw.executemany("UPDATE plainmove SET state = 'confirmed' WHERE person = ?", [(one,) for one in people])
    insert(node, PlainLog, [log_row(node, node.vault.open_key(wrapped), "confirmed") for (wrapped,) in rows])


def _agreed(node: Node, messages: list[dict[str, Any]]) -> None:
    peer = messages[0]["source"].rpartition("/")[2]
    (per_month,) = node.raw.execute("SELECT per_month FROM plainagreement WHERE peer = ?", (peer,)).fetchone()
    if messages[0]["type"] == "requested":
        (used,) = node.raw.execute("SELECT count(*) FROM plainrequest").fetchone()
        if used + len(messages) > per_month:
            raise PermissionError


def _find(node: Node, people: list[PersonIdentity]) -> list[Row]:
    """Id, blind index, wrapped key and sealed identity of each, in order."""
    keys = [index(node, person) for person in people]
    wanted = f"SELECT id, found_by, wrapped_key, sealed FROM plainperson WHERE found_by IN ({_marks(keys)})"
    found = {row[1]: row for row in node.raw.execute(wanted, keys).fetchall()}
    return [found[key] for key in keys]


def _journeys(node: Node, people: list[str]) -> dict[str, str]:
    wanted = f"SELECT person, journey FROM plainmove WHERE person IN ({_marks(people)})"
    return dict(node.raw.execute(wanted, people).fetchall())


def _check_consents(node: Node, keys: list[bytes]) -> None:
    links = {node.vault.link(key, "consent"): key for key in keys}
    wanted = f"SELECT link, sealed FROM plainconsent WHERE link IN ({_marks(links)})"
    for link, sealed in node.raw.execute(wanted, list(links)).fetchall():
        check_consent(node, links[link], sealed)


def _marks(values: Any) -> str:
    return ",".join("?" * len(values))
