"""JSON: a record found anywhere in the node by three exact facts, and taken over from another township."""

from fastapi import APIRouter
from pydantic import BaseModel, Field
from sqlmodel import Session

from schemas.problems import NotFound
from service.context import CurrentNode
from service.idempotency import write_once
from service.json_body import JsonRoute
from service.officers.doors import CurrentOfficer
from service.registry.life.transfer import ExactFacts, TransferDraft, find_in_node, transfer_in

router = APIRouter(route_class=JsonRoute, tags=["people"])


class Whereabouts(BaseModel):
    """Which office of this node holds a record."""

    area: str
    person_id: str | None = Field(description="Only of a record in the officer's own area.")


class Transferred(BaseModel):
    """A record that lies in the officer's area now."""

    person_id: str
    area: str
    change_id: str | None = Field(description="The save to undo, for ten minutes.")


@router.post("/people/find")
async def find(body: ExactFacts, node: CurrentNode, officer: CurrentOfficer) -> Whereabouts:
    """Say which township holds the record of a full name, document number and date of birth, all three exact."""
    found = await node.database.write(lambda session: find_in_node(session, node, body, by=officer))
    if found is None:
        raise NotFound
    return Whereabouts(area=found.area, person_id=found.person_id)


@router.post("/people/transfer")
async def transfer(body: TransferDraft, node: CurrentNode, officer: CurrentOfficer) -> Transferred:
    """Take the record of a person who is present over from another township; `/people/{id}/undo` gives it back."""
    # A try that finds nobody counts and is logged, so it is committed before the refusal.
    if await node.database.write(lambda session: find_in_node(session, node, body, by=officer)) is None:
        raise NotFound

    def write(session: Session) -> Transferred:
        done = transfer_in(session, node, body, by=officer)
        return Transferred(person_id=done.person.id, area=done.person.area, change_id=done.change)

    return await write_once(node, write, status=200)
