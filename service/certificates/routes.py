"""JSON: certificates of one person, their code and slip, checking one, and the public status lists."""

import asyncio
from collections.abc import Callable
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from schemas.certificates import (
    STATUS_LIST_MEDIA_TYPE,
    STATUS_LIST_TTL_SECONDS,
    CertificateState,
    CheckResult,
    Disclosable,
)
from schemas.claims import CertificateKind
from schemas.problems import NotFound
from schemas.quarters import Quarter
from schemas.wire import WireDate
from service.certificates import actions, queries
from service.certificates.actions import CertificateView
from service.certificates.queries import ReceivedView
from service.certificates.rules import IssueDraft
from service.certificates.sealed import Held
from service.certificates.slip import qr_svg, slip_pdf
from service.certificates.status_lists import MAX_LISTS, ensure_first_list, status_list_token
from service.certificates.verify import check_certificate
from service.context import CurrentNode, Node
from service.idempotency import write_once
from service.json_body import JsonRoute
from service.officers.doors import CurrentOfficer
from service.web.templating import pages_of

router = APIRouter(route_class=JsonRoute, tags=["certificates"])
public_router = APIRouter(tags=["federation"])

PersonId = Annotated[str, Query(max_length=36, description="Whose certificate it is; without the right one: 404.")]


class CertificateRequest(BaseModel):
    """A service that a person attended, to be certified. `disclose`: the claims that the code shows."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    person_id: Annotated[str, Field(max_length=36)]
    kind: CertificateKind
    quarter: Quarter
    attended_on: WireDate
    valid_until: WireDate
    disclose: Annotated[frozenset[Disclosable], Field(max_length=3)] = frozenset()


class CertificateAnswer(BaseModel):
    """A certificate. `certificate` is its SD-JWT text with the claims that were chosen, as the QR code holds it."""

    id: str
    state: CertificateState
    quarter: Quarter
    attended_on: date
    valid_until: date
    issuer: str
    certificate: str

    @classmethod
    def of(cls, node: Node, view: CertificateView | ReceivedView) -> "CertificateAnswer":
        """The answer for a view."""
        return cls(
            id=view.id,
            state=view.state,
            quarter=view.quarter,
            attended_on=view.attended_on,
            valid_until=view.valid_until,
            issuer=view.issuer if isinstance(view, ReceivedView) else node.region,
            certificate=view.text,
        )


class CertificateList(BaseModel):
    """The certificates of one person: those issued here, then those that other regions delivered."""

    items: list[CertificateAnswer]
    next: None = None


class CheckRequest(BaseModel):
    """A certificate to check, as its QR code holds it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    certificate: Annotated[str, Field(max_length=16_384)]


class CheckAnswer(BaseModel):
    """What a check comes to; `claims` is empty for what is altered or of an unknown issuer."""

    result: CheckResult
    status_age_hours: int | None
    claims: dict[str, Any]


@router.post("/certificates", status_code=201)
async def issue(body: CertificateRequest, node: CurrentNode, officer: CurrentOfficer) -> CertificateAnswer:
    """Issue a certificate, and deliver it home where the person wants that."""
    draft = IssueDraft(
        kind=body.kind,
        quarter=body.quarter,
        attended_on=body.attended_on,
        valid_until=body.valid_until,
        disclose=body.disclose,
    )
    return await write_once(
        node,
        lambda session: CertificateAnswer.of(
            node, actions.issue_certificate(session, node, body.person_id, draft, by=officer)
        ),
    )


@router.post("/certificates/verify")
async def verify(body: CheckRequest, node: CurrentNode) -> CheckAnswer:
    """Check a certificate offline; no sign-in, and nothing is kept of it."""
    check = await node.database.read(lambda session: check_certificate(session, node, body.certificate))
    return CheckAnswer(result=check.result, status_age_hours=check.status_age_hours, claims=check.claims)


@router.get("/people/{person_id}/certificates")
async def list_certificates(person_id: str, node: CurrentNode, officer: CurrentOfficer) -> CertificateList:
    """List one person's certificates: issued here, and delivered by other regions."""
    issued, received = await node.database.write(
        lambda session: (
            queries.certificates_of(session, node, person_id, by=officer),
            queries.received_of(session, node, person_id, by=officer),
        )
    )
    views: list[CertificateView | ReceivedView] = [*issued, *received]
    return CertificateList(items=[CertificateAnswer.of(node, view) for view in views])


@router.get("/certificates/{certificate_id}")
async def show(
    certificate_id: str, node: CurrentNode, officer: CurrentOfficer, person_id: PersonId = ""
) -> CertificateAnswer:
    """Show one certificate of one person."""
    return CertificateAnswer.of(
        node,
        await node.database.write(
            lambda session: queries.certificate_of(session, node, person_id, certificate_id, by=officer)
        ),
    )


@router.get(
    "/certificates/{certificate_id}/qr.svg",
    response_class=Response,
    responses={200: {"content": {"image/svg+xml": {}}}},
)
async def qr(certificate_id: str, node: CurrentNode, officer: CurrentOfficer, person_id: PersonId = "") -> Response:
    """The certificate's QR code."""
    view = await node.database.write(
        lambda session: queries.printed_certificate(session, node, person_id, certificate_id, by=officer)
    )
    return Response(qr_svg(view.text), media_type="image/svg+xml")


@router.get(
    "/certificates/{certificate_id}/slip.pdf",
    response_class=Response,
    responses={200: {"content": {"application/pdf": {}}}},
)
async def slip(
    request: Request, certificate_id: str, node: CurrentNode, officer: CurrentOfficer, person_id: PersonId = ""
) -> Response:
    """The certificate's slip, A6, in both languages."""
    view = await node.database.write(
        lambda session: queries.printed_certificate(session, node, person_id, certificate_id, by=officer)
    )
    return await slip_answer(request, node.name, view, node.now)


@router.post("/certificates/{certificate_id}/suspend")
async def suspend(
    certificate_id: str, node: CurrentNode, officer: CurrentOfficer, person_id: PersonId = ""
) -> CertificateAnswer:
    """Suspend a certificate for now."""
    return await _change(node, officer, person_id, certificate_id, "suspended")


@router.post("/certificates/{certificate_id}/resume")
async def resume(
    certificate_id: str, node: CurrentNode, officer: CurrentOfficer, person_id: PersonId = ""
) -> CertificateAnswer:
    """End a suspension."""
    return await _change(node, officer, person_id, certificate_id, "issued")


@router.post("/certificates/{certificate_id}/revoke")
async def revoke(
    certificate_id: str, node: CurrentNode, officer: CurrentOfficer, person_id: PersonId = ""
) -> CertificateAnswer:
    """Revoke a certificate for good."""
    return await _change(node, officer, person_id, certificate_id, "revoked")


@router.post("/certificates/{certificate_id}/deliver")
async def deliver(
    certificate_id: str, node: CurrentNode, officer: CurrentOfficer, person_id: PersonId = ""
) -> CertificateAnswer:
    """Deliver a certificate home that was issued before the person wanted that."""
    return await write_once(
        node,
        lambda session: CertificateAnswer.of(
            node, actions.deliver_certificate(session, node, person_id, certificate_id, by=officer)
        ),
        status=200,
    )


@public_router.get(
    "/federation/v1/status/{number}",
    response_class=Response,
    responses={200: {"content": {STATUS_LIST_MEDIA_TYPE: {}}}},
)
async def status_list(number: str, node: CurrentNode) -> Response:
    """This region's status list, signed; public, the same for everyone."""
    if not (number.isascii() and number.isdigit() and len(number) <= 4 and 0 < int(number) <= MAX_LISTS):
        raise NotFound
    wanted = int(number)
    token = await node.database.read(lambda session: status_list_token(session, node, wanted))
    if token is None and wanted == 1:
        await node.database.write(lambda session: ensure_first_list(session, node))
        token = await node.database.read(lambda session: status_list_token(session, node, wanted))
    if token is None:
        raise NotFound
    headers = {"Cache-Control": f"public, max-age={STATUS_LIST_TTL_SECONDS // 24}", "Access-Control-Allow-Origin": "*"}
    return Response(token, media_type=STATUS_LIST_MEDIA_TYPE, headers=headers)


async def slip_answer(request: Request, issuer: str, view: CertificateView, now: Callable[[], Any]) -> Response:
    """The slip as a file to print; drawn in a thread, since that takes a moment of computing."""
    languages = pages_of(request).languages
    content = await asyncio.to_thread(slip_pdf, view, issuer, now(), languages)
    headers = {"Content-Disposition": 'inline; filename="slip.pdf"'}
    return Response(content, media_type="application/pdf", headers=headers)


async def _change(
    node: CurrentNode, officer: CurrentOfficer, person_id: str, certificate_id: str, change: Held
) -> CertificateAnswer:
    def act(session: Session) -> CertificateAnswer:
        view = actions.change_certificate(session, node, person_id, certificate_id, change, by=officer)
        return CertificateAnswer.of(node, view)

    return await write_once(node, act, status=200)
