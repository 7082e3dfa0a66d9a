"""The lists of arrivals and departures with their closed filters (rule 11), and one move: ending it, voiding it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from sqlmodel import Session
from starlette.responses import Response

from federation.peers import list_peers
from schemas.calendar import PartialDate
from schemas.claims import EndReason
from schemas.problems import LocalError
from service.callbacks import ImportedLedger
from service.context import CurrentNode, Node
from service.officers.doors import PageOfficer
from service.officers.queries import all_accounts
from service.officers.rules import Officer
from service.registry.life.moves import end_arrival, return_departure
from service.registry.life.voiding import void_person
from service.registry.queries import (
    Listed,
    MoveFilter,
    MovePage,
    Order,
    arrivals_page,
    departures_page,
    moved_on,
    one_arrival,
    one_departure,
    other_end,
)
from service.registry.rules import ARRIVAL_STATES, DEPARTURE_STATES, may_undo
from service.registry.typed_moves import Direction
from service.registry.undoing.taking_back import undo_move
from service.web.dates import typed_date
from service.web.flash import Done
from service.web.forms import Form, sent_form
from service.web.templating import pages_of

router = APIRouter(include_in_schema=False)

STATES: Final = {
    "arrivals": tuple(state for state in ARRIVAL_STATES if state != "voided"),
    "departures": tuple(state for state in DEPARTURE_STATES if state != "voided"),
}
END_REASONS: Final = (EndReason.MOVED_ON, EndReason.RETURNED, EndReason.DECEASED)
KEPT: Final = ("state", "area", "peer", "from", "to", "by", "ledger", "order")
"""What a list's address may hold: closed filters, nothing of a person."""


@router.get("/arrivals")
async def arrivals(request: Request, node: CurrentNode, officer: PageOfficer) -> Response:
    """Who came here, newest first."""
    return await _list(request, node, officer, "arrivals")


@router.get("/departures")
async def departures(request: Request, node: CurrentNode, officer: PageOfficer) -> Response:
    """Who left, newest first."""
    return await _list(request, node, officer, "departures")


@router.get("/arrivals/{move_id}")
async def arrival(request: Request, node: CurrentNode, officer: PageOfficer, move_id: str) -> Response:
    """One arrival."""
    return await _one(request, node, officer, direction="arrivals", move_id=move_id, form=_end_form(node))


@router.get("/departures/{move_id}")
async def departure(request: Request, node: CurrentNode, officer: PageOfficer, move_id: str) -> Response:
    """One departure."""
    return await _one(request, node, officer, direction="departures", move_id=move_id, form=_end_form(node))


@router.post("/arrivals/{move_id}/end")
async def end(request: Request, node: CurrentNode, officer: PageOfficer, move_id: str) -> Response:
    """Note that someone left again."""
    form = await sent_form(request)
    ended = form.date("ended_on", month_allowed=True)
    reason = form.choice("reason", [str(one) for one in END_REASONS])
    if form.ok and ended is not None:
        day = PartialDate(ended)
        try:
            await node.database.write(
                lambda session: end_arrival(session, node, move_id, day, reason=EndReason(reason), by=officer)
            )
        except LocalError as error:
            form.take(error)
        else:
            return pages_of(request).see_other(request, f"/arrivals/{move_id}", Done("ended", f"/moves/{move_id}/undo"))
    return await _one(request, node, officer, direction="arrivals", move_id=move_id, form=form, status=422)


@router.post("/departures/{move_id}/return")
async def come_back(request: Request, node: CurrentNode, officer: PageOfficer, move_id: str) -> Response:
    """Note that someone came back."""
    form = await sent_form(request)
    returned = form.date("ended_on", month_allowed=True)
    if form.ok and returned is not None:
        day = PartialDate(returned)
        try:
            await node.database.write(lambda session: return_departure(session, node, move_id, day, by=officer))
        except LocalError as error:
            form.take(error, {"returned_on": "ended_on"})
        else:
            return pages_of(request).see_other(
                request, f"/departures/{move_id}", Done("returned", f"/moves/{move_id}/undo")
            )
    return await _one(request, node, officer, direction="departures", move_id=move_id, form=form, status=422)


@router.post("/moves/{move_id}/undo")
async def undo(request: Request, node: CurrentNode, officer: PageOfficer, move_id: str) -> Response:
    """Take a registration back that was saved within ten minutes."""
    await node.database.write(lambda session: undo_move(session, node, move_id, by=officer))
    return pages_of(request).see_other(request, "/", Done("undone"))


@router.post("/people/{person_id}/moves/{move_id}/void")
async def void_move(
    request: Request, node: CurrentNode, officer: PageOfficer, person_id: str, move_id: str
) -> Response:
    """Void a move that was entered in error."""
    change = await node.database.write(
        lambda session: void_person(session, node, person_id, move_id=move_id, by=officer)
    )
    return pages_of(request).see_other(request, "/", Done("voided", f"/people/{person_id}/undo/{change}"))


async def _list(request: Request, node: Node, officer: Officer, direction: Direction) -> Response:
    asked = {name: value[:60] for name, value in request.query_params.items()}
    wanted = MoveFilter(
        state=asked["state"] if asked.get("state") in STATES[direction] else None,
        area=_below(node, officer, asked.get("area", "")),
        peer=asked.get("peer") or None,
        moved_from=_day(asked.get("from", "")),
        moved_to=_day(asked.get("to", "")),
        registered_by=asked.get("by") or None,
    )
    order: Order = "moved" if asked.get("order") == "moved" else "entered"
    page_of = arrivals_page if direction == "arrivals" else departures_page

    def read(session: Session) -> tuple[MovePage, Sequence[ImportedLedger], list[tuple[str, str]], list[str]]:
        chosen = asked.get("ledger") or None
        ledgers = node.callbacks.ledgers(session, direction, officer.area, chosen)
        # An import of another area, or one that was undone, narrows nothing: the page says which filter is in force.
        narrowed = replace(wanted, source_ledger=chosen if chosen in {one.id for one in ledgers} else None)
        page = page_of(session, node, by=officer, wanted=narrowed, order=order, after=asked.get("after") or None)
        peers = [(peer.region, peer.name) for peer in list_peers(session)]
        return page, ledgers, peers, [account.name for account in all_accounts(session)]

    page, ledgers, peers, officers = await node.database.write(read)
    kept = {name: asked[name] for name in KEPT if asked.get(name)}
    return pages_of(request).render(
        request,
        "registry/moves.html",
        direction=direction,
        page=page,
        asked=asked,
        filtered=bool(set(kept) - {"order"}),
        first=_path(direction, kept) if asked.get("after") else None,
        next=_path(direction, kept | {"after": page.next}) if page.next else None,
        states=STATES[direction],
        peers=peers,
        officers=officers,
        ledgers=ledgers,
        areas=[(area.code, area.name) for area in node.divisions.children(officer.area)],
        moved_on=moved_on,
        other_end=other_end,
        period_wrong=[name for name in ("from", "to") if asked.get(name) and _day(asked[name]) is None],
    )


async def _one(
    request: Request,
    node: Node,
    officer: Officer,
    *,
    direction: Direction,
    move_id: str,
    form: Form,
    status: int = 200,
) -> Response:
    def read(session: Session) -> Listed:
        one = one_arrival if direction == "arrivals" else one_departure
        return one(session, node, move_id, by=officer)

    listed = await node.database.write(read)
    move = listed.move
    undoable = (
        move.registered_by == officer.name
        and move.state in ("declared", "to_be_told")
        and may_undo(move.entered_at, node.now())
    )
    return pages_of(request).render(
        request,
        "registry/move.html",
        status=status,
        direction=direction,
        move=move,
        person=listed.person,
        form=form,
        moved_on=moved_on(move),
        other_end=other_end(move),
        undoable=undoable,
        can_end=move.state not in ("ended", "voided"),
        end_reasons=END_REASONS,
    )


def _end_form(node: Node) -> Form:
    return Form.of(ended_on=f"{node.today():%Y%m%d}")


def _path(direction: Direction, asked: dict[str, str]) -> str:
    return f"/{direction}?{urlencode(asked)}" if asked else f"/{direction}"


def _below(node: Node, officer: Officer, area: str) -> str | None:
    return area if area in {one.code for one in node.divisions.children(officer.area)} else None


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(typed_date(text))
    except ValueError:
        return None
