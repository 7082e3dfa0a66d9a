"""Who may what: each address of the API and of the pages, and the rule that stands over it.

A rule is a function of role and area; `roles × areas × addresses` are asserted against it in `test_who_may_what.py`.
An address that stands in neither `policy_of_api.py` nor `policy_of_pages.py` fails that test: whoever adds one decides
who may use it.

`reach` is how an officer's area lies to the records of the world in which this is tested: the whole ``region``, their
``own`` township (the records are theirs), or an ``other`` one.
"""

from collections.abc import Callable
from enum import Enum

from service.officers.rules import Role

Rule = Callable[[Role | None, str], bool]
CLERK, SUPERVISOR, AUDITOR, ADMINISTRATOR = Role


def anyone(role: Role | None, reach: str) -> bool:
    """Without signing in, too: what is public, and how one signs in."""
    return True


def officer(role: Role | None, reach: str) -> bool:
    """Every officer: nothing of people, or lists that each sees their own part of, or an empty form."""
    return role is not None


def nobody(role: Role | None, reach: str) -> bool:
    """No officer: the person's own page has another door, and what does not exist is nobody's."""
    return False


def of_people(role: Role | None, reach: str) -> bool:
    """A record, a case, a task …: clerks and supervisors whose area holds it."""
    return role in {CLERK, SUPERVISOR} and reach != "other"


def lists_of_people(role: Role | None, reach: str) -> bool:
    """Lists, searches and new records: clerks and supervisors, each within their area."""
    return role in {CLERK, SUPERVISOR}


def whole_register(role: Role | None, reach: str) -> bool:
    """What tells of the people of the whole region: clerks and supervisors of all of it."""
    return role in {CLERK, SUPERVISOR} and reach == "region"


def of_supervisors(role: Role | None, reach: str) -> bool:
    """What supervisors alone do, within their area."""
    return role == SUPERVISOR and reach != "other"


def compares(role: Role | None, reach: str) -> bool:
    """What supervisors of the whole region alone do."""
    return role == SUPERVISOR and reach == "region"


def binds_region(role: Role | None, reach: str) -> bool:
    """What binds the whole region towards a peer."""
    return role in {SUPERVISOR, ADMINISTRATOR} and reach == "region"


def paper_peer(role: Role | None, reach: str) -> bool:
    """The same towards a region without a node, where clerks may, too: two of them sign a document's reference."""
    return role in {CLERK, SUPERVISOR, ADMINISTRATOR} and reach == "region"


def messages(role: Role | None, reach: str) -> bool:
    """Messages that a peer refused: who works with people, and who keeps the lines, of the whole region."""
    return role in {CLERK, SUPERVISOR, ADMINISTRATOR} and reach == "region"


def log(role: Role | None, reach: str) -> bool:
    """The access log: auditors and supervisors, each of what the offices of their area did."""
    return role in {AUDITOR, SUPERVISOR}


def officers(role: Role | None, reach: str) -> bool:
    """The officers of an area: its administrators."""
    return role == ADMINISTRATOR


def one_officer(role: Role | None, reach: str) -> bool:
    """One officer: the administrators whose area holds theirs."""
    return role == ADMINISTRATOR and reach != "other"


def release(role: Role | None, reach: str) -> bool:
    """A colleague's daily limit (supervisor) or sign-in (administrator)."""
    return role in {SUPERVISOR, ADMINISTRATOR} and reach != "other"


class Missing(Enum):
    """Why an address cannot be asked for something that is there, in this world: all get "not found"."""

    RECEIVED = "no peer has asked; answering a request is asserted in tests/service/verification"
    MESSAGE = "no peer has refused a message; parked messages are asserted in tests/service/agreements"
    PAIR = "nothing was merged; undoing is asserted in tests/service/registry"
    AGREED = "an agreement with a paper peer is changed under /agreements; its own page has these for peers with nodes"
    CHANGE = "no change has this id; undoing is asserted in tests/service/registry"
    HOLD = "no hold has this id; the steps of one are asserted in tests/service/registry/test_holds.py"
    EXPORT = "no export waits for a second officer; asserted in tests/service/ledgers"
    FOUND = "whoever is not found exactly is not found, by anybody; asserted in tests/service/registry"
    FORM = "a form put aside is its officer's alone; asserted in tests/service/registry"
    SESSION = "no session has this name; ending one is asserted in tests/service/officers"


def by_address(rules: dict[Rule | Missing, str]) -> dict[str, Rule | Missing]:
    found: dict[str, Rule | Missing] = {}
    for rule, addresses in rules.items():
        for line in addresses.split("\n"):
            if address := line.strip():
                assert address not in found, f"{address} stands under two rules"
                found[address] = rule
    return found
