"""Who looked at what: the access log's one door for writing, and its tables.

An action calls :func:`record` inside its own transaction, so that a change and its entry commit together or not at
all. The entry has no number yet: numbering in the action would make every writer wait for one row. One leased job
(:mod:`service.log_tree`) numbers the entries, extends the Merkle tree and signs a checkpoint every few seconds.

**What an entry shows, and to whom.** An entry about a person keeps its action, purpose and fields sealed under that
person's key, and is found from the opened person only (``subject`` is a one-way link, see :mod:`service.vault`).
Without the key all entries about people look the same, bytes of one length: ``at``, ``office``, ``officer`` and the
coarse action ``person``. So an auditor's list does not tell who has a certificate or a plan, and erasing a person's
key leaves the tree whole and says nothing any more. An entry about no person (a sign-in, a peer, an agreement) says
its action in clear, and must hold nothing personal.

Two cases need care so that twin nodes stay the same (rule 10):

* A peer's question that matches nobody writes :func:`record_nobody`, an entry like any other about a person, sealed
  under a key that is thrown away. Else the list would tell an absent person from a protected one.
* A person who looks at their own page is not recorded: the log answers *who else looked*, and nobody may learn from
  it that the page was visited. What the person changes there is recorded with ``Actor.person``; it stands on their
  own page and in no other list.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any, Literal, Protocol

from sqlalchemy import Index, LargeBinary, insert
from sqlmodel import Field, Session, SQLModel, col, select
from sqlmodel.sql.expression import SelectOfScalar

from federation.tables import UtcDateTime
from schemas.entropy import Entropy, uuid7
from service.many_rows import insert_many
from service.vault import KEY_BYTES, KeyHolder, Vault

PERSONAL = "person"
"""The coarse action of every entry about a person."""

Entry = dict[str, Any]
"""The columns of an entry that is not written yet."""

_LINK = "access_log"
_SEALED_BLOCK_BYTES = 256


class AccessLogEntry(SQLModel, table=True):
    """One entry. Every column is covered by its leaf (``service.log_tree.leaf_hash``); add one there, too.

    ``at`` is text in one fixed form (:func:`stamp`), so that both databases keep the very bytes that were hashed.
    """

    __tablename__ = "access_log_entry"
    __table_args__ = (Index("ix_access_log_entry_subject", "subject", "id"),)

    id: str = Field(primary_key=True, max_length=36)
    index: int | None = Field(default=None, unique=True)
    at: str = Field(max_length=27)
    actor: str = Field(max_length=8)
    office: str = Field(max_length=12)
    officer: str = Field(max_length=100)
    action: str = Field(max_length=60)
    purpose: str | None = Field(default=None, max_length=40)
    automatic: bool = False
    subject: bytes | None = Field(default=None, sa_type=LargeBinary)
    sealed: bytes | None = Field(default=None, sa_type=LargeBinary)


class LogLeaf(SQLModel, table=True):
    """The hash of a numbered entry, kept apart from it: an altered entry no longer fits its leaf, and is named."""

    __tablename__ = "log_leaf"

    index: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    hash: bytes = Field(sa_type=LargeBinary)


class LogState(SQLModel, table=True):
    """The one row that numbering advances: how many entries are numbered, and the tree's frontier."""

    __tablename__ = "log_state"

    id: int = Field(default=1, primary_key=True)
    size: int = 0
    frontier: bytes = Field(default=b"", sa_type=LargeBinary)


class LogCheckpoint(SQLModel, table=True):
    """A signed tree head, as the text that was signed (C2SP tlog-checkpoint)."""

    __tablename__ = "log_checkpoint"

    size: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    at: str = Field(max_length=27)
    text: str


class PeerLog(SQLModel, table=True):
    """What we and one peer showed each other last: the day ours went, and the newest head of theirs."""

    __tablename__ = "peer_log"

    peer: str = Field(primary_key=True, max_length=12)
    sent_on: date | None = None
    size: int = 0
    checkpoint: str | None = None
    seen_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    conflict: str | None = None


class LogCosignature(SQLModel, table=True):
    """One peer's signature under one of our heads, as the line of a signed note."""

    __tablename__ = "log_cosignature"

    size: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    peer: str = Field(primary_key=True, max_length=12)
    line: str = Field(max_length=300)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acted. ``name`` is an officer's, else empty; ``office`` is a region code."""

    kind: Literal["officer", "peer", "person", "node"]
    name: str
    office: str

    @classmethod
    def peer(cls, region: str) -> "Actor":
        """A peer region asked or told something."""
        return cls("peer", "", region)

    @classmethod
    def person(cls, office: str) -> "Actor":
        """The person acted on their own page; ``office`` is the area that holds the record."""
        return cls("person", "", office)

    @classmethod
    def node(cls, region: str) -> "Actor":
        """The node did it by itself (a job, a command of its operator)."""
        return cls("node", "", region)


@dataclass(frozen=True, slots=True)
class LogItem:
    """An entry as the API shows it. ``index`` is None for the few seconds until the entry is numbered."""

    id: str
    index: int | None
    at: datetime
    actor: str
    office: str
    officer: str
    action: str
    purpose: str | None
    fields: tuple[str, ...]
    automatic: bool


@dataclass(frozen=True, slots=True)
class Told:
    """What one entry about a person tells, sealed under their data key."""

    action: str
    key: bytes = field(repr=False)
    purpose: str | None = None
    fields: tuple[str, ...] = ()
    automatic: bool = False

    def content(self) -> bytes:
        """What is sealed."""
        return _content(self.action, self.purpose, self.fields, self.automatic)


@lru_cache(maxsize=256)
def _content(action: str, purpose: str | None, fields: tuple[str, ...], automatic: bool) -> bytes:
    told = {"action": action, "purpose": purpose, "fields": list(fields), "automatic": automatic}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()


class LogNode(Protocol):
    """What writing an entry needs of the node (``service.context.Node`` is one)."""

    @property
    def vault(self) -> Vault:
        """Seals and links."""

    @property
    def entropy(self) -> Entropy:
        """Gives ids."""

    def now(self) -> datetime:
        """The present moment."""


def record(
    session: Session,
    node: LogNode,
    actor: Actor,
    action: str,
    *,
    person: KeyHolder | None = None,
    purpose: str | None = None,
    fields: Sequence[str] = (),
    automatic: bool = False,
) -> None:
    """Write one entry in the caller's transaction.

    ``action`` is a closed code of the calling room (``"arrival.registered"``, ``"person.shown"``), ``fields`` names
    of columns, never their values. With ``person`` all of it is sealed under that person's key; a person whose key
    is erased already gets an entry like :func:`record_nobody`'s. Without, ``fields`` are not kept.
    """
    if person is None:
        row = _row(node, actor, uuid7(node.now(), node.entropy), action) | {"purpose": purpose, "automatic": automatic}
        session.execute(insert(AccessLogEntry), [row])
    else:
        record_each(session, node, actor, action, [person], purpose=purpose, fields=fields, automatic=automatic)


def record_each(
    session: Session,
    node: LogNode,
    actor: Actor,
    action: str,
    people: Iterable[KeyHolder],
    *,
    purpose: str | None = None,
    fields: Sequence[str] = (),
    automatic: bool = False,
) -> None:
    """Write one entry for each of ``people`` (a search that showed them, a batch of an import) in one statement."""
    entries = [Told(action, _key_of(node, person), purpose, tuple(fields), automatic) for person in people]
    record_told(session, node, actor, entries)


def record_told(session: Session, node: LogNode, actor: Actor, entries: Sequence[Told]) -> None:
    """Write entries about people, each with what it says, in one statement."""
    insert_entries(session, [made_entry(node, actor, one) for one in entries])


def made_entry(node: LogNode, actor: Actor, told: Told) -> Entry:
    """Make an entry about a person ahead of the transaction that it tells of, where sealing many would hold it up."""
    entry_id = uuid7(node.now(), node.entropy)
    sealed = node.vault.seal(told.key, told.content(), _context(entry_id), pad_to=_SEALED_BLOCK_BYTES)
    return _row(node, actor, entry_id, PERSONAL) | {"subject": node.vault.link(told.key, _LINK), "sealed": sealed}


def insert_entries(session: Session, entries: Sequence[Entry]) -> None:
    """Write entries that `made_entry` made, in the transaction of what they tell of."""
    insert_many(session, AccessLogEntry, entries)


def told_of(node: LogNode, person: KeyHolder | None, action: str, **said: Any) -> Told:
    """Say what is told of a person (``purpose``, ``fields``, ``automatic``); of None what `record_nobody` writes."""
    return Told(PERSONAL, _thrown_away(node)) if person is None else Told(action, _key_of(node, person), **said)


def record_under(
    session: Session,
    node: LogNode,
    actor: Actor,
    action: str,
    *,
    key: bytes,
    purpose: str | None = None,
    fields: Sequence[str] = (),
    automatic: bool = False,
) -> None:
    """Write one entry about a person whose data key the caller has unwrapped already (spares a second unwrapping)."""
    record_told(session, node, actor, [Told(action, key, purpose, tuple(fields), automatic)])


def record_nobody(session: Session, node: LogNode, actor: Actor) -> None:
    """Write an entry that looks like one about a person, and is about nobody.

    For a peer's question that matched no record: absent and protected must not differ in any list (rule 7).
    """
    record_under(session, node, actor, PERSONAL, key=_thrown_away(node))


def entries_of_person(
    session: Session,
    node: LogNode,
    person: KeyHolder,
    *,
    also: Iterable[bytes] = (),
    for_officer: bool = False,
    after: str | None = None,
    limit: int = 50,
) -> list[LogItem]:
    """List who looked at this person and what was done, newest first; ``after`` is the last item's ``id``.

    ``also`` are the keys of records that were merged into theirs: what was done with those is theirs to read. Whoever
    calls this ``for_officer`` records that, too; what the person did on their own page is left out then (rule 6).
    """
    if person.wrapped_key is None:
        return []
    keys = {node.vault.link(key, _LINK): key for key in (node.vault.open_key(person.wrapped_key), *also)}
    wanted = select(AccessLogEntry).where(col(AccessLogEntry.subject).in_(list(keys)))
    if for_officer:
        wanted = wanted.where(col(AccessLogEntry.actor) != "person")
    found = _page(session, wanted, after, limit)
    return [_opened(node, keys[bytes(entry.subject or b"")], entry) for entry in found]


def entries(session: Session, *, area: str | None = None, after: str | None = None, limit: int = 50) -> list[LogItem]:
    """List the node's entries for an auditor, newest first; those about people with their coarse action only.

    With ``area`` only what offices of that division did. What people did on their own pages is left out.
    """
    wanted = select(AccessLogEntry).where(col(AccessLogEntry.actor) != "person")
    if area is not None:
        wanted = wanted.where(col(AccessLogEntry.office).startswith(area, autoescape=True))
    return [_item(entry) for entry in _page(session, wanted, after, limit)]


@lru_cache(maxsize=16)
def stamp(at: datetime) -> str:
    """Write a time the one way that entries keep it: UTC with microseconds, so that text order is time order."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _key_of(node: LogNode, person: KeyHolder) -> bytes:
    return node.vault.open_key(person.wrapped_key) if person.wrapped_key is not None else _thrown_away(node)


def _thrown_away(node: LogNode) -> bytes:
    return node.entropy.token_bytes(KEY_BYTES)


def _context(entry_id: str) -> str:
    return f"access_log_entry.sealed:{entry_id}"


def _row(node: LogNode, actor: Actor, entry_id: str, action: str) -> Entry:
    return {
        "id": entry_id,
        "index": None,
        "at": stamp(node.now()),
        "actor": actor.kind,
        "office": actor.office,
        "officer": actor.name,
        "action": action,
        "purpose": None,
        "automatic": False,
        "subject": None,
        "sealed": None,
    }


def _page(
    session: Session, wanted: SelectOfScalar[AccessLogEntry], after: str | None, limit: int
) -> Sequence[AccessLogEntry]:
    if after is not None:
        wanted = wanted.where(col(AccessLogEntry.id) < after)
    return session.exec(wanted.order_by(col(AccessLogEntry.id).desc()).limit(limit)).all()


def _item(entry: AccessLogEntry) -> LogItem:
    return LogItem(
        id=entry.id,
        index=entry.index,
        at=datetime.fromisoformat(entry.at),
        actor=entry.actor,
        office=entry.office,
        officer=entry.officer,
        action=entry.action,
        purpose=entry.purpose,
        fields=(),
        automatic=entry.automatic,
    )


def _opened(node: LogNode, key: bytes, entry: AccessLogEntry) -> LogItem:
    if entry.sealed is None:
        return _item(entry)
    told = json.loads(node.vault.unseal_bytes(key, entry.sealed, _context(entry.id)))
    return replace(
        _item(entry),
        action=told["action"],
        purpose=told["purpose"],
        fields=tuple(told["fields"]),
        automatic=told["automatic"],
    )
