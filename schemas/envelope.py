"""One message between nodes: CloudEvents 1.0 in JSON, strictly.

`parse_batch` turns the bytes of a request into messages, `parse_message` one of them into an `Envelope` with its
checked data, `digest` names it. A flaw in one message refuses that message alone. Nothing that these functions raise
quotes the message: the errors name known fields only, so that no personal data reaches a log or a problem document.
"""

import json
import re
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from hashlib import sha256
from typing import Annotated, Any, Literal, Self

import rfc8785
from pydantic import Field, StringConstraints, ValidationError, model_validator

from schemas.claims import Purpose
from schemas.identity import PersonIdentity
from schemas.messages import MESSAGE_TYPES, MessageData, needs_agreement
from schemas.problems import InvalidMessage, Malformed, MessageRefused, UnknownType
from schemas.strict_json import UnreadableJsonError, read_array
from schemas.wire import Uuid, Uuid7, WireInt, WireModel, WireTime

MAX_MESSAGES = 200
MAX_BATCH_BYTES = 1_048_576
MAX_MESSAGE_BYTES = 16_384
CONTENT_TYPE = "application/cloudevents-batch+json"

RegionUri = Annotated[
    str, StringConstraints(pattern=r"^/regions/[0-9]{2}([0-9]{2}([0-9]{2}([0-9]{3}([0-9]{3})?)?)?)?$")
]
"""A node as `source` or `recipient`: `/regions/<code>`."""

_SUBJECT = r"^(node|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$"


class Envelope(WireModel):
    """A message with its attributes; `data` as it came, `parsed` as its model."""

    specversion: Literal["1.0"]
    id: Uuid7
    source: RegionUri
    type: Annotated[str, StringConstraints(pattern=r"^tonglu\.[a-z_]+\.[a-z_]+\.v[0-9]{1,3}$")]
    subject: Annotated[str, StringConstraints(pattern=_SUBJECT)]
    time: WireTime
    datacontenttype: Literal["application/json"]
    data: dict[str, Any]
    recipient: RegionUri
    stream: Uuid
    streamseq: Annotated[WireInt, Field(ge=1, le=2**31 - 1)]
    agreement: Uuid | None = None
    purpose: Purpose | None = None

    @model_validator(mode="after")
    def _agreement_by_type(self) -> Self:
        wanted = needs_agreement(self.type)
        if (self.agreement is not None) != wanted or (self.purpose is not None) != wanted:
            raise ValueError("this type needs agreement and purpose" if wanted else "this type has no agreement")
        return self

    @cached_property
    def parsed(self) -> MessageData:
        """The data as the model of the message's type.

        `parse_message` has checked it; on an envelope made otherwise this raises `KeyError` for an unknown type and
        pydantic's `ValidationError` for data that do not fit.
        """
        return MESSAGE_TYPES[self.type].model_validate(self.data)

    @property
    def source_region(self) -> str:
        """The sender's region code."""
        return self.source.removeprefix("/regions/")

    @property
    def recipient_region(self) -> str:
        """The recipient's region code."""
        return self.recipient.removeprefix("/regions/")


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What an action wants sent; the outbox makes it a message.

    `data` lacks `subject_identity` and `disclosures`, which the outbox seals for the peer from `person` and
    `disclosures`. Nothing is sent before `not_before`; after `expires_at` the message is given up.
    """

    recipient: str
    type: str
    subject: str
    data: dict[str, Any]
    agreement: str | None = None
    purpose: Purpose | None = None
    person: PersonIdentity | None = field(default=None, repr=False)
    disclosures: tuple[str, ...] | None = field(default=None, repr=False)
    not_before: datetime | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Incoming:
    """What a handler gets: the message, its data, and what was sealed in it, opened."""

    envelope: Envelope
    data: MessageData
    person: PersonIdentity | None = field(default=None, repr=False)
    disclosures: tuple[str, ...] | None = field(default=None, repr=False)


def parse_batch(raw: bytes) -> list[dict[str, Any] | MessageRefused]:
    """The messages of a batch in order; in the place of one that is no JSON of ours stands why.

    Raises `Malformed` where the batch itself cannot be read, is empty or holds more than 200 messages. The size of
    the whole request is the caller's to check first.
    """
    try:
        members = read_array(raw, MAX_MESSAGES)
    except UnreadableJsonError as error:
        raise Malformed(reason=str(error)) from None
    if not members:
        raise Malformed(reason="a batch has at least one message")
    messages: list[dict[str, Any] | MessageRefused] = []
    for member in members:
        flaw = member.flaw
        if flaw is None and not isinstance(member.value, dict):
            flaw = "a message is an object"
        if flaw is None and member.size > MAX_MESSAGE_BYTES:
            flaw = f"a message has at most {MAX_MESSAGE_BYTES} bytes"
        messages.append(member.value if flaw is None else _refusal(member.value, [("", flaw)]))
    return messages


def parse_message(message: dict[str, Any]) -> Envelope:
    """The message as an envelope with its parsed data.

    Raises `UnknownType` for a type outside the table, and `InvalidMessage` (`errors`: field and message) for an
    attribute or a data field that is missing, unknown, of another form, or where `agreement` and `purpose` do not
    fit the type, or where `subject` is none of the things that the data are about.
    """
    try:
        envelope = Envelope.model_validate(message)
    except ValidationError as error:
        raise _refusal(message, _where(error, Envelope, "")) from None
    model = MESSAGE_TYPES.get(envelope.type)
    if model is None:
        refused = UnknownType()
        refused.message_id, refused.streamseq = envelope.id, envelope.streamseq
        raise refused
    try:
        data = envelope.parsed
    except ValidationError as error:
        raise _refusal(message, _where(error, model, "data")) from None
    if envelope.type != "tonglu.message.voided.v1" and envelope.subject not in _subjects(data):
        raise _refusal(message, [("subject", "not what the data are about")])
    return envelope


def parse_data(message_type: str, data: dict[str, Any]) -> MessageData:
    """Check the data of a message that is to be sent; raises like `parse_message`."""
    model = MESSAGE_TYPES.get(message_type)
    if model is None:
        raise UnknownType
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise InvalidMessage(errors=_listed(_where(error, model, "data"))) from None


def digest(message: dict[str, Any]) -> str:
    """The SHA-256 of a message's canonical form (RFC 8785), as 64 lower-case hexadecimal digits.

    The message is the parsed JSON as it came, never an `Envelope` written anew: its time may be spelt otherwise.
    Raises `ValueError` for numbers beyond 2⁵³ and for halves of surrogate pairs.
    """
    return sha256(canonical(message)).hexdigest()


def canonical(document: Any) -> bytes:
    """The document in the canonical form of RFC 8785.

    Without floating-point numbers, and with keys of ASCII alone, that is what Python's own encoder writes with
    sorted keys: keys sort the same by code point and by UTF-16 unit, and both escape the same characters. It is ten
    times faster; anything else takes the general way.
    """
    if _is_plain(document):
        return json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode("utf-8")
    return rfc8785.dumps(document)


def _is_plain(value: Any) -> bool:
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return True
    if kind is int:
        return bool(-(2**53) < value < 2**53)
    if kind is dict:
        return all(type(key) is str and key.isascii() and _is_plain(item) for key, item in value.items())
    return kind is list and all(map(_is_plain, value))


def _subjects(data: MessageData) -> set[str]:
    about = {getattr(data, name, None) for name in ("case", "journey", "certificate_id", "plan")}
    return {one for one in about if isinstance(one, str)} or {"node"}


def _refusal(message: Any, errors: list[tuple[str, str]]) -> InvalidMessage:
    refused = InvalidMessage(errors=_listed(errors))
    if isinstance(message, dict):
        one, number = message.get("id"), message.get("streamseq")
        if isinstance(one, str) and re.fullmatch(r"[0-9a-fA-F-]{36}", one):
            refused.message_id = one
        if type(number) is int and 0 < number < 2**31:
            refused.streamseq = number
    return refused


def _listed(errors: list[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"field": where, "message": what} for where, what in errors]


def _where(error: ValidationError, model: type[WireModel], prefix: str) -> list[tuple[str, str]]:
    """Which known field is wrong and why; a name that the sender invented is never repeated."""
    known = {one.alias or name for name, one in model.model_fields.items()}
    found: list[tuple[str, str]] = []
    for one in error.errors(include_url=False, include_context=False, include_input=False)[:5]:
        first = str(one["loc"][0]) if one["loc"] else ""
        if first in known:
            path = f"{prefix}.{first}" if prefix else first
            found.append((path, one["msg"]))
        else:
            found.append((prefix, "an unknown field" if one["type"] == "extra_forbidden" else one["msg"]))
    return found
