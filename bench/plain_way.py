"""The baselines of the round trips: the same work done the plainest way, and in bare ASGI with raw SQL.

Both do what a round trip asks: the question written down with its log entry, the person sealed for the peer (JWE)
and at rest, a signed request verified in the protocol's order with its nonce and row against repeats, the person found
by blind index, the answer written with its log entry and sent back, signed receipts kept on both sides. The plain way
uses ORM rows, one message a POST and a commit for each step; the bare way batches of 200, `executemany`, and one
commit for each step of the batch.
"""

import json
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pysqlite3.dbapi2 as newer_sqlite3
from sqlalchemy import event
from sqlmodel import Field, Session, SQLModel, create_engine, select

from federation.keys import NodeKeys
from federation.sealing import Binding, open_subject, seal_subject
from federation.signatures import (
    check_clock,
    check_digest,
    read_request,
    sign_answer,
    sign_request,
    verify_answer,
    verify_request,
)
from schemas.entropy import SystemEntropy, uuid7
from schemas.envelope import canonical, digest
from schemas.identity import PersonIdentity
from service.vault import Vault

JSON = "application/cloudevents-batch+json"
ENTROPY = SystemEntropy()
SETTINGS = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA busy_timeout=5000"


class PlainPerson(SQLModel, table=True):
    id: str = Field(primary_key=True)
    found_by: bytes = Field(index=True)
    wrapped_key: bytes
    sealed: bytes


class PlainRequest(SQLModel, table=True):
    id: str = Field(primary_key=True)
    person: str
    state: str
    wrapped_key: bytes
    sealed: bytes
    answers: str = ""


class PlainLog(SQLModel, table=True):
    id: str = Field(primary_key=True)
    at: str
    sealed: bytes


class PlainSeen(SQLModel, table=True):
    id: str = Field(primary_key=True)
    digest: str


class PlainNonce(SQLModel, table=True):
    nonce: str = Field(primary_key=True)


class PlainReceipt(SQLModel, table=True):
    id: str = Field(primary_key=True)
    evidence: str


TABLES = (PlainPerson, PlainRequest, PlainLog, PlainSeen, PlainNonce, PlainReceipt)


@dataclass
class Node:
    """One side of the baseline."""

    region: str
    keys: NodeKeys
    vault: Vault
    engine: Any
    raw: sqlite3.Connection

    @property
    def source(self) -> str:
        return f"/regions/{self.region}"

    @property
    def transport_jwk(self) -> dict[str, Any]:
        return self._public("transport")

    @property
    def seal_jwk(self) -> dict[str, Any]:
        return self._public("seal")

    def _public(self, use: str) -> dict[str, Any]:
        return next(dict(jwk) for jwk in self.keys.public_jwks()["keys"] if jwk["tonglu_use"] == use)


def open_node(directory: Path, region: str) -> Node:
    path = directory / f"{region}.sqlite"
    engine = create_engine(f"sqlite:///{path}", module=newer_sqlite3)

    @event.listens_for(engine, "connect")
    def settle(connection, _record):
        connection.executescript(SETTINGS)

    SQLModel.metadata.create_all(engine, tables=[table.__table__ for table in TABLES])
    raw = newer_sqlite3.connect(path, isolation_level=None)
    raw.executescript(SETTINGS)
    return Node(region, NodeKeys.generate(ENTROPY), Vault(ENTROPY.token_bytes(32), ENTROPY), engine, raw)


def person_row(node: Node, person: PersonIdentity) -> dict[str, Any]:
    new = node.vault.new_person_key()
    row_id = uuid7(datetime.now(UTC), ENTROPY)
    sealed = node.vault.seal(new.key, person.model_dump_json().encode(), f"person:{row_id}", pad_to=256)
    return {"id": row_id, "found_by": index(node, person), "wrapped_key": new.wrapped, "sealed": sealed}


def index(node: Node, person: PersonIdentity) -> bytes:
    return node.vault.blind("person", "|".join(str(part) for part in person.key))


def log_row(node: Node, key: bytes, action: str) -> dict[str, Any]:
    now = datetime.now(UTC)
    row_id = uuid7(now, ENTROPY)
    sealed = node.vault.seal(key, json.dumps({"action": action, "purpose": "confirm_journey"}).encode(), row_id)
    return {"id": row_id, "at": now.isoformat(), "sealed": sealed}


def envelope(node: Node, other: Node, kind: str, case: str, data: dict[str, Any]) -> dict[str, Any]:
    now = datetime.now(UTC)
    return {
        "specversion": "1.0",
        "id": data.pop("message_id", None) or uuid7(now, ENTROPY),
        "source": node.source,
        "recipient": other.source,
        "type": kind,
        "subject": case,
        "time": now.isoformat(),
        "datacontenttype": "application/json",
        "data": {"case": case, **data},
    }


def question(node: Node, other: Node, case: str, person: PersonIdentity) -> dict[str, Any]:
    message_id = uuid7(datetime.now(UTC), ENTROPY)
    sealed = seal_subject(person, Binding(message_id, node.source, other.source), other.seal_jwk, ENTROPY)
    return envelope(node, other, "requested", case, {"message_id": message_id, "subject_identity": sealed})


def subject(node: Node, message: dict[str, Any]) -> PersonIdentity:
    binding = Binding(message["id"], message["source"], message["recipient"])
    return open_subject(message["data"]["subject_identity"], binding, node.keys)


def question_row(node: Node, message: dict[str, Any], person: PersonIdentity) -> dict[str, Any]:
    new, case = node.vault.new_person_key(), message["subject"]
    sealed = node.vault.seal(new.key, person.model_dump_json().encode(), f"request:{case}", pad_to=512)
    return {"id": case, "person": "", "state": "received", "wrapped_key": new.wrapped, "sealed": sealed, "answers": ""}


class Desk:
    """What takes signed requests of the other side; `take` does the messages' work and commits as its way does."""

    def __init__(self, node: Node, other: Node, take: Any, keep: Any) -> None:
        self.node, self.other, self.take, self.keep = node, other, take, keep

    async def __call__(self, scope, receive, send) -> None:
        body = (await receive())["body"]
        headers = [(name.decode(), value.decode()) for name, value in scope["headers"]]
        url = f"http://{self.node.region}.example/events"
        request = read_request("POST", url, headers, has_body=True)
        verify_request(request, self.other.transport_jwk)
        check_digest(request, body)
        check_clock(request, datetime.now(UTC))
        messages = json.loads(body)
        results = self.take(self.node, messages, request.nonce)
        answer_body = json.dumps(results).encode()
        now = datetime.now(UTC)
        answer = sign_answer(
            self.node.keys, request, status=200, content_type="application/json", body=answer_body, now=now
        )
        self.keep(self.node, [m["id"] + ":in" for m in messages], request, answer)
        raw = [(name.encode(), value.encode()) for name, value in answer.headers().items()]
        await send({"type": "http.response.start", "status": 200, "headers": raw})
        await send({"type": "http.response.body", "body": answer_body})


async def post(node: Node, other: Node, client: httpx.AsyncClient, messages: list[dict[str, Any]]):
    """Send signed messages; returns the request and its verified answer."""
    body = b"[" + b",".join(canonical(message) for message in messages) + b"]"
    url = f"http://{other.region}.example/events"
    request = sign_request(node.keys, "POST", url, content_type=JSON, body=body, now=datetime.now(UTC), entropy=ENTROPY)
    got = await client.post(url, content=body, headers=request.headers())
    headers = [(name.lower(), value) for name, value in got.headers.items()]
    answer = verify_answer(request, status=200, headers=headers, body=got.content, keys=[other.transport_jwk])
    return request, answer


def results_of(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    now = datetime.now(UTC).isoformat()
    return [{"id": m["id"], "result": "accepted", "digest": digest(m), "recorded_at": now} for m in messages]


def evidence(request, answer) -> str:
    values = {"input": request.signature_input, "signature": request.signature, "digest": request.content_digest}
    return json.dumps(values | answer.headers() | {"body": answer.body.decode()})


# --- the plainest way: ORM rows, a commit for each step ---


def plain_take(node: Node, messages: list[dict[str, Any]], nonce: str) -> list[dict[str, Any]]:
    with Session(node.engine) as session:
        session.add(PlainNonce(nonce=nonce))
        for message in messages:
            session.add(PlainSeen(id=message["id"], digest=digest(message)))
            if message["type"] == "requested":
                session.add(PlainRequest(**question_row(node, message, subject(node, message))))
            else:
                row = session.get_one(PlainRequest, message["subject"])
                row.state, row.answers = "answered", json.dumps(message["data"]["answers"])
                session.add(PlainLog(**log_row(node, node.vault.open_key(row.wrapped_key), "answered")))
        session.commit()
    return results_of(messages)


def plain_keep(node: Node, ids: list[str], request, answer) -> None:
    with Session(node.engine) as session:
        for one in ids:
            session.add(PlainReceipt(id=one, evidence=evidence(request, answer)))
        session.commit()


async def plain_trip(asker: Node, answerer: Node, clients, person: PersonIdentity) -> None:
    """One question and its answer, the plainest way."""
    case = uuid7(datetime.now(UTC), ENTROPY)
    with Session(asker.engine) as session:
        found = session.exec(select(PlainPerson).where(PlainPerson.found_by == index(asker, person))).one()
        key = asker.vault.open_key(found.wrapped_key)
        known = PersonIdentity.model_validate_json(asker.vault.unseal_bytes(key, found.sealed, f"person:{found.id}"))
        session.add(PlainLog(**log_row(asker, key, "asked")))
        session.add(
            PlainRequest(id=case, person=found.id, state="queued", wrapped_key=found.wrapped_key, sealed=found.sealed)
        )
        session.commit()
    message = question(asker, answerer, case, known)
    request, answer = await post(asker, answerer, clients[0], [message])
    plain_keep(asker, [message["id"]], request, answer)
    with Session(answerer.engine) as session:
        row = session.get_one(PlainRequest, case)
        opened = answerer.vault.unseal_bytes(answerer.vault.open_key(row.wrapped_key), row.sealed, f"request:{case}")
        asked = PersonIdentity.model_validate_json(opened)
        found = session.exec(select(PlainPerson).where(PlainPerson.found_by == index(answerer, asked))).one()
        session.add(PlainLog(**log_row(answerer, answerer.vault.open_key(found.wrapped_key), "answered")))
        row.state = "answered"
        session.commit()
    reply = envelope(answerer, asker, "answered", case, {"answers": {"identity": "confirmed"}})
    request, answer = await post(answerer, asker, clients[1], [reply])
    plain_keep(answerer, [reply["id"]], request, answer)


# --- bare ASGI and raw SQL, batches of 200 ---


def insert(node: Node, table: type[SQLModel], rows: list[dict[str, Any]]) -> None:
    names = list(rows[0])
    marks = ",".join("?" * len(names))
    sql = f"INSERT INTO {table.__tablename__} ({','.join(names)}) VALUES ({marks})"
    node.raw.executemany(sql, [tuple(row[name] for name in names) for row in rows])


def bare_take(node: Node, messages: list[dict[str, Any]], nonce: str) -> list[dict[str, Any]]:
    raw = node.raw
    raw.execute("BEGIN IMMEDIATE")
    insert(node, PlainNonce, [{"nonce": nonce}])
    results = results_of(messages)
    insert(node, PlainSeen, [{"id": one["id"], "digest": one["digest"]} for one in results])
    if messages[0]["type"] == "requested":
        insert(node, PlainRequest, [question_row(node, one, subject(node, one)) for one in messages])
    else:
        logs = []
        for one in messages:
            case, answers = one["subject"], json.dumps(one["data"]["answers"])
            (wrapped,) = raw.execute("SELECT wrapped_key FROM plainrequest WHERE id = ?", (case,)).fetchone()
            raw.execute("UPDATE plainrequest SET state = 'answered', answers = ? WHERE id = ?", (answers, case))
            logs.append(log_row(node, node.vault.open_key(wrapped), "answered"))
        insert(node, PlainLog, logs)
    raw.execute("COMMIT")
    return results


def bare_keep(node: Node, ids: list[str], request, answer) -> None:
    node.raw.execute("BEGIN IMMEDIATE")
    text = evidence(request, answer)
    insert(
        node, PlainReceipt, [{"id": one, "evidence": text if number == 0 else ids[0]} for number, one in enumerate(ids)]
    )
    node.raw.execute("COMMIT")


def find(node: Node, person: PersonIdentity) -> tuple[str, bytes, bytes]:
    wanted = "SELECT id, wrapped_key, sealed FROM plainperson WHERE found_by = ?"
    row: tuple[str, bytes, bytes] = node.raw.execute(wanted, (index(node, person),)).fetchone()
    return row


async def bare_trips(asker: Node, answerer: Node, clients, people: list[PersonIdentity]) -> None:
    """A batch of questions and their answers in bare ASGI with raw SQL."""
    asked, logs, messages = [], [], []
    for person in people:
        person_id, wrapped, sealed = find(asker, person)
        key = asker.vault.open_key(wrapped)
        known = PersonIdentity.model_validate_json(asker.vault.unseal_bytes(key, sealed, f"person:{person_id}"))
        case = uuid7(datetime.now(UTC), ENTROPY)
        asked.append(
            {
                "id": case,
                "person": person_id,
                "state": "queued",
                "wrapped_key": wrapped,
                "sealed": sealed,
                "answers": "",
            }
        )
        logs.append(log_row(asker, key, "asked"))
        messages.append(question(asker, answerer, case, known))
    asker.raw.execute("BEGIN IMMEDIATE")
    insert(asker, PlainRequest, asked)
    insert(asker, PlainLog, logs)
    asker.raw.execute("COMMIT")
    request, answer = await post(asker, answerer, clients[0], messages)
    bare_keep(asker, [one["id"] for one in messages], request, answer)
    replies, logs = [], []
    answerer.raw.execute("BEGIN IMMEDIATE")
    for message in messages:
        case = message["subject"]
        wanted = "SELECT wrapped_key, sealed FROM plainrequest WHERE id = ?"
        wrapped, sealed = answerer.raw.execute(wanted, (case,)).fetchone()
        opened = answerer.vault.unseal_bytes(answerer.vault.open_key(wrapped), sealed, f"request:{case}")
        _, wrapped, _ = find(answerer, PersonIdentity.model_validate_json(opened))
        logs.append(log_row(answerer, answerer.vault.open_key(wrapped), "answered"))
        answerer.raw.execute("UPDATE plainrequest SET state = 'answered' WHERE id = ?", (case,))
        replies.append(envelope(answerer, asker, "answered", case, {"answers": {"identity": "confirmed"}}))
    insert(answerer, PlainLog, logs)
    answerer.raw.execute("COMMIT")
    request, answer = await post(answerer, asker, clients[1], replies)
    bare_keep(answerer, [one["id"] for one in replies], request, answer)


def fill(node: Node, people: list[PersonIdentity]) -> None:
    """Register people in a baseline's node."""
    node.raw.execute("BEGIN IMMEDIATE")
    insert(node, PlainPerson, [person_row(node, person) for person in people])
    node.raw.execute("COMMIT")


def clients_of(asker: Node, answerer: Node, *, bare: bool) -> tuple[httpx.AsyncClient, httpx.AsyncClient]:
    take, keep = (bare_take, bare_keep) if bare else (plain_take, plain_keep)
    desks = Desk(answerer, asker, take, keep), Desk(asker, answerer, take, keep)
    one, two = (httpx.AsyncClient(transport=httpx.ASGITransport(app=desk)) for desk in desks)
    return one, two
