"""Our side of the reads by HTTP: a node's whole application on a filled register, with one endpoint more.

The endpoint more is the baseline: the same look-up of an arrival and its person behind the same middleware and the same
sign-in, on a reader's connection, without unsealing and without a log entry.
"""

import sys
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from service.app import create_app
from service.context import CurrentNode
from service.officers.doors import CurrentOfficer
from service.registry.life.moves import find_arrival
from service.registry.views import ListedArrival, MaskedPerson
from service.settings import Settings


def build(directory: Path) -> FastAPI:
    app = create_app(Settings.load(directory, allow_private_peers=True))

    @app.get("/api/v1/bench/arrivals/{arrival_id}")
    async def unlogged(arrival_id: str, node: CurrentNode, officer: CurrentOfficer) -> ListedArrival:
        arrival, _ = await node.database.read(lambda session: find_arrival(session, node, arrival_id, officer))
        person = MaskedPerson(name="sealed", document_type="none", document_number="")
        return ListedArrival(**arrival.model_dump(), person=person)

    return app


if __name__ == "__main__":
    uvicorn.run(build(Path(sys.argv[2])), host="127.0.0.1", port=int(sys.argv[1]), access_log=False, log_level="error")
