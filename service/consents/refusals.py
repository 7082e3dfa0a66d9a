"""What a person refused, kept 12 months so that nobody asks again (rule 2); shown in the opened record alone.

Reports, ledgers, verification and work items must not import this module (an import contract holds it).
"""

from collections.abc import Sequence
from datetime import date

from sqlalchemy import delete
from sqlmodel import Session, col

from schemas.claims import ConsentPurpose
from schemas.problems import DoNotAskBefore
from service.consents.folder import read_refusals, write_refusals
from service.consents.tables import ConsentRefusal
from service.context import Node


def twelve_months_after(day: date) -> date:
    """The same day a year on; 1 March for 29 February."""
    try:
        return day.replace(year=day.year + 1)
    except ValueError:
        return date(day.year + 1, 3, 1)


def record_refusals(session: Session, node: Node, key: bytes, purposes: Sequence[ConsentPurpose]) -> None:
    """Note what the person refused today; a refusal that stands keeps its first day.

    Also called with nothing refused, so that both cases write the same rows.
    """
    today = node.today()
    sheet = [
        one
        for one in read_refusals(session, node, key)
        if twelve_months_after(date.fromisoformat(one["refused_on"])) > today
    ]
    standing = {one["purpose"] for one in sheet}
    sheet.extend(
        {"purpose": str(purpose), "refused_on": today.isoformat()}
        for purpose in dict.fromkeys(purposes)
        if purpose not in standing
    )
    write_refusals(session, node, key, sheet, twelve_months_after(today))


def forget_refusals(session: Session, node: Node, key: bytes, purposes: Sequence[ConsentPurpose]) -> None:
    """Drop refusals of what the person now allows of their own accord."""
    sheet = [one for one in read_refusals(session, node, key) if one["purpose"] not in purposes]
    write_refusals(session, node, key, sheet, twelve_months_after(node.today()))


def do_not_ask(session: Session, node: Node, key: bytes) -> dict[str, date]:
    """Give, for each refused purpose, the day before which nobody asks again."""
    found = {}
    for one in read_refusals(session, node, key):
        until = twelve_months_after(date.fromisoformat(one["refused_on"]))
        if until > node.today():
            found[one["purpose"]] = until
    return found


def check_may_ask(session: Session, node: Node, key: bytes, purposes: Sequence[ConsentPurpose]) -> None:
    """Raise `DoNotAskBefore` where the person refused one of these within 12 months."""
    waiting = do_not_ask(session, node, key)
    for purpose in purposes:
        if purpose in waiting:
            raise DoNotAskBefore(purpose=str(purpose), date=waiting[purpose].isoformat())


def purge_refusals(session: Session, today: date) -> int:
    """Delete sheets whose last refusal is 12 months old; give how many."""
    result = session.exec(delete(ConsentRefusal).where(col(ConsentRefusal.purge_on) <= today))
    return int(result.rowcount)
