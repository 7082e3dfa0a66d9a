"""Is the process alive, and can it do its work: for supervisors and load balancers, without sign-in."""

from http import HTTPStatus
from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sqlmodel import select

from schemas.problems import Unavailable
from service.access_log import LogState
from service.context import Node

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    """Whether the node can do its work; ``waiting_for`` names what it cannot do without."""

    status: Literal["ready", "not_ready"]
    waiting_for: list[Literal["start", "database", "scheduler"]]


@router.get("/healthz")
async def healthz() -> Health:
    """Say that the process is alive, whatever else may be wrong."""
    return Health()


@router.get("/readyz", response_model=Readiness, responses={503: {"model": Readiness}})
async def readyz(request: Request) -> Any:
    """Say whether the node can take requests: started, its database answers, its jobs run."""
    waiting_for: list[Literal["start", "database", "scheduler"]] = []
    node: Node | None = getattr(request.app.state, "node", None)
    if node is None:
        waiting_for.append("start")
    else:
        try:
            await node.database.read(lambda session: session.exec(select(LogState.size)).first())
        except Unavailable:
            waiting_for.append("database")
        scheduler = request.app.state.scheduler
        if scheduler is not None and not scheduler.is_running:
            waiting_for.append("scheduler")
    if waiting_for:
        answer = Readiness(status="not_ready", waiting_for=waiting_for)
        return JSONResponse(answer.model_dump(), HTTPStatus.SERVICE_UNAVAILABLE, {"Retry-After": "5"})
    return Readiness(status="ready", waiting_for=[])
