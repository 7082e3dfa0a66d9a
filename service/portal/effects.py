"""What erasing and merging mean for the own page; ``app.py`` registers these as callbacks."""

from sqlmodel import Session

from service.callbacks import KnownPerson
from service.context import Node
from service.portal import requests
from service.portal.codes import drop_codes
from service.portal.requests import drop_requests, hand_over_requests
from service.vault import KeyHolder


def on_erased(session: Session, node: Node, person: KeyHolder) -> None:
    """A person is erased: nothing opens their page any more, and their requests are forgotten."""
    if person.wrapped_key is None:
        return
    key = node.vault.open_key(person.wrapped_key)
    drop_codes(session, node, key)
    drop_requests(session, node, key)


def erasure_asked(session: Session, node: Node, person: KnownPerson) -> bool:
    """Whether the person asked to be erased, and waits for it."""
    if person.wrapped_key is None:
        return False
    return requests.erasure_asked(session, node, node.vault.open_key(person.wrapped_key))


def on_merged(session: Session, node: Node, kept: KnownPerson, other: KnownPerson) -> list[str]:
    """Two records are one now: what the person asked for in either is asked in the kept one."""
    return _hand_over(session, node, other, kept, None)


def on_unmerged(session: Session, node: Node, kept: KnownPerson, other: KnownPerson, moved: list[str]) -> None:
    """They are two again: each has its own requests."""
    _hand_over(session, node, kept, other, moved)


def _hand_over(
    session: Session, node: Node, source: KnownPerson, target: KnownPerson, only: list[str] | None
) -> list[str]:
    if source.wrapped_key is None or target.wrapped_key is None:
        return []
    keys = node.vault.open_key(source.wrapped_key), node.vault.open_key(target.wrapped_key)
    return hand_over_requests(session, node, *keys, target_id=target.id, only=only)
