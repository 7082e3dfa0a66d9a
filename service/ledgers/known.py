"""Who of a ledger is in the register already."""

from collections.abc import Sequence
from typing import Any

from sqlmodel import Session, col, select

from service.context import Node
from service.ledgers.files.fields import LedgerKind
from service.ledgers.judging.rules import Candidate
from service.officers.rules import Officer
from service.registry.bulk import already_registered
from service.registry.people import visible
from service.registry.searching.tokens import searched_name
from service.registry.tables import Arrival, Departure, Person, SearchToken


def known_already(
    session: Session, node: Node, kind: LedgerKind, candidates: Sequence[Candidate], *, by: Officer
) -> list[bool]:
    """Tell of each candidate whether the move stands in the register already (`registry.bulk.already_registered`).

    Somebody with neither document nor date of birth is known by a full name with the same day and place of move, so
    that the same ledger, imported twice, doubles nobody.
    """
    known = already_registered(session, node, kind.value, candidates, by=by)
    for place, candidate in enumerate(candidates):
        identity = candidate.identity
        if not known[place] and identity.document_number is None and identity.date_of_birth is None:
            known[place] = _same_name_and_move(session, node, kind, candidate, by)
    return known


def _same_name_and_move(session: Session, node: Node, kind: LedgerKind, candidate: Candidate, by: Officer) -> bool:
    move: Any = Arrival if kind is LedgerKind.ARRIVALS else Departure
    region = move.origin_region if kind is LedgerKind.ARRIVALS else move.destination_region
    moved_on = move.arrived_on if kind is LedgerKind.ARRIVALS else move.departed_on
    token = node.vault.token(by.area, "name", searched_name(candidate.identity.name))
    wanted = (
        select(move.id)
        .join(SearchToken, col(SearchToken.person_id) == move.person_id)
        .join(Person, col(Person.id) == move.person_id)
        .where(
            col(SearchToken.token) == token,
            region == candidate.region,
            moved_on == str(candidate.moved_on),
            move.state != "voided",
            visible(node.today()),
        )
    )
    return session.exec(wanted.limit(1)).first() is not None
