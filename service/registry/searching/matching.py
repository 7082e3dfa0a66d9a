"""Who in the register is the person that a peer speaks of. Protected and absent people take the same path (rule 7).

An exact match needs no name to be opened: folded name, date of birth, document type and number are all equal when
both blind indexes are (`schemas.identity.PersonIdentity.key`).
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, or_, select

from schemas.identity import PersonIdentity
from schemas.regions import contains
from service.context import Node
from service.officers.rules import Officer
from service.registry.people import areas_below, document_index, is_protected, name_birth_index, visible
from service.registry.rules import OPEN_ARRIVAL, OPEN_DEPARTURE
from service.registry.searching.tokens import searched_name
from service.registry.tables import Arrival, Departure, PeerMessage, Person, SearchToken

MOST_CANDIDATES = 10


def find_exact(session: Session, node: Node, identity: PersonIdentity) -> Person | None:
    """Give the one visible person who equals `identity` in everything, document number included.

    None where there is nobody, where two records are the same person, and for people without a document or a date of
    birth: those are left to an officer.
    """
    return find_all_exact(session, node, [identity])[0].visible


@dataclass(frozen=True, slots=True)
class Exact:
    """Who equals an identity: the one `visible` person; and `anyone`, who may be protected, only to note in their own
    log that somebody asked.
    """

    visible: Person | None
    anyone: Person | None


def find_all_exact(session: Session, node: Node, identities: Sequence[PersonIdentity]) -> list[Exact]:
    """Give who equals each of several identities (`find_exact`), in order and in one look-up."""
    keys = [(document_index(node, one), name_birth_index(node, one)) for one in identities]
    documents = {document for document, name_birth in keys if document is not None and name_birth is not None}
    today = node.today()
    same: dict[tuple[bytes | None, bytes | None], list[Person]] = defaultdict(list)
    wanted = select(Person).where(col(Person.document_index).in_(documents), Person.state == "active")
    for person in session.exec(wanted.order_by(col(Person.id))):
        same[person.document_index, person.name_birth_index].append(person)
    found = []
    for document, name_birth in keys:
        people = same.get((document, name_birth), []) if document and name_birth else []
        seen = [one for one in people if not is_protected(one, today)]
        visible_one = seen[0] if len(seen) == 1 else None
        found.append(Exact(visible_one, visible_one or (people[0] if len(people) == 1 else None)))
    return found


def find_same(session: Session, node: Node, identity: PersonIdentity, *, but: str | None = None) -> list[Person]:
    """Give the visible people who may be this person, to check for duplicates: by document, or name and birth."""
    keys = []
    document, name_birth = document_index(node, identity), name_birth_index(node, identity)
    if document is not None:
        keys.append(col(Person.document_index) == document)
    if name_birth is not None:
        keys.append(col(Person.name_birth_index) == name_birth)
    if not keys:
        return []
    wanted = select(Person).where(or_(*keys), visible(node.today())).order_by(col(Person.id).desc())
    return [one for one in session.exec(wanted.limit(MOST_CANDIDATES + 1)) if one.id != but]


def find_candidates(session: Session, node: Node, identity: PersonIdentity, peer: str, *, by: Officer) -> list[Person]:
    """Give the people whom an answering officer should compare with a peer's question.

    Those with the same document, or the same name and date of birth; and those of the same name who have an open
    journey with the peer. Only visible people of the officer's area.
    """
    found = {one.id: one for one in find_same(session, node, identity)}
    name = searched_name(identity.name)
    areas = areas_below(session, "")
    tokens = [node.vault.token(area, "name", name) for area in areas]
    named = session.exec(
        select(Person)
        .join(SearchToken, col(SearchToken.person_id) == col(Person.id))
        .where(col(SearchToken.token).in_(tokens), visible(node.today()))
        .order_by(col(Person.id).desc())
        .limit(50)
    ).all()
    for person in named:
        if person.id not in found and open_journeys(session, person.id, peer):
            found[person.id] = person
    return [one for one in found.values() if by.sees(one.area)][:MOST_CANDIDATES]


def open_departures(session: Session, person_id: str, peer: str | None = None) -> list[Departure]:
    """Give the person's open departures (those to the peer's region, if one is given), the newest first."""
    rows = all_open_departures(session, [person_id])[person_id]
    return [row for row in rows if peer is None or touches(peer, row.destination_region)]


def open_arrivals(session: Session, person_id: str, peer: str | None = None) -> list[Arrival]:
    """Give the person's open arrivals (those from the peer's region, if one is given), the newest first."""
    rows = all_open_arrivals(session, [person_id])[person_id]
    return [row for row in rows if peer is None or touches(peer, row.origin_region)]


def all_open_departures(session: Session, people: Iterable[str]) -> dict[str, list[Departure]]:
    """Give the open departures of several people, by their ids, the newest first."""
    found: dict[str, list[Departure]] = {one: [] for one in people}
    rows = session.exec(
        select(Departure)
        .where(col(Departure.person_id).in_(found), col(Departure.state).in_(OPEN_DEPARTURE))
        .order_by(col(Departure.departed_on).desc(), col(Departure.id).desc())
    )
    for row in rows:
        found[row.person_id].append(row)
    return found


def all_open_arrivals(session: Session, people: Iterable[str]) -> dict[str, list[Arrival]]:
    """Give the open arrivals of several people, by their ids, the newest first."""
    found: dict[str, list[Arrival]] = {one: [] for one in people}
    rows = session.exec(
        select(Arrival)
        .where(col(Arrival.person_id).in_(found), col(Arrival.state).in_(OPEN_ARRIVAL))
        .order_by(col(Arrival.arrived_on).desc(), col(Arrival.id).desc())
    )
    for row in rows:
        found[row.person_id].append(row)
    return found


def open_journeys(session: Session, person_id: str, peer: str) -> list[Departure | Arrival]:
    """Give the person's open journeys with the peer: what rule 5 asks for before any answer but `no_record`."""
    return [*open_departures(session, person_id, peer), *open_arrivals(session, person_id, peer)]


def find_by_journey(session: Session, node: Node, journey: str, peer: str) -> Person | None:
    """Give the visible person of a journey that this region shares with the peer, or None."""
    for move in (departure_of_journey(session, journey, peer), arrival_of_journey(session, journey, peer)):
        if move is not None:
            wanted = select(Person).where(Person.id == move.person_id, visible(node.today()))
            return session.exec(wanted).first()
    return None


def departure_of_journey(session: Session, journey: str, peer: str) -> Departure | None:
    """Give the departure to the peer's region that is known under this journey id, or None."""
    return departures_of_journeys(session, [journey], peer).get(journey)


def departures_of_journeys(session: Session, journeys: Sequence[str], peer: str) -> dict[str, Departure]:
    """Give the departures to the peer's region that are known under these journey ids, by them."""
    rows = session.exec(
        select(Departure)
        .where(
            or_(col(Departure.journey).in_(journeys), col(Departure.other_journey).in_(journeys)),
            Departure.state != "voided",
        )
        .order_by(col(Departure.id))
    )
    found: dict[str, Departure] = {}
    for row in rows:
        if touches(peer, row.destination_region):
            # The newest one last, so that it stands.
            found |= {journey: row for journey in (row.journey, row.other_journey) if journey is not None}
    return found


def arrival_of_journey(session: Session, journey: str, peer: str) -> Arrival | None:
    """Give the arrival from the peer's region that is known under this journey id, or None."""
    rows = session.exec(
        select(Arrival)
        .where(or_(Arrival.journey == journey, Arrival.other_journey == journey), Arrival.state != "voided")
        .order_by(col(Arrival.id).desc())
    )
    return next((row for row in rows if touches(peer, row.origin_region)), None)


def bind_journey(session: Session, move: Departure | Arrival, journey: str) -> None:
    """Let a move be known under the peer's journey id too.

    One that was told to nobody yet takes the peer's; when both sides made one, the smaller wins. Both stay known.
    """
    bind_journeys(session, [(move, journey)])


def bind_journeys(session: Session, bound: Sequence[tuple[Departure | Arrival, str]]) -> None:
    """Let several moves be known under the peer's journey ids too, as `bind_journey`."""
    new = [move.id for move, journey in bound if journey not in (move.journey, move.other_journey)]
    wanted = select(PeerMessage.about).where(col(PeerMessage.about).in_(new)).distinct()
    told = set(session.exec(wanted).all()) if new else set()
    for move, journey in bound:
        if journey in (move.journey, move.other_journey):
            if journey < move.journey:
                move.journey, move.other_journey = journey, move.journey
        elif move.id not in told or journey < move.journey:
            move.journey, move.other_journey = journey, move.journey
        else:
            move.other_journey = journey
        session.add(move)
    session.flush()


def adopt_journey(session: Session, arrival: Arrival, journey: str) -> None:
    """Let an arrival go by the journey id under which its peer told of the departure.

    The peer may not know ours yet, even if a question that carries it is under way: what we say before the answer would
    be about a journey it never heard of. Its answer lets the smaller one win (`bind_journey`).
    """
    if journey != arrival.journey:
        arrival.journey, arrival.other_journey = journey, arrival.journey
        session.add(arrival)
        session.flush()


def touches(peer: str, region: str) -> bool:
    """Tell whether a declared region is the peer's or lies in it; a wider one tells no peer anything."""
    return contains(peer, region)
