"""Comparing journeys with a peer, as an officer starts it: the two rounds, the API, and the page."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, cast

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ValidationError
from sqlmodel import Session, col, select
from starlette.responses import Response

from federation.delivery import Delivery
from federation.intersection import new_secret
from federation.peers import find_peer
from federation.reconciliation import RECONCILIATIONS_PATH
from federation.results import problem_code
from federation.tables import PeerState
from schemas.entropy import uuid4
from schemas.envelope import canonical
from schemas.problems import (
    InvalidMessage,
    LocalError,
    NoAgreementInForce,
    NotFound,
    ReconciledRecently,
    TooFewJourneys,
    WrongState,
)
from schemas.reconciliation import FEWEST_JOURNEYS, ReconciliationAnswer, ReconciliationProof, ReconciliationResult
from schemas.regions import RegionCode
from schemas.strict_json import UnreadableJsonError, read_document
from service.access_log import Actor
from service.context import CurrentNode, Node
from service.officers.doors import CurrentOfficer, PageOfficer
from service.officers.rules import Officer, Role, require
from service.registry.people import OpenPerson
from service.verification.reconciling import Begun, begin, learn
from service.verification.tables import Reconciliation
from service.web.forms import Form
from service.web.templating import pages_of

router = APIRouter(tags=["peers"])
pages_router = APIRouter(include_in_schema=False)

TRIES: Final = 3
MOST_LISTED: Final = 24


class ReconciliationView(BaseModel):
    """A comparison: how many journeys each side brought, and how many both hold."""

    id: str
    direction: str
    peer: str
    agreement: str
    state: str
    ours: int
    theirs: int
    matched: int | None
    started_at: datetime
    finished_at: datetime | None

    @classmethod
    def of(cls, row: Reconciliation) -> "ReconciliationView":
        """The view of a row."""
        return cls.model_validate(row, from_attributes=True)


class Reconciled(ReconciliationView):
    """A comparison just made: whose journeys the peer holds too. That list is shown once and kept nowhere."""

    people: list[str]
    told: bool


class ReconciliationList(BaseModel):
    """Comparisons with one peer, the newest first."""

    items: list[ReconciliationView]
    next: None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one comparison came to; `told` says whether the peer took round two, and so learnt the same."""

    view: ReconciliationView
    matched: list[OpenPerson]
    told: bool


def may_reconcile(officer: Officer, node: Node) -> bool:
    """Whether an officer may start a comparison: it is about people of the whole region."""
    return officer.has(Role.SUPERVISOR) and officer.sees(node.region)


async def reconcile(node: Node, delivery: Delivery, region: str, *, actor: Actor) -> Outcome:
    """Compare journeys with a peer, both rounds.

    Raises as `begin`; `TooFewJourneys`, `ReconciledRecently`, `NoAgreementInForce`, `WrongState` as the peer refuses.
    """
    secret, new_id = new_secret(node.entropy), uuid4(node.entropy)
    begun = await node.database.write(
        lambda session: begin(session, node, region, actor=actor, secret=secret, new_id=new_id)
    )
    body = await _ask(delivery, region, RECONCILIATIONS_PATH, begun.document)
    try:
        answer = ReconciliationAnswer.from_wire(read_document(body))
        row, proof, matched = await node.database.write(
            lambda session: _learnt(session, node, region, begun, answer, actor=actor)
        )
    except (UnreadableJsonError, ValidationError, InvalidMessage):
        raise WrongState("The peer's answer does not fit. Nothing was learnt.") from None
    told = False
    try:
        body = await _ask(delivery, region, f"{RECONCILIATIONS_PATH}/{new_id}", canonical(proof.to_wire()))
        told = ReconciliationResult.from_wire(read_document(body)).matched == len(matched)
    except (LocalError, UnreadableJsonError, ValidationError):
        told = False
    return Outcome(row, matched, told)


@router.post("/peers/{region}/reconciliations", status_code=201)
async def start(region: RegionCode, request: Request, node: CurrentNode, officer: CurrentOfficer) -> Reconciled:
    """Compare journeys with a peer: which of ours it holds, too, and how many it does not."""
    _allow(officer, node)
    done = await reconcile(node, _delivery(request), region, actor=officer.as_actor)
    people = list(dict.fromkeys(one.id for one in done.matched))
    return Reconciled(**dict(done.view), people=people, told=done.told)


@router.get("/peers/{region}/reconciliations")
async def reconciliations(region: RegionCode, node: CurrentNode, officer: CurrentOfficer) -> ReconciliationList:
    """List the comparisons with a peer."""
    return ReconciliationList(items=await node.database.read(lambda session: _list(session, region)))


RegionInPath = Annotated[str, Path(max_length=12)]


@pages_router.get("/peers/{region}/reconciliations")
async def page(request: Request, node: CurrentNode, officer: PageOfficer, region: RegionInPath) -> Response:
    """What comparing is, what came of it before, and a button."""
    return await _page(request, node, officer, region, Form())


@pages_router.post("/peers/{region}/reconciliations")
async def start_page(request: Request, node: CurrentNode, officer: PageOfficer, region: RegionInPath) -> Response:
    """Compare, and show once whose journeys both hold."""
    _allow(officer, node)
    form, done = Form(), None
    try:
        done = await reconcile(node, _delivery(request), region, actor=officer.as_actor)
    except LocalError as error:
        if error.status in {403, 404}:
            raise
        form.take(error)
    return await _page(request, node, officer, region, form, done=done, status=422 if done is None else 200)


async def _page(
    request: Request,
    node: Node,
    officer: Officer,
    region: str,
    form: Form,
    *,
    done: Outcome | None = None,
    status: int = 200,
) -> Response:
    def read(session: Session) -> tuple[str, bool, list[ReconciliationView]]:
        peer = find_peer(session, region)
        if peer is None:
            raise NotFound
        return peer.name, peer.state == PeerState.ACTIVE, _list(session, region)

    name, is_active, rows = await node.database.read(read)
    people = {one.id: one.identity.name for one in done.matched} if done else {}
    return pages_of(request).render(
        request,
        "verification/reconciliations.html",
        status=status,
        region=region,
        peer_name=name,
        rows=rows,
        form=form,
        done=done,
        people=people,
        may_start=is_active and may_reconcile(officer, node),
        fewest=FEWEST_JOURNEYS,
    )


def _learnt(
    session: Session, node: Node, region: str, begun: Begun, answer: ReconciliationAnswer, *, actor: Actor
) -> tuple[ReconciliationView, ReconciliationProof, list[OpenPerson]]:
    row, proof, matched = learn(session, node, region, begun, answer, actor=actor)
    return ReconciliationView.of(row), proof, matched


async def _ask(delivery: Delivery, region: str, path: str, document: bytes) -> bytes:
    """The peer's signed answer, after a blip or two. Raises what the peer's refusal means here."""
    for _ in range(TRIES):
        found = await delivery.ask(region, path, document)
        if found is not None and found.answer is not None:
            if found.status == 200:
                return found.answer.body
            raise _refusal(problem_code(found.problem))
    raise WrongState("The peer did not answer. Nothing was compared; please try again later.")


def _refusal(code: str | None) -> LocalError:
    for known in (TooFewJourneys, ReconciledRecently, NoAgreementInForce):
        if code == known.code:
            return known()
    return WrongState("The peer did not take part: the month's quota is used up there, or it cannot just now.")


def _list(session: Session, region: str) -> list[ReconciliationView]:
    wanted = select(Reconciliation).where(Reconciliation.peer == region)
    rows = session.exec(wanted.order_by(col(Reconciliation.started_at).desc()).limit(MOST_LISTED)).all()
    return [ReconciliationView.of(row) for row in rows]


def _allow(officer: Officer, node: Node) -> None:
    require(officer, Role.SUPERVISOR)
    if not officer.sees(node.region):
        raise NotFound


def _delivery(request: Request) -> Delivery:
    return cast("Delivery", request.app.state.delivery)
