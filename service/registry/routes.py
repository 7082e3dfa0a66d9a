"""JSON: arrivals, departures, search."""

from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import Field

from schemas.calendar import PartialDate
from schemas.claims import EndReason
from schemas.regions import RegionCode
from service.context import CurrentNode
from service.idempotency import write_once
from service.json_body import JsonRoute
from service.officers.doors import CurrentOfficer
from service.paging import PageAfter, PageLimit
from service.registry import queries, register
from service.registry.drafts import ArrivalChanges, ArrivalDraft, Body, DepartureChanges, DepartureDraft
from service.registry.life import later, moves
from service.registry.queries import MoveFilter, Order
from service.registry.searching.search import search_people
from service.registry.undoing import taking_back as undoing
from service.registry.views import (
    ArrivalPage,
    ArrivalView,
    DeparturePage,
    DepartureView,
    HitList,
    ListedArrival,
    ListedDeparture,
    RegisteredArrival,
    RegisteredDeparture,
)

router = APIRouter(route_class=JsonRoute, tags=["register"])

ArrivalState = Literal["to_be_told", "declared", "verifying", "confirmed", "unconfirmed", "ended"]
DepartureState = Literal["to_be_told", "declared", "notified", "confirmed", "ended"]
RegionFilter = Annotated[RegionCode | None, Query()]
NameFilter = Annotated[str | None, Query(max_length=100)]


class Ended(Body):
    """When a move ended; a day or a month."""

    ended_on: PartialDate
    reason: Literal["returned", "moved_on", "deceased"] = "moved_on"


class Returned(Body):
    """When someone came back; a day or a month."""

    returned_on: PartialDate


class Question(Body):
    """What to search for."""

    q: Annotated[str, Field(max_length=100)]


@router.post("/arrivals", status_code=201)
async def new_arrival(body: ArrivalDraft, node: CurrentNode, officer: CurrentOfficer) -> RegisteredArrival:
    """Register that someone came here."""
    return await write_once(
        node, lambda session: RegisteredArrival.saved(register.register_arrival(session, node, body, by=officer))
    )


@router.get("/arrivals")
async def arrivals(
    node: CurrentNode,
    officer: CurrentOfficer,
    *,
    state: ArrivalState | None = None,
    area: RegionFilter = None,
    peer: RegionFilter = None,
    moved_from: date | None = None,
    moved_to: date | None = None,
    registered_by: NameFilter = None,
    source_ledger: NameFilter = None,
    order: Order = "entered",
    after: PageAfter = None,
    limit: PageLimit = 50,
) -> ArrivalPage:
    """List arrivals, newest first."""
    wanted = MoveFilter(state, area, peer, moved_from, moved_to, registered_by, source_ledger)
    return await node.database.write(
        lambda session: ArrivalPage.of(
            queries.arrivals_page(session, node, by=officer, wanted=wanted, order=order, after=after, limit=limit)
        )
    )


@router.get("/arrivals/{arrival_id}")
async def arrival(arrival_id: str, node: CurrentNode, officer: CurrentOfficer) -> ListedArrival:
    """Show one arrival."""
    return await node.database.write(
        lambda session: ListedArrival.line(queries.one_arrival(session, node, arrival_id, by=officer))
    )


@router.post("/arrivals/{arrival_id}/end")
async def end_arrival(arrival_id: str, body: Ended, node: CurrentNode, officer: CurrentOfficer) -> ArrivalView:
    """Note that someone left again."""
    return await write_once(
        node,
        lambda session: ArrivalView.of(
            moves.end_arrival(session, node, arrival_id, body.ended_on, reason=EndReason(body.reason), by=officer)
        ),
        status=200,
    )


@router.patch("/arrivals/{arrival_id}")
async def correct_arrival(
    arrival_id: str, body: ArrivalChanges, node: CurrentNode, officer: CurrentOfficer
) -> ArrivalView:
    """Correct where someone came from, or when; peers that were told otherwise are told anew."""
    return await write_once(
        node,
        lambda session: ArrivalView.of(later.correct_arrival(session, node, arrival_id, body, by=officer)),
        status=200,
    )


@router.post("/arrivals/{arrival_id}/reopen")
async def reopen_arrival(arrival_id: str, node: CurrentNode, officer: CurrentOfficer) -> ArrivalView:
    """Let a stay that was ended go on."""
    return await write_once(
        node, lambda session: ArrivalView.of(later.reopen_arrival(session, node, arrival_id, by=officer)), status=200
    )


@router.post("/arrivals/{move_id}/undo", status_code=204)
@router.post("/departures/{move_id}/undo", status_code=204)
async def undo(move_id: str, node: CurrentNode, officer: CurrentOfficer) -> None:
    """Take back one's own last save of a move (its end, a correction, its registration) for ten minutes."""
    await write_once(node, lambda session: undoing.undo_move(session, node, move_id, by=officer), status=204)


@router.post("/departures", status_code=201)
async def new_departure(body: DepartureDraft, node: CurrentNode, officer: CurrentOfficer) -> RegisteredDeparture:
    """Register that someone left."""
    return await write_once(
        node, lambda session: RegisteredDeparture.saved(register.register_departure(session, node, body, by=officer))
    )


@router.get("/departures")
async def departures(
    node: CurrentNode,
    officer: CurrentOfficer,
    *,
    state: DepartureState | None = None,
    area: RegionFilter = None,
    peer: RegionFilter = None,
    moved_from: date | None = None,
    moved_to: date | None = None,
    registered_by: NameFilter = None,
    source_ledger: NameFilter = None,
    order: Order = "entered",
    after: PageAfter = None,
    limit: PageLimit = 50,
) -> DeparturePage:
    """List departures, newest first."""
    wanted = MoveFilter(state, area, peer, moved_from, moved_to, registered_by, source_ledger)
    return await node.database.write(
        lambda session: DeparturePage.of(
            queries.departures_page(session, node, by=officer, wanted=wanted, order=order, after=after, limit=limit)
        )
    )


@router.get("/departures/{departure_id}")
async def departure(departure_id: str, node: CurrentNode, officer: CurrentOfficer) -> ListedDeparture:
    """Show one departure."""
    return await node.database.write(
        lambda session: ListedDeparture.line(queries.one_departure(session, node, departure_id, by=officer))
    )


@router.patch("/departures/{departure_id}")
async def correct_departure(
    departure_id: str, body: DepartureChanges, node: CurrentNode, officer: CurrentOfficer
) -> DepartureView:
    """Correct where someone went, when, or until when; peers that were told otherwise are told anew."""
    return await write_once(
        node,
        lambda session: DepartureView.of(later.correct_departure(session, node, departure_id, body, by=officer)),
        status=200,
    )


@router.post("/departures/{departure_id}/reopen")
async def reopen_departure(departure_id: str, node: CurrentNode, officer: CurrentOfficer) -> DepartureView:
    """Let a departure that was ended go on."""
    return await write_once(
        node,
        lambda session: DepartureView.of(later.reopen_departure(session, node, departure_id, by=officer)),
        status=200,
    )


@router.post("/departures/{departure_id}/return")
async def return_departure(
    departure_id: str, body: Returned, node: CurrentNode, officer: CurrentOfficer
) -> DepartureView:
    """Note that someone came back."""
    return await write_once(
        node,
        lambda session: DepartureView.of(
            moves.return_departure(session, node, departure_id, body.returned_on, by=officer)
        ),
        status=200,
    )


@router.post("/search")
async def search(body: Question, node: CurrentNode, officer: CurrentOfficer) -> HitList:
    """Find people by name, pinyin or initials, the last four of a document, the tail of a phone number."""
    return await node.database.write(lambda session: HitList.of(search_people(session, node, body.q, by=officer)))
