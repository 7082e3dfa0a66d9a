"""`tonglu directory`, the fetching job and what `doctor` says of a list that is late."""

import json
from pathlib import Path

import httpx
import pytest

from service.agreements.directories import fetch_due_directories
from service.cli import run
from service.doctor import examine
from tests.service.agreements.peer_world import browser_of
from tests.service.two_regions import ANSWERER, ASKER, Regions


class Fetcher:
    """What stands at each URL; an address without a page cannot be reached."""

    def __init__(self, pages: dict[str, bytes]) -> None:
        self.pages = pages

    async def get_public(self, base_url: str, path: str, accept: str, max_bytes: int) -> bytes | None:
        if base_url + path not in self.pages:
            raise OSError("no_connection")
        return self.pages[base_url + path]


async def test_an_operator_follows_a_directory_and_hears_where_it_differs(
    regions: Regions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    node = regions.asker.node
    monkeypatch.setenv("TONGLU_DATABASE_URL", node.settings.database)
    monkeypatch.setenv("TONGLU_ALLOW_PRIVATE_PEERS", "true")

    def tonglu(*arguments: str, code: int = 0) -> str:
        capsys.readouterr()
        assert run(["directory", *arguments]) == code, capsys.readouterr().err
        return capsys.readouterr().out

    key, follow, nodes, url = (tmp_path / name for name in ("key.json", "follow.json", "nodes.json", "list.json"))
    made = tonglu("new", str(key), "--name", "两区名录", "--url", "https://d.example/list.json")
    follow.write_text(made, encoding="utf-8")
    assert key.stat().st_mode & 0o077 == 0
    peer = regions.answerer.node
    entry = {
        "region": ANSWERER,
        "name": peer.name,
        "base_url": peer.base_url,
        "transport_kid": peer.fed.keys.kid("transport"),
    }
    nodes.write_text(json.dumps([entry]), encoding="utf-8")
    first = tonglu("sign", str(key), str(nodes), "--version", "1")
    directory = str(node.settings.dir)
    assert "两区名录" in tonglu("follow", directory, str(follow))
    tonglu("follow", directory, str(follow), code=1)
    assert "0 of 1" not in tonglu("list", directory)
    assert [one.state for one in examine(node) if one.check == "directories"] == ["note"], "never had a list"

    assert await fetch_due_directories(node, Fetcher({"https://d.example/list.json": first.encode()})) == 1
    assert [one for one in examine(node) if one.check == "directories"] == []
    browser = browser_of(regions.asker, "看名录的", "en")
    page = await browser.reads("/directories")
    assert "两区名录 In order" in page
    assert "Its list and our peers agree." in page
    shown = json.loads(tonglu("list", directory, "--json"))
    assert (shown["directories"][0]["version"], shown["differences"]) == (1, [])

    regions.clock.advance(hours=7)
    assert await fetch_due_directories(node, Fetcher({})) == 0
    (late,) = [one.message for one in examine(node) if one.check == "directories"]
    assert "no_connection" in late
    assert "version 1 stays in force" in late
    assert "Late: the last good list stays in force" in await browser.reads("/directories")
    await regions.asker.arrives(f"share_with_peer:{ANSWERER}")
    await regions.settle()

    nodes.write_text(json.dumps([entry | {"transport_kid": "A" * 43}]), encoding="utf-8")
    url.write_text(tonglu("sign", str(key), str(nodes), "--version", "2"), encoding="utf-8")
    tonglu("take", directory, "两区名录", str(url))
    (differs,) = [one.message for one in examine(node) if one.check == "directories"]
    assert f"{ANSWERER} is listed with another key" in differs
    assert "is listed with another key than the one known here" in await browser.reads("/directories")
    url.write_text(first, encoding="utf-8")
    tonglu("take", directory, "两区名录", str(url), code=1)
    tonglu("leave", directory, "两区名录")
    assert "No directory is followed." in await browser.reads("/directories")
    assert json.loads(tonglu("list", directory, "--json"))["directories"] == []
    nodes.write_text("[{}]", encoding="utf-8")
    tonglu("sign", str(key), str(nodes), "--version", "3", code=1)


async def test_the_job_fetches_by_the_same_client_as_all_else(regions: Regions, tmp_path: Path) -> None:
    assert regions.asker.code == ASKER
    asked: list[str] = []

    def tools_client() -> object:
        class Client(Fetcher):
            async def get_public(self, base_url: str, path: str, accept: str, max_bytes: int) -> bytes | None:
                asked.append(base_url + path)
                raise OSError(httpx.ConnectError.__name__)

            async def aclose(self) -> None:
                """Nothing is open."""

        return Client({})

    from dataclasses import replace

    from federation.directory import follow
    from federation.keys import NodeKey
    from schemas.directory import DirectoryFile
    from service.jobs import run_job

    file = {
        "tonglu_directory": 1,
        "name": "名录",
        "url": "https://d.example/a?b=c",
        "jwk": NodeKey("directory", bytes(32)).jwk,
    }
    node = regions.asker.node
    node.database.write_sync(lambda session: follow(session, DirectoryFile.from_wire(file)))
    await run_job("status_lists", node, replace(regions.asker.tools, client=tools_client))
    assert asked[-1] == "https://d.example/a?b=c"
