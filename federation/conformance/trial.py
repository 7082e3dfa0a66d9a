"""The whole trial: every requirement in an order in which none spoils the next, and a table of what holds."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from types import MappingProxyType

from federation.conformance import (
    agreed,
    beginning,
    bounds,
    comparing,
    effects,
    news,
    pulling,
    reading,
    renewing,
    sending,
    signing,
)
from federation.conformance.lines import Line, Lines, Outcome
from federation.conformance.stand import NotHeld, Stand
from federation.fingerprint import words
from federation.mock_peer import WireFault
from federation.pairing import own_fingerprint

CHAPTERS: Mapping[str, Lines] = MappingProxyType(
    {
        "beginning": beginning.before_pairing,
        "pairing": beginning.pairing,
        "signing": signing.lines,
        "reading": reading.lines,
        "effects": effects.lines,
        "pulling": pulling.lines,
        "agreed": Lines(agreed.lines, comparing.lines, agreed.used_up),
        "sending": sending.lines,
        "news": news.lines,
        "keys": renewing.lines,
        "bounds": bounds.lines,
        "last": sending.last,
    }
)
"""The requirements by subject, in the order they are tried."""

ALWAYS = ("beginning", "pairing")
"""Without these two there is nobody to try anything on."""


def all_lines(chapters: Collection[str] = ()) -> list[Line]:
    """Every requirement (of some chapters, and what must come before them), in the order they are tried."""
    wanted = [name for name in CHAPTERS if not chapters or name in chapters or name in ALWAYS]
    return [line for name in wanted for line in CHAPTERS[name].all]


async def examine(stand: Stand, chapters: Collection[str] = ()) -> AsyncIterator[Outcome]:
    """Try every requirement (or those of some ``chapters``) on the node of a stand; yields what comes of each.

    The stand's mock peer runs and can be reached. Raises ``InvitationRefused`` when the node's invitation cannot be
    used at all. Without pairing the rest is not tried, and does not hold.
    """
    stand.region = stand.me.accept(stand.invitation, probe=False).region
    for line in CHAPTERS["beginning"].all:
        yield await attempt(stand, line)
    mark = own_fingerprint(stand.me.own)
    six = {language: words(mark, language) for language in ("zh-CN", "en")}
    await stand.operator.accept(stand.me.invitation(), six)
    met = True
    for line in CHAPTERS["pairing"].all:
        outcome = await attempt(stand, line)
        met = met and outcome.held
        yield outcome
    before = len(CHAPTERS["beginning"].all) + len(CHAPTERS["pairing"].all)
    for line in all_lines(chapters)[before:]:
        yield await attempt(stand, line) if met else Outcome(line.id, line.says, held=False, seen="not paired")


async def attempt(stand: Stand, line: Line) -> Outcome:
    """Try one requirement; what goes wrong on the wire, or does not come in time, does not hold."""
    try:
        seen = await line.attempt(stand)
    except NotHeld as flaw:
        return Outcome(line.id, line.says, held=False, seen=str(flaw))
    except WireFault as fault:
        return Outcome(line.id, line.says, held=False, seen=f"no answer ({fault})")
    except TimeoutError:
        return Outcome(line.id, line.says, held=False, seen="nothing in time")
    finally:
        stand.me.forget_faults()
    return Outcome(line.id, line.says, held=True, seen=seen)


def table(outcomes: Sequence[Outcome]) -> str:
    """The outcomes as lines of text: id, ``ok`` or ``FAILED``, what was seen; what failed with what was asked."""
    width = max((len(one.id) for one in outcomes), default=0)
    rows = []
    for one in outcomes:
        rows.append(f"{one.id:<{width}}  {'ok    ' if one.held else 'FAILED'}  {one.seen}")
        if not one.held:
            rows.append(f"{'':<{width}}          {one.says}")
    return "\n".join(rows)
