"""Moving within this region: the new address takes the old one's place, and another township may keep the record.

The old address stands sealed beside the record for 30 days, for undoing; nothing else keeps it (no location history).
"""

from sqlmodel import Session

from schemas.problems import InvalidInput
from schemas.regions import contains
from service.context import Node
from service.officers.rules import Officer, Role, require
from service.registry.changes import Corrected
from service.registry.doubles.pairs import follow_record
from service.registry.drafts import AddressDraft
from service.registry.life.voiding import moves_of
from service.registry.people import NewPerson, find_person, opened_as, seal_columns, unseal_person
from service.registry.rows import add_tokens, drop_tokens
from service.registry.rules import check_address, number_warnings
from service.registry.tables import Person
from service.registry.undoing.history import Facts, before_save, facts_of, note_change
from service.registry.undoing.meanwhile import Meanwhile, meanwhile_since


def move_house(
    session: Session,
    node: Node,
    person_id: str,
    draft: AddressDraft,
    *,
    by: Officer,
    whole_form: bool = False,
    theirs: frozenset[str] = frozenset(),
) -> Corrected:
    """Record that someone lives elsewhere in this region now.

    `whole_form` says that a page sent both fields, touched or not; in those of `theirs` what a colleague saved stays.
    Raises `NotFound`, `Forbidden`, `InvalidInput` (no
    address; a division outside this region or not known), `Conflict` when a colleague changed the address or the
    township since `draft.version` to something else.
    """
    require(by, Role.CLERK, Role.SUPERVISOR)
    person = find_person(session, node, person_id, by)
    address = check_address(draft.address)
    if address is None:
        raise InvalidInput(errors=[{"field": "address", "message": "Enter the new address."}])
    if draft.area is not None and (not contains(node.region, draft.area) or node.divisions.get(draft.area) is None):
        raise InvalidInput(errors=[{"field": "area", "message": "Choose a township of this region."}])
    opened = unseal_person(
        session, node, person, actor=by.as_actor, action="person.moved_house", purpose="counter", fields=("address",)
    )
    moves = moves_of(session, person.id)
    before = before_save(person, opened, moves)
    met = _beside_colleagues(session, node, person, before.facts, draft, whole_form=whole_form, theirs=theirs)
    met.require_agreement()
    left = met.untouched | theirs
    if "address" in left:
        address = opened.address
    new = NewPerson(opened.identity, opened.contact, address, opened.language)
    if draft.area is not None and draft.area != person.area and "area" not in left:
        _change_office(session, node, person, new, draft.area)
        for move in moves:
            move.area = draft.area
            session.add(move)
    person.address = seal_columns(node, person.id, opened.key, new)["address"]
    person.version += 1
    session.add(person)
    session.flush()
    now_open = opened_as(person, opened.key, new)
    change = note_change(session, node, "moved_house", before, person=person, now_open=now_open, moves=moves, by=by)
    identity = now_open.identity
    return Corrected(
        now_open, number_warnings(identity.document_type, identity.document_number, identity.date_of_birth), change
    )


def address_meanwhile(
    session: Session, node: Node, person_id: str, draft: AddressDraft, *, by: Officer, theirs: frozenset[str]
) -> Meanwhile:
    """What a page's address and township meet in the record as it stands now, for the officer to choose.

    Logged as a look for correcting. Raises `NotFound`.
    """
    person = find_person(session, node, person_id, by)
    opened = unseal_person(
        session, node, person, actor=by.as_actor, action="person.shown", purpose="correction", fields=("address",)
    )
    return _beside_colleagues(session, node, person, facts_of(person, opened), draft, whole_form=True, theirs=theirs)


def _beside_colleagues(
    session: Session,
    node: Node,
    person: Person,
    standing: Facts,
    draft: AddressDraft,
    *,
    whole_form: bool,
    theirs: frozenset[str] = frozenset(),
) -> Meanwhile:
    wanted = {"address": check_address(draft.address)} | ({"area": draft.area} if draft.area is not None else {})
    wanted = {name: value for name, value in wanted.items() if name not in theirs}
    return meanwhile_since(
        session, node, person, seen=draft.version, standing=standing, wanted=wanted, whole_form=whole_form
    )


def _change_office(session: Session, node: Node, person: Person, new: NewPerson, area: str) -> None:
    """Search tokens are keyed by the office's area: they are made anew under the new one's key."""
    drop_tokens(session, node, person)
    person.area = area
    session.add(person)
    session.flush()
    add_tokens(session, node, person, new)
    follow_record(session, node, person)
