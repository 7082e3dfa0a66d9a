"""Forms put aside: sealed, their officer's alone, gone after a day."""

import pytest

from schemas.problems import Forbidden, NotFound, WrongState
from service.officers.rules import Role
from service.registry.parked import park, parked_of, purge_parked, take_up
from service.registry.tables import ParkedForm
from tests.service.conftest import add_account

TYPED = {"name": ["高未完"], "region": ["qhx"], "moved_on": ["202609x"]}


def test_a_form_put_aside_is_its_officers_alone_and_goes_after_a_day(node, officer, clock, password_hash):
    colleague = add_account(node, password_hash, "专干", frozenset({Role.CLERK}))
    auditor = add_account(node, password_hash, "审计", frozenset({Role.AUDITOR}))
    write, read = node.database.write_sync, node.database.read_sync
    with pytest.raises(Forbidden):
        write(lambda session: park(session, node, "arrivals", TYPED, by=auditor))
    first = write(lambda session: park(session, node, "arrivals", TYPED, by=officer))
    again = write(lambda session: park(session, node, "arrivals", TYPED | {"parked": [first]}, by=officer))
    (kept,) = read(lambda session: parked_of(session, node, officer.id))
    assert (kept.id, kept.typed, kept.name) == (again, TYPED, "高未完")
    for gone, who in ((first, officer), (again, colleague)):
        with pytest.raises(NotFound):
            read(lambda session, gone=gone, who=who: take_up(session, node, gone, by=who))
    sealed = read(lambda session: session.get_one(ParkedForm, again).sealed)
    assert "高未完".encode() not in sealed
    for _ in range(19):
        write(lambda session: park(session, node, "departures", TYPED, by=officer))
    with pytest.raises(WrongState):
        write(lambda session: park(session, node, "arrivals", TYPED, by=officer))
    # Whoever works here no longer leaves nothing behind.
    write(lambda session: park(session, node, "arrivals", TYPED, by=colleague))
    write(lambda session: node.callbacks.disabled(session, colleague.id, colleague.name))
    assert read(lambda session: parked_of(session, node, colleague.id)) == []
    clock.advance(hours=24)
    assert read(lambda session: parked_of(session, node, officer.id)) == []
    assert write(lambda session: purge_parked(session, node)) == 20
