"""Officers of every role in three areas, a world that belongs to one of them, and answers without consequences."""

import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any, TypeVar

from fastapi import FastAPI
from sqlmodel import Session

from service.context import Node
from service.database import Database
from service.log_tree import sequence
from service.officers.rules import Role
from service.verification.tables import VerificationRequest
from tests.service.conftest import add_account, connect, sign_in_as
from tests.service.routes.bad_requests import BadRequests, Sent
from tests.service.routes.conftest import one_of_everything
from tests.service.verification.test_receipt_rights import proven

T = TypeVar("T")
REGION, OWN, OTHER = "790303", "790303001", "790303002"
PEOPLES = (
    "person_id",
    "other_id",
    "arrival_id",
    "departure_id",
    "request_id",
    "certificate_id",
    "plan_id",
    "import_id",
    "message",
)
"""What belongs to people of the township; agreements, peers and officers belong to the region."""
AREAS = {"region": REGION, "own": OWN, "other": OTHER}
"""The whole region; the township whose people they are; another township."""


LEDGER = "姓名,身份证号码,户籍地,流入日期\n叶知秋,790101199003071257,云台县,2026-09-01\n".encode()
NOTICE = {"version": "2026-11", "way": "spoken", "given_at": "2026-11-23T01:00:00Z"}
NEWCOMER = {"name": "单雨桐", "document_type": "none", "date_of_birth": "1991-04-12"}
BODIES: dict[str, Any] = {
    "POST /arrivals": {"person": NEWCOMER, "notice": NOTICE, "origin_region": "790202", "arrived_on": "2026-09-01"},
    "POST /departures": {
        "person": NEWCOMER, "notice": NOTICE, "destination_region": "790202", "departed_on": "2026-09-01"
    },
    "POST /people/{person_id}/undo": {},
    "POST /people/{person_id}/legal-holds": {
        "code": "court_order", "reference": "青公调〔2026〕12号", "until": "2026-12-31"
    },
    "POST /ledger-exports": {"kind": "arrivals", "purpose": "task"},
    "POST /ledgers/{import_id}/undo": {},
    "POST /reports/closings": {"month": "2026-10"},
    "POST /ledgers/{import_id}/columns": {"columns": {}},
    "POST /people/{person_id}/consents": {"consents": [{"purpose": "remind:vaccination", "way": "spoken"}]},
}  # fmt: skip
"""Bodies for addresses whose good ones are more than their fields one by one."""
_AWAY = {"away_from": "2026-11-24 10:00", "away_until": "2026-11-24 12:00"}
FORMS = {
    "POST /reports/close": {"month": "2026-10"},
    "POST /peers/maintenance": _AWAY,
    "POST /peers/{region}/maintenance": _AWAY,
}
"""The same for pages that read their form before they ask who sends it."""


@dataclass(frozen=True)
class Who:
    """An officer with one role in one area; nobody has neither."""

    role: Role | None
    reach: str
    api: str = field(default="", repr=False)
    page: str = field(default="", repr=False)

    def __str__(self) -> str:
        return f"{self.role or 'nobody'}@{self.reach}"

    @property
    def sees_the_people(self) -> bool:
        """Whether the people of this world are theirs to see."""
        return self.role in {Role.CLERK, Role.SUPERVISOR} and self.reach != "other"


@dataclass
class World:
    """What there is, who may ask, and by which ids and names its people would be known."""

    app: FastAPI
    known: dict[str, Any]
    officers: list[Who]
    traces: set[str]
    document: dict[str, Any]


@asynccontextmanager
async def roles_world(app: FastAPI, password_hash: str) -> AsyncIterator[World]:
    """Make the world: all people belong to the township 临港 (790303001)."""
    node: Node = app.state.node
    first = add_account(node, password_hash, "王芳")
    clerk = add_account(node, password_hash, "临港专干", frozenset({Role.CLERK, Role.SUPERVISOR}), area=OWN)
    officers = []
    for number, (role, reach) in enumerate(product(Role, AREAS)):
        one = add_account(node, password_hash, f"officer-{number}", frozenset({role}), area=AREAS[reach])
        officers.append(Who(role, reach, sign_in_as(node, one), sign_in_as(node, one, "page")))
    async with connect(app, sign_in_as(node, first)) as region, connect(app, sign_in_as(node, clerk)) as office:
        known = await one_of_everything(app, region, office, password_hash)
        document = (await region.get("/openapi.json")).json()
        answer = await office.post(
            "/api/v1/ledgers", files={"file": ("arrivals.csv", LEDGER)}, data={"kind": "arrivals", "dry_run": "true"}
        )
        known["import_id"] = [answer.json()["id"]]
        items = (await office.get("/api/v1/work-items")).json()["items"]
        known["item_id"] = [item["id"] for item in items][:1]
        known["pair_id"] = [item["about"] for item in items if item["kind"] == "duplicate"][:1]
    known |= {
        "officer_id": [clerk.id],
        "name": ["临港专干"],
        "NewOfficer.name": ["新来的同事"],
        "area": [OWN],
        "roles": [["clerk"]],
        "region": ["790202"],
        "after": [""],
        "report_name": ["monthly_flows"],
        "change": ["suspend"],
        "act": ["release"],
        "problem": ["not_found"],
        "assignee": ["临港专干"],
    }
    known["message"] = [await node.database.write(lambda session: _proven(session, node, known["request_id"][0]))]
    await node.database.write(
        lambda session: sequence(session, keys=node.fed.keys, region=node.region, now=node.now(), point=node.point)
    )
    traces = {one for name in PEOPLES for one in known[name]} | {"韩晨曦", "叶知秋", "chenxi@example.net"}
    yield World(app, known, officers, traces, document)


def ask_api(world: World, method: str, path: str) -> Sent:
    """One good request to an address of the API, about what belongs to the township; the same each time."""
    sent = BadRequests(world.document, world.known, seed=f"{method} {path}").good_one(method, path)
    key = f"{method} {path.removeprefix('/api/v1')}"
    if "{certificate_id}" in path or "{plan_id}" in path or path.endswith("/reminders"):
        target = sent.path.partition("?")[0]
        sent = replace(sent, path=f"{target}?person_id={world.known['person_id'][0]}")
    if key in BODIES:
        body = json.dumps(BODIES[key], ensure_ascii=False).encode()
        sent = replace(sent, headers={"Content-Type": b"application/json"}, content=body)
    if key == "POST /ledgers":
        typed = (
            b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n' + LEDGER + b"\r\n--b--\r\n"
        )
        sent = replace(sent, headers={"Content-Type": b"multipart/form-data; boundary=b"}, content=typed)
    return sent


def _proven(session: Session, node: Node, request_id: str) -> str:
    """The receipt of a message about the township's case."""
    return proven(session, node, session.get_one(VerificationRequest, request_id).case)


def page_address(world: World, path: str) -> str:
    """The address of a page about what belongs to the township."""
    if path.startswith("/reports"):
        return path.replace("{report_name}", "monthly_flows").replace("{name}", "monthly_flows")
    known = world.known | {"move_id": world.known["departure_id" if path.startswith("/departures") else "arrival_id"]}
    return re.sub(r"\{([^}]+)\}", lambda place: str((known.get(place[1]) or ["unknown"])[0]), path)


class _UndoneError(Exception):
    """Undoes what a write did, and brings its value out."""

    def __init__(self, value: Any) -> None:
        self.value = value


@contextmanager
def without_consequences(database: Database) -> Iterator[None]:
    """Let every write be carried out and then undone: each cell of the matrix meets the same world.

    Long work in a thread of its own (a ledger's rows, batch by batch) is left alone: it goes on from what it wrote.
    """
    real: Callable[..., Any] = database.write

    async def write(fn: Callable[[Session], T]) -> T:
        def then_undo(session: Session) -> None:
            value = fn(session)
            session.flush()
            session.expunge_all()
            raise _UndoneError(value)

        try:
            await real(then_undo)
        except _UndoneError as undone:
            return undone.value  # type: ignore[no-any-return]
        raise AssertionError

    database.write = write  # type: ignore[method-assign]
    try:
        yield
    finally:
        del database.write  # type: ignore[method-assign]
