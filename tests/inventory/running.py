"""A running application on an empty database, for the names that only it tells."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from service.app import create_app
from service.founding import found
from service.settings import Settings


@asynccontextmanager
async def running(directory: Path) -> AsyncIterator[FastAPI]:
    """The application of a fresh node in `directory`, with its lifespan entered: some routes are there only then."""
    found(directory, region="790303", name="澜江市", base_url="http://127.0.0.1:8800")
    app = create_app(Settings.load(directory, allow_private_peers=True))
    async with app.router.lifespan_context(app):
        yield app


async def openapi(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, as anyone gets it."""
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8800") as http:
        document: dict[str, Any] = (await http.get("/openapi.json")).json()
        return document
