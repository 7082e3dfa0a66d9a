"""Opening a node: settings in, a node with its rooms connected out. What serves it is put together in `app`.

Apart from `app`, so that a command need not import every page and route.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from federation.keys import KeyUnusable, NodeKeys
from federation.node import FederationNode, Limits
from schemas.calendar import WorkingCalendar
from schemas.clock import Clock, SystemClock
from schemas.entropy import Entropy, SystemEntropy
from schemas.points import Point, pass_by
from schemas.problems import SettingInvalid
from schemas.regions import Divisions
from service.callbacks import StartedForm
from service.certificates import effects as certificates_effects
from service.context import Node
from service.database import Database
from service.handlers import connect
from service.ledgers.choices import imported_ledgers
from service.migrations import migrate
from service.portal import effects as portal_effects
from service.portal import tasks as portal_tasks
from service.portal.codes import is_code_of
from service.registry.parked import drop_all_parked, parked_of
from service.registry.queries import open_journeys_with
from service.reminders import effects as reminders_effects
from service.settings import Settings
from service.vault import Vault
from service.verification.unanswered import unanswered_by_peer
from service.work_items.away import on_disabled as work_items_on_disabled


def build_node(
    settings: Settings,
    *,
    clock: Clock | None = None,
    entropy: Entropy | None = None,
    point: Point = pass_by,
    wake: Callable[[str], None] | None = None,
) -> Node:
    """Open the node that ``settings`` describe: database migrated, keys read, rooms connected.

    Whoever builds a node closes ``node.database``. Raises :class:`SettingInvalid`, with which setting and why.
    """
    clock, entropy = clock or SystemClock(), entropy or SystemEntropy()
    try:
        keys = NodeKeys.load(settings.keys_path)
        divisions = Divisions.load([settings.divisions_file] if settings.divisions_file else [])
        calendar = WorkingCalendar.load(settings.holidays_file)
    except (KeyUnusable, ValueError, OSError) as error:
        raise SettingInvalid(str(error)) from error
    vault = Vault(settings.read_master_key(), entropy)
    migrate(settings.database)
    fed = FederationNode(
        region=settings.region,
        name=settings.name,
        base_url=settings.base_url,
        keys=keys,
        clock=clock,
        entropy=entropy,
        limits=Limits(
            max_messages=settings.max_messages,
            max_bytes=settings.max_bytes,
            requests_per_second=settings.requests_per_second,
            concurrent=settings.concurrent,
        ),
        allow_private_peers=settings.allow_private_peers,
        point=point,
    )
    node = Node(
        region=settings.region,
        name=settings.name,
        base_url=settings.base_url,
        settings=settings,
        clock=clock,
        entropy=entropy,
        zone=settings.zone,
        calendar=calendar,
        divisions=divisions,
        vault=vault,
        fed=fed,
        database=Database(settings.database, point),
        point=point,
    )
    if wake is not None:
        node = replace(node, wake=wake)
    connect_rooms(node)
    connect(node)
    return node


def connect_rooms(node: Node) -> None:
    """Let higher rooms hear what lower ones do to a person, in the same transaction (``service.callbacks``)."""

    def told(room: Callable[..., None]) -> Callable[..., None]:
        return lambda session, person, *what: room(session, node, person, *what)

    calls = node.callbacks
    calls.check_code = lambda session, person, code: is_code_of(session, node, person, code)
    calls.erasure_asked = lambda session, person: portal_effects.erasure_asked(session, node, person)
    calls.open_journeys = open_journeys_with
    calls.unanswered = unanswered_by_peer
    calls.ledgers = imported_ledgers
    calls.started_forms = lambda session, officer_id: [
        StartedForm(one.id, one.kind, one.parked_at, one.name) for one in parked_of(session, node, officer_id)
    ]
    calls.on_disabled.append(lambda session, officer_id, _name: drop_all_parked(session, officer_id))
    calls.on_withdrawn += [told(certificates_effects.on_withdrawn), told(reminders_effects.on_withdrawn)]
    calls.on_corrected += [told(reminders_effects.on_corrected)]
    calls.on_shareable += [told(reminders_effects.on_shareable)]
    calls.on_protected += [told(reminders_effects.on_protected), told(portal_tasks.on_protected)]
    calls.on_erased += [told(portal_tasks.on_erased)]
    calls.on_disabled.append(work_items_on_disabled)
    calls.on_demoted.append(work_items_on_disabled)
    calls.on_ended += [told(reminders_effects.on_ended)]
    for name, room in (
        ("certificates", certificates_effects),
        ("reminders", reminders_effects),
        ("portal", portal_effects),
    ):
        calls.on_merged[name] = _told_of_two(node, room.on_merged)
        calls.on_unmerged[name] = _told_of_two(node, room.on_unmerged)
    calls.on_erased += [
        told(certificates_effects.on_erased),
        told(reminders_effects.on_erased),
        told(portal_effects.on_erased),
    ]


def _told_of_two(node: Node, room: Callable[..., Any]) -> Callable[..., Any]:
    return lambda session, kept, other, *moved: room(session, node, kept, other, *moved)
