"""JSON: agreements."""

from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from schemas.claims import Claim, Purpose
from schemas.regions import RegionCode
from schemas.wire import WireDate
from service.agreements import actions, queries, renewing
from service.agreements.tables import Agreement
from service.context import CurrentNode
from service.idempotency import write_once
from service.json_body import JsonRoute
from service.officers.doors import CurrentOfficer

router = APIRouter(route_class=JsonRoute, tags=["peers"])


class AgreementView(BaseModel):
    """What this region and a peer allow each other. `document_reference`: the paper, for a region without a node."""

    id: str
    peer: str
    state: str
    proposed_here: bool
    purposes: list[Purpose]
    claims: list[Claim]
    per_month: int
    answer_working_days: int
    retention_days: int
    valid_from: date
    valid_until: date
    document_reference: str | None
    proposed_by: str | None
    signed_by: str | None
    proposed_at: datetime
    signed_at: datetime | None
    ended_at: datetime | None

    @classmethod
    def of(cls, agreement: Agreement) -> "AgreementView":
        """The view of a row."""
        return cls(
            id=agreement.id,
            peer=agreement.peer,
            state=agreement.state,
            proposed_here=agreement.proposed_here,
            purposes=queries.purposes_of(agreement),
            claims=queries.claims_of(agreement),
            per_month=agreement.per_month,
            answer_working_days=agreement.answer_working_days,
            retention_days=agreement.retention_days,
            valid_from=agreement.valid_from,
            valid_until=agreement.valid_until,
            document_reference=agreement.paper_reference,
            proposed_by=agreement.proposed_by,
            signed_by=agreement.signed_by,
            proposed_at=agreement.proposed_at,
            signed_at=agreement.signed_at,
            ended_at=agreement.ended_at,
        )


class AgreementList(BaseModel):
    """Agreements, the newest first."""

    items: list[AgreementView]
    next: None = None


class Proposal(BaseModel):
    """What is proposed to a peer; all purposes and claims for a year unless given."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    peer: RegionCode
    purposes: Annotated[tuple[Purpose, ...], Field(min_length=1, max_length=len(Purpose))] = tuple(Purpose)
    claims: Annotated[tuple[Claim, ...], Field(min_length=1, max_length=len(Claim))] = tuple(Claim)
    per_month: Annotated[int, Field(ge=1, le=1_000_000)] = actions.PER_MONTH
    answer_working_days: Annotated[int, Field(ge=1, le=60)] = actions.ANSWER_WORKING_DAYS
    retention_days: Annotated[int, Field(ge=1, le=90)] = actions.RETENTION_DAYS
    valid_from: WireDate | None = None
    valid_until: WireDate | None = None
    document_reference: Annotated[str, Field(min_length=1, max_length=40)] | None = None


class Renewal(BaseModel):
    """What a successor has otherwise; the old terms for a year unless given."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    per_month: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    valid_until: WireDate | None = None
    document_reference: Annotated[str, Field(min_length=1, max_length=40)] | None = None


@router.get("/agreements")
async def agreements(
    node: CurrentNode, officer: CurrentOfficer, peer: Annotated[RegionCode | None, Query()] = None
) -> AgreementList:
    """List agreements."""
    return await node.database.read(
        lambda session: AgreementList(items=[AgreementView.of(one) for one in queries.list_agreements(session, peer)])
    )


@router.post("/agreements", status_code=201)
async def propose(body: Proposal, node: CurrentNode, officer: CurrentOfficer) -> AgreementView:
    """Propose an agreement to a peer, or record one on paper."""
    return await write_once(
        node,
        lambda session: AgreementView.of(
            actions.propose_agreement(
                session,
                node,
                body.peer,
                by=officer,
                purposes=body.purposes,
                claims=body.claims,
                per_month=body.per_month,
                answer_working_days=body.answer_working_days,
                retention_days=body.retention_days,
                valid_from=body.valid_from,
                valid_until=body.valid_until,
                document_reference=body.document_reference,
            )
        ),
    )


@router.post("/agreements/{agreement_id}/sign")
async def sign(agreement_id: str, node: CurrentNode, officer: CurrentOfficer) -> AgreementView:
    """Sign what a peer proposed, or what a colleague recorded on paper."""
    return await write_once(
        node,
        lambda session: AgreementView.of(actions.sign_agreement(session, node, agreement_id, by=officer)),
        status=200,
    )


@router.post("/agreements/{agreement_id}/end")
async def end(agreement_id: str, node: CurrentNode, officer: CurrentOfficer) -> AgreementView:
    """End an agreement: it starts nothing new."""
    return await write_once(
        node,
        lambda session: AgreementView.of(actions.end_agreement(session, node, agreement_id, by=officer)),
        status=200,
    )


@router.post("/agreements/{agreement_id}/renew", status_code=201)
async def renew(agreement_id: str, body: Renewal, node: CurrentNode, officer: CurrentOfficer) -> AgreementView:
    """Propose a successor that begins where this agreement ends, on the same terms."""
    return await write_once(
        node,
        lambda session: AgreementView.of(
            renewing.renew_agreement(
                session,
                node,
                agreement_id,
                by=officer,
                per_month=body.per_month,
                valid_until=body.valid_until,
                document_reference=body.document_reference,
            )
        ),
    )
