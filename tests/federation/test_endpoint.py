"""The real endpoint: what it accepts, and the refusing twin of every part of a request."""

import json
import random
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import httpx
from sqlmodel import func, select

from federation import peers
from federation.node import EVENTS_PATH, Limits
from federation.signatures import content_digest, sign_request, verify_answer
from federation.tables import InboxMessage, Invitation, PeerState
from schemas.envelope import CONTENT_TYPE
from tests.federation.nodes import START, Pair, Side, make_side, message

PULL = f"{EVENTS_PATH}?stream=5b0c2c1e-0000-4000-8000-0000000000b1&after=0"


def batch(pair: Pair, *changes: dict[str, Any]) -> bytes:
    return json.dumps([message(pair.lan, pair.qing, **one) for one in changes or ({},)]).encode()


def code(answer: httpx.Response) -> str:
    assert answer.headers["content-type"] == "application/problem+json"
    kind: str = answer.json()["type"]
    return kind.removeprefix("/problems/")


def is_signed(answer: httpx.Response) -> bool:
    return "signature" in answer.headers or "signature-input" in answer.headers


def rows(side: Side) -> int:
    """Effects and dedupe rows: what a refused request must not change."""

    def count(session: Any) -> int:
        effects = session.exec(select(func.count()).select_from(Invitation).where(Invitation.direction == "effect"))
        return int(effects.one()) + int(session.exec(select(func.count()).select_from(InboxMessage)).one())

    return int(side.read(count))


async def test_a_signed_batch_is_taken_and_its_answer_is_signed(pair: Pair) -> None:
    body = batch(pair, {}, {"streamseq": 2})
    request = sign_request(
        pair.lan.fed.keys,
        "POST",
        pair.qing.fed.base_url + EVENTS_PATH,
        content_type=CONTENT_TYPE,
        body=body,
        now=START,
        entropy=pair.lan.fed.entropy,
    )
    answer = await pair.lan.bare(pair.qing, "POST", EVENTS_PATH, body, request.headers())
    assert answer.status_code == 200
    assert [one["result"] for one in answer.json()] == ["accepted", "accepted"]
    assert [one["streamseq"] for one in answer.json()] == [1, 2]
    fields = [(name.lower(), value) for name, value in answer.headers.items()]
    verify_answer(request, status=200, headers=fields, body=answer.content, keys=[pair.qing.fed.keys.jwk("transport")])
    assert rows(pair.qing) == 4


async def test_clocks_may_differ_by_almost_five_minutes(pair: Pair) -> None:
    for seconds in (-299, 0, 299):
        answer = await pair.lan.send(pair.qing, batch(pair), at=START + timedelta(seconds=seconds))
        assert answer.status_code == 200, seconds


async def test_a_stale_or_future_request_is_told_by_how_much(pair: Pair) -> None:
    for seconds in (-301, 301, 86400):
        answer = await pair.lan.send(pair.qing, batch(pair), at=START + timedelta(seconds=seconds))
        assert (answer.status_code, code(answer), is_signed(answer)) == (401, "clock_skew", True)
        assert answer.json()["offset_seconds"] == seconds
    assert rows(pair.qing) == 0


UNAUTHENTICATED = {
    "unsigned": {"headers": {"signature": None, "signature-input": None}},
    "without its signature": {"headers": {"signature": None}},
    "without its input": {"headers": {"signature-input": None}},
    "without its digest": {"headers": {"content-digest": None}},
    "with another signature": {"headers": {"signature": f"tonglu=:{'A' * 86}==:"}},
    "with a signature that is none": {"headers": {"signature": "tonglu=::"}},
    "with another digest": {"headers": {"content-digest": content_digest(b"[]")}},
    "with a digest of another kind": {"headers": {"content-digest": f"sha-512=:{'A' * 86}==:"}},
    "with another content type": {"headers": {"content-type": "application/json"}},
    "for another host": {"base_url": "http://790102.example"},
    "for another scheme": {"base_url": "https://790101.example"},
    "at another query": {"to": f"{EVENTS_PATH}?a=1"},
}


async def test_whoever_is_not_a_peer_gets_one_and_the_same_problem(pair: Pair) -> None:
    stranger = make_side(pair.wire, pair.clock, pair.lan.database, "790909", "外人")
    theirs = await stranger.send(pair.qing, batch(pair))
    assert (theirs.status_code, code(theirs), is_signed(theirs)) == (401, "unauthenticated", False)
    for how, changes in UNAUTHENTICATED.items():
        answer = await pair.lan.send(pair.qing, batch(pair), **changes)
        assert answer.status_code == 401, how
        assert (answer.content, dict(answer.headers)) == (theirs.content, dict(theirs.headers)), how
    assert rows(pair.qing) == 0
    assert pair.qing.seen == []


def inputs(pair: Pair, body: bytes) -> dict[str, str]:
    request = sign_request(
        pair.lan.fed.keys,
        "POST",
        pair.qing.fed.base_url + EVENTS_PATH,
        content_type=CONTENT_TYPE,
        body=body,
        now=START,
        entropy=pair.lan.fed.entropy,
    )
    return request.headers()


SHAPES = (
    (";nonce=", ";nonce2="),
    ('"content-digest")', '"content-digest" "host")'),
    (';alg="ed25519"', ';alg="ed25519";alg="ed25519"'),
    ("created=", "created=1;created="),
    ('"@target-uri" ', ""),
    ("tonglu=", "sig1="),
    (';tag="tonglu-v1"', ""),
    (";expires=", ";expires=9"),
)


async def test_another_shape_of_signature_is_no_signature(pair: Pair) -> None:
    body = batch(pair)
    for old, new in SHAPES:
        headers = inputs(pair, body)
        headers["signature-input"] = headers["signature-input"].replace(old, new, 1)
        answer = await pair.lan.bare(pair.qing, "POST", EVENTS_PATH, body, headers)
        assert (answer.status_code, code(answer), is_signed(answer)) == (401, "unauthenticated", False), new


async def test_a_doubled_field_is_refused(pair: Pair) -> None:
    body = batch(pair)
    headers = inputs(pair, body)
    for name in ("signature", "signature-input", "content-digest", "content-type"):
        answer = await pair.lan.bare(pair.qing, "POST", EVENTS_PATH, body, [*headers.items(), (name, headers[name])])
        assert (answer.status_code, code(answer)) == (401, "unauthenticated"), name


async def test_host_and_forwarded_headers_change_nothing(pair: Pair) -> None:
    fields = {"host": "evil.example", "x-forwarded-host": "evil.example", "x-forwarded-proto": "https"}
    assert (await pair.lan.send(pair.qing, batch(pair), headers=fields)).status_code == 200


async def test_an_altered_body_does_not_fit_its_digest(pair: Pair) -> None:
    answer = await pair.lan.send(pair.qing, batch(pair), content=batch(pair))
    assert (answer.status_code, code(answer), is_signed(answer)) == (400, "digest_mismatch", True)
    assert answer.json()["retry"] == "now"
    assert rows(pair.qing) == 0


async def test_the_same_request_is_taken_once(pair: Pair) -> None:
    body = batch(pair)
    headers = inputs(pair, body)
    first = await pair.lan.bare(pair.qing, "POST", EVENTS_PATH, body, headers)
    again = await pair.lan.bare(pair.qing, "POST", EVENTS_PATH, body, headers)
    assert first.status_code == 200
    assert (again.status_code, code(again), is_signed(again)) == (409, "replayed", True)
    assert again.json()["retry"] == "now"
    assert rows(pair.qing) == 2


NO_BATCHES = (
    b"nonsense",
    b"{}",
    b"[]",
    b"[1] [2]",
    b"\xff\xfe",
    b"[" * 5000,
    b"[" + b",".join([b"{}"] * 201) + b"]",
)


async def test_a_body_that_is_no_batch_is_malformed_and_its_nonce_is_used(pair: Pair) -> None:
    for body in NO_BATCHES:
        headers = inputs(pair, body)
        answer = await pair.lan.bare(pair.qing, "POST", EVENTS_PATH, body, headers)
        assert (answer.status_code, code(answer), is_signed(answer)) == (400, "malformed", True), body[:20]
        again = await pair.lan.bare(pair.qing, "POST", EVENTS_PATH, body, headers)
        assert code(again) == "replayed"


async def test_another_content_type_is_malformed_when_it_is_signed(pair: Pair) -> None:
    answer = await pair.lan.send(pair.qing, batch(pair), content_type="application/json")
    assert (answer.status_code, code(answer), is_signed(answer)) == (400, "malformed", True)


async def test_no_content_coding_is_taken(pair: Pair) -> None:
    answer = await pair.lan.send(pair.qing, batch(pair), headers={"content-encoding": "gzip"})
    assert (answer.status_code, code(answer), is_signed(answer)) == (415, "unsupported_coding", True)


async def test_a_body_that_is_too_large_is_not_read_to_its_end(pair: Pair) -> None:
    async def endless() -> Any:
        while True:
            yield b" " * 65536

    transport = pair.wire.apps[pair.qing.host]
    async with httpx.AsyncClient(transport=transport, base_url=pair.qing.fed.base_url) as client:
        streamed = await client.post(EVENTS_PATH, content=endless())
        declared = await client.post(EVENTS_PATH, content=b"[]", headers={"content-length": "1048577"})
    for answer in (streamed, declared):
        assert (answer.status_code, code(answer), is_signed(answer)) == (413, "too_large", False)


async def test_a_suspended_peer_is_told_so_and_a_revoked_one_is_unknown(pair: Pair) -> None:
    qing = pair.qing
    qing.write(lambda session: peers.suspend(session, qing.fed, pair.lan.region))
    for moment in (START, START + timedelta(days=1)):
        answer = await pair.lan.send(qing, batch(pair), at=moment)
        assert (answer.status_code, code(answer), is_signed(answer)) == (403, "peer_suspended", True)
    qing.write(lambda session: peers.revoke(session, qing.fed, pair.lan.region))
    answer = await pair.lan.send(qing, batch(pair))
    assert (answer.status_code, code(answer), is_signed(answer)) == (401, "unauthenticated", False)
    assert rows(qing) == 0


async def test_only_the_transport_key_signs_requests(pair: Pair) -> None:
    from federation.keys import NodeKey, NodeKeys

    keys = {key.use: key for key in pair.lan.fed.keys.all()}
    swapped = [NodeKey("transport", keys["certificate"].private), *(keys[use] for use in ("checkpoint", "seal"))]
    other = NodeKeys([*swapped, NodeKey("certificate", keys["transport"].private)])
    body = batch(pair)
    request = sign_request(
        other,
        "POST",
        pair.qing.fed.base_url + EVENTS_PATH,
        content_type=CONTENT_TYPE,
        body=body,
        now=START,
        entropy=pair.lan.fed.entropy,
    )
    answer = await pair.lan.bare(pair.qing, "POST", EVENTS_PATH, body, request.headers())
    assert (answer.status_code, code(answer)) == (401, "unauthenticated")


async def test_an_invited_peer_is_answered_like_an_active_one(strangers: Pair) -> None:
    from tests.federation.nodes import introduce

    introduce(strangers.lan, strangers.qing)
    answer = await strangers.lan.send(strangers.qing, batch(strangers))
    assert answer.status_code == 200
    found = strangers.qing.read(lambda session: peers.find_peer(session, strangers.lan.region))
    assert found.state == PeerState.ACTIVE


async def test_a_pull_without_a_body_is_signed_over_its_query(pair: Pair) -> None:
    answer = await pair.lan.call(pair.qing, "GET", PULL)
    assert (answer.status_code, answer.json()) == (200, {"items": [], "high_water": 0})
    bent = await pair.lan.call(pair.qing, "GET", PULL, to=PULL.replace("after=0", "after=1"))
    assert (bent.status_code, code(bent)) == (401, "unauthenticated")
    for name, value in (("content-type", "text/plain"), ("content-digest", content_digest(b""))):
        extra = await pair.lan.call(pair.qing, "GET", PULL, headers={name: value})
        assert (extra.status_code, code(extra)) == (401, "unauthenticated")


NO_PULLS = (
    "",
    "?stream=x&after=0",
    "?stream=5b0c2c1e-0000-4000-8000-0000000000b1",
    "?stream=5b0c2c1e-0000-4000-8000-0000000000b1&after=-1",
    "?stream=5b0c2c1e-0000-4000-8000-0000000000b1&after=99999999999999999999",
    "?stream=5b0c2c1e-0000-4000-8000-0000000000b1&after=0&after=0",
    "?stream=5b0c2c1e-0000-4000-8000-0000000000b1&after=0&x=1",
    "?after=%D9%A1&stream=5b0c2c1e-0000-4000-8000-0000000000b1",
)


async def test_a_pull_with_other_parameters_is_malformed(pair: Pair) -> None:
    for query in NO_PULLS:
        answer = await pair.lan.call(pair.qing, "GET", EVENTS_PATH + query)
        assert (answer.status_code, code(answer), is_signed(answer)) == (400, "malformed", True), query


async def test_a_peer_pulls_what_was_numbered_for_it_and_nothing_else(pair: Pair, new_side: Any) -> None:
    lan, qing = pair.lan, pair.qing
    pair.wire.cut.add(qing.host)
    sent = [lan.remind(qing) for _ in range(3)]
    await lan.delivery.tick()
    stream = lan.read(lambda session: peers.destination_of(session, qing.region)).stream
    answer = await qing.call(lan, "GET", f"{EVENTS_PATH}?stream={stream}&after=1")
    assert [one["id"] for one in answer.json()["items"]] == sent[1:]
    assert answer.json()["high_water"] == 3
    assert [one["streamseq"] for one in answer.json()["items"]] == [2, 3]
    other = new_side("790909", "旁县")
    from tests.federation.nodes import introduce

    introduce(other, lan)
    foreign = await other.call(lan, "GET", f"{EVENTS_PATH}?stream={stream}&after=0")
    assert foreign.json() == {"items": [], "high_water": 0}


async def test_past_its_bounds_a_peer_is_told_to_wait(pair: Pair, new_side: Any) -> None:
    import dataclasses

    tight = dataclasses.replace(pair.qing.fed, limits=Limits(requests_per_second=2, concurrent=1))
    qing = Side(tight, pair.qing.database, pair.wire)
    answers = [await pair.lan.send(qing, batch(pair)) for _ in range(4)]
    assert [answer.status_code for answer in answers][:2] == [200, 200]
    limited = answers[-1]
    assert (limited.status_code, code(limited), is_signed(limited)) == (429, "rate_limited", True)
    assert limited.headers["retry-after"] == "1"


async def test_other_methods_are_not_allowed(pair: Pair) -> None:
    for method in ("PUT", "DELETE", "PATCH", "HEAD"):
        assert (await pair.lan.bare(pair.qing, method, EVENTS_PATH, b"", {})).status_code == 405


async def test_no_mutation_of_a_signed_request_is_accepted_or_breaks_the_node(pair: Pair) -> None:
    chance = random.Random(7)
    body = batch(pair)
    good = inputs(pair, body)
    for _ in range(400):
        headers, content, path = dict(good), body, EVENTS_PATH
        part = chance.choice([*headers, "body", "path"])
        original = content.decode() if part == "body" else path if part == "path" else headers[part]
        place = chance.randrange(1 if part == "path" else 0, len(original))
        sign = chance.choice("aZ0;=\" '(){}[],:\\~+-\u00b2\u00e9")
        changed = chance.choice(
            [original[:place] + sign + original[place + 1 :], original[:place] + original[place + 1 :], original + sign]
        )
        if part == "body":
            content = changed.encode()
        elif part == "path":
            path = quote(changed, safe="/;=(),:~+-'")
        else:
            headers[part] = changed.encode("latin-1")
        if changed.strip() == original or changed.replace("; ", ";") == original:
            continue
        answer = await pair.lan.bare(pair.qing, "POST", path, content, headers)
        assert answer.status_code in (307, 400, 401, 404, 405), (part, changed)
    assert rows(pair.qing) == 0
    assert (await pair.lan.bare(pair.qing, "POST", EVENTS_PATH, body, good)).status_code == 200


async def test_messages_are_posted_without_a_query(pair: Pair) -> None:
    answer = await pair.lan.call(pair.qing, "POST", f"{EVENTS_PATH}?{'a' * 2000}=1", batch(pair))
    assert (answer.status_code, code(answer), is_signed(answer)) == (400, "malformed", True)
