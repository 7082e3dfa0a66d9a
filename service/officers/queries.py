"""What is read about officers."""

from collections.abc import Iterable
from datetime import datetime

from sqlmodel import Session, col, select

from service.officers.rules import ONE_TIME_LIFE, Officer, Role
from service.officers.tables import OfficerAccount


def officer_from(account: OfficerAccount) -> Officer:
    """The officer that an account stands for."""
    return Officer(
        id=account.id,
        name=account.name,
        roles=frozenset(Role(role) for role in account.roles.split()),
        area=account.area,
        language=account.language,
    )


def one_time_until(account: OfficerAccount) -> datetime | None:
    """Until when the account's one-time password is good, or was; None where the officer chose one of their own."""
    if not account.must_change_password:
        return None
    return (account.password_given_at or account.created_at) + ONE_TIME_LIFE


def one_time_lapsed(account: OfficerAccount, now: datetime) -> bool:
    """Tell whether the account has a one-time password that is good no more: an administrator gives another one."""
    until = one_time_until(account)
    return until is not None and until <= now


def find_officer(session: Session, name: str) -> Officer | None:
    """The officer of this name who may sign in, or None: for witnesses, second officers and assignees."""
    account = session.exec(
        select(OfficerAccount).where(OfficerAccount.name == name, col(OfficerAccount.disabled_at).is_(None))
    ).first()
    return officer_from(account) if account else None


def names_of(session: Session, officer_ids: Iterable[str]) -> dict[str, str]:
    """The names of accounts by their ids: the access log keeps whom an act was done to by id."""
    wanted = select(OfficerAccount).where(col(OfficerAccount.id).in_(list(officer_ids)))
    return {row.id: row.name for row in session.exec(wanted)}


def all_accounts(session: Session) -> list[OfficerAccount]:
    """Every account, disabled ones included, by name."""
    return list(session.exec(select(OfficerAccount).order_by(col(OfficerAccount.name))).all())
