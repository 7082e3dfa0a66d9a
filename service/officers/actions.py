"""What changes an officer's account. Disabling and resetting end every session at once."""

import re

from sqlmodel import Session, col, delete, select

from schemas.entropy import uuid7
from schemas.problems import Conflict, InvalidInput, NotFound, WrongState
from schemas.regions import contains
from service.access_log import Actor, record
from service.context import Node
from service.officers.passwords import hash_password, one_time_password
from service.officers.rules import Officer, Role, parse_roles
from service.officers.tables import OfficerAccount, OfficerSession

FIRST_NAME = "first"
_NAME = re.compile(r"[\w.·-]{1,50}")


def add_officer(
    session: Session,
    node: Node,
    name: str,
    roles: frozenset[Role],
    *,
    area: str | None = None,
    language: str = "zh-CN",
    password: str | None = None,
    by: Actor | None = None,
) -> str:
    """Make an account and return its password.

    Without ``password`` it is a one-time password, to be told once and changed first; with one (the demo) it holds.
    ``area`` is the node's region or lies in it; the whole region unless given. Raises :class:`InvalidInput`, or
    :class:`Conflict` when the name is taken.
    """
    if not _NAME.fullmatch(name):
        raise InvalidInput(
            "A name has 1 to 50 letters, digits, dots or hyphens.",
            errors=[{"field": "name", "message": "A name has 1 to 50 letters, digits, dots or hyphens."}],
        )
    if not roles:
        parse_roles(())
    area = area or node.region
    if not contains(node.region, area):
        raise InvalidInput(
            "The area lies outside this region.",
            errors=[{"field": "area", "message": "The area lies outside this region."}],
        )
    if session.exec(select(OfficerAccount.id).where(OfficerAccount.name == name)).first():
        raise Conflict("An officer has this name already.")
    told = password or one_time_password(node.entropy)
    session.add(
        OfficerAccount(
            id=uuid7(node.now(), node.entropy),
            name=name,
            password_hash=hash_password(told),
            roles=" ".join(sorted(roles)),
            area=area,
            language=language,
            must_change_password=password is None,
            created_at=node.now(),
        )
    )
    session.flush()
    record(session, node, by or Actor.node(node.region), "officer.added")
    return told


def add_first_officer(session: Session, node: Node) -> str:
    """Make the first officer of a new node, with every role, and return the one-time password."""
    return add_officer(session, node, FIRST_NAME, frozenset(Role))


def disable_officer(session: Session, node: Node, name: str, *, by: Actor | None = None) -> None:
    """Shut an account out, at once and on every machine.

    Raises :class:`NotFound`, or :class:`WrongState` for the last administrator.
    """
    account = account_of(session, name)
    if Role.ADMINISTRATOR in account.roles.split():
        others = select(OfficerAccount.roles).where(
            OfficerAccount.id != account.id, col(OfficerAccount.disabled_at).is_(None)
        )
        if not any(Role.ADMINISTRATOR in roles.split() for roles in session.exec(others)):
            raise WrongState("The last administrator stays.")
    account.disabled_at = account.disabled_at or node.now()
    session.add(account)
    end_sessions(session, account)
    record(session, node, by or Actor.node(node.region), "officer.disabled")


def reset_officer(session: Session, node: Node, name: str, *, by: Actor | None = None) -> str:
    """Give an account a new one-time password (a disabled one is good again) and return it. Raises NotFound."""
    account = account_of(session, name)
    told = one_time_password(node.entropy)
    account.password_hash = hash_password(told)
    account.must_change_password = True
    account.disabled_at = None
    session.add(account)
    end_sessions(session, account)
    record(session, node, by or Actor.node(node.region), "officer.reset")
    return told


def set_language(session: Session, language: str, *, by: Officer) -> None:
    """Remember the language that an officer chose for the pages."""
    account = account_of(session, by.name)
    account.language = language
    session.add(account)


def account_of(session: Session, name: str) -> OfficerAccount:
    """Find an account by its name. Raises :class:`NotFound`."""
    account = session.exec(select(OfficerAccount).where(OfficerAccount.name == name)).first()
    if account is None:
        raise NotFound("There is no such officer.")
    return account


def end_sessions(session: Session, account: OfficerAccount) -> None:
    """Sign the officer out everywhere."""
    session.exec(delete(OfficerSession).where(col(OfficerSession.officer_id) == account.id))
