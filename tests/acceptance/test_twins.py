"""Nobody can tell from a node whether one person has a secret (rule 10).

Each test lives through one script twice, on twins whose clock, ids and nonces are the same, and which differ in one
secret of one person (韩晨曦). Where making the secret writes a log entry, the other twin does a neutral act that writes
one of the same coarse kind at the same moment: the number of entries is no secret, what they are is. Then every GET
route of the application is opened by officers of every role and by nobody, searches are made, jobs run, commands print,
the peer asks and is answered; and all of it must be the same bytes on both, apart from the person's own opened record.
"""

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from itertools import count

import pytest

from schemas.entropy import SeededEntropy
from service.demo.mail import MailSink
from service.founding import found
from service.officers.passwords import hash_password
from service.settings import Settings
from tests.acceptance.twin_story import (
    Act,
    Cast,
    arrive,
    consent_to_reminders,
    facts,
    give_code,
    issue_certificate,
    live_on,
    nothing,
    open_record,
    plan_reminders,
    protect,
    refuse,
    register_who_refuses,
    register_who_was_not_asked,
    set_the_scene,
    visit_own_page,
)
from tests.acceptance.twin_world import Twin, differences, quiet, twin
from tests.service.conftest import PASSWORD


@dataclass(frozen=True)
class Secret:
    """What one twin does and what the other does in its place, after what both do."""

    acts: tuple[Act, ...]
    neutral: tuple[Act, ...]
    before: tuple[Act, ...] = ()


SECRETS = {
    "a certificate or none": Secret((issue_certificate,), (open_record,)),
    "a consent refused or never asked": Secret((refuse,), (open_record,)),
    "a plan on or off": Secret((plan_reminders,), (open_record,), before=(consent_to_reminders,)),
    "the own page visited or not": Secret((visit_own_page,), (nothing,), before=(give_code,)),
    "what was refused at registration": Secret((register_who_refuses,), (register_who_was_not_asked,)),
}
EVERY_SECRET = Secret(
    acts=tuple(act for secret in SECRETS.values() for act in secret.acts),
    neutral=tuple(act for secret in SECRETS.values() for act in secret.neutral),
    before=tuple(act for secret in SECRETS.values() for act in secret.before),
)


@pytest.fixture(scope="session")
def password_hash() -> str:
    return hash_password(PASSWORD)


@pytest.fixture(scope="module")
def sink(tmp_path_factory):
    """A mail server, so that reminders are really sent."""
    one = MailSink(tmp_path_factory.mktemp("mail"))
    one.start()
    yield one
    one.stop()


_numbers = count(1)


@pytest.fixture
def lay_out(tmp_path, new_database_url, sink):
    """Lays out a node's directory for one twin, with the same keys each time."""

    def make(region: str, name: str) -> Settings:
        directory = tmp_path / f"{region}-{next(_numbers)}"
        found(directory, region=region, name=name, base_url=f"http://{region}.example", entropy=SeededEntropy(region))
        return Settings.load(
            directory,
            database_url=new_database_url(),
            allow_private_peers=True,
            release_times="always",
            smtp_url=sink.url,
        )

    return make


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    quiet(monkeypatch)


async def compare(
    lay_out, password_hash, lives: tuple[Callable[[Twin], Awaitable[None]], ...], own: tuple[str, ...] = ()
) -> None:
    """Live each life on a twin of its own and look for differences; addresses that end in `own` may differ."""
    lived = []
    for life in lives:
        async with twin(lay_out, password_hash) as one:
            await life(one)
            await one.look()
            one.transcript = [(label, text) for label, text in one.transcript if not label.endswith(own)]
            lived.append(one)
    # It was really looked at: the officer who may see all was shown something at nearly every route.
    shown = [text[:3] for label, text in lived[0].transcript if label.startswith("王芳 GET")]
    assert shown.count(b"200") > 0.75 * len(shown), Counter(shown)
    assert len(shown) > 100
    found = differences(*lived)
    assert not found, "\n".join([f"{len(found)} places tell the twins apart:", *found[:40]])


@pytest.mark.long
@pytest.mark.parametrize("name", SECRETS)
async def test_twins_that_differ_in(name, lay_out, password_hash):
    await compare_secret(SECRETS[name], lay_out, password_hash)


@pytest.mark.by_turns
async def test_twins_that_differ_in_every_secret_at_once(lay_out, password_hash):
    """What one secret shows, this shows, too; which one it was, `make test-long` says."""
    await compare_secret(EVERY_SECRET, lay_out, password_hash)


async def compare_secret(secret: Secret, lay_out, password_hash) -> None:
    def life(acts: tuple[Act, ...]) -> Callable[[Twin], Awaitable[None]]:
        async def live(one: Twin) -> None:
            cast = Cast()
            await set_the_scene(one, cast)
            for act in secret.before:
                await act(one, cast)
            for act in acts:
                # Each act has its own moment, however many requests it needs.
                one.clock.set(one.clock.now().replace(second=0, microsecond=0) + timedelta(minutes=1))
                await act(one, cast)
            one.clock.set(one.clock.now().replace(second=0, microsecond=0) + timedelta(minutes=1))
            await live_on(one, cast)

        return live

    await compare(lay_out, password_hash, (life(secret.acts), life(secret.neutral)))


@pytest.mark.by_turns
async def test_twins_that_differ_in_digit_17(lay_out, password_hash):
    def life(digit: int) -> Callable[[Twin], Awaitable[None]]:
        async def live(one: Twin) -> None:
            cast = Cast(digit=digit)
            await set_the_scene(one, cast)
            one.clock.advance(minutes=5)
            # The peer may learn the number, and only sealed: nothing is sent about the person here.
            await live_on(one, cast, about_subject=False)
            one.known["person_id"].append(cast.subject)
            one.known["arrival_id"].append(cast.subject_arrival)

        return live

    await compare(lay_out, password_hash, (life(3), life(4)), own=("full=1&purpose=counter", "/edit"))


@pytest.mark.by_turns
@pytest.mark.parametrize("registered_again", [pytest.param(False, marks=pytest.mark.long), True])
async def test_twins_that_differ_in_a_person_who_is_protected_or_absent(lay_out, password_hash, registered_again):
    def life(*, there: bool) -> Callable[[Twin], Awaitable[None]]:
        async def live(one: Twin) -> None:
            cast = Cast()
            await set_the_scene(one, cast, with_subject=False)
            one.clock.advance(minutes=1)
            moment, shown = one.clock.now(), len(one.transcript)
            if there:
                came = await arrive(one, facts("韩晨曦", cast.number, 97130))
                cast.subject = came["person_id"]
                await protect(one, cast)
                cast.subject = ""
            else:
                for _ in range(2):
                    await open_record(one, cast)
            del one.transcript[shown:]
            one.clock.set(moment)
            one.clock.advance(minutes=5)
            one.entropy.next_step(5_000)
            # An officer who has the person's papers in hand asks in every way there is, then registers them anew.
            ledger = f"姓名,身份证号码,户籍地,流入日期\n韩晨曦,{cast.number},青禾县,2026-09-01\n".encode("gb18030")
            form = {"files": {"file": ("ledger.csv", ledger)}, "data": {"kind": "arrivals", "dry_run": "true"}}
            one.note("a ledger with the person", await one.call("POST", "/api/v1/ledgers", by="李伟", **form))
            await one.told("the last four", "POST", "/search", {"q": cast.number[-4:]}, by="李伟")
            if registered_again:
                await arrive(one, facts("韩晨曦", cast.number, 97130))
            await live_on(one, cast)

        return live

    await compare(lay_out, password_hash, (life(there=True), life(there=False)))
