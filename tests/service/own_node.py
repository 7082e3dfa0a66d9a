"""A node with its rooms connected, an officer, and people who came or left: what these rooms' tests start from."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import Session

from federation.keys import NodeKeys
from federation.node import FederationNode
from federation.tables import Peer, PeerKey, PeerState
from schemas.calendar import WorkingCalendar
from schemas.clock import FakeClock
from schemas.entropy import SeededEntropy
from schemas.points import Point, pass_by
from schemas.regions import Divisions
from service.building import connect_rooms
from service.context import Node
from service.database import Database
from service.officers.rules import Officer, Role
from service.registry.drafts import ArrivalDraft, DepartureDraft
from service.registry.register import register_arrival, register_departure
from service.settings import Settings
from service.vault import Vault

START = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
"""A Monday, 10:00 in Shanghai."""

CLERK = Officer("1", "first", frozenset({Role.CLERK, Role.SUPERVISOR}), "79", "zh-CN")
PERSON = {
    "name": "韩晨曦",
    "document_type": "resident_id",
    "document_number": "790101199003071230",
    "email": "chenxi@example.net",
    "phone": "13900001234",
}
HOME, HERE = "790101", "790303"


@dataclass(frozen=True)
class Side:
    """A node of a test, with the clock that moves it and an officer of the whole region."""

    node: Node
    clock: FakeClock
    officer: Officer

    def write(self, fn: Callable[[Session], Any]) -> Any:
        return self.node.database.write_sync(fn)

    def read(self, fn: Callable[[Session], Any]) -> Any:
        return self.node.database.read_sync(fn)


def make_side(
    database: Database,
    region: str = HERE,
    *,
    clock: FakeClock | None = None,
    point: Point = pass_by,
    **settings: Any,
) -> Side:
    clock = clock or FakeClock(START)
    entropy = SeededEntropy(region)
    name = {HERE: "澜江市", HOME: "青禾县"}.get(region, region)
    base_url = f"http://{region}.example"
    keys = NodeKeys.generate(entropy)
    node = Node(
        region=region,
        name=name,
        base_url=base_url,
        settings=Settings(region=region, name=name, base_url=base_url, allow_private_peers=True, **settings),
        clock=clock,
        entropy=entropy,
        zone=ZoneInfo("Asia/Shanghai"),
        calendar=WorkingCalendar.load(),
        divisions=Divisions.load(),
        vault=Vault(bytes(range(32)), entropy),
        fed=FederationNode(region, name, base_url, keys, clock, entropy, allow_private_peers=True, point=point),
        database=database,
        point=point,
    )
    connect_rooms(node)
    return Side(node, clock, replace(CLERK, area=region))


def introduce(to: Side, other: Side, state: PeerState = PeerState.ACTIVE) -> None:
    """Pin the other node's keys, as pairing does."""

    def pin(session: Session) -> None:
        now = to.clock.now()
        session.add(
            Peer(
                region=other.node.region,
                name=other.node.name,
                base_url=other.node.base_url,
                state=state,
                accepted_at=now,
                changed_at=now,
            )
        )
        for jwk in other.node.fed.keys.public_jwks()["keys"]:
            session.add(
                PeerKey(
                    kid=jwk["kid"],
                    region=other.node.region,
                    tonglu_use=jwk["tonglu_use"],
                    jwk=jwk,
                    in_force_from=now,
                )
            )

    to.write(pin)


def arrive(side: Side, *consents: str, origin: str = HOME, **changes: Any) -> str:
    """Register that someone came, with these consents; returns the person's id."""
    draft = ArrivalDraft.model_validate(
        {"person": PERSON | changes, "origin_region": origin, "arrived_on": "2026-09-01", **_told(side, consents)}
    )
    return str(side.write(lambda session: register_arrival(session, side.node, draft, by=side.officer).move.person_id))


def leave(side: Side, *consents: str, destination: str = HERE, **changes: Any) -> str:
    """Register that someone left, with these consents; returns the person's id."""
    draft = DepartureDraft.model_validate(
        {
            "person": PERSON | changes,
            "destination_region": destination,
            "departed_on": "2026-08-28",
            **_told(side, consents),
        }
    )
    return str(
        side.write(lambda session: register_departure(session, side.node, draft, by=side.officer).move.person_id)
    )


def _told(side: Side, consents: tuple[str, ...]) -> dict[str, Any]:
    now = side.clock.now().isoformat()
    return {
        "notice": {"version": "2026-11", "way": "spoken", "given_at": now},
        "consents": [{"purpose": purpose, "way": "spoken"} for purpose in consents],
    }
