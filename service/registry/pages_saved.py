"""After saving: what stands now, the slip for the person, and the next step."""

from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, Request
from sqlmodel import Session
from starlette.responses import Response

from schemas.problems import NotFound
from service.context import CurrentNode, Node
from service.officers.doors import PageOfficer
from service.officers.rules import Officer
from service.registry.doubles.pairs import possible_duplicates
from service.registry.pages_frame import PersonHead, head_of
from service.registry.queries import moved_on, open_record, other_end
from service.registry.rules import may_undo, number_warnings
from service.registry.tables import Arrival, Departure
from service.web.languages import N_
from service.web.templating import pages_of

router = APIRouter(include_in_schema=False)

WARNINGS: Final = {
    "birth_date": N_("The date of birth is not the one in the number. Compare both with the document."),
    "checksum": N_("The number does not fit its check digit. Compare it with the document; it is kept as it is."),
    "fake_number": N_("This looks like a placeholder number. Compare it with the document; it is kept as it is."),
    "no_document": N_("Registered without a document. That is fine."),
}


@dataclass(frozen=True, slots=True)
class Saved:
    """A move just saved, with what is worth a second look."""

    head: PersonHead
    move: Arrival | Departure
    warnings: tuple[str, ...]
    duplicates: list[str]
    undoable: bool


def saved_move(session: Session, node: Node, person_id: str, move_id: str, *, by: Officer) -> Saved:
    """Open what was saved. Raises `NotFound`."""
    record = open_record(session, node, person_id, by=by)
    move = next((one for one in record.moves if one.id == move_id), None)
    if move is None:
        raise NotFound
    identity = record.person.identity
    return Saved(
        head=head_of(node, record.person),
        move=move,
        warnings=number_warnings(identity.document_type, identity.document_number, identity.date_of_birth),
        duplicates=possible_duplicates(session, node, person_id, by=by),
        undoable=move.registered_by == by.name and may_undo(move.entered_at, node.now()),
    )


@router.get("/people/{person_id}/saved/{move_id}")
async def saved_page(
    request: Request, node: CurrentNode, officer: PageOfficer, person_id: str, move_id: str
) -> Response:
    """Done: print the slip, ask the peer, the next of the same way, undo."""
    saved = await node.database.write(lambda session: saved_move(session, node, person_id, move_id, by=officer))
    return pages_of(request).render(
        request,
        "registry/saved.html",
        saved=saved,
        direction="arrivals" if isinstance(saved.move, Arrival) else "departures",
        warnings=[WARNINGS[code] for code in saved.warnings],
        other_end=other_end(saved.move),
        moved_on=moved_on(saved.move),
    )


@router.get("/people/{person_id}/slip/{move_id}")
async def slip_page(
    request: Request, node: CurrentNode, officer: PageOfficer, person_id: str, move_id: str
) -> Response:
    """The slip that the person takes along: the same for everyone, whatever they allowed or refused (rule 2)."""
    saved = await node.database.write(lambda session: saved_move(session, node, person_id, move_id, by=officer))
    return pages_of(request).render(
        request,
        "registry/slip.html",
        saved=saved,
        direction="arrivals" if isinstance(saved.move, Arrival) else "departures",
        other_end=node.divisions.full_name(other_end(saved.move)),
        moved_on=moved_on(saved.move),
        base_url=node.base_url,
    )
