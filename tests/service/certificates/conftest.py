"""Two regions: 澜江 issues, 青禾 is home."""

from collections.abc import Callable, Iterator
from datetime import date

import pytest

from federation.peers import open_destination
from schemas.claims import CertificateKind
from schemas.quarters import Quarter
from service.agreements.tables import Agreement
from service.certificates.actions import issue_certificate
from service.certificates.rules import IssueDraft
from service.database import Database
from tests.service.own_node import HOME, Side, arrive, introduce, make_side

AGREEMENT = "0192f0c1-0000-7000-8000-000000000001"
DRAFT = IssueDraft(CertificateKind.GENERAL_HEALTH, Quarter("2026Q4"), date(2026, 11, 20), date(2027, 2, 20))


@pytest.fixture
def here(database) -> Side:
    return make_side(database)


@pytest.fixture
def home(new_database_url: Callable[[], str], here) -> Iterator[Side]:
    """青禾, which knows 澜江 and is known there, with an agreement in force on both sides."""
    opened = Database(new_database_url())
    side = make_side(opened, HOME, clock=here.clock)
    for one, other in ((here, side), (side, here)):
        introduce(one, other)
        one.write(lambda session, one=one, other=other: open_destination(session, one.node.fed, other.node.region))
        one.write(lambda session, other=other: session.add(_agreement(other.node.region)))
    yield side
    opened.close()


@pytest.fixture
def person_id(here) -> str:
    return arrive(here)


@pytest.fixture
def issue(here) -> Callable[..., object]:
    def make(person_id, draft=DRAFT):
        return here.write(lambda session: issue_certificate(session, here.node, person_id, draft, by=here.officer))

    return make


def _agreement(peer: str) -> Agreement:
    day = date(2026, 1, 1)
    return Agreement(
        id=AGREEMENT,
        peer=peer,
        state="signed",
        proposed_here=peer == HOME,
        purposes="confirm_journey,correct_record,persons_request",
        claims="identity",
        per_month=50,
        answer_working_days=10,
        retention_days=90,
        valid_from=day,
        valid_until=date(2027, 12, 31),
        jws="{}",
        proposed_at=_at(),
        signed_at=_at(),
    )


def _at():
    from datetime import UTC, datetime

    return datetime(2026, 1, 1, tzinfo=UTC)
