"""What changes an officer's account. Disabling and resetting end every session at once."""

import re
from datetime import datetime

from sqlmodel import Session, col, select

from schemas.entropy import uuid7
from schemas.problems import Conflict, InvalidInput, NotFound, WrongState
from schemas.regions import contains, is_region_code
from service.access_log import Actor, record
from service.context import Node
from service.officers import attempts
from service.officers.factors import remove_all_factors
from service.officers.passwords import FirstPassword
from service.officers.rules import ONE_TIME_LIFE, Officer, Role, parse_roles
from service.officers.sessions import end_sessions
from service.officers.steps import drop_steps
from service.officers.tables import OfficerAccount

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
    password: FirstPassword,
    by: Actor | None = None,
) -> datetime:
    """Make an account with a one-time password, which must be changed first, and say until when it is good.

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
    check_area(node, area)
    if session.exec(select(OfficerAccount.id).where(OfficerAccount.name == name)).first():
        raise Conflict("An officer has this name already.")
    account = OfficerAccount(
        id=uuid7(node.now(), node.entropy),
        name=name,
        password_hash=password.hashed,
        roles=" ".join(sorted(roles)),
        area=area,
        language=language,
        must_change_password=True,
        password_given_at=node.now(),
        created_at=node.now(),
    )
    session.add(account)
    session.flush()
    record(session, node, by or Actor.node(node.region), "officer.added", purpose=account.id)
    return node.now() + ONE_TIME_LIFE


def check_area(node: Node, area: str) -> None:
    """Let only the region itself and what lies in it be an officer's area. Raises :class:`InvalidInput`."""
    if not is_region_code(area) or not contains(node.region, area):
        raise InvalidInput(
            "The area lies outside this region.",
            errors=[{"field": "area", "message": "The area lies outside this region."}],
        )


def add_first_officer(session: Session, node: Node, password: FirstPassword) -> datetime:
    """Make the first officer of a new node, with every role, and say until when the one-time password is good."""
    return add_officer(session, node, FIRST_NAME, frozenset(Role), password=password)


def disable_officer(session: Session, node: Node, name: str, *, by: Actor | None = None) -> None:
    """Shut an account out, at once and on every machine; what its officer had taken on goes back to the pool.

    Raises :class:`NotFound`, or :class:`WrongState` for the last administrator of the whole region.
    """
    account = account_of(session, name)
    if account.disabled_at is None:
        keep_an_administrator(session, node, account)
        account.disabled_at = node.now()
        session.add(account)
    end_sessions(session, account.id)
    drop_steps(session, account.id)
    node.callbacks.disabled(session, account.id, account.name)
    record(session, node, by or Actor.node(node.region), "officer.disabled", purpose=account.id)


def enable_officer(session: Session, node: Node, name: str, *, by: Actor | None = None) -> None:
    """Let a disabled account in again, with the password and the second factor that it had. Raises NotFound."""
    account = account_of(session, name)
    account.disabled_at = None
    session.add(account)
    record(session, node, by or Actor.node(node.region), "officer.enabled", purpose=account.id)


def reset_officer(
    session: Session, node: Node, name: str, password: FirstPassword, *, by: Actor | None = None
) -> datetime:
    """Give an account a new one-time password, and say until when it is good; second factors go, sessions end.

    A disabled account is good again, and nobody waits for earlier failures. Raises NotFound.
    """
    account = account_of(session, name)
    account.password_hash = password.hashed
    account.must_change_password = True
    account.password_given_at = node.now()
    account.disabled_at = None
    session.add(account)
    end_sessions(session, account.id)
    drop_steps(session, account.id)
    remove_all_factors(session, account.id)
    attempts.release(session, node, account.name)
    record(session, node, by or Actor.node(node.region), "officer.reset", purpose=account.id)
    return node.now() + ONE_TIME_LIFE


def keep_an_administrator(session: Session, node: Node, account: OfficerAccount) -> None:
    """Refuse what would leave no administrator of the whole region. Raises :class:`WrongState`."""
    if not _runs_the_node(account, node.region):
        return
    others = select(OfficerAccount).where(OfficerAccount.id != account.id, col(OfficerAccount.disabled_at).is_(None))
    if not any(_runs_the_node(other, node.region) for other in session.exec(others)):
        raise WrongState("The last administrator stays.")


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


def _runs_the_node(account: OfficerAccount, region: str) -> bool:
    return Role.ADMINISTRATOR in account.roles.split() and contains(account.area, region)
