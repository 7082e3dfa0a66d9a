"""Random lives of records, and what must be true after each step: an adversary for merging and taking back.

Two officers work on a handful of people whose names, numbers and birth dates collide on purpose. What each step may do
is asked through the API; what became of it is read from the rows. `dump` tells all that a step may change, apart from
what only tells that something was done (log, versions, times): whatever is taken back must leave it as it was.
"""

import json
from collections import Counter
from collections.abc import Iterator
from random import Random
from typing import Any

from sqlmodel import Session, select

from service.consents.folder import read_consents, read_refusals
from service.context import Node
from service.registry.people import _open, tokens_of_row
from service.registry.tables import Arrival, Departure, DuplicatePair, LegalHold, PeerMessage, Person, SearchToken
from service.registry.undoing.history import changes_of, facts_of, facts_of_move
from service.work_items.tables import WorkItem
from tests.service.two_regions import Region

EAST, WEST = "790303001", "790303002"
NAMES = ("韩晨曦", "韩辰曦", "单雨桐", "陈小禾")
NUMBERS = ("79010119900307123X", "790101199003071248", None)
PURPOSES = ("share_with_peer:790101", "remind:vaccination", "certificate_home:790101")

Dump = dict[str, Any]


def dump(session: Session, node: Node) -> Dump:
    """All that steps may change, as plain values."""
    found: Dump = {}
    for person in session.exec(select(Person)).all():
        if person.identity:
            opened = _open(node, person)
            found[f"person {person.id}"] = facts_of(person, opened) | {"hold": str(person.hold_until)}
        key = node.vault.open_key(person.wrapped_key)
        sheets = {"consents": read_consents(session, node, key), "refusals": read_refusals(session, node, key)}
        found[f"sheets {person.id}"] = json.loads(json.dumps(sheets, default=str))
        found[f"index {person.id}"] = [
            bytes(one or b"").hex()
            for one in (person.document_index, person.name_birth_index, person.sound_birth_index)
        ]
    for table in (Arrival, Departure):
        for move in session.exec(select(table)).all():
            found[f"move {move.id}"] = facts_of_move(move)
    for pair in session.exec(select(DuplicatePair)).all():
        found[f"pair {pair.id}"] = (pair.state, *sorted((pair.kept_id, pair.other_id)))
    for item in session.exec(select(WorkItem).where(WorkItem.state == "open")).all():
        found[f"task {item.kind} {item.about}"] = (item.area, item.for_supervisor)
    for message in session.exec(select(PeerMessage)).all():
        found[f"message {message.message_id}"] = (message.person_id, message.about)
    for hold in session.exec(select(LegalHold)).all():
        found[f"hold {hold.id}"] = (hold.person_id, hold.state)
    found["tokens"] = sorted((one.person_id, one.token.hex()) for one in session.exec(select(SearchToken)).all())
    return found


def differences(before: Dump, after: Dump) -> list[str]:
    """What two dumps disagree about."""
    return [
        f"{name}: {before.get(name)} -> {after.get(name)}"
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]


def wrongs(session: Session, node: Node) -> list[str]:
    """What must never be, whatever was done."""
    people = {one.id: one for one in session.exec(select(Person)).all()}
    said = [*_tokens(session, node, people), *_moves(session, people), *_pairs(session, people)]
    for person in people.values():
        if person.state != "merged":
            said += _answers(session, node, person)
    return said


def _tokens(session: Session, node: Node, people: dict[str, Person]) -> Iterator[str]:
    kept: dict[str, set[bytes]] = {}
    for one in session.exec(select(SearchToken)).all():
        kept.setdefault(one.person_id, set()).add(bytes(one.token))
    for person in people.values():
        wanted = set() if person.state == "merged" else set(tokens_of_row(node, person))
        if kept.pop(person.id, set()) != wanted:
            yield f"tokens of {person.id} are not those of the record"
    yield from (f"tokens of nobody: {one}" for one in kept)


def _moves(session: Session, people: dict[str, Person]) -> Iterator[str]:
    for table in (Arrival, Departure):
        for move in session.exec(select(table)).all():
            owner = people.get(move.person_id)
            if owner is None or owner.state == "merged":
                yield f"a move of nobody, or of a merged record: {move.id}"
            elif move.area != owner.area:
                yield f"a move lies in {move.area}, its record in {owner.area}"


def _pairs(session: Session, people: dict[str, Person]) -> Iterator[str]:
    pairs = {one.id: one for one in session.exec(select(DuplicatePair)).all()}
    seen = Counter(frozenset((one.kept_id, one.other_id)) for one in pairs.values())
    yield from (f"a pair is there {count} times: {set(pair)}" for pair, count in seen.items() if count > 1)
    merged = sorted(one.other_id for one in pairs.values() if one.state == "merged")
    if merged != sorted(one.id for one in people.values() if one.state == "merged"):
        yield f"merged twice, into nobody, or not at all: {merged}"
    for item in session.exec(select(WorkItem).where(WorkItem.kind == "duplicate", WorkItem.state == "open")).all():
        pair = pairs.get(item.about)
        if pair is None or pair.state != "open":
            yield f"a task about a pair that is decided: {pair}"
        elif any(people[one].state != "active" for one in (pair.kept_id, pair.other_id)):
            yield f"a task about records that nobody can open: {pair}"


def _answers(session: Session, node: Node, person: Person) -> Iterator[str]:
    key = node.vault.open_key(person.wrapped_key)
    refused = {one["purpose"] for one in read_refusals(session, node, key)}
    standing = [one["purpose"] for one in read_consents(session, node, key)["consents"] if not one["withdrawn_at"]]
    if refused & set(standing):
        yield f"refused and consented to: {refused & set(standing)}"
    if len(standing) != len(set(standing)):
        yield f"a consent stands twice: {standing}"


class Adversary:
    """Does random things as two officers of two townships and one of the region."""

    def __init__(self, region: Region, officers: list[Region], seed: int) -> None:
        self.region, self.officers, self.chance = region, officers, Random(seed)
        self.story: list[str] = []
        self.done = 0

    def read(self, what: Any) -> Any:
        return self.region.node.database.read_sync(lambda session: what(session, self.region.node))

    def some(self, table: Any) -> str:
        ids = self.region.node.database.read_sync(lambda session: sorted(session.exec(select(table.id)).all()))
        return self.chance.choice(ids) if ids else "01a20000-0000-7000-8000-000000000001"

    async def ask(self, one: Region, method: str, path: str, body: Any = None) -> Any:
        answer = await one.request(method, path, json=body)
        self.story.append(f"{one.officer.name} {method} {path} {body} -> {answer.status_code}")
        assert answer.status_code < 500, self.told(answer.text)
        return answer

    def told(self, *what: Any) -> str:
        return "\n".join([*self.story[-30:], *map(str, what)])

    async def step(self) -> None:
        """One random step; when it can be taken back, often take it back at once."""
        self.region.clock.advance(seconds=1)
        chance = self.chance
        one = self.officers[0] if chance.random() < 0.6 else chance.choice(self.officers)
        before = self.read(dump)
        act = chance.choice(sorted(STEPS))
        answer = await STEPS[act](self, one)
        self.check()
        if answer is None or answer.status_code >= 400:
            assert answer is None or not differences(before, self.read(dump)), self.told("refused, and changed")
            return
        self.done += 1
        if act in TAKEN_BACK and chance.random() < 0.6:
            undone = await self.take_back(one, act, answer)
            if undone is None:
                return
            self.check()
            left = differences(before, self.read(dump))
            assert undone.status_code < 300, self.told(undone.text)
            assert not left, self.told(f"{act} was not taken back", *left)

    async def take_back(self, one: Region, act: str, answer: Any) -> Any:
        path = TAKEN_BACK[act]
        person = self.story[-1].split("/people/")[1].split("/")[0].split(" ")[0] if "/people/" in self.story[-1] else ""
        if act in ("merge", "apart"):
            return await self.ask(one, "POST", f"/people/{person}/{act}/undo", {"pair_id": answer.json()["pair_id"]})
        if act == "transfer":
            body = answer.json()
            return await self.ask(one, "POST", f"/people/{body['person_id']}/undo", {"change_id": body["change_id"]})
        if path == "move":
            where = self.story[-1].split(" ")[2].split("/")
            return await self.ask(one, "POST", f"/{where[1]}/{where[2]}/undo")
        changes = self.read(lambda session, node: self._latest(session, node, person, one))
        if not changes:
            return None
        return await self.ask(one, "POST", f"/people/{person}/undo", {"change_id": changes})

    def _latest(self, session: Session, node: Node, person_id: str, one: Region) -> str | None:
        person = session.get(Person, person_id)
        if person is None:
            return None
        found = changes_of(session, node, node.vault.open_key(person.wrapped_key))
        if not found or found[0].officer_id != one.officer.id or found[0].undone or found[0].at != node.now():
            return None
        return found[0].id

    def check(self) -> None:
        wrong = self.read(wrongs)
        assert not wrong, self.told(*wrong)


async def register(self: Adversary, one: Region) -> Any:
    chance = self.chance
    purpose = [two for two in PURPOSES if chance.random() < 0.4]
    number = chance.choice(NUMBERS)
    person = {
        "name": chance.choice(NAMES),
        "document_type": "resident_id" if number else "none",
        "document_number": number,
        "date_of_birth": chance.choice(("1990-03-07", "1990-03-08")) if number is None else None,
        "phone": chance.choice(("13900001234", None)),
    }
    refused = tuple(two for two in PURPOSES if two not in purpose and chance.random() < 0.3)
    body = {"person": person} | one.told(*purpose, refused=refused)
    if chance.random() < 0.5:
        return await self.ask(one, "POST", "/arrivals", body | {"origin_region": "790101", "arrived_on": "2026-09-01"})
    return await self.ask(
        one, "POST", "/departures", body | {"destination_region": "790101", "departed_on": "2026-09-01"}
    )


async def correct(self: Adversary, one: Region) -> Any:
    number = self.chance.choice(NUMBERS)
    bodies = [
        {"name": self.chance.choice(NAMES)},
        {"phone": self.chance.choice(("13700004321", ""))},
        {"address": "西街 1 号"},
        {"document_type": "resident_id" if number else "none", "document_number": number},
    ]
    return await self.ask(one, "PATCH", f"/people/{self.some(Person)}", self.chance.choice(bodies))


async def house(self: Adversary, one: Region) -> Any:
    body = {"address": self.chance.choice(("东街 2 号", "南街 3 号"))}
    if self.chance.random() < 0.5:
        body["area"] = self.chance.choice((EAST, WEST))
    return await self.ask(one, "POST", f"/people/{self.some(Person)}/address", body)


async def ends(self: Adversary, one: Region) -> Any:
    if self.chance.random() < 0.5:
        return await self.ask(one, "POST", f"/arrivals/{self.some(Arrival)}/end", {"ended_on": "2026-11-20"})
    return await self.ask(one, "POST", f"/departures/{self.some(Departure)}/return", {"returned_on": "2026-11-20"})


async def reopens(self: Adversary, one: Region) -> Any:
    way, table = self.chance.choice((("arrivals", Arrival), ("departures", Departure)))
    return await self.ask(one, "POST", f"/{way}/{self.some(table)}/reopen")


async def correct_move(self: Adversary, one: Region) -> Any:
    day = self.chance.choice(("2026-08-30", "2026-09"))
    if self.chance.random() < 0.5:
        return await self.ask(one, "PATCH", f"/arrivals/{self.some(Arrival)}", {"arrived_on": day})
    return await self.ask(one, "PATCH", f"/departures/{self.some(Departure)}", {"departed_on": day})


async def void(self: Adversary, one: Region) -> Any:
    return await self.ask(one, "POST", f"/people/{self.some(Person)}/void", {})


async def protect(self: Adversary, one: Region) -> Any:
    until = self.chance.choice(("2026-11-01", "2027-01-31"))
    return await self.ask(one, "POST", f"/people/{self.some(Person)}/protect", {"reason": "threat", "until": until})


async def consent(self: Adversary, one: Region) -> Any:
    purpose = self.chance.choice(PURPOSES)
    body = {"consents": [{"purpose": purpose, "way": "spoken", "witness": "李伟"}]}
    if self.chance.random() < 0.4:
        body = {"refused": [purpose]}
    return await self.ask(one, "POST", f"/people/{self.some(Person)}/consents", body)


async def withdraw(self: Adversary, one: Region) -> Any:
    body = {"purpose": self.chance.choice(PURPOSES)}
    return await self.ask(one, "POST", f"/people/{self.some(Person)}/withdrawals", body)


async def merge(self: Adversary, one: Region) -> Any:
    return await self.ask(one, "POST", f"/people/{self.some(Person)}/merge", {"other_id": self.some(Person)})


async def apart(self: Adversary, one: Region) -> Any:
    return await self.ask(one, "POST", f"/people/{self.some(Person)}/apart", {"other_id": self.some(Person)})


async def part(self: Adversary, one: Region) -> Any:
    pair = self.some(DuplicatePair)
    found = self.region.node.database.read_sync(lambda session: session.get(DuplicatePair, pair))
    person = found.kept_id if found is not None and self.chance.random() < 0.9 else self.some(Person)
    decision = "merge" if found is not None and found.state == "merged" else self.chance.choice(("merge", "apart"))
    return await self.ask(one, "POST", f"/people/{person}/{decision}/undo", {"pair_id": pair})


async def transfer(self: Adversary, one: Region) -> Any:
    facts = {
        "name": self.chance.choice(NAMES),
        "document_number": NUMBERS[0],
        "date_of_birth": "1990-03-07",
        "present": True,
        "notice": one.told()["notice"],
    }
    return await self.ask(one, "POST", "/people/transfer", facts)


async def undo(self: Adversary, one: Region) -> Any:
    return await self.ask(one, "POST", f"/people/{self.some(Person)}/undo")


async def wait(self: Adversary, one: Region) -> Any:
    self.region.clock.advance(minutes=self.chance.choice((1, 4, 11)))
    self.story.append(f"it is {self.region.clock.now()}")


async def by_itself(self: Adversary, one: Region) -> Any:
    job = self.chance.choice(("releases", "duplicates"))
    await self.region.run(job)
    self.story.append(f"the node runs {job}")


STEPS = {
    "register": register,
    "register again": register,
    "correct": correct,
    "house": house,
    "end": ends,
    "reopen": reopens,
    "correct a move": correct_move,
    "void": void,
    "protect": protect,
    "consent": consent,
    "withdraw": withdraw,
    "merge": merge,
    "merge again": merge,
    "apart": apart,
    "part": part,
    "transfer": transfer,
    "undo": undo,
    "wait": wait,
    "by itself": by_itself,
}
TAKEN_BACK = {
    "correct": "person",
    "house": "person",
    "void": "person",
    "protect": "person",
    "consent": "person",
    "withdraw": "person",
    "merge": "pair",
    "apart": "pair",
    "transfer": "person",
    "end": "move",
    "reopen": "move",
    "correct a move": "move",
}
"""What can be taken back at once, and how."""
