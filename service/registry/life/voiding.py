"""Records made in error (录错作废): voided, not ended; and taking back a save within ten minutes."""

from collections.abc import Iterable, Sequence

from sqlmodel import Session, col, select

from schemas.problems import NotFound, WrongState
from service.access_log import record_each
from service.context import Node
from service.officers.rules import Officer, Role, require
from service.registry.doubles.pairs import rest_pairs
from service.registry.life.settling import settle_later
from service.registry.people import find_person, unseal_person
from service.registry.rules import may_undo
from service.registry.searching.matching import (
    all_open_arrivals,
    all_open_departures,
    open_arrivals,
    open_departures,
)
from service.registry.tables import Arrival, Departure, Person
from service.registry.telling import stop_messages_about
from service.registry.undoing.history import before_save, note_change


def void_move(session: Session, node: Node, move: Arrival | Departure, person: Person, *, by: Officer) -> None:
    """Void one move for good, and stop what peers were told of it; a person without any other move is voided along."""
    void_moves(session, node, [(move, person)], by=by)


def void_moves(
    session: Session, node: Node, moves: Sequence[tuple[Arrival | Departure, Person]], *, by: Officer
) -> None:
    """The same of several moves, in a few statements for all of them."""
    people = {person.id: person for _, person in moves}
    for move, _ in moves:
        move.state = "voided"
        move.ended_at, move.settle_at = node.now(), None
        session.add(move)
    session.flush()
    for noun in sorted({_noun(move) for move, _ in moves}):
        whose = [person for move, person in moves if _noun(move) == noun]
        record_each(session, node, by.as_actor, f"{noun}.voided", whose, purpose="correction", fields=("state",))
    staying = _with_moves(session, people)
    _void(session, node, [person for person_id, person in people.items() if person_id not in staying])
    arrived, left = all_open_arrivals(session, staying), all_open_departures(session, staying)
    node.callbacks.ended(session, *[people[one] for one in sorted(staying) if not arrived[one] and not left[one]])
    stop_messages_about(session, node, [move.id for move, _ in moves])


def void_person(session: Session, node: Node, person_id: str, *, move_id: str | None = None, by: Officer) -> str | None:
    """Void a person's record made in error with all its moves, or only the one move that was; give what undoes it.

    Peers are asked to erase once it cannot be undone any more. Raises `NotFound`, `Forbidden`, `WrongState` for a move
    voided already.
    """
    require(by, Role.CLERK, Role.SUPERVISOR)
    person = find_person(session, node, person_id, by)
    moves = [move for move in moves_of(session, person.id) if move_id is None or move.id == move_id]
    if move_id is not None:
        if not moves:
            raise NotFound
        if moves[0].state == "voided":
            raise WrongState
    action = "person.voided" if move_id is None else f"{_noun(moves[0])}.voided"
    opened = unseal_person(
        session, node, person, actor=by.as_actor, action=action, purpose="correction", fields=("state",)
    )
    before = before_save(person, opened, moves)
    for move in moves:
        if move.state != "voided":
            move.state, move.ended_at = "voided", node.now()
            settle_later(node, move)
            session.add(move)
    session.flush()
    if move_id is None or not _with_moves(session, [person.id]):
        person.state, person.state_changed_at = "voided", node.now()
        rest_pairs(session, node, person)
    person.version += 1
    session.add(person)
    session.flush()
    if not open_arrivals(session, person.id) and not open_departures(session, person.id):
        node.callbacks.ending(session, person)
    return note_change(session, node, "voided", before, person=person, now_open=opened, moves=moves, by=by)


def undo_registration(session: Session, node: Node, move_id: str, *, by: Officer) -> None:
    """Take back a registration that the same officer saved within ten minutes.

    Raises `NotFound`, or `WrongState` when it is too late or the move has gone on.
    """
    move = session.get(Arrival, move_id) or session.get(Departure, move_id)
    if move is None:
        raise NotFound
    person = find_person(session, node, move.person_id, by)
    fresh = move.state in ("declared", "to_be_told") and move.registered_by == by.name
    if not fresh or not may_undo(move.entered_at, node.now()):
        raise WrongState
    void_move(session, node, move, person, by=by)


def moves_of(session: Session, person_id: str) -> list[Arrival | Departure]:
    """List a person's moves, the newest entry first; voided ones included."""
    arrivals = session.exec(select(Arrival).where(Arrival.person_id == person_id)).all()
    departures = session.exec(select(Departure).where(Departure.person_id == person_id)).all()
    return sorted([*arrivals, *departures], key=lambda move: move.id, reverse=True)


def _with_moves(session: Session, people: Iterable[str]) -> set[str]:
    """Those of some people who have a move that is not voided."""
    found: set[str] = set()
    for table in (Arrival, Departure):
        wanted = select(table.person_id).where(col(table.person_id).in_(people), col(table.state) != "voided")
        found.update(session.exec(wanted).all())
    return found


def _void(session: Session, node: Node, people: Sequence[Person]) -> None:
    if not people:
        return
    for person in people:
        person.state = "voided"
        person.state_changed_at = node.now()
        person.version += 1
        session.add(person)
    rest_pairs(session, node, *people)
    session.flush()
    node.callbacks.ended(session, *people)


def _noun(move: Arrival | Departure) -> str:
    return "arrival" if isinstance(move, Arrival) else "departure"
