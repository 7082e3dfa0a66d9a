"""A pair of records that may be of one person: side by side, differences marked; the same, not the same, undo."""

from dataclasses import dataclass

from fastapi import APIRouter, Request
from sqlmodel import Session
from starlette.responses import Response

from schemas.identity import fold_name
from service.context import CurrentNode, Node
from service.officers.doors import PageOfficer
from service.officers.rules import Officer, Role
from service.registry.doubles.at_entry import HOW_LIKELY, WHY
from service.registry.doubles.likeness import Likeness, likeness
from service.registry.doubles.merging import merge_people, undo_merge
from service.registry.doubles.pairs import find_pair, tell_apart
from service.registry.queries import Record, open_record
from service.registry.rules import may_undo
from service.registry.tables import DuplicatePair
from service.web.flash import Done
from service.web.forms import sent_form
from service.web.templating import pages_of

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Compared:
    """Two records of a pair, how alike they are and why, and the fields in which they differ."""

    pair: DuplicatePair
    first: Record
    second: Record | None
    differs: frozenset[str]
    likeness: Likeness
    can_undo: bool


def compared(session: Session, node: Node, pair_id: str, *, by: Officer) -> Compared:
    """Open both records of a pair (of a merged one, the kept record). Raises `NotFound`."""
    pair = find_pair(session, node, pair_id, by=by)
    first = open_record(session, node, pair.kept_id, by=by)
    decided_now = pair.decided_at is not None and may_undo(pair.decided_at, node.now())
    can_undo = by.has(Role.SUPERVISOR) or (pair.decided_by == by.name and decided_now)
    if pair.state == "merged":
        return Compared(pair, first, None, frozenset(), Likeness(100, ()), can_undo and pair.sealed is not None)
    second = open_record(session, node, pair.other_id, by=by)
    one, two = first.person, second.person
    pairs = {
        "name": (fold_name(one.identity.name), fold_name(two.identity.name)),
        "document": (one.identity.document_number, two.identity.document_number),
        "born": (one.identity.date_of_birth, two.identity.date_of_birth),
        "phone": (one.contact.phone, two.contact.phone),
        "email": (one.contact.email, two.contact.email),
        "address": (one.address, two.address),
        "area": (one.area, two.area),
    }
    alike = likeness(
        one.identity,
        two.identity,
        phones=(one.contact.phone, two.contact.phone),
        emails=(one.contact.email, two.contact.email),
    )
    return Compared(pair, first, second, frozenset(field for field, (a, b) in pairs.items() if a != b), alike, can_undo)


@router.get("/duplicates/{pair_id}")
async def pair_page(request: Request, node: CurrentNode, officer: PageOfficer, pair_id: str) -> Response:
    """Both records side by side."""
    found = await node.database.write(lambda session: compared(session, node, pair_id, by=officer))
    return pages_of(request).render(request, "registry/duplicate.html", found=found, why=WHY, how_likely=HOW_LIKELY)


@router.post("/duplicates/{pair_id}/same")
async def same(request: Request, node: CurrentNode, officer: PageOfficer, pair_id: str) -> Response:
    """One person: the other record's moves come to the one that is kept."""
    form = await sent_form(request)

    def merge(session: Session) -> str:
        pair = find_pair(session, node, pair_id, by=officer)
        kept = pair.other_id if form.text("keep") == pair.other_id else pair.kept_id
        other = pair.kept_id if kept == pair.other_id else pair.other_id
        return merge_people(session, node, kept, other, by=officer).kept_id

    kept = await node.database.write(merge)
    return pages_of(request).see_other(request, f"/people/{kept}", Done("merged", f"/duplicates/{pair_id}/undo"))


@router.post("/duplicates/{pair_id}/different")
async def different(request: Request, node: CurrentNode, officer: PageOfficer, pair_id: str) -> Response:
    """Two people."""
    await node.database.write(lambda session: tell_apart(session, node, pair_id, by=officer))
    return pages_of(request).see_other(request, "/", Done("not_duplicate", f"/duplicates/{pair_id}/undo"))


@router.post("/duplicates/{pair_id}/undo")
async def undo(request: Request, node: CurrentNode, officer: PageOfficer, pair_id: str) -> Response:
    """Take the decision back."""
    await node.database.write(lambda session: undo_merge(session, node, pair_id, by=officer))
    return pages_of(request).see_other(request, f"/duplicates/{pair_id}", Done("undone"))
