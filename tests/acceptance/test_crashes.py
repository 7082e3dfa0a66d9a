"""A node that is killed at any named point and started again loses nothing and does nothing twice.

Two nodes as real processes play a small story. In each run one of them kills itself (SIGKILL) at one point of
`schemas/points.py`, which it proves to have reached, and is started again as `tonglu serve` starts it. The story must
go on by itself, callers repeating their request under the same Idempotency-Key, and in the end every table of both
nodes must have as many rows as after a run in which nobody died.
"""

from email import message_from_bytes
from email.policy import default

import pytest

from schemas.points import POINTS
from service.demo.mail import MailSink
from tests.acceptance.crash_story import PLACES, log_verifies, play
from tests.acceptance.crash_world import Databases, Template

BY_ATTEMPT = {
    "nonce": "one for every request, also for one that is tried again",
    "exchange": "the evidence of one request and its answer: a request that is tried again is another one",
    "log_checkpoint": "one for every time that the log was numbered, which depends on the clock",
}
"""Tables that count attempts and not effects."""


@pytest.fixture(scope="module")
def template(request, database_kind, tmp_path_factory):
    server = request.getfixturevalue("postgresql_server") if database_kind == "postgresql" else None
    databases = Databases(database_kind, server)
    sink = MailSink(tmp_path_factory.mktemp("mail"))
    sink.start()
    try:
        yield Template.make(tmp_path_factory.mktemp("crashes") / "template", databases, sink)
    finally:
        sink.stop()
        databases.close()


@pytest.fixture(scope="module")
def undisturbed(template):
    """How many rows each table has when nobody dies."""
    world = template.copy()
    counts = play(world, None)
    log_verifies(world)
    return counts


def test_every_point_has_its_place_in_the_story():
    assert PLACES.keys() == POINTS.keys()


@pytest.mark.by_turns
@pytest.mark.parametrize("point", POINTS)
def test_a_node_killed_here_goes_on_as_if_nothing_had_been(template, undisturbed, point):
    world = template.copy()
    before = mails(template)
    counts = play(world, point)
    differing = {
        (region, table): f"{undisturbed[region].get(table)} undisturbed, {rows} here"
        for region, tables in counts.items()
        for table, rows in tables.items()
        if table not in BY_ATTEMPT and rows != undisturbed[region].get(table)
    }
    assert not differing
    log_verifies(world)
    # What the mail server took before the crash is sent once more under the same Message-ID: one mail to the person.
    reminders, notices = mails(template)
    assert len(reminders - before[0]) == 1
    # By night nobody is told of a request yet.
    assert len(notices - before[1]) <= 1


def mails(template):
    """The Message-IDs that the sink was given: of reminders, and of notices of requests."""
    reminders, notices = set(), set()
    for path in template.sink._directory.glob("*.eml"):
        mail = message_from_bytes(path.read_bytes(), policy=default)
        (notices if "A notice" in mail["Subject"] else reminders).add(mail["Message-ID"])
    return reminders, notices
