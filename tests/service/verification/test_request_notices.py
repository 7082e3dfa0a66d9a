"""Each person is told of each request about them, once, by day, unless they switched it off; no peer notices."""

from dataclasses import replace
from datetime import timedelta
from email.message import EmailMessage

import pytest
from sqlmodel import select

from service.mail import LineDown, MailRefused
from service.request_notices.sending import send_request_notices
from service.request_notices.tables import RequestNotice
from tests.service.two_regions import ANSWERER, ASKER, HAN, NAMES, Region, Regions
from tests.service.verification.test_dialogue import SHARE_AWAY, SHARE_HOME

HOME_ADDRESS, AWAY_ADDRESS = "han.home@example.invalid", "han.away@example.invalid"


class Post:
    """A mail server that keeps what it takes, and may be down or refuse."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.fault: Exception | None = None

    def open(self, _url: str) -> "Post":
        return self

    def send(self, message: EmailMessage) -> None:
        if self.fault is not None:
            raise self.fault
        self.mails.append(message)

    def close(self) -> None:
        pass


@pytest.fixture
def post() -> Post:
    return Post()


async def tell(region: Region, post: Post) -> list[str]:
    """Run the job; whom it wrote to."""
    before = len(post.mails)
    settings = region.node.settings.model_copy(update={"smtp_url": "smtp://127.0.0.1"})
    await send_request_notices(replace(region.node, settings=settings), open_mailer=post.open)
    return [str(mail["To"]) for mail in post.mails[before:]]


def waiting(region: Region) -> list[bytes | None]:
    rows = region.node.database.read_sync(lambda session: list(session.exec(select(RequestNotice)).all()))
    return [row.sealed for row in rows]


async def asked(regions: Regions) -> tuple[str, str]:
    """Someone known in both regions, each with an address, about whom a question was put and answered."""
    left = (await regions.answerer.leaves(SHARE_AWAY, email=HOME_ADDRESS))["person_id"]
    arrived = (await regions.asker.arrives(SHARE_HOME, email=AWAY_ADDRESS))["person_id"]
    await regions.asker.asks(arrived)
    await regions.settle()
    return str(arrived), str(left)


async def test_both_tell_the_person_once_and_nothing_of_the_request(regions, post):
    await asked(regions)
    night = regions.clock.now()
    regions.clock.set(night.replace(hour=15))
    assert await tell(regions.asker, post) == [], "never at night"
    regions.clock.set(night + timedelta(days=5))
    assert await tell(regions.asker, post) == [], "never on a Saturday"
    regions.clock.set(night + timedelta(hours=1))
    assert await tell(regions.asker, post) == [AWAY_ADDRESS]
    assert await tell(regions.answerer, post) == [HOME_ADDRESS]
    for region in (regions.asker, regions.answerer):
        assert await tell(region, post) == []
        assert waiting(region) == [None]
    sent, received = (mail.get_content() for mail in post.mails)
    assert NAMES[ANSWERER] in sent
    assert NAMES[ASKER] in received
    for text, mail in zip((sent, received), post.mails, strict=True):
        assert f"{'http' if 'http' in text else ''}" in text
        for secret in (HAN["name"], HAN["document_number"], "identity", "departure", "流出", "confirm_journey"):
            assert secret not in text + str(mail["Subject"])
    regions.clock.advance(days=91)
    await regions.answerer.run("purge")
    assert waiting(regions.answerer) == []


async def test_who_switched_it_off_is_hidden_or_nobody_is_not_told(regions, post):
    arrived, left = await asked(regions)
    await regions.asker.post(f"/people/{arrived}/request-messages", {"on": False}, 204)
    await regions.answerer.post(f"/people/{left}/protect", {"reason": "threat", "until": "2027-11-23"}, 204)
    nobody = (await regions.asker.arrives(SHARE_HOME, name="柳若谷", document_number="790101198502142345"))["person_id"]
    await regions.asker.asks(nobody)
    await regions.settle()
    assert len(waiting(regions.answerer)) == 2, "the same row for whoever is not here"
    assert len({len(one or b"") for one in waiting(regions.answerer)}) == 1
    for region in (regions.asker, regions.answerer):
        assert await tell(region, post) == []
        assert set(waiting(region)) == {None}
    await regions.asker.refused(f"/people/{arrived}/request-messages", {"on": "perhaps"}, "invalid_input")
    elsewhere = await regions.asker.as_officer("西乡专干", area=f"{ASKER}002")
    await elsewhere.refused(f"/people/{arrived}/request-messages", {"on": True}, "not_found")


async def test_a_mail_server_that_does_not_take_it(regions, post):
    await asked(regions)
    post.fault = LineDown()
    assert await tell(regions.asker, post) == []
    post.fault = None
    assert await tell(regions.asker, post) == [], "it is left alone for ten minutes"
    regions.clock.advance(minutes=11)
    assert await tell(regions.asker, post) == [AWAY_ADDRESS]
    post.fault = MailRefused(for_good=False)
    assert await tell(regions.answerer, post) == []
    assert waiting(regions.answerer) != [None]
    regions.clock.advance(minutes=2)
    post.fault = MailRefused(for_good=True)
    assert await tell(regions.answerer, post) == []
    assert waiting(regions.answerer) == [None]
