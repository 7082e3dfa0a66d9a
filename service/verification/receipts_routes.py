"""JSON: the receipts of what was exchanged with peers."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from service.context import CurrentNode
from service.json_body import JsonRoute
from service.officers.doors import CurrentOfficer
from service.verification.receipts import receipt_for

router = APIRouter(route_class=JsonRoute, tags=["peers"])


@router.get("/receipts")
async def receipt(
    node: CurrentNode, officer: CurrentOfficer, message: Annotated[str, Query(max_length=36)]
) -> dict[str, Any]:
    """Give the signed receipt of one message, with all that verifying it offline needs; it holds no personal data.

    For who may see what the message was about: a case or a journey by the person's area, anything else (lines,
    agreements, certificates, received questions) by officers of the whole region.
    """
    return await node.database.read(lambda session: receipt_for(session, node, message, by=officer))
