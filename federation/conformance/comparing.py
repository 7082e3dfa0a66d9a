"""Comparing journeys (reconciliation): both rounds, and what bounds them.

A node that holds fewer than 20 journeys with the suite's region that may be compared rightly takes no part; then only
that is seen. Whoever wants all of it tried registers ``people.JOURNEYS`` first: departures to the suite's region, with
the consent to share with it.
"""

import json
from typing import Any

from federation.conformance.lines import Lines
from federation.conformance.people import JOURNEYS, invented
from federation.conformance.stand import NotHeld, Stand, code_of, document_of, problem_in, seen
from federation.intersection import hide, new_secret, raise_points
from federation.keys import b64url
from federation.mock_peer import Exchange
from federation.reconciliation import RECONCILIATIONS_PATH
from schemas.envelope import canonical
from schemas.identity import PersonIdentity
from schemas.reconciliation import FEWEST_JOURNEYS, ReconciliationAnswer

lines = Lines()

IN_COMMON = 15
FIRST_OTHER = 200
JSON = "application/json"


def journey(person: PersonIdentity, origin: str, destination: str) -> bytes:
    """The element that stands for a journey."""
    name, kind, number, born = person.key
    return canonical([origin, destination, name, kind, number, str(born)])


@lines.add("compare-few", "fewer than 20 journeys are refused too_few_journeys")
async def _few(stand: Stand) -> str:
    points = hide(_elements(stand)[: FEWEST_JOURNEYS - 1], new_secret(stand.me.own.entropy))
    exchange = await _offer(stand, stand.uuid(), points)
    problem_in(exchange, 409, "too_few_journeys", "later")
    return seen(exchange)


@lines.add("compare-points", "a point that is no element, the identity, or there twice is refused invalid_message")
async def _points(stand: Stand) -> str:
    good = hide(_elements(stand), new_secret(stand.me.own.entropy))
    for odd in (b64url(bytes(32)), b64url(b"\xff" * 32), good[0]):
        exchange = await _offer(stand, stand.uuid(), [*good[:-1], odd])
        problem_in(exchange, 422, "invalid_message", "never")
    return "refused three times"


@lines.add("compare-rounds", "both rounds: our points raised in their order, its own, and how many both hold")
async def _rounds(stand: Stand) -> str:
    secret, this = new_secret(stand.me.own.entropy), stand.uuid()
    points = sorted(hide(_elements(stand), secret))
    first = await _offer(stand, this, points)
    if first.status == 409 and code_of(first) == "too_few_journeys":
        problem_in(first, 409, "too_few_journeys", "later")
        return "too_few_journeys: it holds fewer than 20"
    answer = _answer(first)
    stand.compared = this, points, first.reply.body
    if len(answer.raised) != len(points) or len(answer.points) < FEWEST_JOURNEYS:
        raise NotHeld(f"{len(answer.raised)} raised of {len(points)}, and {len(answer.points)} of its own")
    back = raise_points(answer.points, secret)
    ours = len(set(back) & set(answer.raised))
    again = await _offer(stand, this, points)
    stand.compared_again = again.status == 200 and document_of(again) == document_of(first)
    body = canonical({"reconciliation": this, "raised": back})
    last = await _call(stand, f"{RECONCILIATIONS_PATH}/{this}", body)
    told = document_of(last)
    if last.status != 200 or not last.is_signed or told != {"matched": ours}:
        raise NotHeld(f"{seen(last)} {str(told)[:60]}; expected {ours} matched")
    # Whoever raised them in another order does not know which of its own is meant.
    if ours != _expected(stand, answer, secret, points):
        raise NotHeld("the raised points are not in the order of the offer")
    return f"{ours} of {len(points)}"


@lines.add("compare-again", "the same offer again gets the same answer")
async def _again(stand: Stand) -> str:
    if not stand.compared[0]:
        return "not tried: it holds fewer than 20"
    if not stand.compared_again:
        raise NotHeld("another answer")
    return "the same"


@lines.add("compare-month", "a second comparison in a month is refused reconciled_recently")
async def _month(stand: Stand) -> str:
    if not stand.compared[0]:
        return "not tried: it holds fewer than 20"
    exchange = await _offer(stand, stand.uuid(), hide(_elements(stand), new_secret(stand.me.own.entropy)))
    problem_in(exchange, 409, "reconciled_recently", "later")
    return seen(exchange)


def _elements(stand: Stand) -> list[bytes]:
    """Twenty journeys, of which the node holds fifteen if it registered the suite's people."""
    others = [invented(FIRST_OTHER + number) for number in range(FEWEST_JOURNEYS - IN_COMMON)]
    return [journey(person, stand.region, stand.me.region) for person in (*JOURNEYS[:IN_COMMON], *others)]


def _expected(stand: Stand, answer: ReconciliationAnswer, secret: bytes, points: list[str]) -> int:
    """How many match that should: a point that is in common must be found at its own place."""
    hidden = dict(zip(hide(_elements(stand), secret), _elements(stand), strict=True))
    both = set(raise_points(answer.points, secret))
    matched = {hidden[point] for point, raised in zip(points, answer.raised, strict=True) if raised in both}
    common = {journey(person, stand.region, stand.me.region) for person in JOURNEYS}
    return len(matched & common) if matched else 0


def _answer(exchange: Exchange) -> ReconciliationAnswer:
    document = document_of(exchange)
    if exchange.status != 200 or not exchange.is_signed:
        raise NotHeld(f"{seen(exchange)}; expected a signed 200")
    try:
        return ReconciliationAnswer.from_wire(document)
    except ValueError:
        raise NotHeld("not {raised, points}") from None


async def _offer(stand: Stand, this: str, points: list[str]) -> Exchange:
    if not stand.agreement:
        raise NotHeld("no agreement is in force")
    document: dict[str, Any] = {"reconciliation": this, "agreement": stand.agreement, "points": points}
    return await _call(stand, RECONCILIATIONS_PATH, json.dumps(document).encode())


async def _call(stand: Stand, path: str, body: bytes) -> Exchange:
    await stand.pace()
    return await stand.me.call(stand.region, "POST", path, body, content_type=JSON)
