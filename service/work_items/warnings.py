"""What the start page warns of about the node itself: the holiday list, the clock, the backup."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlmodel import Session

from federation.peers import list_peers
from federation.tables import PeerState
from schemas.clock import local_date
from service.context import Node
from service.officers.queries import all_accounts
from service.officers.rules import Officer, Role
from service.web.languages import N_

WARN_OF_NEXT_YEAR_FROM_MONTH: Final = 11
CLOCK_SECONDS: Final = 60
"""From here on a clock is worth a look: at five minutes a line stops."""
CLOCKS: Final = 2
"""So many peers must say the same before the fault is looked for here."""
BACKUP_EVERY: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Warned:
    """One warning: a title and a sentence, English msgids, and what fills their places."""

    title: str
    text: str
    facts: dict[str, object] = field(default_factory=dict)


def node_warnings(session: Session, node: Node, *, by: Officer) -> list[Warned]:
    """What is to be seen to: the holiday list for everyone, clock and backup for who can do something about them."""
    found = [
        Warned(
            N_("The holiday list of %(year)s is not loaded yet"),
            N_(
                "Until it is, weekends and fixed holidays are assumed, and due dates in that year are marked "
                "provisional."
            ),
            {"year": year},
        )
        for year in years_without_holidays(node)
    ]
    if by.has(Role.SUPERVISOR, Role.ADMINISTRATOR) and by.sees(node.region):
        found += [*_clock(session), *_backup(session, node)]
    return found


def years_without_holidays(node: Node) -> list[int]:
    """The years for which due dates are provisional: this one, and from November on the next one."""
    today = node.today()
    years = [today.year] if today.month < WARN_OF_NEXT_YEAR_FROM_MONTH else [today.year, today.year + 1]
    return [year for year in years if node.calendar.is_provisional(year)]


def _clock(session: Session) -> list[Warned]:
    offsets = [
        peer.clock_offset_seconds
        for peer in list_peers(session)
        if peer.state == PeerState.ACTIVE and peer.clock_offset_seconds is not None
    ]
    ahead = [offset for offset in offsets if offset >= CLOCK_SECONDS]
    behind = [offset for offset in offsets if offset <= -CLOCK_SECONDS]
    wrong = ahead if len(ahead) > len(behind) else behind
    if len(wrong) < CLOCKS or len(wrong) * 2 <= len(offsets):
        return []
    return [
        Warned(
            N_("The clock of this node is wrong, it seems"),
            N_(
                "It differs from that of most peers by %(seconds)s seconds or more. At five minutes nothing is "
                "exchanged."
            ),
            {"seconds": min(abs(offset) for offset in wrong)},
        )
    ]


def _backup(session: Session, node: Node) -> list[Warned]:
    last = last_backup(node)
    if last is None:
        begun = min((account.created_at for account in all_accounts(session)), default=node.now())
        if node.now() - begun < BACKUP_EVERY:
            return []
        return [
            Warned(
                N_("This node was never backed up"),
                N_("If its disk fails, the register is lost. The command is tonglu backup."),
            )
        ]
    if node.now() - last < BACKUP_EVERY:
        return []
    days = (node.today() - local_date(last, node.zone)).days
    return [
        Warned(
            N_("The last backup is old"),
            N_("It was made %(days)s days ago; one a week is the least. The command is tonglu backup."),
            {"days": days},
        )
    ]


def last_backup(node: Node) -> datetime | None:
    """When the node was last backed up, as the command noted it; None where it never was."""
    try:
        return datetime.fromisoformat(node.settings.last_backup_path.read_text("ascii").strip())
    except (OSError, ValueError):
        return None
