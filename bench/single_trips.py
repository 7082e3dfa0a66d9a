"""The row of single messages: 32 peers with one question in flight each, against the plainest way.

Nothing can be put together into batches here: each request carries one message. What is left is one commit for all
who wait at the same moment, and one signature check after the other.
"""

import asyncio
import tempfile
import time
from itertools import islice
from pathlib import Path

from bench import plain_node, plain_way
from bench.pair import ANSWERER, ASKER, Side, Wire, identities, introduce
from bench.slices import Result, Work, compare
from schemas.identity import PersonIdentity
from service.agreements.actions import propose_agreement, sign_agreement
from service.jobs import run_job
from service.registry.drafts import ArrivalDraft, DepartureDraft
from service.registry.register import register_arrival, register_departure
from service.verification.asking import AskDraft, request_verification

PEERS = 32
PAIRS = 3
WORK = "verified and answered round trips, batch of one, 32 peers with one in flight each"
NOTE = "33 nodes in one process; JWE, vault, log entries and receipts on both sides of the ratio"


class Ring:
    """One answerer and its many peers, paired and agreed, with a person for every question."""

    def __init__(self, directory: Path, each: int) -> None:
        self.wire = Wire()
        self.answerer = Side(directory / ANSWERER, ANSWERER, "青禾县", self.wire)
        self.askers = [
            Side(directory / region, region, region, self.wire)
            for region in (f"790303{number:03d}" for number in range(1, PEERS + 1))
        ]
        people = identities()
        self.people = [self._join(asker, list(islice(people, each))) for asker in self.askers]

    def _join(self, asker: Side, people: list[dict[str, str]]) -> list[str]:
        """Pair an asker with the answerer, and register its people on both sides; their ids at the asker."""
        introduce(asker, self.answerer)
        region, today = asker.node.region, asker.node.today().isoformat()

        def leave(session):
            for person in people:
                told = self.answerer.told(region)
                draft = DepartureDraft(person=person, destination_region=region, departed_on=today, **told)
                register_departure(session, self.answerer.node, draft, by=self.answerer.officer)

        def come(session):
            return [
                register_arrival(
                    session,
                    asker.node,
                    ArrivalDraft(person=person, origin_region=ANSWERER, arrived_on=today, **asker.told(ANSWERER)),
                    by=asker.officer,
                ).move.person_id
                for person in people
            ]

        self.answerer.node.database.write_sync(leave)
        return asker.node.database.write_sync(come)

    async def agree(self) -> None:
        other = self.answerer.node
        for asker in self.askers:
            node = asker.node
            made = node.database.write_sync(
                lambda s, node=node, asker=asker: (
                    propose_agreement(s, node, ANSWERER, by=asker.officer, per_month=50).id
                )
            )
            await self._settle([asker])
            other.database.write_sync(lambda s, made=made: sign_agreement(s, other, made, by=self.answerer.officer))
            await self._settle([asker])

    async def round(self, number: int) -> None:
        """Everyone asks about one person; returns when all answers are there."""
        await asyncio.gather(
            *(self._ask(asker, ids[number]) for asker, ids in zip(self.askers, self.people, strict=True))
        )
        await run_job("matching", self.answerer.node, self.answerer.tools)
        await self.answerer.tools.delivery.tick()

    async def _ask(self, asker: Side, person_id: str) -> None:
        claims = ("identity", "departure_declared")
        draft = AskDraft(person_id=person_id, peer=ANSWERER, claims=claims, purpose="confirm_journey")
        await asker.node.database.write(lambda s: request_verification(s, asker.node, draft, by=asker.officer))
        await asker.tools.delivery.tick()

    async def _settle(self, askers: list[Side]) -> None:
        done = 1
        while done:
            done = 0
            for side in (*askers, self.answerer):
                done += await run_job("matching", side.node, side.tools)
                done += await side.tools.delivery.tick()

    async def close(self) -> None:
        for side in (self.answerer, *self.askers):
            await side.tools.delivery.aclose()
            side.node.database.close()


def measure(*, pairs: int = PAIRS) -> list[Result]:
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner() as runner:
        directory, slices = Path(folder), pairs + 1
        ring = Ring(directory / "ours", slices)
        runner.run(ring.agree())
        asker, answerer = (plain_node.open_node(directory, region) for region in (ASKER, ANSWERER))
        people = [PersonIdentity.model_validate(one) for one in islice(identities(), PEERS * slices)]
        plain_node.fill(asker, answerer, people)
        plain_node.fill(answerer, asker, people)
        clients = plain_way.clients_of(asker, answerer)
        rounds, left = iter(range(slices)), iter(people)

        def own() -> Work:
            number, begun = next(rounds), time.perf_counter()
            runner.run(ring.round(number))
            return Work(PEERS, time.perf_counter() - begun)

        async def plainly(batch: list[PersonIdentity]) -> None:
            for person in batch:
                await plain_way.trip(asker, answerer, clients, person)

        def plain() -> Work:
            batch, begun = list(islice(left, PEERS)), time.perf_counter()
            runner.run(plainly(batch))
            return Work(PEERS, time.perf_counter() - begun)

        try:
            baseline = "the plainest way: ORM rows, one message a POST, a commit each"
            return [compare(WORK, baseline, 8.0, own, plain, pairs=pairs, note=NOTE)]
        finally:
            runner.run(ring.close())


if __name__ == "__main__":
    print(measure())
