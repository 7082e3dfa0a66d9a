"""The node as the one that sends: what its requests look like, and what it does when our answers go wrong.

Each trial makes it send (an erasure that nobody can have anything of is always answered) and lets our next answer go
wrong. Whatever it was, the message must come again until we took it, and have one effect.
"""

from itertools import pairwise

from federation.conformance.lines import Lines, Try
from federation.conformance.stand import NotHeld, Stand, marks_of
from federation.keys import NodeKeys
from federation.mock_peer import Fault, Heard, faults
from federation.node import EVENTS_PATH
from federation.signatures import LIFETIME_SECONDS
from schemas.problems import Internal, Malformed, Replayed, TooLarge

lines = Lines()
last = Lines()
"""What must be tried last: after it the node waits for its officers."""

SEVERAL = 6
OWN_FLAWS = frozenset({"unauthenticated", "digest_mismatch", "clock_skew", "malformed", "unsupported_coding"})


# --- Faults on the way: each message comes again -------------------------------------------------------------------


def _comes_again(make: Fault, *, count: int = 1) -> Try:
    async def attempt(stand: Stand) -> str:
        since = len(stand.me.heard)
        marks = await stand.provoke(count, make)
        requests = await stand.delivered(marks, f"after {make.name} the message did not come again")
        if any(stand.erased(mark) != 1 for mark in marks):
            raise NotHeld("more than one message for one effect")
        met = [one for one in stand.requests_about(marks, since) if one.fault == make.name]
        if not met:
            # It was reset before it could be read: what came after it is what counts.
            return f"delivered in {len(requests)} requests"
        first = marks_in(met[0])
        await stand.until(lambda: len(stand.requests_about(first, since)) > 1, f"{make.name} was taken for a receipt")
        return f"{len(stand.requests_about(first, since))} requests"

    return attempt


for _id, _says, _fault in (
    ("send-reset-before", "a connection reset before the request was read", faults.reset_before_reading()),
    ("send-reset-after", "a connection reset after it was read", faults.reset_after_reading()),
    ("send-answer-lost", "an answer that was lost after the messages were taken", faults.answer_lost()),
    ("send-answer-cut", "an answer that ends in the middle", faults.cut()),
    ("send-503", "an unsigned 503", faults.status(503)),
    ("send-401-unsigned", "an unsigned 401, which a proxy may have said", faults.status(401)),
    ("send-404-unsigned", "an unsigned 404", faults.status(404)),
    ("send-400-unsigned", "an unsigned 400", faults.status(400)),
    ("send-200-unsigned", "a 200 that nobody signed", faults.no_signature()),
    ("send-200-altered", "a 200 whose body is not the signed one", faults.altered_body()),
    ("send-200-bit", "a 200 whose signature is wrong by one bit", faults.wrong_signature()),
    ("send-200-tag", "a 200 signed under another tag", faults.other_application()),
    ("send-200-status", "a 200 whose signature does not cover its status", faults.component_missing()),
    ("send-200-loose", "a 200 not bound to its request", faults.component_missing('"content-digest";req')),
    ("send-200-sha512", "a 200 with a sha-512 digest", faults.digest_sha512()),
    ("send-json-broken", "a signed 200 that is no JSON", faults.broken_json()),
    ("send-json-duplicate", "a signed 200 with a key two times", faults.duplicate_keys()),
    ("send-receipt-digest", "a signed result for other content", faults.wrong_receipt_digest()),
    ("send-result-missing", "a signed 200 with a result too few", faults.result_missing()),
):
    lines.put(_id, f"comes again after {_says}", _comes_again(_fault))


@lines.add("send-200-stranger", "comes again after a 200 that another key signed under our key's id")
async def _stranger(stand: Stand) -> str:
    other = NodeKeys.generate(stand.me.own.entropy)
    fault = faults.borrowed_keyid(other, stand.me.own.keys.kid("transport"))
    return await _comes_again(fault)(stand)


@lines.add("send-results-order", "comes again after results in another order than the messages")
async def _results(stand: Stand) -> str:
    return await _comes_again(faults.results_reversed(), count=SEVERAL)(stand)


@lines.add("send-redirect", "a redirect is not followed")
async def _redirect(stand: Stand) -> str:
    elsewhere = f"{EVENTS_PATH}/elsewhere"
    fault = faults.redirect(stand.me.own.base_url + elsewhere)
    marks = await stand.provoke(1, fault)
    await stand.delivered(marks, "after a redirect the message did not come again")
    if any(one.path == elsewhere for one in stand.me.heard):
        raise NotHeld("it went where the redirect led")
    return "not followed"


@lines.add("send-409-now", "after a signed 409 replayed / now a new request comes at once")
async def _now(stand: Stand) -> str:
    return await _comes_again(faults.signed_problem(Replayed()))(stand)


@lines.add("send-413-halves", "after a 413 fewer messages come at once")
async def _halves(stand: Stand) -> str:
    since = len(stand.me.heard)
    marks = await stand.provoke(SEVERAL, faults.signed_problem(TooLarge()))
    await stand.delivered(marks, "after a 413 the messages did not come again")
    found = stand.requests_about(marks, since)
    if len(found[0].messages) > 1 and len(found[1].messages) > len(found[0].messages) // 2:
        raise NotHeld(f"{len(found[0].messages)} messages, then {len(found[1].messages)}")
    return " → ".join(str(len(one.messages)) for one in found)


@lines.add("send-duplicate", "a duplicate counts as its first result: nothing comes a third time")
async def _duplicate(stand: Stand) -> str:
    marks = await stand.provoke(1, faults.all_duplicates())
    await stand.delivered(marks, "the message did not come")
    later = await stand.provoke()
    await stand.delivered(later, "a later message did not come")
    tries = len(stand.requests_about(marks))
    if tries != 1:
        raise NotHeld(f"{tries} requests")
    return "one request"


@lines.add("send-order", "while a message is refused later, no later one of its subject overtakes it")
async def _order(stand: Stand) -> str:
    since = len(stand.me.heard)
    (first,) = await stand.provoke(1, faults.refused(Internal()))
    await stand.until(lambda: stand.requests_about([first], since), "the message did not come")
    message = stand.erasure()
    await stand.accepted([message])
    (second,) = message["data"]["message_ids"]
    await stand.delivered([first, second], "the two messages did not come")
    order = [mark for one in stand.me.heard[since:] if _counts(one) for m in one.messages for mark in marks_of(m)]
    if order.index(second) < order.index(first):
        raise NotHeld("the later one came first")
    return "in order"


@lines.add("send-one-in-flight", "one request at a time, however slow the answer")
async def _one(stand: Stand) -> str:
    since = len(stand.me.heard)
    marks = await stand.provoke(1, faults.late(stand.slow_seconds))
    await stand.until(lambda: stand.requests_about(marks, since), "the message did not come")
    more = [stand.erasure() for _ in range(2)]
    await stand.accepted(more)
    await stand.delivered([*marks, *(one["data"]["message_ids"][0] for one in more)], "the messages did not come")
    posts = [one for one in stand.me.heard if one.is_post and one.region]
    for one, other in pairwise(posts):
        if one.ended_at is None or other.begun_at < one.ended_at:
            raise NotHeld("a second request before the first was answered")
    return f"{len(posts)} requests, one after the other"


# --- What all its requests were like ---------------------------------------------------------------------------------


@lines.add("send-signature", "every request of the run was signed in the exact shape, at a right time")
async def _signature(stand: Stand) -> str:
    wrong = [one.problem for one in stand.me.heard if one.problem in OWN_FLAWS]
    if wrong:
        raise NotHeld(f"{len(wrong)} requests were {wrong[0]}")
    signed = [one.request for one in stand.me.heard if one.request]
    if not signed or any(one.expires != one.created + LIFETIME_SECONDS for one in signed):
        raise NotHeld("no request to look at")
    return f"{len(signed)} requests"


@lines.add("send-nonce", "every request had a nonce of its own, the second attempts, too")
async def _nonce(stand: Stand) -> str:
    nonces = [one.request.nonce for one in stand.me.heard if one.request]
    if len(set(nonces)) != len(nonces):
        raise NotHeld(f"{len(nonces) - len(set(nonces))} nonces used again")
    return f"{len(nonces)} nonces"


@lines.add("send-same-bytes", "a message that came again had the same bytes")
async def _same(stand: Stand) -> str:
    forms: dict[str, set[str]] = {}
    for one in _good_posts(stand):
        for message in one.messages:
            forms.setdefault(str(message.get("id")), set()).add(repr(sorted(message.items())))
    changed = sum(len(one) > 1 for one in forms.values())
    if changed:
        raise NotHeld(f"{changed} messages changed between two requests")
    return f"{len(forms)} messages"


@lines.add("send-numbers", "its stream to us is one UUID, numbered 1, 2, 3 … without a gap")
async def _numbers(stand: Stand) -> str:
    found = {(m.get("stream"), m.get("streamseq")) for one in _good_posts(stand) for m in one.messages}
    streams = {stream for stream, _ in found}
    numbers = sorted(int(number) for _, number in found if isinstance(number, int))
    if len(streams) != 1 or numbers != list(range(1, len(numbers) + 1)):
        raise NotHeld(f"{len(streams)} streams, numbers {numbers[:3]} … {numbers[-1:]}, {len(numbers)} of them")
    return f"1 to {len(numbers)}"


@lines.add("send-messages", "every message of the run fits its schema, and is from it to us")
async def _messages(stand: Stand) -> str:
    refused = [
        result.code
        for (region, _), result in stand.me.memory.results.items()
        if region == stand.region and result.result == "refused" and result.code != "id_reused"
    ]
    if refused:
        raise NotHeld(f"{len(refused)} messages were refused: {refused[0]}")
    return f"{len(stand.me.taken)} messages"


@lines.add("send-limits", "it sent no more messages at once than we take, and no coded body")
async def _limits(stand: Stand) -> str:
    marks = await stand.provoke(min(2 * stand.me.own.limits.max_messages, stand.node.limits.max_messages))
    await stand.delivered(marks, "the messages did not come")
    most = max((len(one.messages) for one in _good_posts(stand)), default=0)
    if most > stand.me.own.limits.max_messages:
        raise NotHeld(f"{most} messages at once, we take {stand.me.own.limits.max_messages}")
    if any(one.values("content-encoding") for one in stand.me.heard):
        raise NotHeld("a Content-Encoding")
    return f"{most} messages at most"


@last.add("send-422-parks-one", "a signed 422 is halved until the one message is found, and only that one stays")
async def _parks(stand: Stand) -> str:
    stand.me.forget_faults()
    messages = [stand.erasure() for _ in range(SEVERAL)]
    marks = [one["data"]["message_ids"][0] for one in messages]
    poison = marks[-1]

    def decide(heard: Heard) -> Fault | None:
        if any(poison in marks_of(one) for one in heard.messages):
            return faults.signed_problem(Malformed(), status_code=422)
        return None

    stand.me.decide(decide)
    await stand.accepted(messages)
    await stand.until(
        lambda: all(stand.erased(mark) for mark in marks[:-1]),
        f"{sum(stand.erased(mark) for mark in marks)} of {len(marks) - 1} others came",
    )
    return f"{len(marks) - 1} came, one stays"


def marks_in(heard: Heard) -> list[str]:
    """What the answers of one request name."""
    return [mark for one in heard.messages for mark in marks_of(one)]


def _good_posts(stand: Stand) -> list[Heard]:
    return [one for one in stand.me.heard if one.is_post and one.region]


def _counts(heard: Heard) -> bool:
    return heard.is_post and heard.problem is None and heard.fault != "refused_internal"
