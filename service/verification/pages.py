"""Requests: received and sent, one case; a person's own, and asking a new one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from pydantic import ValidationError
from sqlmodel import Session
from starlette.responses import Response

from federation.peers import find_peer, list_peers, peer_for
from federation.tables import Peer, PeerState
from schemas.claims import CancelReason, Claim, Purpose, Urgency
from schemas.problems import LocalError
from service.agreements.queries import agreement_in_force, claims_of
from service.consents.consents import GivenConsent
from service.context import CurrentNode, Node
from service.idempotency import form_once
from service.officers.doors import PageOfficer
from service.officers.rules import Officer
from service.registry.pages_frame import PersonHead, head_of, person_head
from service.registry.queries import Record, open_record, other_end
from service.registry.tables import Arrival, Departure
from service.verification import pages_case
from service.verification.asking import AskDraft, cancel_request, request_verification
from service.verification.pages_case import case_page, peer_names
from service.verification.queries import CasePage, CaseState, verifications_of_person, verifications_page
from service.web.flash import Done
from service.web.forms import Form, sent_form
from service.web.languages import N_
from service.web.templating import pages_of

router = APIRouter(include_in_schema=False)
router.include_router(pages_case.router)

CLOSED_STATES: Final[tuple[CaseState, ...]] = ("answered", "declined", "expired", "cancelled")
STATES: Final[Mapping[str, tuple[CaseState, ...]]] = {
    "received": ("received", "answering", *CLOSED_STATES),
    "sent": ("queued", "delivered", *CLOSED_STATES),
}
NO_PEER: Final = N_("There is no peer for this region.")
CHOOSE_CLAIMS: Final = N_("Choose at least one question.")


@dataclass(frozen=True, slots=True)
class Asking:
    """What the page of a new question shows: whom it is about, whom it may go to, and what it rests on."""

    head: PersonHead
    record: Record
    peers: list[Peer]
    claims: list[Claim]
    consent: GivenConsent | None
    agreed: bool


@router.get("/verifications")
async def list_page(
    request: Request,
    node: CurrentNode,
    officer: PageOfficer,
    *,
    direction: Annotated[str, Query(max_length=10)] = "received",
    state: Annotated[str, Query(max_length=12)] = "",
    after: Annotated[str, Query(max_length=36)] = "",
) -> Response:
    """What peers asked, and what we asked, newest first."""
    way = "sent" if direction == "sent" else "received"
    wanted = next((one for one in STATES[way] if one == state), None)

    def read(session: Session) -> tuple[CasePage, dict[str, str]]:
        page = verifications_page(
            session,
            node,
            by=officer,
            direction="sent" if way == "sent" else "received",
            state=wanted,
            after=after or None,
            with_people=way == "sent",
        )
        return page, peer_names(session)

    page, peers = await node.database.write(read)
    kept = f"/verifications?direction={way}" + (f"&state={wanted}" if wanted else "")
    return pages_of(request).render(
        request,
        "verification/list.html",
        direction=way,
        page=page,
        peers=peers,
        states=STATES[way],
        state=wanted or "",
        first=kept if after else None,
        next=f"{kept}&after={page.next}" if page.next else None,
        today=node.today(),
    )


@router.get("/people/{person_id}/verifications")
async def person_page(request: Request, node: CurrentNode, officer: PageOfficer, person_id: str) -> Response:
    """Our questions about one person."""
    head, cases, peers = await node.database.write(
        lambda session: (
            person_head(session, node, person_id, by=officer),
            verifications_of_person(session, node, person_id),
            peer_names(session),
        )
    )
    return pages_of(request).render(
        request,
        "verification/person.html",
        head=head,
        current_tab=f"/people/{person_id}/verifications",
        cases=cases,
        peers=peers,
    )


@router.get("/people/{person_id}/verifications/new")
async def ask_page(
    request: Request,
    node: CurrentNode,
    officer: PageOfficer,
    person_id: str,
    move: Annotated[str, Query(max_length=36)] = "",
) -> Response:
    """A new question; peer, purpose and claims preset by the journey."""

    def read(session: Session) -> tuple[Form, Asking]:
        form = _preset(session, node, officer, person_id, move)
        return form, _asking(session, node, officer, person_id, form.text("peer"))

    form, asking = await node.database.write(read)
    return _ask_page(request, form, asking)


@router.post("/people/{person_id}/verifications")
async def ask(request: Request, node: CurrentNode, officer: PageOfficer, person_id: str) -> Response:
    """Put the question in line."""
    form = await sent_form(request)
    peer = form.needed("peer")
    purpose = form.choice("purpose", [str(one) for one in Purpose])
    urgency = form.choice("urgency", [str(one) for one in Urgency])
    claims = [one for one in Claim if form.has("claims", one)]
    if not claims:
        form.refuse("claims", CHOOSE_CLAIMS)
    if form.ok:
        try:
            draft = AskDraft.model_validate(
                {"person_id": person_id, "peer": peer, "claims": claims, "purpose": purpose, "urgency": urgency}
            )
            row = await form_once(
                node,
                officer,
                form.key,
                form.typed | {"person": [person_id]},
                lambda session: request_verification(session, node, draft, by=officer).id,
            )
        except ValidationError:
            form.refuse("peer", NO_PEER)
        except LocalError as error:
            if error.status == 404:
                raise
            form.take(error)
        else:
            node.wake("delivery")
            return pages_of(request).see_other(request, f"/verifications/{row}", Done("request_queued"))
    asking = await node.database.write(lambda session: _asking(session, node, officer, person_id, peer))
    return _ask_page(request, form, asking, status=422)


@router.post("/verifications/{request_id}/cancel")
async def cancel(request: Request, node: CurrentNode, officer: PageOfficer, request_id: str) -> Response:
    """Take a question of ours back."""
    form = await sent_form(request)
    reason = form.choice("reason", [str(one) for one in CancelReason])
    if form.ok:
        await node.database.write(
            lambda session: cancel_request(session, node, request_id, CancelReason(reason), by=officer)
        )
        node.wake("delivery")
        return pages_of(request).see_other(request, f"/verifications/{request_id}", Done("cancelled"))
    return await case_page(request, node, officer, request_id, form, status=422)


def _preset(session: Session, node: Node, officer: Officer, person_id: str, move_id: str) -> Form:
    record = open_record(session, node, person_id, by=officer)
    moves = [one for one in record.moves if one.state not in ("ended", "voided", "to_be_told")]
    chosen: Arrival | Departure | None = next((one for one in moves if one.id == move_id), moves[0] if moves else None)
    if chosen is None:
        return Form.of(purpose=Purpose.CONFIRM_JOURNEY, urgency=Urgency.NORMAL)
    peer = peer_for(session, other_end(chosen))
    claim = Claim.DEPARTURE_DECLARED if isinstance(chosen, Arrival) else Claim.ARRIVAL_DECLARED
    return Form.of(
        peer=peer.region if peer is not None else None,
        purpose=Purpose.CONFIRM_JOURNEY,
        urgency=Urgency.NORMAL,
        claims=[Claim.IDENTITY, claim],
    )


def _asking(session: Session, node: Node, officer: Officer, person_id: str, region: str) -> Asking:
    record = open_record(session, node, person_id, by=officer)
    peer = find_peer(session, region) if region else None
    agreement = agreement_in_force(session, peer.region, node.today()) if peer is not None else None
    consent = next(
        (
            one
            for one in record.consents
            if peer is not None
            and one.is_live
            and one.purpose.action == "share_with_peer"
            and (one.purpose.region or "").startswith(peer.region)
        ),
        None,
    )
    return Asking(
        head=head_of(node, record.person),
        record=record,
        peers=[one for one in list_peers(session) if one.state not in (PeerState.REVOKED, PeerState.INVITED)],
        claims=claims_of(agreement) if agreement is not None else list(Claim),
        consent=consent,
        agreed=agreement is not None,
    )


def _ask_page(request: Request, form: Form, asking: Asking, *, status: int = 200) -> Response:
    return pages_of(request).render(
        request,
        "verification/new.html",
        status=status,
        head=asking.head,
        current_tab=f"/people/{asking.head.id}/verifications",
        form=form,
        asking=asking,
        purposes=list(Purpose),
        urgencies=list(Urgency),
    )
