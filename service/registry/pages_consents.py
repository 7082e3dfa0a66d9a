"""What one person was told, allows and refused; giving the notice, recording answers, withdrawing in one step."""

from typing import Final

from fastapi import APIRouter, Request
from pydantic import ValidationError
from sqlmodel import Session
from starlette.responses import Response

from schemas.claims import ConsentPurpose, ReminderKind, Way
from schemas.problems import LocalError
from service.consents.consents import ConsentDraft, NoticeDraft
from service.consents.messages import wants_request_messages
from service.consents.notices import CURRENT_VERSION, Wording, current
from service.context import CurrentNode, Node
from service.officers.doors import PageOfficer
from service.officers.queries import all_accounts
from service.officers.rules import Officer
from service.registry.consenting import give_notice, record_consents, switch_request_messages, withdraw
from service.registry.drafts import ConsentsDraft
from service.registry.pages_frame import head_of
from service.registry.queries import Record, open_record, other_end
from service.registry.tables import Arrival
from service.registry.typed_moves import NOT_VALID, NOTICE_FIRST, OFFICE_WAYS, peer_region, read_answers
from service.web.flash import Done
from service.web.forms import Form, sent_form
from service.web.languages import N_
from service.web.templating import pages_of

router = APIRouter(include_in_schema=False)

ANSWER_SOMETHING: Final = N_("Answer at least one question, or leave the page.")


@router.get("/people/{person_id}/consents")
async def consents_page(request: Request, node: CurrentNode, officer: PageOfficer, person_id: str) -> Response:
    """The notices, the consents that stand, and what may be asked now."""
    return await _page(request, node, officer, person_id, Form())


@router.post("/people/{person_id}/notice")
async def notice_form(request: Request, node: CurrentNode, officer: PageOfficer, person_id: str) -> Response:
    """Record that the notice was given now."""
    form = await sent_form(request)
    way = form.text("notice_way")
    if way not in OFFICE_WAYS:
        form.refuse("notice_way", NOTICE_FIRST)
        return await _page(request, node, officer, person_id, form, status=422)
    draft = NoticeDraft(version=CURRENT_VERSION, way=Way(way), given_at=node.now())
    await node.database.write(lambda session: give_notice(session, node, person_id, draft, by=officer))
    return pages_of(request).see_other(
        request, f"/people/{person_id}/consents", Done("told", f"/people/{person_id}/undo")
    )


@router.post("/people/{person_id}/request-messages")
async def switch_messages(request: Request, node: CurrentNode, officer: PageOfficer, person_id: str) -> Response:
    """Tell the person of each request about them, or not."""
    on = (await sent_form(request)).text("on") == "yes"
    await node.database.write(lambda session: switch_request_messages(session, node, person_id, on=on, by=officer))
    return pages_of(request).see_other(request, f"/people/{person_id}/consents", Done("saved"))


@router.post("/people/{person_id}/consents")
async def answers_form(request: Request, node: CurrentNode, officer: PageOfficer, person_id: str) -> Response:
    """Record what the person allows and refuses; the next page is the same whatever was answered."""
    form = await sent_form(request)
    way = form.choice("way", [str(one) for one in OFFICE_WAYS])
    record = await node.database.write(lambda session: open_record(session, node, person_id, by=officer))
    asked = await node.database.read(lambda session: askable(session, record))
    consents, refused = read_answers(form, way, asked)
    if form.ok and not consents and not refused:
        form.refuse("", ANSWER_SOMETHING)
    if form.ok:
        try:
            draft = ConsentsDraft(
                consents=tuple(ConsentDraft.model_validate(one) for one in consents), refused=tuple(refused)
            )
            await node.database.write(lambda session: record_consents(session, node, person_id, draft, by=officer))
        except ValidationError:
            form.refuse("code", NOT_VALID)
        except LocalError as error:
            form.take(error)
        else:
            return pages_of(request).see_other(
                request, f"/people/{person_id}/consents", Done("consent_saved", f"/people/{person_id}/undo")
            )
    return await _page(request, node, officer, person_id, form, status=422)


@router.post("/people/{person_id}/consents/withdraw")
async def withdraw_form(request: Request, node: CurrentNode, officer: PageOfficer, person_id: str) -> Response:
    """Take one consent back."""
    form = await sent_form(request)
    try:
        purpose = ConsentPurpose.parse(form.text("purpose"))
    except ValueError:
        form.refuse("", NOT_VALID)
        return await _page(request, node, officer, person_id, form, status=422)
    try:
        await node.database.write(lambda session: withdraw(session, node, person_id, purpose, by=officer))
    except LocalError as error:
        if error.status == 404:
            raise
        form.take(error)
        return await _page(request, node, officer, person_id, form, status=error.status)
    return pages_of(request).see_other(
        request, f"/people/{person_id}/consents", Done("withdrawn", f"/people/{person_id}/undo")
    )


def askable(session: Session, record: Record) -> dict[str, ConsentPurpose]:
    """The questions that may be put now: not those that stand, not those refused within 12 months.

    To share is asked for each region of the person's open moves, to deliver certificates for each origin.
    """
    asked: dict[str, ConsentPurpose] = {}
    for move in record.moves:
        if move.state in ("ended", "voided"):
            continue
        region = peer_region(session, other_end(move))
        asked[f"share_{region}"] = ConsentPurpose.share_with_peer(region)
        if isinstance(move, Arrival):
            asked[f"home_{region}"] = ConsentPurpose.certificate_home(region)
    asked |= {f"remind_{kind.value}": ConsentPurpose.remind(kind) for kind in ReminderKind}
    standing = {one.purpose for one in record.consents if one.is_live}
    return {
        field: purpose
        for field, purpose in asked.items()
        if purpose not in standing and str(purpose) not in record.do_not_ask
    }


async def _page(
    request: Request, node: Node, officer: Officer, person_id: str, form: Form, *, status: int = 200
) -> Response:
    def read(session: Session) -> tuple[Record, dict[str, ConsentPurpose], list[str], bool]:
        record = open_record(session, node, person_id, by=officer)
        names = [one.name for one in all_accounts(session) if one.disabled_at is None and one.name != officer.name]
        return record, askable(session, record), sorted(names), wants_request_messages(session, node, record.person.key)

    record, asked, witnesses, messages_on = await node.database.write(read)
    wording = current()
    return pages_of(request).render(
        request,
        "registry/consents.html",
        status=status,
        head=head_of(node, record.person),
        current_tab=f"/people/{person_id}/consents",
        record=record,
        messages_on=messages_on,
        live=[one for one in record.consents if one.is_live],
        past=[one for one in record.consents if not one.is_live],
        refused=[(ConsentPurpose.parse(purpose), day) for purpose, day in sorted(record.do_not_ask.items())],
        asked=asked,
        wording=wording,
        is_told=_is_told(record, wording),
        ways=OFFICE_WAYS,
        witnesses=witnesses,
        form=form,
        share_asked=any(purpose.action == "share_with_peer" for purpose in asked.values()),
    )


def _is_told(record: Record, wording: Wording) -> bool:
    return any(notice.version == wording.version for notice in record.notices)
