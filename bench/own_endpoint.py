"""Our side of the endpoint row: the node's whole application with one more endpoint, pydantic in and out."""

import sys
from pathlib import Path

import uvicorn
from fastapi import APIRouter
from pydantic import BaseModel

from service.app import API_PREFIX, create_app
from service.json_body import JsonRoute
from service.logs import configure_logging
from service.routes.quick import add_by_word, by_word
from service.settings import Settings

router = APIRouter(route_class=JsonRoute)


class Moved(BaseModel):
    """A body of the usual shape: a few bounded strings and a date's text."""

    name: str
    document_type: str
    document_number: str
    origin_region: str
    arrived_on: str


@router.post("/bench")
async def endpoint(moved: Moved) -> Moved:
    return moved


def build(directory: Path):
    settings = Settings.load(directory)
    configure_logging(settings)
    app = create_app(settings)
    add_by_word(app, by_word((router,), API_PREFIX))
    return app


if __name__ == "__main__":
    uvicorn.run(build(Path(sys.argv[2])), host="127.0.0.1", port=int(sys.argv[1]), access_log=False, log_level="error")
