"""Whose journeys are compared with a peer, and their elements: read, then opened a part at a time.

Opening a person writes the log, and a comparison may be about 2,000: it is done in transactions of a hundred, so that
nobody waits for the writer's lock. Who withdraws or is hidden between two of them is left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from schemas.claims import Purpose
from schemas.envelope import canonical
from schemas.problems import QuotaExceeded, TooFewJourneys
from schemas.reconciliation import FEWEST_JOURNEYS, MOST_JOURNEYS
from service.access_log import Actor, record_each
from service.consents.consents import live_share_consent
from service.context import Node
from service.registry.people import OpenPerson, unseal_people, visible
from service.registry.rules import OPEN_ARRIVAL, OPEN_DEPARTURE
from service.registry.tables import Arrival, Departure, Person

PURPOSE = Purpose.CONFIRM_JOURNEY
AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Compared:
    """One journey that is compared: the element, and whose it is."""

    element: bytes
    person: OpenPerson


def shared_journeys(session: Session, node: Node, peer: str) -> list[tuple[bool, str]]:
    """Whose journeys with a peer may be compared: whether they arrived, and the person's id; nobody is opened.

    Raises `TooFewJourneys`, `QuotaExceeded` (more than are compared at once).
    """
    rows: list[tuple[bool, Person]] = []
    for table, region, states in (
        (Arrival, Arrival.origin_region, OPEN_ARRIVAL),
        (Departure, Departure.destination_region, OPEN_DEPARTURE),
    ):
        found = _may_be(node).where(
            col(Person.id).in_(
                select(table.person_id).where(
                    col(table.state).in_(states), col(region).startswith(peer, autoescape=True)
                )
            )
        )
        rows += [(table is Arrival, person) for person in session.exec(found.order_by(col(Person.id))).all()]
    shared = [(arrived, person.id) for arrived, person in rows if _shares(session, node, person, peer)]
    if not FEWEST_JOURNEYS <= len(shared) <= MOST_JOURNEYS:
        # Nobody is opened for a comparison that cannot be.
        raise TooFewJourneys if len(shared) < FEWEST_JOURNEYS else QuotaExceeded
    return shared


def gather(node: Node, peer: str, shared: Sequence[tuple[bool, str]], *, actor: Actor) -> list[Compared]:
    """Open whom a comparison is about, each logged as `actor`'s reading; for a thread of its own."""
    compared: dict[bytes, Compared] = {}
    for start in range(0, len(shared), AT_ONCE):
        part = shared[start : start + AT_ONCE]
        opened = node.database.write_sync(partial(_open, node=node, peer=peer, part=part, actor=actor))
        for arrived, person in opened:
            way = (peer, node.region) if arrived else (node.region, peer)
            element = _element(way, person)
            compared.setdefault(element, Compared(element, person))
    return list(compared.values())


def open_again(node: Node, people: Sequence[str], actor: Actor) -> list[OpenPerson]:
    """Open some who were compared, for the officer who goes on with a comparison that had ended between its rounds."""
    opened: list[OpenPerson] = []
    for start in range(0, len(people), AT_ONCE):
        part = people[start : start + AT_ONCE]
        opened += node.database.write_sync(partial(_open_some, node=node, people=part, actor=actor))
    return opened


def tell_matched(node: Node, peer: str, people: Sequence[str]) -> None:
    """Say in each one's log that both regions hold the journey; who was hidden or erased since is told of nothing."""
    for start in range(0, len(people), AT_ONCE):
        part = people[start : start + AT_ONCE]
        node.database.write_sync(partial(_tell_some, node=node, peer=peer, people=part))


def _open_some(session: Session, node: Node, people: Sequence[str], actor: Actor) -> list[OpenPerson]:
    found = select(Person).where(col(Person.id).in_(people), visible(node.today())).order_by(col(Person.id))
    rows = session.exec(found).all()
    return unseal_people(session, node, rows, actor=actor, action="reconciliation.compared", purpose=PURPOSE.value)


def _tell_some(session: Session, node: Node, peer: str, people: Sequence[str]) -> None:
    still_there = select(Person).where(col(Person.id).in_(people), visible(node.today()))
    record_each(
        session,
        node,
        Actor.peer(peer),
        "reconciliation.matched",
        session.exec(still_there.order_by(col(Person.id))).all(),
        purpose=PURPOSE.value,
        fields=("identity",),
        automatic=True,
    )


def _open(
    session: Session, node: Node, peer: str, part: Sequence[tuple[bool, str]], actor: Actor
) -> list[tuple[bool, OpenPerson]]:
    found = session.exec(_may_be(node).where(col(Person.id).in_([person for _, person in part]))).all()
    people = {person.id: person for person in found if _shares(session, node, person, peer)}
    there = [(arrived, people[one]) for arrived, one in part if one in people]
    opened = unseal_people(
        session,
        node,
        [person for _, person in there],
        actor=actor,
        action="reconciliation.compared",
        purpose=PURPOSE.value,
    )
    return [(arrived, person) for (arrived, _), person in zip(there, opened, strict=True)]


def _may_be(node: Node) -> SelectOfScalar[Person]:
    return select(Person).where(
        visible(node.today()),
        col(Person.document_index).is_not(None),
        col(Person.name_birth_index).is_not(None),
    )


def _shares(session: Session, node: Node, person: Person, peer: str) -> bool:
    return live_share_consent(session, node, node.vault.open_key(person.wrapped_key), peer) is not None


def _element(way: tuple[str, str], person: OpenPerson) -> bytes:
    name, kind, number, born = person.identity.key
    return canonical([*way, name, kind, number, str(born)])
