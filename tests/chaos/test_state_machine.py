"""Whatever happens between three nodes, in whatever order: every effect once, nothing proven and then missing.

Hypothesis chooses among sending, losing and repeating requests and answers, crashes at named points, peers suspended
and revoked, clocks that are wrong, new keys and old backups. After each step what is proven at one end must be there at
the other; at the end all lines are healed and everything must arrive.
"""

import asyncio
import itertools
from contextlib import ExitStack, suppress
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar

import httpx
import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from federation import outbox, peers
from federation.tables import MessageState, PeerState
from schemas.problems import WrongState
from tests.chaos.stormy import REGIONS, CrashError, Seen, Template, look_around, new_keys, state_of
from tests.databases import create_all
from tests.federation.nodes import introduce

PAIRS = tuple(itertools.permutations(REGIONS, 2))
SUBJECTS = ("0192f0c1-0000-7000-8000-0000000000c1", "0192f0c1-0000-7000-8000-0000000000c2", None)
regions = st.sampled_from(sorted(REGIONS))
pairs = st.sampled_from(PAIRS)
MOST_ROUNDS = 48
IN_MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None


class Line(RuleBasedStateMachine):
    """The steps and what must hold after each."""

    template: ClassVar[Template]

    def __init__(self) -> None:
        super().__init__()
        self.opened = ExitStack()
        self.runner = self.opened.enter_context(asyncio.Runner())
        folder = Path(self.opened.enter_context(TemporaryDirectory(dir=IN_MEMORY)))
        self.template.copy(folder)
        self.regions, self.wire, self.clock = self.opened.enter_context(self.template.opened(folder))
        self.forgetful: set[str] = set()
        """Regions that were restored: until all is healed their peers may hold proof of what they forgot."""

    # --- steps --------------------------------------------------------------------------------------------------------

    @rule(pair=pairs, subject=st.sampled_from(SUBJECTS), count=st.integers(1, 3))
    def queue(self, pair: tuple[str, str], subject: str | None, count: int) -> None:
        sender, receiver = (self.regions[code].side for code in pair)
        if state_of(self.regions[pair[0]], pair[1]) != PeerState.REVOKED:
            for _ in range(count):
                sender.remind(receiver, subject)

    @rule(code=regions, mode=st.sampled_from(["pass", "pass", "lost", "cut", "twice", "late"]))
    def send(self, code: str, mode: str) -> None:
        self.wire.mode = mode
        self.runner.run(look_around(self.regions[code]))
        self.wire.mode = "pass"

    @precondition(lambda self: bool(self.wire.late))
    @rule(last=st.booleans())
    def arrive_late(self, last: bool) -> None:
        request = self.wire.late.pop(-1 if last else 0)
        with suppress(httpx.TransportError):
            self.runner.run(self.wire.reach(request))

    @rule(
        code=regions,
        point=st.sampled_from(["delivery.claimed", "delivery.answered", "inbox.committed"]),
        by=regions,
    )
    def crash(self, code: str, point: str, by: str) -> None:
        self.regions[code].dies_at = point
        self.runner.run(look_around(self.regions[by]))
        self.regions[code].crash()

    @rule(pair=pairs)
    def suspend(self, pair: tuple[str, str]) -> None:
        side = self.regions[pair[0]].side
        with suppress(WrongState):
            side.write(lambda session: peers.suspend(session, side.fed, pair[1]))

    @rule(pair=pairs)
    def resume(self, pair: tuple[str, str]) -> None:
        side = self.regions[pair[0]].side
        with suppress(WrongState):
            side.write(lambda session: peers.resume(session, side.fed, pair[1]))

    @rule(pair=pairs)
    def revoke(self, pair: tuple[str, str]) -> None:
        side = self.regions[pair[0]].side
        with suppress(WrongState):
            side.write(lambda session: peers.revoke(session, side.fed, pair[1]))
            # A backup from before knows nothing of it, and the offices would have to meet again.
            self.regions[pair[0]].backup = None

    @rule(pair=pairs)
    def take_back_the_last(self, pair: tuple[str, str]) -> None:
        side = self.regions[pair[0]].side
        queued = self.regions[pair[0]].messages(pair[1])
        if queued:
            side.write(lambda session: outbox.cancel(session, side.fed, queued[-1].id))

    @rule(code=regions, seconds=st.sampled_from([-299, -120, 0, 120, 299]))
    def skew(self, code: str, seconds: int) -> None:
        for region in self.regions.values():
            region.clock.off = timedelta(seconds=seconds if region.code == code else 0)

    @rule(seconds=st.sampled_from([1, 20, 600, 7200]))
    def wait(self, seconds: int) -> None:
        self.clock.advance(seconds=seconds)

    @rule(code=regions)
    def rotate(self, code: str) -> None:
        self.clock.advance(seconds=1)
        new_keys(self.regions[code])
        # A backup holds the keys of its day: without those that were made since, offices have to pair anew.
        self.regions[code].backup = None

    @rule(code=regions)
    def back_up(self, code: str) -> None:
        self.regions[code].save()

    @precondition(lambda self: any(region.backup for region in self.regions.values()))
    @rule(code=regions)
    def restore(self, code: str) -> None:
        if self.regions[code].backup is not None:
            self.regions[code].restore()
            self.forgetful.add(code)

    # --- what must hold -----------------------------------------------------------------------------------------------

    @invariant()
    def what_is_proven_is_there_and_was_done_once(self) -> None:
        seen = {code: region.look() for code, region in self.regions.items()}
        for code, region in self.regions.items():
            assert region.doubled == []
            assert seen[code].effects <= {one for _, one in seen[code].taken}
        for sender, receiver in PAIRS:
            if receiver not in self.forgetful:
                assert not missing(seen[sender], sender, seen[receiver], receiver)

    # --- and in the end -----------------------------------------------------------------------------------------------

    def teardown(self) -> None:
        try:
            self._heal()
            for sender, receiver in PAIRS:
                self._has_arrived(sender, receiver)
        finally:
            self.opened.close()

    def _heal(self) -> None:
        """Clocks are right, nobody is suspended, offices met again, and some days go by."""
        for region in self.regions.values():
            region.clock.off *= 0
        self.clock.advance(seconds=1)
        for one, other in itertools.combinations(REGIONS, 2):
            states = state_of(self.regions[one], other), state_of(self.regions[other], one)
            if PeerState.REVOKED in states:
                introduce(self.regions[one].side, self.regions[other].side)
                introduce(self.regions[other].side, self.regions[one].side)
        for pair in PAIRS:
            self.resume(pair)
        for number in range(MOST_ROUNDS):
            # Days in the end: news of keys that a pairing made stale is refused, and holds back later news for a day.
            self.clock.advance(minutes=10 if number < MOST_ROUNDS // 2 else 360)
            for region in self.regions.values():
                self.runner.run(look_around(region))
            if not self._open():
                return
        raise AssertionError(self._open())

    def _open(self) -> list[tuple[str, str, str]]:
        """What is still to be sent, news of the node included, and what is proven and missing."""
        seen = {code: region.look() for code, region in self.regions.items()}
        waiting = {code: region.side.read(outbox.waiting_counts) for code, region in self.regions.items()}
        found = [(*pair, "waits") for pair in PAIRS if waiting[pair[0]].get(pair[1])]
        for sender, receiver in PAIRS:
            found += [(sender, receiver, one) for one in missing(seen[sender], sender, seen[receiver], receiver)]
        return found

    def _has_arrived(self, sender: str, receiver: str) -> None:
        withdrawn = (MessageState.CANCELLED, MessageState.VOIDED, MessageState.EXPIRED)
        done = self.regions[receiver].look().effects
        for message in self.regions[sender].messages(receiver):
            if message.state not in withdrawn and message.body:
                assert message.state == MessageState.RECEIPTED, (message.id, message.state, message.problem_code)
                assert message.id in done, (sender, receiver, message.id)


def missing(at_sender: Seen, sender: str, at_receiver: Seen, receiver: str) -> set[str]:
    """What the sender holds a proof of and the receiver does not have."""
    return {one for peer, one in at_sender.proven if peer == receiver and (sender, one) not in at_receiver.taken}


@pytest.fixture
def template(tmp_path: Path) -> Template:
    empty = tmp_path / "empty.sqlite"
    create_all(f"sqlite:///{empty}")
    return Template.make(tmp_path, empty)


@pytest.mark.one_database("sqlite", "an old backup is a copy of a file; the statements run on both elsewhere")
@pytest.mark.usefixtures("database_kind")
@pytest.mark.parametrize("examples", [8, pytest.param(500, marks=pytest.mark.long)])
def test_whatever_happens_each_message_takes_effect_once(template: Template, examples: int) -> None:
    Line.template = template
    # Explaining and shrinking a failure take minutes; the steps that led to it are printed in any case.
    phases = (Phase.generate,)
    how = settings(max_examples=examples, stateful_step_count=20, derandomize=True, deadline=None, phases=phases)
    run_state_machine_as_test(Line, settings=how)


def test_a_crash_is_no_fault_of_the_network() -> None:
    assert not issubclass(CrashError, OSError | httpx.HTTPError)
