"""Requests that fit the OpenAPI document but for one thing, made from seeded choices.

A body is built from its schema out of values that the node knows (ids of real rows), then one place of it is spoilt:
so a bad value comes as deep into the node as a good one would. Addresses, queries and headers are spoilt the same way.
"""

import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from random import Random
from typing import Any
from urllib.parse import quote

CANARY = "Q7canaryQ7"
"""Part of every bad text: no refusal may repeat it."""

BAD_TEXTS = (
    "",
    " ",
    f"{CANARY}\x00",
    "\x00",
    f"\ud800{CANARY}",
    f"{CANARY}\n\r\t\x1b",
    f"\u202e{CANARY}\u200b",
    CANARY * 40,
    "𠮷" * 70_000,
    "".join(map(chr, range(0x4E00, 0x4E64))),
    "ab 1a23 " * 12,
    f"' OR 1=1 --{CANARY}",
    "../../../etc/passwd",
    "%00%ff",
    "{0}{name!r}%s",
    "0001-01-01",
    "9999-12-31",
    "0000-00",
    "2026-02-30",
    "２０２６-０９-０１",
    "٢٠٢٦-٠٩-٠١",
    "9999-12-31T23:59:59-23:59",
    "0001-01-01T00:00:00+23:59",
    "9999Q4",
    "00000000-0000-0000-0000-000000000000",
    "790101\n",
    "７９０１０１",
    "share_with_peer:790101\x00",
    "-1",
    "9" * 400,
)
BAD_VALUES: tuple[Any, ...] = (
    *BAD_TEXTS,
    None,
    True,
    0,
    -1,
    2**31,
    2**63,
    10**400,
    1.5,
    float("nan"),
    float("inf"),
    [],
    {},
    [[[[]]]],
    [None] * 300,
    {"": None},
    {"\ud800": CANARY},
    {f"key{i}": i for i in range(300)},
)
BAD_CONTENT = (
    b"",
    b"{",
    b"null",
    b"[]",
    b'"text"',
    b"\xff\xfe\x00",
    b"\xef\xbb\xbf{}",
    b"[" * 50_000,
    b'{"a":' * 50_000,
    b'{"a":' + b"9" * 20_000 + b"}",
    b"NaN",
    "{}".encode("utf-16"),
)
BAD_TYPES = ("text/plain", "application/xml", "multipart/form-data", "application/json; charset=x", "x" * 300, "")
BAD_HEADERS: tuple[tuple[str, bytes], ...] = (
    ("Authorization", b""),
    ("Authorization", b"Bearer"),
    ("Authorization", b"Bearer \xff\xfe\x80"),
    ("Authorization", b"Basic Og=="),
    ("Authorization", b"Bearer " + b"x" * 9_000),
    ("Accept-Language", b"\xff;q=\xfe,,;;q=1e999"),
    ("Accept-Language", b"zh-" + b"x" * 5_000),
    ("Accept", b"\xff/\xff;q=x"),
    ("Cookie", b'tonglu_session="\xff; tonglu_me=; =; tonglu_language=\x80'),
    ("Idempotency-Key", b"\xff"),
    ("Idempotency-Key", b"x" * 600),
    ("Content-Length", b"-1"),
    ("Range", b"bytes=-1"),
    ("X-Forwarded-For", b"\xff"),
)


@dataclass(frozen=True)
class Sent:
    """One request."""

    method: str
    path: str
    headers: Mapping[str, bytes] = field(default_factory=dict)
    content: bytes | None = None


class BadRequests:
    """Makes the requests of one OpenAPI document.

    `known` gives values that are right by the name of a parameter or field, or of schema and field (`Body.field`).
    """

    def __init__(self, document: dict[str, Any], known: Mapping[str, Any], seed: str) -> None:
        self.document = document
        self.known = known
        self.random = Random(seed)

    def operations(self) -> list[tuple[str, str]]:
        """Every method and path pattern."""
        return [(method.upper(), path) for path, methods in self.document["paths"].items() for method in methods]

    def good_one(self, method: str, path: str) -> Sent:
        """One request to an operation with nothing bad in it."""
        operation = self.document["paths"][path][method.lower()]
        return self._one(method, path, operation.get("parameters", []), _json_schema(operation), "nothing")

    def of(self, method: str, path: str, many: int) -> Iterator[Sent]:
        """So many requests to one operation, each bad in one way."""
        operation = self.document["paths"][path][method.lower()]
        parameters = operation.get("parameters", [])
        schema = _json_schema(operation)
        ways = ["headers"]
        if schema is not None:
            ways += ["body"] * 8 + ["content", "type", "twice"]
        if any(one["in"] == "path" for one in parameters):
            ways += ["path"] * 2
        if any(one["in"] == "query" for one in parameters):
            ways += ["query"] * 4
        for _ in range(many):
            yield self._one(method, path, parameters, schema, self.random.choice(ways))

    def _one(self, method: str, path: str, parameters: list[Any], schema: Any, way: str) -> Sent:
        spoilt = None
        if way in {"path", "query"}:
            spoilt = self.random.choice([one["name"] for one in parameters if one["in"] == way])
        address = path
        query: list[str] = []
        for one in parameters:
            name = one["name"]
            value = self.random.choice(BAD_TEXTS) if name == spoilt else self.good(one["schema"], name)
            written = quote(str(value)[:2_000].encode("utf-8", "surrogatepass"), safe="")
            if one["in"] == "path":
                address = address.replace("{" + name + "}", written or "%20")
            elif one["in"] == "query" and (one.get("required") or name == spoilt or self.random.random() < 0.2):
                query.append(f"{name}={written}")
        headers: dict[str, bytes] = {}
        content = None
        if schema is not None:
            headers["Content-Type"] = b"application/json"
            body = self.good(schema, "body")
            content = self._content(self._spoil(body) if way == "body" else body)
            if way == "content":
                content = self.random.choice(BAD_CONTENT)
            elif way == "type":
                headers["Content-Type"] = self.random.choice(BAD_TYPES).encode()
            elif way == "twice":
                content = b'{"twice":1,"twice":2,' + content[1:]
        if way == "headers":
            name, bad = self.random.choice(BAD_HEADERS)
            headers[name] = bad
        return Sent(method, address + ("?" + "&".join(query) if query else ""), headers, content)

    def good(self, schema: Mapping[str, Any], name: str) -> Any:
        """A value that fits a schema, from what the node knows where the name says what it is."""
        if "$ref" in schema:
            return self.good(self.document["components"]["schemas"][schema["$ref"].rpartition("/")[2]], name)
        for known in (name, name.rpartition(".")[2]):
            if known in self.known:
                # A copy: what is spoilt once stays good for the next request.
                return deepcopy(self.random.choice(self.known[known]))
        for several in ("anyOf", "oneOf"):
            if several in schema:
                fitting = [one for one in schema[several] if one.get("type") != "null"]
                return self.good(self.random.choice(fitting), name)
        if "enum" in schema:
            return self.random.choice(schema["enum"])
        if "const" in schema:
            return schema["const"]
        return self._of_type(schema, name)

    def _of_type(self, schema: Mapping[str, Any], name: str) -> Any:
        match schema.get("type"):
            case "object":
                must = schema.get("required", [])
                whole = schema.get("title", "")
                named = {
                    key: self.good(one, f"{whole}.{key}")
                    for key, one in schema.get("properties", {}).items()
                    if key in must or self.random.random() < 0.6
                }
                return named or {"identity": "confirmed"}
            case "array":
                items = schema.get("items") or {"type": "string"}
                return [self.good(items, name + "[]") for _ in range(max(1, schema.get("minItems", 1)))]
            case "integer" | "number":
                return max(1, int(schema.get("minimum", 1)))
            case "boolean":
                return True
        return {"date": "2026-11-20", "date-time": "2026-11-20T08:00:00+08:00"}.get(schema.get("format", ""), "文字")

    def _spoil(self, body: Any) -> Any:
        """The same with one place replaced, left out, or added."""
        places = list(_places(body))
        if not places or self.random.random() < 0.1:
            return {**body, "unknown": CANARY} if isinstance(body, dict) else [body]
        holder, key = self.random.choice(places)
        if self.random.random() < 0.1 and isinstance(holder, dict):
            del holder[key]
        else:
            holder[key] = deepcopy(self.random.choice(BAD_VALUES))
        return body

    def _content(self, body: Any) -> bytes:
        text = json.dumps(body, ensure_ascii=self.random.random() < 0.8)
        return text.encode("utf-8", "surrogatepass")


def _json_schema(operation: Mapping[str, Any]) -> Any:
    return operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place of a document: what holds it, and under which key."""
    keys = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in list(keys):
        yield value, key
        yield from _places(value[key])
