"""A node with a mail server of its own, which keeps what it takes and may be told to refuse."""

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from aiosmtpd.controller import Controller

from schemas.claims import Cadence, Channel, ReminderKind
from service.reminders.actions import PlanDraft, make_plan
from service.reminders.tables import ReminderPlan
from tests.service.own_node import Side, arrive, make_side

QUARTERLY = PlanDraft(ReminderKind.QUARTERLY_CHECK, Cadence.QUARTERLY, Channel.EMAIL, (14, 3))
WANTED = "remind:quarterly_check"


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@dataclass
class Sink:
    """What came, and what the server says instead of taking it."""

    url: str = ""
    mails: list[EmailMessage] = field(default_factory=list)
    refuse_recipient: dict[str, str] = field(default_factory=dict)
    refuse_data: str | None = None

    async def handle_RCPT(self, server, session, envelope, address, rcpt_options):  # noqa: N802 - aiosmtpd's name for it
        if address in self.refuse_recipient:
            return self.refuse_recipient[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - as above
        if self.refuse_data is not None:
            return self.refuse_data
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"


@pytest.fixture
def sink() -> Iterator[Sink]:
    handler = Sink()
    controller = Controller(handler, hostname="127.0.0.1", port=free_port())
    controller.start()
    handler.url = f"smtp://127.0.0.1:{controller.port}"
    yield handler
    controller.stop()


@pytest.fixture
def here(database, sink) -> Side:
    return make_side(database, smtp_url=sink.url)


@pytest.fixture
def plan(here) -> Callable[..., ReminderPlan]:
    """Someone asks for a reminder; returns their plan, and their id with it."""

    def make(draft=QUARTERLY, *consents, **changes):
        person_id = arrive(here, *(consents or (WANTED,)), **changes)
        made = here.write(lambda session: make_plan(session, here.node, person_id, draft, by=here.officer))
        return person_id, made

    return make
