"""Finding a record anywhere in the node by three exact facts, and taking it over with the person at the counter.

An officer sees their own area. Someone who moved from one township of the region to another has a record all the same,
and must not get a second one: whoever knows the full name, the document number and the date of birth is told which
township holds it, and nothing else. The record comes over only with the person present.

Nothing can be guessed with it: three facts must fit, an officer has thirty tries a day, found or not, and every try is
in the log. Absent, wrong, protected and voided give the same answer and the same entry in the auditor's list (rule 7);
a protected person reads in their own log that somebody asked.

The record moves whole, with all its moves; whoever had it before no longer sees it. For ten minutes that can be undone
(`service.registry.undoing.taking_back`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field
from sqlmodel import Session, col, select

from schemas.identity import DocumentType, PersonIdentity, document_number_fits, normalise_document_number
from schemas.problems import NotFound, WrongState
from schemas.wire import WireDate
from service.access_log import record, record_nobody
from service.consents.consents import NoticeDraft
from service.context import Node
from service.officers.rules import Officer, Role, require
from service.registry.consenting import give_notice
from service.registry.doubles.pairs import follow_record
from service.registry.drafts import Body, Text
from service.registry.life.voiding import moves_of
from service.registry.people import (
    NewPerson,
    OpenPerson,
    document_index,
    is_protected,
    name_birth_index,
    opened_as,
    unseal_person,
)
from service.registry.rows import add_tokens, drop_tokens
from service.registry.searching.limits import count_search
from service.registry.tables import Person
from service.registry.undoing.history import before_save, note_change, sheets_of


class ExactFacts(Body):
    """What one must know of a person to find their record anywhere in the node: all three."""

    name: Annotated[Text, Field(min_length=1)]
    document_number: Annotated[Text, Field(min_length=1)]
    date_of_birth: WireDate


class TransferDraft(ExactFacts):
    """A record is taken over: the person is present, and was given the notice."""

    present: Literal[True]
    notice: NoticeDraft


@dataclass(frozen=True, slots=True)
class Located:
    """Where a record lies. `person_id` is given for a record of the officer's own area only."""

    area: str
    person_id: str | None


@dataclass(frozen=True, slots=True)
class TakenOver:
    """A record that lies in the officer's area from now on, and the save that can be undone."""

    person: OpenPerson
    change: str | None


def find_in_node(session: Session, node: Node, facts: ExactFacts, *, by: Officer) -> Located | None:
    """Say which township holds the record of these facts; None where none does that may be told of.

    Counts and logs in each case, so whoever calls this raises `NotFound` only after the commit. Raises `Forbidden`,
    `DailyLimit`.
    """
    require(by, Role.CLERK, Role.SUPERVISOR)
    count_search(session, node, "node", by)
    found = _those(session, node, facts)
    told = _nearest(node, found, by)
    if told is not None:
        record(session, node, by.as_actor, "person.located", person=told, purpose="counter", fields=("area",))
        return Located(told.area, told.id if by.sees(told.area) else None)
    if found:
        record(session, node, by.as_actor, "person.sought", person=found[0], purpose="counter", fields=())
    else:
        record_nobody(session, node, by.as_actor)
    return None


def transfer_in(session: Session, node: Node, draft: TransferDraft, *, by: Officer) -> TakenOver:
    """Take a record of another township over into the officer's area.

    Raises `NotFound` as where nothing is found, `WrongState` for a record of the own area, `Forbidden`,
    `InvalidInput` and `DateInFuture` for the notice.
    """
    require(by, Role.CLERK, Role.SUPERVISOR)
    person = _nearest(node, _those(session, node, draft), by)
    if person is None:
        raise NotFound
    if by.sees(person.area):
        raise WrongState("This record is in your area already.")
    opened = unseal_person(
        session, node, person, actor=by.as_actor, action="person.transferred_in", purpose="counter", fields=("area",)
    )
    moves = moves_of(session, person.id)
    before = before_save(person, opened, moves)
    before.sheets = sheets_of(session, node, opened.key)
    new = NewPerson(opened.identity, opened.contact, opened.address, opened.language)
    drop_tokens(session, node, person)
    person.area = by.area
    person.version += 1
    session.add(person)
    for move in moves:
        move.area = by.area
        session.add(move)
    session.flush()
    # Tokens are keyed by area.
    add_tokens(session, node, person, new)
    follow_record(session, node, person)
    now_open = opened_as(person, opened.key, new)
    # One save with the notice: taking it back gives the record back.
    give_notice(session, node, person.id, draft.notice, by=by, alone=False)
    change = note_change(session, node, "transferred_in", before, person=person, now_open=now_open, moves=moves, by=by)
    return TakenOver(now_open, change)


def _those(session: Session, node: Node, facts: ExactFacts) -> Sequence[Person]:
    """The records that all three facts fit, the newest first, protected ones included."""
    number = normalise_document_number(facts.document_number)
    kinds = [kind for kind in DocumentType if document_number_fits(kind, number)]
    holders = [
        PersonIdentity.model_construct(
            name=facts.name, document_type=kind, document_number=number, date_of_birth=facts.date_of_birth
        )
        for kind in kinds
    ]
    documents = [index for one in holders if (index := document_index(node, one)) is not None]
    if not documents:
        return []
    wanted = select(Person).where(
        col(Person.document_index).in_(documents),
        Person.name_birth_index == name_birth_index(node, holders[0]),
        Person.state == "active",
    )
    return session.exec(wanted.order_by(col(Person.id).desc()).limit(10)).all()


def _nearest(node: Node, found: Sequence[Person], by: Officer) -> Person | None:
    """The record to tell of: one of the own area before all others, and never a protected one."""
    shown = [one for one in found if not is_protected(one, node.today())]
    return next((one for one in shown if by.sees(one.area)), shown[0] if shown else None)
