"""What protecting and erasing a person mean for officers' tasks about them: callbacks of ``service.building``."""

from sqlmodel import Session, or_, select

from service.callbacks import KnownPerson
from service.context import Node
from service.registry.tables import DuplicatePair
from service.work_items.actions import close_items, hide_items


def on_protected(session: Session, _node: Node, person: KnownPerson) -> None:
    """A person is hidden: what is to be done about them is for supervisors now, who alone open the record."""
    hide_items(session, person.id)
    pairs = select(DuplicatePair.id).where(or_(DuplicatePair.kept_id == person.id, DuplicatePair.other_id == person.id))
    for pair_id in session.exec(pairs).all():
        hide_items(session, pair_id)


def on_erased(session: Session, node: Node, person: KnownPerson) -> None:
    """A person is erased: nothing is left to be done about what they asked."""
    close_items(session, node, person.id, "persons_request")
