"""Who in the register is the person that a peer speaks of. Protected and absent people take the same path (rule 7).

An exact match needs no name to be opened: folded name, date of birth, document type and number are all equal when
both blind indexes are (`schemas.identity.PersonIdentity.key`).
"""

from sqlmodel import Session, col, or_, select

from schemas.identity import PersonIdentity
from schemas.regions import contains
from service.context import Node
from service.officers.rules import Officer
from service.registry.people import document_index, name_birth_index, visible
from service.registry.rules import OPEN_ARRIVAL, OPEN_DEPARTURE
from service.registry.tables import Arrival, Departure, PeerMessage, Person, SearchToken
from service.registry.tokens import searched_name

MOST_CANDIDATES = 10


def find_exact(session: Session, node: Node, identity: PersonIdentity, *, hidden_too: bool = False) -> Person | None:
    """Give the one visible person who equals `identity` in everything, document number included.

    With `hidden_too` a protected one as well: only to note in their own log that somebody asked. None where there is
    nobody, where two records are the same person, and for people without a document or a date of birth: those are
    left to an officer.
    """
    document, name_birth = document_index(node, identity), name_birth_index(node, identity)
    if document is None or name_birth is None:
        return None
    found = session.exec(
        select(Person)
        .where(
            Person.document_index == document,
            Person.name_birth_index == name_birth,
            Person.state == "active" if hidden_too else visible(node.today()),
        )
        .limit(2)
    ).all()
    return found[0] if len(found) == 1 else None


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
    areas = session.exec(select(Person.area).distinct()).all()
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
    rows = session.exec(
        select(Departure)
        .where(Departure.person_id == person_id, col(Departure.state).in_(OPEN_DEPARTURE))
        .order_by(col(Departure.departed_on).desc(), col(Departure.id).desc())
    )
    return [row for row in rows if peer is None or touches(peer, row.destination_region)]


def open_arrivals(session: Session, person_id: str, peer: str | None = None) -> list[Arrival]:
    """Give the person's open arrivals (those from the peer's region, if one is given), the newest first."""
    rows = session.exec(
        select(Arrival)
        .where(Arrival.person_id == person_id, col(Arrival.state).in_(OPEN_ARRIVAL))
        .order_by(col(Arrival.arrived_on).desc(), col(Arrival.id).desc())
    )
    return [row for row in rows if peer is None or touches(peer, row.origin_region)]


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
    rows = session.exec(
        select(Departure)
        .where(or_(Departure.journey == journey, Departure.other_journey == journey), Departure.state != "voided")
        .order_by(col(Departure.id).desc())
    )
    return next((row for row in rows if touches(peer, row.destination_region)), None)


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
    if journey in (move.journey, move.other_journey):
        if journey < move.journey:
            move.journey, move.other_journey = journey, move.journey
            session.add(move)
            session.flush()
        return
    told = session.exec(select(PeerMessage.message_id).where(PeerMessage.about == move.id).limit(1)).first()
    if told is None or journey < move.journey:
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
