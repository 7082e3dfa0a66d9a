"""Our side of the endpoint row: the node's whole application with one more endpoint, pydantic in and out."""

import sys
from pathlib import Path

import uvicorn
from pydantic import BaseModel

from service.app import create_app
from service.settings import Settings


class Moved(BaseModel):
    """A body of the usual shape: a few bounded strings and a date's text."""

    name: str
    document_type: str
    document_number: str
    origin_region: str
    arrived_on: str


def build(directory: Path):
    app = create_app(Settings.load(directory))

    @app.post("/api/v1/bench")
    async def endpoint(moved: Moved) -> Moved:
        return moved

    return app


if __name__ == "__main__":
    uvicorn.run(build(Path(sys.argv[2])), host="127.0.0.1", port=int(sys.argv[1]), access_log=False, log_level="error")
