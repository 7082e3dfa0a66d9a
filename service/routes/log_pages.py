"""Who looked at what: one person's record of looks, in sentences, and the whole log for auditors."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from sqlmodel import Session
from starlette.responses import Response

from service.access_log import LogItem
from service.context import CurrentNode, Node
from service.log_tree import latest_checkpoint
from service.officers.doors import PageOfficer
from service.officers.queries import names_of
from service.officers.rules import Officer, Role, require
from service.portal.sentences import line_of
from service.registry.pages_frame import PersonHead, person_head
from service.routes.access_log import log_page, person_log_page
from service.web.languages import N_
from service.web.templating import pages_of

router = APIRouter(include_in_schema=False)

LINES: Final = 50
ACTIONS: Final[Mapping[str, str]] = {
    "person": N_("Worked with a record"),
    "access_log.read": N_("Read the access log"),
    "agreement.ended": N_("Ended an agreement"),
    "agreement.proposed": N_("Proposed an agreement"),
    "agreement.signed": N_("Signed an agreement"),
    "ledger.committed": N_("Imported a ledger"),
    "ledger.exported": N_("Fetched an exported ledger"),
    "ledger.export_confirmed": N_("Agreed to an export with whole numbers"),
    "ledger.export_requested": N_("Asked for an exported ledger"),
    "ledger.reported": N_("Fetched the rows of a ledger to correct"),
    "ledger.undone": N_("Undid an import"),
    "ledger.uploaded": N_("Uploaded a ledger"),
    "log.contradicted": N_("A peer’s access log contradicts what it showed before"),
    "message.given_up": N_("Gave up a message that a peer had refused"),
    "message.tried_again": N_("Sent a refused message again"),
    "directory.followed": N_("Followed a directory of regions"),
    "directory.left": N_("Left a directory of regions"),
    "evidence.kept": N_("Put the receipts of the past days under this log"),
    "keys.destroyed": N_("Destroyed old keys"),
    "keys.rotated": N_("Made new keys for this node"),
    "node.moved": N_("Told the peers a new address"),
    "officer.added": N_("Added an officer"),
    "officer.disabled": N_("Disabled an officer"),
    "officer.changed": N_("Changed an officer’s roles or area"),
    "officer.enabled": N_("Let an officer in again"),
    "officer.passkey_added": N_("Added a passkey"),
    "officer.passkey_removed": N_("Took a passkey off"),
    "officer.recovery_renewed": N_("Made new recovery codes"),
    "officer.sessions_ended": N_("Ended sessions"),
    "officer.sign_in_released": N_("Let a colleague sign in after wrong passwords"),
    "officer.totp_added": N_("Set up an authenticator"),
    "officer.totp_removed": N_("Took an authenticator off"),
    "officer.password_changed": N_("Changed the password"),
    "officer.released": N_("Released a colleague’s daily limit"),
    "officer.reset": N_("Gave an officer a new one-time password"),
    "officer.sign_in_failed": N_("A sign-in failed"),
    "officer.signed_in": N_("Signed in"),
    "officer.signed_out": N_("Signed out"),
    "peer.accepted": N_("Accepted a peer"),
    "peer.added": N_("Added a region without a node"),
    "peer.away_announced": N_("A peer told of its maintenance"),
    "peer.invited": N_("Made an invitation for a peer"),
    "peer.maintenance_announced": N_("Told a peer of maintenance"),
    "peer.return_announced": N_("Told a peer that this node is back"),
    "peer.returned": N_("A peer told that it is back"),
    "peer.resumed": N_("Resumed a line"),
    "peer.keys_rotated": N_("A peer has new keys"),
    "peer.moved": N_("A peer has a new address"),
    "peer.retried": N_("Tried a line again"),
    "peer.revoked": N_("Ended trust in a peer"),
    "peer.suspended": N_("Suspended a line"),
    "peer.tested": N_("Tested a line"),
    "record.erased": N_("Erased what a peer had asked to erase"),
}
"""What an auditor reads; an action without words of its own is shown by its code, never left out."""
After = Annotated[str, Query(max_length=36)]


@router.get("/people/{person_id}/log")
async def person_log(
    request: Request, node: CurrentNode, officer: PageOfficer, person_id: str, after: After = ""
) -> Response:
    """Who looked at one person's record, as that person reads it."""

    def read(session: Session) -> tuple[PersonHead, list[LogItem]]:
        head = person_head(session, node, person_id, by=officer)
        return head, list(person_log_page(session, node, person_id, by=officer, after=after or None, limit=LINES))

    head, found = await node.database.write(read)
    pages = pages_of(request)
    path = f"/people/{person_id}/log"
    return pages.render(
        request,
        "routes/person_log.html",
        head=head,
        current_tab=path,
        lines=[line_of(item, pages.languages, node.divisions) for item in found[:LINES]],
        first=path if after else None,
        next=f"{path}?after={found[LINES - 1].id}" if len(found) > LINES else None,
    )


@router.get("/access-log")
async def whole_log(
    request: Request, node: CurrentNode, officer: PageOfficer, after: After = "", person_id: After = ""
) -> Response:
    """The whole log, for auditors and supervisors; that they looked stands in it, too.

    With the number of a record what concerns that one, as its person reads it, and nothing else of them.
    """
    if person_id:
        return await _of_record(request, node, officer, person_id.strip(), after)
    found = list(
        await node.database.write(lambda session: log_page(session, node, by=officer, after=after or None, limit=LINES))
    )
    newest = await node.database.read(latest_checkpoint)
    done_to = {item.purpose for item in found if item.action.startswith("officer.") and item.purpose}
    return pages_of(request).render(
        request,
        "routes/access_log.html",
        items=found[:LINES],
        whom=await node.database.read(lambda session: names_of(session, done_to)),
        actions=ACTIONS,
        log_size=newest.size if newest is not None else None,
        log_at=datetime.fromisoformat(newest.at) if newest is not None else None,
        first="/access-log" if after else None,
        next=f"/access-log?after={found[LINES - 1].id}" if len(found) > LINES else None,
    )


async def _of_record(request: Request, node: Node, officer: Officer, person_id: str, after: str) -> Response:
    require(officer, Role.AUDITOR, Role.SUPERVISOR)
    found = await node.database.write(
        lambda session: person_log_page(session, node, person_id, by=officer, after=after or None, limit=LINES)
    )
    pages, path = pages_of(request), f"/access-log?person_id={person_id}"
    return pages.render(
        request,
        "routes/record_log.html",
        lines=[line_of(item, pages.languages, node.divisions) for item in found[:LINES]],
        first=path if after else None,
        next=f"{path}&after={found[LINES - 1].id}" if len(found) > LINES else None,
    )
