"""Whether a person wants to be told of each request about them (rule 5): yes, unless they switched it off."""

from sqlmodel import Session

from schemas.clock import rfc3339
from service.consents.folder import read_consents, write_consents
from service.context import Node

_SWITCH = "request_messages"


def wants_request_messages(session: Session, node: Node, key: bytes) -> bool:
    """How the switch stands for the person with this data key."""
    said = read_consents(session, node, key).get(_SWITCH, [])
    return bool(said[-1]["on"]) if said else True


def set_request_messages(session: Session, node: Node, key: bytes, *, on: bool) -> None:
    """Switch the messages on or off; only how it stands is kept, and since when."""
    sheet = read_consents(session, node, key)
    sheet[_SWITCH] = [{"on": on, "at": rfc3339(node.now())}]
    write_consents(session, node, key, sheet)
