"""Why nothing goes to a peer, in plain words, and what to do about it.

The codes are the federation's own: what the peer signed (``clock_skew``), what was seen here (``timeout``), or the
status of an answer that nobody signed (``http_503``). Each becomes two sentences, one that says what is so and one that
says what to do. ``needs_someone`` tells what goes by itself from what waits for a person: only that is marked.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from federation.peers import UNKNOWN_TO_PEER
from federation.tables import PeerState, Wait
from schemas.problems import FederationError, MessageRefused
from service.agreements.lines import Line
from service.web.languages import N_

LARGE_OFFSET_SECONDS: Final = 60
"""From here on a clock is worth a look: at five minutes the line stops."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is so and what to do: English msgids, and what fills their placeholders."""

    code: str
    what: str
    to_do: str
    needs_someone: bool = False
    facts: Mapping[str, object] = field(default_factory=dict)

    @property
    def page(self) -> str | None:
        """Where the problem is explained, if it is one of the protocol's."""
        return f"/problems/{self.code}" if self.code in _PROTOCOLS else None


_PROTOCOLS: Final = frozenset(kind.code for base in (FederationError, MessageRefused) for kind in base.__subclasses__())
_BY_ITSELF: Final = N_(
    "Nothing to do: what waits goes by itself. If it lasts longer than a day, telephone their office."
)
_OPERATORS: Final = N_("Tell the operators of both nodes: the programs do not understand each other.")

_TROUBLES: Final = [
    Trouble("no_connection", N_("Their node cannot be reached."), _BY_ITSELF),
    Trouble("timeout", N_("Their node does not answer in time."), _BY_ITSELF),
    Trouble("broken_connection", N_("The connection breaks off before the answer is whole."), _BY_ITSELF),
    Trouble(
        "address_refused",
        N_("Their web address leads into a private network, where this node does not go."),
        N_("Ask your operator and theirs whether the address is right."),
        needs_someone=True,
    ),
    Trouble(
        "bad_signature",
        N_("Answers come, but not signed by the keys that we know. They count as no answer."),
        N_("Something may be answering in their place. Telephone their office and compare the six words."),
        needs_someone=True,
    ),
    Trouble("answer_unfit", N_("Their answer does not fit what was sent. It counts as no answer."), _OPERATORS, True),
    Trouble("answer_coded", N_("Their answer is packed in a way that nobody asked for."), _OPERATORS, True),
    Trouble("answer_too_large", N_("Their answer is larger than this node takes."), _OPERATORS, True),
    Trouble(
        UNKNOWN_TO_PEER,
        N_("Their node does not know us: it refuses our keys."),
        N_("Telephone their office. If they ended the trust or restored an old copy, pair both nodes anew."),
        needs_someone=True,
    ),
    Trouble(
        "clock_skew",
        N_("Our clock and theirs are too far apart; more than five minutes are not accepted."),
        N_("Compare both clocks with the official time. Whoever is wrong puts theirs right."),
        needs_someone=True,
    ),
    Trouble(
        "peer_suspended",
        N_("They have suspended the line to us."),
        N_("Telephone their office. When they resume it, what waits goes by itself."),
        needs_someone=True,
    ),
    Trouble("rate_limited", N_("We send more than they take at once."), _BY_ITSELF),
    Trouble("unavailable", N_("Their node is not ready just now."), _BY_ITSELF),
    Trouble("internal", N_("Something went wrong in their node."), _BY_ITSELF),
    Trouble("replayed", N_("They say that they got this request before."), _BY_ITSELF),
    Trouble("digest_mismatch", N_("What we send is changed on the way."), _BY_ITSELF),
    Trouble("malformed", N_("Their node cannot read what we send."), _OPERATORS, True),
    Trouble("unsupported_coding", N_("Their node cannot read what we send."), _OPERATORS, True),
    Trouble("too_large", N_("They take no message of this size."), _OPERATORS, True),
    # Of single messages:
    Trouble("invalid_message", N_("Their node cannot read this message."), _OPERATORS),
    Trouble("unknown_type", N_("Their node does not know this kind of message."), _OPERATORS),
    Trouble(
        "no_agreement",
        N_("They have no agreement with us that covers it."),
        N_("Look at the agreements with this region. Once one is in force on both sides, try it again."),
    ),
    Trouble(
        "purpose_not_agreed",
        N_("The agreement does not cover this purpose or question."),
        N_("Agree on it with their office, and then try it again; or give it up."),
    ),
    Trouble("wrong_recipient", N_("They say that it is not meant for their region."), _OPERATORS),
    Trouble("wrong_source", N_("They say that it does not come from our region."), _OPERATORS),
    Trouble("id_reused", N_("They hold another message under the same number."), N_("Give it up and send it anew.")),
    Trouble(
        "unknown_seal_key",
        N_("It was sealed for a key that they no longer have."),
        N_("Give it up and send it anew: it is then sealed for the key that they have."),
    ),
    Trouble("quota_exceeded", N_("This month’s number of requests is used up."), _BY_ITSELF),
]
_BY_CODE: Final = {trouble.code: trouble for trouble in _TROUBLES}
_STATUS: Final = re.compile(r"http_([1-5][0-9]{2})")

_FAULT: Final = N_("Their node, or something on the way to it, reports a fault (%(status)s).")
_ON_THE_WAY: Final = N_("Something on the way answers in their place (%(status)s).")
_ELSEWHERE: Final = N_("Their web address sends us elsewhere (%(status)s), and we do not follow.")
_ASK_ADDRESS: Final = N_("Ask their operator for the right address. A node that moves says so by itself.")
_OTHER: Final = N_("They refuse, for a reason that this node does not know (%(problem_code)s).")

_NOT_YET: Final = Trouble(
    "not_accepted_yet",
    N_("They have not accepted our invitation yet."),
    N_("Carry the file to their office and read the six words to each other. This node keeps trying."),
)
_EXPIRED: Final = Trouble(
    "invitation_expired",
    N_("They have not accepted our invitation, and it has expired (%(moment)s)."),
    N_("Write a new one with “tonglu peer invite” and carry it to their office."),
    needs_someone=True,
)
_NOT_WRITTEN: Final = Trouble(
    "not_invited",
    N_("We have accepted their invitation, but written none of our own."),
    N_("Write one with “tonglu peer invite” and carry it to their office."),
    needs_someone=True,
)
_SUSPENDED: Final = Trouble(
    "suspended",
    N_("We have suspended this line: nothing is sent or taken."),
    N_("Resume it when you are ready. What waits then goes by itself."),
)
_REVOKED: Final = Trouble(
    "revoked",
    N_("Trust is ended: nothing is sent, and nothing is taken."),
    N_("To talk again, both nodes must be paired anew."),
)
_AWAY: Final = Trouble(
    "away",
    N_("They are away for maintenance until %(moment)s, as they told us."),
    N_("Nothing to do: what waits goes when they are back."),
)
_CLOCK: Final = Trouble(
    "clock_differs",
    N_("Our clock and theirs differ by more than a minute. At five minutes the line stops."),
    N_("Compare both clocks with the official time. Whoever is wrong puts theirs right."),
    needs_someone=True,
)


def trouble_of(line: Line, now: datetime, invitation_until: datetime | None) -> Trouble | None:
    """Tell what is wrong with a line, if anything; ``invitation_until`` is when our newest invitation ends."""
    state, destination = line.peer.state, line.destination
    if state == PeerState.PAPER:
        return None
    if state == PeerState.REVOKED:
        return _REVOKED
    if state == PeerState.SUSPENDED:
        return _SUSPENDED
    if line.away_at(now):
        return replace(_AWAY, facts={"moment": line.peer.away_until})
    code = destination.wait_code if destination is not None and destination.wait is not None else None
    if state == PeerState.INVITED and code in (None, UNKNOWN_TO_PEER):
        return _pairing(now, invitation_until)
    if code is not None and destination is not None:
        trouble = reason_of(code)
        return replace(trouble, needs_someone=True) if destination.wait == Wait.STOPPED else trouble
    offset = line.peer.clock_offset_seconds
    return _CLOCK if offset is not None and abs(offset) > LARGE_OFFSET_SECONDS else None


def reason_of(code: str) -> Trouble:
    """Say in words why a peer refused, or why no good answer came."""
    if code in _BY_CODE:
        return _BY_CODE[code]
    found = _STATUS.fullmatch(code)
    if found is None:
        return Trouble(code, _OTHER, _OPERATORS, needs_someone=True, facts={"problem_code": code})
    status = {"status": int(found[1])}
    if found[1] in ("408", "425", "429") or found[1].startswith("5"):
        return Trouble(code, _FAULT, _BY_ITSELF, facts=status)
    if found[1].startswith("3"):
        return Trouble(code, _ELSEWHERE, _ASK_ADDRESS, needs_someone=True, facts=status)
    return Trouble(code, _ON_THE_WAY, _BY_ITSELF, facts=status)


def _pairing(now: datetime, invitation_until: datetime | None) -> Trouble:
    if invitation_until is None:
        return _NOT_WRITTEN
    if invitation_until <= now:
        return replace(_EXPIRED, facts={"moment": invitation_until})
    return _NOT_YET
