"""JSON: who looked at what, and the log's signed head."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel
from sqlmodel import Session
from starlette.responses import PlainTextResponse

from schemas.problems import NotFound
from service.access_log import LogItem, entries, entries_of_person, record
from service.context import CurrentNode, Node
from service.log_tree import latest_checkpoint
from service.officers.doors import CurrentOfficer
from service.officers.rules import Officer, Role, require
from service.paging import PageAfter, PageLimit
from service.registry.doubles.merging import merged_keys
from service.registry.people import find_logged

router = APIRouter(tags=["access log"])


class Entry(BaseModel):
    """One entry. `index` is its number in the log, null for the few seconds until it has one.

    Without `person_id` an entry about a person shows as `person`, without purpose and fields.
    """

    index: int | None
    at: datetime
    office: str
    officer: str
    action: str
    purpose: str | None
    fields: list[str]
    automatic: bool


class EntryPage(BaseModel):
    """Entries, newest first; `next` is the `after` of the following page, or null on the last one."""

    items: list[Entry]
    next: str | None


@router.get("/access-log")
async def get_access_log(
    node: CurrentNode,
    officer: CurrentOfficer,
    person_id: Annotated[str | None, Query(max_length=36)] = None,
    after: PageAfter = None,
    limit: PageLimit = 50,
) -> EntryPage:
    """List who looked: at one person, for who may open that record and for auditors; or at all, for auditor and
    supervisor.
    """
    if person_id is None:
        found = await node.database.write(lambda session: log_page(session, node, by=officer, after=after, limit=limit))
    else:
        found = await node.database.write(
            lambda session: person_log_page(session, node, person_id, by=officer, after=after, limit=limit)
        )
    shown = [
        Entry(
            index=item.index,
            at=item.at,
            office=item.office,
            officer=item.officer,
            action=item.action,
            purpose=item.purpose,
            fields=list(item.fields),
            automatic=item.automatic,
        )
        for item in found[:limit]
    ]
    return EntryPage(items=shown, next=found[limit - 1].id if len(found) > limit else None)


@router.get("/log/checkpoint", response_class=PlainTextResponse)
async def get_checkpoint(node: CurrentNode, _officer: CurrentOfficer) -> PlainTextResponse:
    """Give the newest signed tree head (C2SP tlog-checkpoint): kept elsewhere, it shows later rewriting."""
    newest = await node.database.read(latest_checkpoint)
    if newest is None:
        raise NotFound("Nothing has been numbered yet.")
    return PlainTextResponse(newest.text)


def log_page(session: Session, node: Node, *, by: Officer, after: str | None, limit: int) -> Sequence[LogItem]:
    """A page of the log, one item longer than ``limit`` if more follow; looking is itself recorded.

    Officers of a part of the region read what its own offices did: how much the others do is not theirs to count.

    Raises :class:`~schemas.problems.Forbidden` for all but auditors and supervisors.
    """
    require(by, Role.AUDITOR, Role.SUPERVISOR)
    area = None if by.sees(node.region) else by.area
    found = entries(session, area=area, after=after, limit=limit + 1)
    record(session, node, by.as_actor, "access_log.read", purpose="audit")
    return found


def person_log_page(
    session: Session, node: Node, person_id: str, *, by: Officer, after: str | None, limit: int
) -> Sequence[LogItem]:
    """A page of one person's entries, one item longer than ``limit`` if more follow; looking is itself recorded.

    What the person did on their own page is theirs alone (rule 6). Auditors read the rest without opening the record;
    the person sees that they did, and why. Raises :class:`~schemas.problems.NotFound` alike for everyone whom the
    officer may not open.
    """
    person = find_logged(session, node, person_id, by)
    keys = merged_keys(session, node, person.id)
    found = entries_of_person(session, node, person, also=keys, for_officer=True, after=after, limit=limit + 1)
    purpose = None if by.sees_people else "audit"
    record(session, node, by.as_actor, "access_log.read", person=person, purpose=purpose, fields=["access_log"])
    return found
