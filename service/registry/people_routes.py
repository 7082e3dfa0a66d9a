"""JSON: one person's record."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from pydantic import Field
from sqlmodel import Session

from schemas.claims import ConsentPurpose
from schemas.wire import WireDate
from service.consents.consents import NoticeDraft
from service.context import CurrentNode, Node
from service.idempotency import write_once
from service.json_body import JsonRoute
from service.officers import administration
from service.officers.doors import CurrentOfficer
from service.officers.rules import Officer, Role
from service.registry import changes, consenting, queries
from service.registry.changes import ProtectionReason
from service.registry.doubles import merging, pairs
from service.registry.drafts import AddressDraft, Body, ConsentsDraft, PersonChanges
from service.registry.holds.standing import ask_erasure_for, is_held
from service.registry.life import addresses, voiding
from service.registry.queries import FullPurpose, record_of
from service.registry.searching import limits
from service.registry.tables import Arrival, Person
from service.registry.undoing import taking_back as undoing
from service.registry.undoing.history import Change
from service.registry.views import ArrivalView, ConsentView, DepartureView, PersonView

router = APIRouter(route_class=JsonRoute, tags=["people"])


class Withdrawal(Body):
    """The consent that is taken back."""

    purpose: ConsentPurpose


class RequestMessages(Body):
    """Whether the person is told of each request about them."""

    on: bool


class ProtectionDraft(Body):
    """Why the person is hidden, and the last day of it."""

    reason: ProtectionReason
    until: WireDate


class Merge(Body):
    """The other record, of the same person (its moves come here) or of another."""

    other_id: Annotated[str, Field(max_length=36)]


class MergeUndo(Body):
    """The pair whose decision is taken back."""

    pair_id: Annotated[str, Field(max_length=36)]


class Voided(Body):
    """The one move that was a mistake; the whole record unless given."""

    move_id: Annotated[str, Field(max_length=36)] | None = None


class Undo(Body):
    """The save that is taken back; the officer's latest in this record unless given."""

    change_id: Annotated[str, Field(max_length=36)] | None = None


class Gone(Body):
    """A record that another office keeps from now on, out of the sight of the one that moved it there."""

    area: str


class ChangeView(Body):
    """One save in a record."""

    id: str
    kind: str
    at: datetime
    officer: str
    fields: tuple[str, ...]
    undone: bool
    undoable: bool

    @classmethod
    def of(cls, change: Change, node: Node, officer: Officer, *, undone: bool | None = None) -> "ChangeView":
        """The view of a save, as this officer may act on it."""
        gone = change.undone if undone is None else undone
        return cls(
            id=change.id,
            kind=change.kind,
            at=change.at,
            officer=change.officer,
            fields=change.names,
            undone=gone,
            undoable=not gone and change.undoable_by(officer, node.now()),
        )


class ChangeList(Body):
    """The saves of the last 30 days, newest first."""

    items: list[ChangeView]


class ErasedLater(Body):
    """The last day of the legal hold that keeps a record; it is erased by itself after it."""

    held_until: WireDate


class Merged(Body):
    """Two records put together, or told apart again."""

    pair_id: str
    state: str


class Told(Body):
    """The moves of a person who was just told."""

    arrivals: list[ArrivalView]
    departures: list[DepartureView]


class ConsentsGiven(Body):
    """The consents that were recorded now."""

    consents: list[ConsentView]


@router.get("/people/{person_id}")
async def person(
    person_id: str,
    node: CurrentNode,
    officer: CurrentOfficer,
    full: Annotated[Literal["0", "1"], Query()] = "0",
    purpose: FullPurpose | None = None,
) -> PersonView:
    """Open a record: masked, or in full for a purpose."""
    is_full = full == "1"
    return await node.database.write(
        lambda session: PersonView.of(
            queries.open_record(session, node, person_id, by=officer, full=is_full, purpose=purpose), full=is_full
        )
    )


@router.patch("/people/{person_id}")
async def correct(person_id: str, body: PersonChanges, node: CurrentNode, officer: CurrentOfficer) -> PersonView:
    """Correct a record; what is left out stays."""

    def write(session: Session) -> PersonView:
        done = changes.correct_person(session, node, person_id, body, by=officer)
        return PersonView.of(record_of(session, node, session.get_one(Person, person_id), done.opened))

    return await write_once(node, write, status=200)


@router.post("/people/{person_id}/notice")
async def notice(person_id: str, body: NoticeDraft, node: CurrentNode, officer: CurrentOfficer) -> Told:
    """Record that the person was told; moves from a ledger are declared from now on."""

    def write(session: Session) -> Told:
        told = consenting.give_notice(session, node, person_id, body, by=officer)
        return Told(
            arrivals=[ArrivalView.of(move) for move in told if isinstance(move, Arrival)],
            departures=[DepartureView.of(move) for move in told if not isinstance(move, Arrival)],
        )

    return await write_once(node, write, status=200)


@router.post("/people/{person_id}/consents")
async def consents(person_id: str, body: ConsentsDraft, node: CurrentNode, officer: CurrentOfficer) -> ConsentsGiven:
    """Record what the person allows and refuses. The answer is the same whatever was refused."""

    def write(session: Session) -> ConsentsGiven:
        given = consenting.record_consents(session, node, person_id, body, by=officer)
        return ConsentsGiven(consents=[ConsentView.of(one) for one in given])

    return await write_once(node, write, status=200)


@router.post("/people/{person_id}/withdrawals", status_code=204)
async def withdraw(person_id: str, body: Withdrawal, node: CurrentNode, officer: CurrentOfficer) -> None:
    """Take a consent back, at once, also for what is queued."""
    await write_once(
        node, lambda session: consenting.withdraw(session, node, person_id, body.purpose, by=officer), status=204
    )


@router.post("/people/{person_id}/request-messages", status_code=204)
async def request_messages(person_id: str, body: RequestMessages, node: CurrentNode, officer: CurrentOfficer) -> None:
    """Tell the person of each request about them, or not."""

    def write(session: Session) -> None:
        consenting.switch_request_messages(session, node, person_id, on=body.on, by=officer)

    await write_once(node, write, status=204)


@router.post("/people/{person_id}/protect", status_code=204)
async def protect(person_id: str, body: ProtectionDraft, node: CurrentNode, officer: CurrentOfficer) -> None:
    """Hide a person until a day; a day in the past lifts it (supervisor)."""

    def write(session: Session) -> None:
        changes.protect_person(session, node, person_id, body.reason, body.until, by=officer)

    await write_once(node, write, status=204)


@router.post("/people/{person_id}/merge")
async def merge(person_id: str, body: Merge, node: CurrentNode, officer: CurrentOfficer) -> Merged:
    """Put another record of the same person into this one; `…/merge/undo` takes it back."""

    def write(session: Session) -> Merged:
        pair = merging.merge_people(session, node, person_id, body.other_id, by=officer)
        return Merged(pair_id=pair.id, state=pair.state)

    return await write_once(node, write, status=200)


@router.post("/people/{person_id}/merge/undo")
async def undo_merge(person_id: str, body: MergeUndo, node: CurrentNode, officer: CurrentOfficer) -> Merged:
    """Take a merge back."""

    def write(session: Session) -> Merged:
        pair = merging.undo_decision(session, node, person_id, body.pair_id, "merged", by=officer)
        return Merged(pair_id=pair.id, state=pair.state)

    return await write_once(node, write, status=200)


@router.post("/people/{person_id}/apart")
async def tell_apart(person_id: str, body: Merge, node: CurrentNode, officer: CurrentOfficer) -> Merged:
    """Say that this record and another are of two people, for good; `…/apart/undo` takes it back."""

    def write(session: Session) -> Merged:
        pair = pairs.tell_people_apart(session, node, person_id, body.other_id, by=officer)
        return Merged(pair_id=pair.id, state=pair.state)

    return await write_once(node, write, status=200)


@router.post("/people/{person_id}/apart/undo")
async def undo_apart(person_id: str, body: MergeUndo, node: CurrentNode, officer: CurrentOfficer) -> Merged:
    """Ask again whether two records are of the same person."""

    def write(session: Session) -> Merged:
        pair = merging.undo_decision(session, node, person_id, body.pair_id, "not_same", by=officer)
        return Merged(pair_id=pair.id, state=pair.state)

    return await write_once(node, write, status=200)


@router.post("/people/{person_id}/void", status_code=204)
async def void(person_id: str, body: Voided, node: CurrentNode, officer: CurrentOfficer) -> None:
    """Void a record made in error, or one move of it; `…/undo` takes it back for ten minutes."""

    def write(session: Session) -> None:
        voiding.void_person(session, node, person_id, move_id=body.move_id, by=officer)

    await write_once(node, write, status=204)


@router.post("/people/{person_id}/address")
async def move_house(
    person_id: str, body: AddressDraft, node: CurrentNode, officer: CurrentOfficer
) -> PersonView | Gone:
    """Record that someone moved within this region: the new address takes the old one's place.

    With `area`, another township keeps the record from now on; an officer who does not see that one gets no record
    back.
    """

    def write(session: Session) -> PersonView | Gone:
        done = addresses.move_house(session, node, person_id, body, by=officer)
        person = session.get_one(Person, person_id)
        if not officer.sees(person.area):
            return Gone(area=person.area)
        return PersonView.of(record_of(session, node, person, done.opened))

    return await write_once(node, write, status=200)


@router.get("/people/{person_id}/changes")
async def saves(person_id: str, node: CurrentNode, officer: CurrentOfficer) -> ChangeList:
    """List the saves of the last 30 days in one record: who, when, which fields; never the values."""

    def read(session: Session) -> ChangeList:
        found = undoing.saves_of(session, node, person_id, by=officer)
        return ChangeList(items=[ChangeView.of(one, node, officer) for one in found])

    return await node.database.write(read)


@router.post("/people/{person_id}/undo")
async def undo(person_id: str, node: CurrentNode, officer: CurrentOfficer, body: Undo | None = None) -> ChangeView:
    """Take back one's own save of the last ten minutes: the latest, or the one named."""

    def write(session: Session) -> ChangeView:
        change = undoing.undo_change(session, node, person_id, body.change_id if body else None, by=officer)
        return ChangeView.of(change, node, officer, undone=True)

    return await write_once(node, write, status=200)


@router.delete("/people/{person_id}", status_code=204, responses={202: {"model": ErasedLater}})
async def erase(person_id: str, node: CurrentNode, officer: CurrentOfficer) -> Response:
    """Erase a person at their request: at once (204), or by itself when the legal hold on the record is over (202)."""
    if not await node.database.read(lambda session: is_held(session, node, person_id)):
        await write_once(node, lambda session: changes.erase_person(session, node, person_id, by=officer), status=204)
        return Response(status_code=204)

    def write(session: Session) -> ErasedLater:
        return ErasedLater(held_until=ask_erasure_for(session, node, person_id, by=officer))

    later = await write_once(node, write, status=202)
    return Response(later.model_dump_json(), status_code=202, media_type="application/json")


@router.post("/officers/{name}/release", status_code=204)
async def release(name: str, node: CurrentNode, officer: CurrentOfficer) -> None:
    """Let a colleague open more records today (supervisor), or sign in at once (administrator)."""

    def write(session: Session) -> None:
        if officer.has(Role.ADMINISTRATOR):
            administration.release_sign_in(session, node, name, by=officer)
        if officer.has(Role.SUPERVISOR) or not officer.has(Role.ADMINISTRATOR):
            limits.release(session, node, name, by=officer)

    await write_once(node, write, status=204)
