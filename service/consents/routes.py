"""JSON: the notice in force."""

from fastapi import APIRouter
from pydantic import BaseModel

from service.consents.notices import CURRENT_VERSION

router = APIRouter(tags=["consents"])


class NoticeInForce(BaseModel):
    """Which wording of the notice is in force; its text stands on `/notice`."""

    version: str


@router.get("/notices/current")
async def current_notice() -> NoticeInForce:
    """Tell which wording of the privacy notice is in force."""
    return NoticeInForce(version=CURRENT_VERSION)
