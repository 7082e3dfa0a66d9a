"""A node of the baselines: its tables, how it seals, what it sends, and what takes signed requests.

Both baselines (``plain_way``, ``bare_way``) do what a round trip asks, with the same functions for sealing, signing and
verifying as the product: the question written down with its log entry, the person sealed for the peer (JWE) and at
rest, a signed request verified in the protocol's order with its nonce and row against repeats, the person found by
blind index, the answer written with its log entry and sent back, the arrival confirmed by a third message, signed
receipts kept on both sides. And what the law asks of it: an agreement and its quota, the person's own sealed consent
and a journey with the peer, on both sides.
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
from sqlmodel import Field, SQLModel, create_engine

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
from schemas.entropy import SystemEntropy, uuid4, uuid7
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


class PlainConsent(SQLModel, table=True):
    link: bytes = Field(primary_key=True)
    sealed: bytes


class PlainMove(SQLModel, table=True):
    id: str = Field(primary_key=True)
    person: str = Field(index=True)
    journey: str = Field(index=True)
    peer: str
    state: str


class PlainAgreement(SQLModel, table=True):
    id: str = Field(primary_key=True)
    peer: str = Field(index=True)
    per_month: int


class PlainAnswer(SQLModel, table=True):
    id: str = Field(primary_key=True)
    request: str
    answers: str


class PlainRequest(SQLModel, table=True):
    id: str = Field(primary_key=True)
    person: str = Field(index=True)
    journey: str
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


TABLES = (
    PlainPerson,
    PlainConsent,
    PlainMove,
    PlainAgreement,
    PlainAnswer,
    PlainRequest,
    PlainLog,
    PlainSeen,
    PlainNonce,
    PlainReceipt,
)


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


def consent_row(node: Node, key: bytes) -> dict[str, Any]:
    sheet = {
        "notices": [{"version": "1", "way": "spoken", "given_at": "2026-11-01T09:00:00+08:00"}],
        "consents": [{"purpose": "share_with_peer", "way": "spoken", "given_at": "2026-11-01T09:00:00+08:00"}],
    }
    sealed = node.vault.seal(key, json.dumps(sheet).encode(), "consent.sealed", pad_to=2048)
    return {"link": node.vault.link(key, "consent"), "sealed": sealed}


def check_consent(node: Node, key: bytes, sealed: bytes) -> None:
    if not json.loads(node.vault.unseal_bytes(key, sealed, "consent.sealed"))["consents"]:
        raise PermissionError


def answer_row(request: str, answers: str) -> dict[str, Any]:
    return {"id": uuid7(datetime.now(UTC), ENTROPY), "request": request, "answers": answers}


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


def question(node: Node, other: Node, case: str, journey: str, person: PersonIdentity) -> dict[str, Any]:
    message_id = uuid7(datetime.now(UTC), ENTROPY)
    sealed = seal_subject(person, Binding(message_id, node.source, other.source), other.seal_jwk, ENTROPY)
    return envelope(
        node, other, "requested", case, {"message_id": message_id, "journey": journey, "subject_identity": sealed}
    )


def subject(node: Node, message: dict[str, Any]) -> PersonIdentity:
    binding = Binding(message["id"], message["source"], message["recipient"])
    return open_subject(message["data"]["subject_identity"], binding, node.keys)


def question_row(node: Node, message: dict[str, Any], person: PersonIdentity) -> dict[str, Any]:
    new, case = node.vault.new_person_key(), message["subject"]
    sealed = node.vault.seal(new.key, person.model_dump_json().encode(), f"request:{case}", pad_to=512)
    return {
        "id": case,
        "person": "",
        "journey": message["data"]["journey"],
        "state": "received",
        "wrapped_key": new.wrapped,
        "sealed": sealed,
        "answers": "",
    }


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


def insert(node: Node, table: type[SQLModel], rows: list[dict[str, Any]]) -> None:
    names = list(rows[0])
    marks = ",".join("?" * len(names))
    sql = f"INSERT INTO {table.__tablename__} ({','.join(names)}) VALUES ({marks})"
    node.raw.executemany(sql, [tuple(row[name] for name in names) for row in rows])


def fill(node: Node, other: Node, people: list[PersonIdentity]) -> None:
    """Register people in a baseline's node, each with a consent and a journey with the other node."""
    made = [person_row(node, person) for person in people]
    keys = [node.vault.open_key(row["wrapped_key"]) for row in made]
    moves = [
        {
            "id": uuid7(datetime.now(UTC), ENTROPY),
            "person": row["id"],
            "journey": uuid4(ENTROPY),
            "peer": other.region,
            "state": "declared",
        }
        for row in made
    ]
    node.raw.execute("BEGIN IMMEDIATE")
    insert(node, PlainPerson, made)
    insert(node, PlainConsent, [consent_row(node, key) for key in keys])
    insert(node, PlainMove, moves)
    insert(node, PlainAgreement, [{"id": "agreement", "peer": other.region, "per_month": 10 * len(people)}])
    node.raw.execute("COMMIT")
