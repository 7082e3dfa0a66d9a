"""The programmable peer: it keeps to the protocol, and our own client takes none of its faults for a receipt."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from federation.client import PeerAnswer, PeerClient
from federation.keys import NodeKeys
from federation.mock_peer import AsgiWire, Bend, Fault, MockPeer, WireFault, faults
from federation.mock_peer.peer import digests
from federation.node import EVENTS_PATH
from federation.results import read_results
from schemas.clock import FakeClock
from schemas.entropy import SeededEntropy, uuid4
from schemas.envelope import canonical
from schemas.problems import Internal, Malformed, PeerSuspended, RateLimited, Replayed, TooLarge
from tests.federation.nodes import START

ERASURE, ERASED = "tonglu.erasure.requested.v1", "tonglu.record.erased.v1"
OTHER = NodeKeys.generate(SeededEntropy("another"))


class ToApp(httpx.AsyncBaseTransport):
    """Our client's wire, straight into the peer."""

    def __init__(self, peer: MockPeer) -> None:
        self._inner = httpx.ASGITransport(peer.app)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self._inner.handle_async_request(request)


@pytest.fixture
async def pair() -> AsyncIterator[tuple[MockPeer, MockPeer]]:
    """Two that know each other."""
    apps: dict[str, Any] = {}
    clock = FakeClock(START)
    made = []
    for region in ("790303", "790101"):
        url = f"http://{region}.example"
        made.append(MockPeer(region, url, wire=AsgiWire(apps), clock=clock, entropy=SeededEntropy(region)))
        apps[f"{region}.example"] = made[-1].app
    lan, qing = made
    async with lan, qing:
        lan.accept(qing.invitation())
        qing.accept(lan.invitation())
        await lan.wait_for(lambda: lan.peer("790101").state == qing.peer("790303").state == "active")
        yield lan, qing


async def send(lan: MockPeer, qing: MockPeer, count: int = 1) -> PeerAnswer:
    """One batch by our own client, in the name of one of the two."""
    messages = [lan.message("790101", ERASURE, {"message_ids": [uuid4(lan.own.entropy)]}) for _ in range(count)]
    client = PeerClient(lan.own, ToApp(qing))
    try:
        body = b"[" + b",".join(map(canonical, messages)) + b"]"
        return await client.post_events(qing.own.base_url, body, lan.peer("790101").of_use("transport"))
    finally:
        await client.aclose()


async def test_two_of_them_pair_and_exchange_messages(pair: tuple[MockPeer, MockPeer]) -> None:
    lan, qing = pair
    mark = uuid4(lan.own.entropy)
    sent = lan.queue("790101", ERASURE, {"message_ids": [mark]})
    await lan.wait_for(lambda: any(one.envelope.type == ERASED for one in lan.taken))
    assert lan.taken[0].envelope.data["message_ids"] == [mark]
    assert [one.envelope.id for one in qing.taken] == [sent]
    assert lan.sending.state(sent) == "receipted"


async def test_it_refuses_whom_it_does_not_know_and_takes_back_trust(pair: tuple[MockPeer, MockPeer]) -> None:
    lan, qing = pair
    qing.peer("790303").state = "suspended"
    told = await lan.pull("790101", uuid4(lan.own.entropy))
    assert (told.status, told.is_signed) == (403, True)
    qing.peer("790303").state = "revoked"
    told = await lan.pull("790101", uuid4(lan.own.entropy))
    assert (told.status, told.is_signed) == (401, False)


@pytest.mark.parametrize(
    "bend",
    [
        Bend(unsigned=True),
        Bend(alter=True),
        Bend(keys=OTHER),
        Bend(parameters={"nonce": None}),
        Bend(components=('"@method"', '"@target-uri"', '"content-type"')),
        Bend(label="other"),
        Bend(parameters={"tag": '"other"'}),
    ],
    ids=["unsigned", "altered", "key", "nonce", "components", "label", "tag"],
)
async def test_a_bent_request_counts_as_unsigned(pair: tuple[MockPeer, MockPeer], bend: Bend) -> None:
    lan, qing = pair
    message = lan.message("790101", ERASURE, {"message_ids": [uuid4(lan.own.entropy)]})
    told = await lan.post("790101", [message], bend=bend)
    assert (told.status, told.is_signed) == (401, False)
    assert qing.heard[-1].problem == "unauthenticated"
    assert qing.taken == []


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (faults.reset_before_reading(), "no_connection"),
        (faults.reset_after_reading(), "no_connection"),
        (faults.answer_lost(), "no_connection"),
        (faults.timeout(), "timeout"),
        (faults.status(503, retry_after_seconds=7), "http_503"),
        (faults.status(401), "http_401"),
        (faults.redirect("http://790101.example/else"), "http_307"),
        (faults.unsigned_problem(PeerSuspended()), "http_403"),
        (faults.wrong_key(OTHER), "bad_signature"),
        (faults.wrong_signature(), "bad_signature"),
        (faults.no_signature(), "bad_signature"),
        (faults.component_missing('"content-digest";req'), "bad_signature"),
        (faults.other_application(), "bad_signature"),
        (faults.other_label(), "bad_signature"),
        (faults.digest_sha512(), "bad_signature"),
        (faults.altered_body(), "bad_signature"),
        (faults.too_big(5_000_000), "answer_too_large"),
        (faults.coded(), "answer_coded"),
    ],
    ids=lambda value: value.name if isinstance(value, Fault) else "",
)
async def test_our_client_takes_no_fault_for_an_answer(pair: tuple[MockPeer, MockPeer], fault: Fault, why: str) -> None:
    lan, qing = pair
    qing.next(fault)
    answer = await send(lan, qing)
    assert (answer.signed, answer.fault) == (False, why)
    assert (await send(lan, qing)).signed


@pytest.mark.parametrize(
    "fault",
    [
        faults.results_reversed(),
        faults.result_missing(),
        faults.wrong_receipt_digest(),
        faults.broken_json(),
        faults.duplicate_keys(),
    ],
    ids=lambda fault: fault.name,
)
async def test_our_client_reads_no_receipt_out_of_these(pair: tuple[MockPeer, MockPeer], fault: Fault) -> None:
    lan, qing = pair
    qing.next(fault)
    answer = await send(lan, qing, 3)
    assert answer.answer is not None
    assert read_results(answer.answer.body, digests(qing.heard[-1].messages)) is None


@pytest.mark.parametrize(
    ("fault", "status", "retry"),
    [
        (faults.signed_problem(Replayed()), 409, "now"),
        (faults.signed_problem(TooLarge()), 413, "after_fixing"),
        (faults.signed_problem(RateLimited()), 429, "later"),
        (faults.signed_problem(Malformed(), status_code=422), 422, "never"),
        (faults.signed_problem(Malformed(), retry="after_fixing"), 400, "after_fixing"),
    ],
    ids=lambda value: value.name if isinstance(value, Fault) else "",
)
async def test_a_signed_problem_is_the_peers_own_word(
    pair: tuple[MockPeer, MockPeer], fault: Fault, status: int, retry: str
) -> None:
    lan, qing = pair
    qing.next(fault)
    answer = await send(lan, qing)
    assert (answer.signed, answer.status, answer.problem["retry"]) == (True, status, retry)
    assert qing.taken == []


async def test_one_message_is_refused_and_the_others_are_taken(pair: tuple[MockPeer, MockPeer]) -> None:
    lan, qing = pair
    qing.next(faults.refused(Internal(), index=1))
    answer = await send(lan, qing, 3)
    assert answer.answer is not None
    assert [one.result for one in read_results(answer.answer.body) or []] == ["accepted", "refused", "accepted"]
    assert len(qing.taken) == 2


async def test_an_answer_may_be_late_slow_and_twice(pair: tuple[MockPeer, MockPeer]) -> None:
    lan, qing = pair
    qing.next(faults.late(0.01), faults.slow(64, 0.001), faults.twice(), faults.all_duplicates())
    assert [(await send(lan, qing)).signed for _ in range(4)] == [True] * 4
    assert len(qing.taken) == 4


async def test_what_goes_wrong_may_depend_on_what_came(pair: tuple[MockPeer, MockPeer]) -> None:
    lan, qing = pair
    qing.decide(lambda heard: faults.status(500) if len(heard.messages) > 1 else None)
    assert (await send(lan, qing, 2)).status == 500
    assert (await send(lan, qing)).signed
    qing.forget_faults()
    assert (await send(lan, qing, 2)).signed


@pytest.mark.parametrize(
    "fault",
    [faults.reset_before_reading(), faults.reset_after_reading(), faults.answer_lost(), faults.cut()],
    ids=lambda fault: fault.name,
)
async def test_over_tcp_connections_are_really_reset(fault: Fault) -> None:
    nowhere = "http://127.0.0.1:1"
    seeds = [SeededEntropy(region) for region in ("790303", "790101")]
    async with (
        MockPeer("790303", nowhere, entropy=seeds[0]) as lan,
        MockPeer("790101", nowhere, entropy=seeds[1]) as qing,
    ):
        port = await qing.listen()
        lan.accept(qing.invitation(), probe=False)
        qing.accept(lan.invitation(), probe=False)
        # A descriptor names its port, and this one is known only now: the signed address stays the descriptor's.
        lan.peer("790101").base_url = qing.own.base_url
        stream = uuid4(lan.own.entropy)
        uri, real = f"http://127.0.0.1:{port}{EVENTS_PATH}", qing.own.base_url
        bend = Bend(signed_uri=f"{real}{EVENTS_PATH}?stream={stream}&after=0")
        lan.peer("790101").base_url = uri.removesuffix(EVENTS_PATH)
        qing.next(fault, method="GET")
        with pytest.raises(WireFault):
            await lan.pull("790101", stream, bend=bend)
        assert (await lan.pull("790101", stream, bend=bend)).is_signed
        assert len(qing.heard) == (1 if fault.before_reading else 2)
