"""The letter to a region without a node, as a file: for the API and for the officers' pages."""

import asyncio

from fastapi import APIRouter, Response

from service.context import CurrentNode, Node
from service.officers.doors import CurrentOfficer, PageOfficer
from service.officers.rules import Officer
from service.verification.letter import letter_of, letter_pdf

router = APIRouter(tags=["verification"])
pages_router = APIRouter(include_in_schema=False)


@router.get(
    "/verifications/{request_id}/letter.pdf",
    response_class=Response,
    responses={200: {"content": {"application/pdf": {}}}},
)
async def letter(request_id: str, node: CurrentNode, officer: CurrentOfficer) -> Response:
    """The letter that asks a region without a node; with its printing the request counts as sent."""
    return await _letter(node, request_id, officer)


@pages_router.get("/verifications/{request_id}/letter.pdf")
async def letter_page(request_id: str, node: CurrentNode, officer: PageOfficer) -> Response:
    """The same, for a signed-in officer's browser."""
    return await _letter(node, request_id, officer)


async def _letter(node: Node, request_id: str, officer: Officer) -> Response:
    content = await node.database.write(lambda session: letter_of(session, node, request_id, by=officer))
    pdf = await asyncio.to_thread(letter_pdf, content)
    headers = {"Content-Disposition": 'inline; filename="letter.pdf"'}
    return Response(pdf, media_type="application/pdf", headers=headers)
