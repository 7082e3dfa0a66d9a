"""Two paired nodes with invented people in every state that a page can show; and how a browser signs in there."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from tests.acceptance import crash_node
from tests.acceptance.processes import PASSWORD, ProcessNode, free_ports, password_in, patience, request, sign_in

HERE, HOME, PAPER = "790303", "790101", "790202"
NAMES = {HERE: "澜江市", HOME: "青禾县"}
SECONDS = 40.0
TODAY = datetime.now(UTC).strftime("%Y-%m-%d")


def resident_id(area: str, born: str, number: int) -> str:
    """An invented number with its right check character (GB 11643); divisions 79xxxx do not exist."""
    body = f"{area}{born}{number:03d}"
    total = sum(int(digit) * (2 ** (17 - place) % 11) for place, digit in enumerate(body))
    return body + "10X98765432"[total % 11]


def person(name: str, born: str, number: int, **more: str) -> dict[str, str]:
    """An invented person of 青禾县."""
    return {"name": name, "document_type": "resident_id", "document_number": resident_id(HOME, born, number)} | more


@dataclass
class PagesWorld:
    """The nodes, the officers' tokens, and the ids that the pages' addresses need."""

    nodes: dict[str, ProcessNode]
    tokens: dict[str, str] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return self.nodes[HERE].base_url

    def call(self, region: str, method: str, path: str, body: Any = None) -> Any:
        answer = request(method, f"{self.nodes[region].base_url}/api/v1{path}", body, token=self.tokens[region])
        return json.loads(answer) if answer else None

    def until(self, region: str, query: str, count: int) -> None:
        """Wait until a count of a node's database is reached; the nodes themselves are not asked."""
        for _ in patience(SECONDS, f"{query} is {count}"):
            with closing(sqlite3.connect(f"file:{self.nodes[region].directory}/tonglu.sqlite?mode=ro", uri=True)) as db:
                if db.execute(query).fetchone()[0] >= count:
                    return

    def move(self, region: str, noun: str, who: dict[str, str], other: str, day: str, **more: Any) -> Any:
        far, moved = ("origin_region", "arrived_on") if noun == "arrivals" else ("destination_region", "departed_on")
        version = self.call(region, "GET", "/notices/current")["version"]
        notice = {"version": version, "way": "spoken", "given_at": datetime.now(UTC).isoformat()}
        body = {"person": who, far: other, moved: day, "notice": notice} | more
        return self.call(region, "POST", f"/{noun}", body)


def shares(region: str) -> dict[str, Any]:
    return {"consents": [{"purpose": f"share_with_peer:{region}", "way": "spoken", "witness": "second"}]}


@contextmanager
def pages_world(directory: Path) -> Iterator[PagesWorld]:
    """Make, pair and fill the nodes as officers would; end them after."""
    ports = dict(zip(NAMES, free_ports(2), strict=True))
    nodes = {region: ProcessNode(directory / region, region, ports[region]) for region in NAMES}
    world = PagesWorld(nodes)
    seconds = {}
    firsts = {region: node.initialise(NAMES[region]) for region, node in nodes.items()}
    for region, node in nodes.items():
        told = node.told("officer", "add", str(node.directory), "second", "--role", "clerk", "--role", "supervisor")
        seconds[region] = password_in(told)
        clerk = node.told("officer", "add", str(node.directory), "clerk", "--role", "clerk")
        world.ids[f"clerk_{region}"] = password_in(clerk)
        (directory / f"{region}.invitation").write_text(node.told("peer", "invite", str(node.directory)), "utf-8")
    for region, node in nodes.items():
        other = HOME if region == HERE else HERE
        node.told("peer", "accept", str(node.directory), str(directory / f"{other}.invitation"), "--yes")
    try:
        # Passkeys are bound to a name, which an address is not.
        with (nodes[HERE].directory / "tonglu.toml").open("a", encoding="utf-8") as settings:
            settings.write(f'\npages_url = "http://localhost:{ports[HERE]}"\n')
        for node in nodes.values():
            node.fork(crash_node.serve_plainly, str(node.directory))
        for region, node in nodes.items():
            node.await_ready()
            world.tokens[region] = sign_in(node, "first", firsts[region])
            sign_in(node, "second", seconds[region])
        sign_in(nodes[HERE], "clerk", world.ids[f"clerk_{HERE}"])
        _agree(world)
        _fill(world)
        yield world
    finally:
        for node in nodes.values():
            node.end()


def _agree(world: PagesWorld) -> None:
    for region in NAMES:
        world.until(region, "SELECT count(*) FROM peer WHERE state = 'active'", 1)
    agreement = world.call(HERE, "POST", "/agreements", {"peer": HOME})["id"]
    world.until(HOME, "SELECT count(*) FROM agreement", 1)
    world.call(HOME, "POST", f"/agreements/{agreement}/sign")
    for region in NAMES:
        world.until(region, "SELECT count(*) FROM agreement WHERE state = 'signed'", 1)
    world.call(HERE, "POST", "/peers", {"region": PAPER, "name": "云台县", "paper": True})


def _fill(world: PagesWorld) -> None:
    chen = person("陈秀兰", "19900101", 1, phone="13800001234", email="chen@example.com")
    zhao = person("赵国强", "19850617", 33, phone="13800005678")
    zhuoma = person("诺布·卓玛", "19930308", 42)
    # Both regions know of Chen: the question is answered by itself.
    world.move(HOME, "departures", chen, HERE, "2026-09-10", **shares(HERE))
    consents = [*shares(HOME)["consents"], {"purpose": "remind:quarterly_check", "way": "spoken"}]
    arrival = world.move(HERE, "arrivals", chen, HOME, "2026-09-12", consents=consents, address="临港街道港前路 12 号")
    world.ids |= {"person": arrival["person_id"], "arrival": arrival["id"]}
    asked = {"person_id": arrival["person_id"], "peer": HOME, "claims": ["identity", "departure_declared"]}
    case = world.call(HERE, "POST", "/verifications", asked | {"purpose": "confirm_journey"})
    world.ids["sent"] = case["id"]
    # Here Zhao's name is written otherwise: an officer must look.
    other_writing = zhao | {"name": "赵国墙"}
    world.move(HERE, "arrivals", other_writing, HOME, "2026-10-05", **shares(HOME))
    departure = world.move(HOME, "departures", zhao, HERE, "2026-10-03", **shares(HERE))
    asked = {"person_id": departure["person_id"], "peer": HERE, "claims": ["identity", "arrival_declared"]}
    world.call(HOME, "POST", "/verifications", asked | {"purpose": "confirm_journey"})
    # Somebody twice, somebody gone, somebody protected, somebody of a region without a node.
    world.move(HERE, "arrivals", zhuoma, PAPER, "2026-10")
    double = world.move(HERE, "arrivals", zhuoma, PAPER, "2026-11")
    world.ids["double"] = double["person_id"]
    gone = world.move(HERE, "departures", person("欧阳文博", "19780925", 11), HOME, "2026-08-01")
    world.call(HERE, "POST", f"/departures/{gone['id']}/return", {"returned_on": "2026-11-01"})
    world.ids["departure"] = gone["id"]
    hidden = world.move(HERE, "arrivals", person("单雨桐", "20010412", 28), HOME, "2026-11-02")
    world.call(HERE, "POST", f"/people/{hidden['person_id']}/protect", {"reason": "threat", "until": "2027-06-30"})
    world.ids["protected"] = hidden["person_id"]
    attended = {"kind": "general_health", "quarter": "2026Q4", "attended_on": "2026-11-10", "valid_until": "2027-03-31"}
    issued = world.call(
        HERE, "POST", "/certificates", {"person_id": world.ids["person"], "disclose": ["name"]} | attended
    )
    world.ids["certificate"] = issued["id"]
    plan = {"kind": "quarterly_check", "cadence": "quarterly", "channel": "email", "lead_days": [14, 3]}
    world.call(HERE, "POST", "/reminder-plans", plan | {"person_id": world.ids["person"]})
    world.until(
        HERE, "SELECT count(*) FROM verification_request WHERE direction = 'received' AND state = 'received'", 1
    )
    world.until(HERE, "SELECT count(*) FROM verification_request WHERE direction = 'sent' AND state = 'answered'", 1)
    received = world.call(HERE, "GET", "/verifications?direction=received")["items"]
    world.ids["received"] = received[0]["id"]
    pairs = [item["about"] for item in world.call(HERE, "GET", "/work-items")["items"] if item["kind"] == "duplicate"]
    world.ids["pair"] = pairs[0]
    last_month = (date.fromisoformat(TODAY).replace(day=1) - timedelta(days=1)).isoformat()[:7]
    world.call(HERE, "POST", "/reports/closings", {"month": last_month})


def enter(page: Page, name: str = "first", language: str = "zh-CN") -> Page:
    """Sign in, and put the pages into a language."""
    page.goto("/signin")
    page.fill("#name", name)
    page.fill("#password", PASSWORD)
    page.press("#password", "Enter")
    page.wait_for_url("**/")
    if page.locator("html").get_attribute("lang") != language:
        page.click("form[action='/language'] button")
        page.wait_for_load_state()
    assert page.locator("html").get_attribute("lang") == language
    return page
