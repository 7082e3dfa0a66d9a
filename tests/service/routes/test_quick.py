"""Routes grouped by their first word answer as if they were tried one after another."""

import httpx2
import pytest
from fastapi import APIRouter, FastAPI

from service.routes.quick import add_by_word, by_word


def routers() -> list[APIRouter]:
    one, nested, other = APIRouter(), APIRouter(), APIRouter()

    @one.get("/people/new")
    async def new() -> str:
        return "new"

    @one.get("/people/{who}")
    async def person(who: str) -> str:
        return f"person {who}"

    @other.get("/people/{who}/log")
    async def log(who: str) -> str:
        return f"log {who}"

    @other.post("/people")
    async def add() -> str:
        return "added"

    @nested.get("/{number}")
    async def numbered(number: int) -> str:
        return f"number {number}"

    @other.get("/")
    async def start() -> str:
        return "start"

    other.include_router(nested, prefix="/ledgers")
    return [one, other]


@pytest.mark.parametrize("prefix", ["", "/api/v1"])
@pytest.mark.parametrize(
    ("method", "path", "answer"),
    [
        ("GET", "/people/new", "new"),
        ("GET", "/people/7", "person 7"),
        ("GET", "/people/7/log", "log 7"),
        ("POST", "/people", "added"),
        ("GET", "/ledgers/3", "number 3"),
        ("GET", "/", "start"),
        ("PUT", "/people", 405),
        ("GET", "/peoples", 404),
        ("GET", "/people/", 404),
        ("GET", "/nothing", 404),
        ("GET", "/ledgers/x", 422),
    ],
)
async def test_each_address_finds_its_route(prefix: str, method: str, path: str, answer: str | int) -> None:
    app = FastAPI(redirect_slashes=False)
    add_by_word(app, by_word(routers(), prefix))
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://x.example") as http:
        got = await http.request(method, prefix + path)
    assert (got.json() if got.status_code == 200 else got.status_code) == answer


def test_a_route_that_could_belong_anywhere_is_refused() -> None:
    router = APIRouter()
    router.add_api_route("/{anything}", lambda anything: anything)
    with pytest.raises(ValueError, match="begins with a parameter"):
        by_word([router])
