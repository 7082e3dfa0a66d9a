"""What erasing means for the own page; ``app.py`` registers this as a callback."""

from sqlmodel import Session

from service.context import Node
from service.portal.codes import drop_codes
from service.portal.requests import drop_requests
from service.vault import KeyHolder


def on_erased(session: Session, node: Node, person: KeyHolder) -> None:
    """A person is erased: nothing opens their page any more, and their requests are forgotten."""
    if person.wrapped_key is None:
        return
    key = node.vault.open_key(person.wrapped_key)
    drop_codes(session, node, key)
    drop_requests(session, node, key)
