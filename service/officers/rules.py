"""Who may do what: roles, areas, and what makes a password acceptable. Pure decisions."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from schemas.problems import Forbidden, InvalidInput
from schemas.regions import contains
from service.access_log import Actor
from service.officers.guessable import OUR_WORDS, Guesses, is_pattern, made_of
from service.officers.passwords import common_passwords

PASSWORD_MIN_CHARACTERS = 8
PASSWORD_MAX_CHARACTERS = 200
PAGE_IDLE = timedelta(minutes=10)
"""A page's session locks after so long without a request (shared computers in township offices)."""
API_IDLE = timedelta(hours=2)
SESSION_LIFE = timedelta(hours=12)
"""No session lives longer, used or not."""
FREE_FAILURES = {"name_address": 5, "name": 20, "address": 30}
"""So many wrong passwords in a row cost nothing: for one name from one address, for one name, from one address."""
FREE_AT_KNOWN_PLACES = {"name_address": 5, "name": 1_000_000, "address": 300}
"""The same where the name has signed in before: what others try elsewhere, or with other names, does not stop it."""
FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(minutes=15)
FORGET_FAILURES_AFTER = timedelta(hours=1)
ONE_TIME_LIFE = timedelta(hours=72)
"""A one-time password that nobody used lapses (OWASP ASVS 5.0, 6.4.1): a slip lies about no longer than a weekend."""


class Role(StrEnum):
    """What an officer may do. Roles add up."""

    CLERK = "clerk"
    SUPERVISOR = "supervisor"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"


@dataclass(frozen=True, slots=True)
class Officer:
    """The officer who acts: what every action takes as ``by``. A value, not a row."""

    id: str
    name: str
    roles: frozenset[Role]
    area: str
    language: str

    @property
    def as_actor(self) -> Actor:
        """The officer as the access log names them: by name and area."""
        return Actor("officer", self.name, self.area)

    def has(self, *roles: Role) -> bool:
        """Tell whether the officer has any of these roles."""
        return not self.roles.isdisjoint(roles)

    @property
    def sees_people(self) -> bool:
        """Tell whether the officer may open people's records at all: an administrator alone may not."""
        return self.has(Role.CLERK, Role.SUPERVISOR)

    def sees(self, region: str) -> bool:
        """Tell whether ``region`` lies in the officer's area (records elsewhere look absent)."""
        return contains(self.area, region)


def require(officer: Officer, *roles: Role) -> None:
    """Let only officers with any of ``roles`` on. Raises :class:`~schemas.problems.Forbidden`."""
    if not officer.has(*roles):
        raise Forbidden


def require_region(officer: Officer, region: str, *roles: Role) -> None:
    """Let only officers with any of ``roles`` on whose area holds all of ``region``: for what binds the whole of it.

    Raises :class:`~schemas.problems.Forbidden`.
    """
    require(officer, *roles)
    if not officer.sees(region):
        raise Forbidden


def parse_roles(names: Iterable[str]) -> frozenset[Role]:
    """Read roles from their codes. Raises :class:`InvalidInput` for none or an unknown one."""
    try:
        roles = frozenset(Role(name) for name in names)
    except ValueError:
        raise InvalidInput("Not a role.", errors=[{"field": "roles", "message": "Not a role."}]) from None
    if not roles:
        raise InvalidInput(
            "An officer has at least one role.",
            errors=[{"field": "roles", "message": "An officer has at least one role."}],
        )
    return roles


def check_new_password(name: str, old: str, new: str, *, places: Iterable[str] = ()) -> None:
    """Refuse a new password that is short, the old one, one that everybody uses, or that somebody guesses who knows
    the officer, the office (``places``: names of its region and township) or this product (OWASP ASVS 5.0, 6.2).

    Length is all that counts besides: no rule about kinds of characters. Raises :class:`InvalidInput`.
    """
    message = None
    if len(new) < PASSWORD_MIN_CHARACTERS:
        message = "A password has at least 8 characters."
    elif len(new) > PASSWORD_MAX_CHARACTERS:
        message = "A password has at most 200 characters."
    elif new == old:
        message = "The new password is the old one."
    elif made_of(name, new) or Guesses.of([name]).hit(new):
        message = "The password must not be made of the name."
    elif new.casefold() in common_passwords():
        message = "Too many people use this password; a sentence is easiest to keep in mind."
    elif is_pattern(new) or Guesses.of([*OUR_WORDS, *places]).hit(new):
        message = "Places, dates, numbers and rows of keys are guessed first; a sentence is easiest to keep in mind."
    if message:
        raise InvalidInput(message, errors=[{"field": "new_password", "message": message}])


def wait_after(free: int, failures: int, last: datetime) -> datetime | None:
    """Say until when sign-in rests after so many failures in a row, or None while they are free.

    Each failure beyond the ``free`` ones doubles the wait, from 30 seconds to 15 minutes.
    """
    if failures < free:
        return None
    doubled = FIRST_WAIT * (1 << min(failures - free, 10))
    return last + min(doubled, LONGEST_WAIT)
