"""What administrators do with their colleagues' accounts, within their own area, and never with their own.

Nobody changes the roles, the area or the state of the account that they are signed in with: another administrator
does. An administrator of a part of the region adds officers for that part only. An administrator could of course make
an account for somebody who is not there; each of these acts stands in the access log with the account it was done to,
which auditors read and administrators cannot change.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import update
from sqlmodel import Session, col, select

from schemas.problems import Conflict, Forbidden, InvalidInput, NotFound
from schemas.readings import spelt_name
from schemas.regions import contains
from service.access_log import record
from service.context import Node
from service.officers import actions, attempts
from service.officers.factors import count_passkeys, has_totp
from service.officers.passwords import FirstPassword
from service.officers.queries import one_time_lapsed, one_time_until
from service.officers.rules import Officer, Role, parse_roles, require
from service.officers.sessions import SessionInfo, end_sessions, sessions_of
from service.officers.tables import OfficerAccount

_WORKS_WITH_PEOPLE = {Role.CLERK, Role.SUPERVISOR}


@dataclass(frozen=True, slots=True)
class Account:
    """An account as an administrator sees it."""

    id: str
    name: str
    roles: tuple[Role, ...]
    area: str
    disabled: bool
    must_change_password: bool
    one_time_until: datetime | None
    one_time_lapsed: bool
    totp: bool
    passkeys: int
    linked: bool
    waits: bool
    sessions: int
    created_at: datetime


def list_officers(session: Session, node: Node, *, by: Officer) -> list[Account]:
    """The accounts of the administrator's area, by the sound of their names. Raises :class:`Forbidden`."""
    require(by, Role.ADMINISTRATOR)
    found = [row for row in session.exec(select(OfficerAccount)) if by.sees(row.area)]
    return sorted((_account(session, node, row) for row in found), key=_by_sound)


def show_officer(session: Session, node: Node, name: str, *, by: Officer) -> tuple[Account, list[SessionInfo]]:
    """One account with its sessions. Raises :class:`Forbidden`, or :class:`NotFound` outside the area, too."""
    row = _found(session, name, by)
    return _account(session, node, row), sessions_of(session, node, row.id)


def name_of(session: Session, officer_id: str, *, by: Officer) -> str:
    """The name of an account by its id, which stands in pages' addresses. Raises as :func:`show_officer`."""
    require(by, Role.ADMINISTRATOR)
    row = session.get(OfficerAccount, officer_id)
    if row is None or not by.sees(row.area):
        raise NotFound("There is no such officer.")
    return row.name


@dataclass(frozen=True, slots=True)
class Colleague:
    """Who is to be added: a name, the codes of their roles, and their area; the administrator's own unless given."""

    name: str
    roles: Collection[str]
    area: str | None = None


def add_colleague(session: Session, node: Node, new: Colleague, password: FirstPassword, *, by: Officer) -> datetime:
    """Make an account with a one-time password, and say until when it is good.

    Raises as ``add_officer``, and :class:`Forbidden`.
    """
    require(by, Role.ADMINISTRATOR)
    area = new.area or by.area
    _in_reach(node, area, by)
    roles = parse_roles(new.roles)
    return actions.add_officer(session, node, new.name, roles, area=area, password=password, by=by.as_actor)


def change_officer(
    session: Session,
    node: Node,
    name: str,
    *,
    roles: Collection[str] | None = None,
    area: str | None = None,
    link: str | None = None,
    by: Officer,
) -> Account:
    """Give a colleague other roles or another area, or link them to their account at the sign-in service.

    ``link`` is what the service calls them (the claim of ``TONGLU_OIDC_CLAIM``); empty takes the link off. Whoever no
    longer works with people, or elsewhere, leaves their tasks to the pool. Raises :class:`Forbidden` for one's own
    account, :class:`NotFound`, :class:`InvalidInput`, :class:`Conflict` for a link that another officer has, or
    ``WrongState`` for the last administrator.
    """
    row = _colleague(session, name, by)
    before = {Role(role) for role in row.roles.split()}
    after = parse_roles(roles) if roles is not None else frozenset(before)
    where = area or row.area
    _in_reach(node, where, by)
    if Role.ADMINISTRATOR not in after or where != row.area:
        stays = Role.ADMINISTRATOR in after and contains(where, node.region)
        if not stays:
            actions.keep_an_administrator(session, node, row)
    if (before & _WORKS_WITH_PEOPLE and not after & _WORKS_WITH_PEOPLE) or where != row.area:
        node.callbacks.disabled(session, row.id, row.name)
    elif Role.SUPERVISOR in before - after:
        # What is for supervisors alone would be on nobody's list any more.
        node.callbacks.demoted(session, row.id, row.name)
    row.roles, row.area = " ".join(sorted(after)), where
    if link is not None:
        _link(session, node, row, link.strip())
    session.add(row)
    session.flush()
    record(session, node, by.as_actor, "officer.changed", purpose=row.id)
    return _account(session, node, row)


def disable(session: Session, node: Node, name: str, *, by: Officer) -> None:
    """Shut a colleague out at once. Raises as :func:`change_officer`."""
    actions.disable_officer(session, node, _colleague(session, name, by).name, by=by.as_actor)


def enable(session: Session, node: Node, name: str, *, by: Officer) -> None:
    """Let a colleague in again. Raises as :func:`change_officer`."""
    actions.enable_officer(session, node, _colleague(session, name, by).name, by=by.as_actor)


def reset(session: Session, node: Node, name: str, password: FirstPassword, *, by: Officer) -> datetime:
    """Give a colleague a new one-time password, and say until when it is good; their second factors go.

    Raises as :func:`change_officer`.
    """
    return actions.reset_officer(session, node, _colleague(session, name, by).name, password, by=by.as_actor)


def release_sign_in(session: Session, node: Node, name: str, *, by: Officer) -> None:
    """Let a colleague sign in at once who typed wrong passwords. Raises as :func:`change_officer`."""
    row = _colleague(session, name, by)
    attempts.release(session, node, row.name)
    record(session, node, by.as_actor, "officer.sign_in_released", purpose=row.id)


def end_all_sessions(session: Session, node: Node, name: str, *, by: Officer) -> None:
    """Sign a colleague out everywhere. Raises as :func:`change_officer`."""
    row = _colleague(session, name, by)
    end_sessions(session, row.id)
    record(session, node, by.as_actor, "officer.sessions_ended", purpose=row.id)


def _by_sound(account: Account) -> tuple[str, str]:
    return (spelt_name(account.name) or account.name).casefold(), account.name


def _account(session: Session, node: Node, row: OfficerAccount) -> Account:
    return Account(
        id=row.id,
        name=row.name,
        roles=tuple(Role(role) for role in row.roles.split()),
        area=row.area,
        disabled=row.disabled_at is not None,
        must_change_password=row.must_change_password,
        one_time_until=one_time_until(row),
        one_time_lapsed=one_time_lapsed(row, node.now()),
        totp=has_totp(session, row.id),
        passkeys=count_passkeys(session, row.id),
        linked=row.provider_link is not None,
        waits=attempts.rests(session, node, row.name),
        sessions=len(sessions_of(session, node, row.id)),
        created_at=row.created_at,
    )


def _link(session: Session, node: Node, row: OfficerAccount, who: str) -> None:
    if not who:
        row.provider_link = None
        return
    if node.settings.oidc_issuer is None:
        message = "This node knows no sign-in service."
        raise InvalidInput(message, errors=[{"field": "link", "message": message}])
    link = provider_link(node, who)
    taken = select(OfficerAccount.id).where(OfficerAccount.provider_link == link, OfficerAccount.id != row.id)
    if session.exec(taken).first():
        raise Conflict("Another officer is linked to this account already.")
    # Said by one statement, so that two administrators at once do not link one account twice (the index is unique).
    session.execute(update(OfficerAccount).where(col(OfficerAccount.id) == row.id).values(provider_link=link))
    row.provider_link = link


def provider_link(node: Node, who: str) -> bytes:
    """The blind index of an account at the sign-in service: its issuer and what the service calls it."""
    return node.vault.blind("officer.provider_link", f"{node.settings.oidc_issuer}\x00{who}")


def _in_reach(node: Node, area: str, by: Officer) -> None:
    actions.check_area(node, area)
    if not by.sees(area):
        message = "The area lies outside your own."
        raise InvalidInput(message, errors=[{"field": "area", "message": message}])


def _found(session: Session, name: str, by: Officer) -> OfficerAccount:
    require(by, Role.ADMINISTRATOR)
    row = session.exec(select(OfficerAccount).where(OfficerAccount.name == name)).first()
    if row is None or not by.sees(row.area):
        raise NotFound("There is no such officer.")
    return row


def _colleague(session: Session, name: str, by: Officer) -> OfficerAccount:
    row = _found(session, name, by)
    if row.id == by.id:
        raise Forbidden("Another administrator does this for your own account.")
    return row
