"""Who of a ledger is in the register already."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select as select_columns
from sqlmodel import Session, col

from service.access_log import record_each
from service.context import Node
from service.ledgers.files.fields import LedgerKind
from service.ledgers.judging.rules import Candidate
from service.officers.rules import Officer
from service.registry.bulk import already_registered, same_place
from service.registry.people import visible
from service.registry.searching.tokens import TAIL, searched_name
from service.registry.tables import Arrival, Departure, Person, SearchToken


def known_already(
    session: Session, node: Node, kind: LedgerKind, candidates: Sequence[Candidate], *, by: Officer
) -> list[bool]:
    """Tell of each candidate whether the move stands in the register already (`registry.bulk.already_registered`).

    Somebody without a document is known by a full name with the same day and place of move, too, so that the same
    people, imported twice, are not doubled where one of the files says less of them than the other. Where the new row
    has a date of birth, or one place lies in the other, the telephone has to be the same.
    """
    known = already_registered(session, node, kind.value, candidates, by=by)
    met = [
        None
        if known[place] or candidate.identity.document_number is not None
        # Whoever lacks a document is rare, and asked for one by one.
        else _same_name_and_move(session, node, kind, candidate, by)
        for place, candidate in enumerate(candidates)
    ]
    found = {one.id: one for one in met if one is not None}
    record_each(session, node, by.as_actor, "person.compared", found.values(), purpose="task", fields=("identity",))
    return [is_known or one is not None for is_known, one in zip(known, met, strict=True)]


def _same_name_and_move(session: Session, node: Node, kind: LedgerKind, candidate: Candidate, by: Officer) -> Any:
    move: Any = Arrival if kind is LedgerKind.ARRIVALS else Departure
    region = move.origin_region if kind is LedgerKind.ARRIVALS else move.destination_region
    moved_on = move.arrived_on if kind is LedgerKind.ARRIVALS else move.departed_on
    wanted = (
        select_columns(col(Person.id), col(Person.wrapped_key), region.label("place"))
        .join(move, move.person_id == Person.id)
        .where(
            _found_by(node, by, "name", searched_name(candidate.identity.name)),
            moved_on == str(candidate.moved_on),
            move.state != "voided",
            visible(node.today()),
        )
    )
    if candidate.identity.date_of_birth is None:
        same = session.execute(wanted.where(region == candidate.region).limit(1)).first()
        if same is not None:
            return same
    else:
        # Another date of birth is somebody else's.
        wanted = wanted.where(col(Person.document_index).is_(None), col(Person.name_birth_index).is_(None))
    if candidate.phone is None:
        return None
    rung = session.execute(wanted.where(_found_by(node, by, "phone_tail", candidate.phone[-TAIL:])))
    return next((one for one in rung if same_place(one.place, candidate.region)), None)


def _found_by(node: Node, by: Officer, kind: str, value: str) -> Any:
    token = node.vault.token(by.area, kind, value)
    return col(Person.id).in_(select_columns(col(SearchToken.person_id)).where(col(SearchToken.token) == token))
