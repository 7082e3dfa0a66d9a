"""What lower rooms let higher ones know, in the same transaction: the node's list of who wants to hear.

The register knows neither reminder plans nor the person's own page, yet withdrawing, protecting, ending and erasing
must reach them at once (rule 2). ``app.py`` fills these lists while it builds the node; each function is called inside
the caller's transaction, may write, and must not commit. An exception undoes the whole action.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from sqlmodel import Session

from service.vault import KeyHolder


class KnownPerson(KeyHolder, Protocol):
    """A person's row, as far as callbacks may know it."""

    @property
    def id(self) -> str:
        """The person's id."""
        ...


@dataclass(frozen=True, slots=True)
class GivenUp:
    """A message to a peer that an officer withdrew for good."""

    message_id: str
    peer: str
    type: str
    subject: str


@dataclass(frozen=True, slots=True)
class Unanswered:
    """Our questions that a peer has not answered: how many, and when the oldest was asked."""

    count: int
    oldest_at: datetime | None


@dataclass(frozen=True, slots=True)
class StartedForm:
    """A form that an officer has put aside: what kind, when, and the name typed so far (may be empty)."""

    id: str
    kind: str
    parked_at: datetime
    name: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ImportedLedger:
    """A ledger that was taken into the register: when, whose it is, how many moves; no name of a file or a sender."""

    id: str
    created_at: datetime
    source: str
    source_region: str | None
    registered: int


GivenUpCallback = Callable[[Session, GivenUp], None]
PersonCallback = Callable[[Session, KnownPerson], None]
PeopleCallback = Callable[[Session, Sequence[KnownPerson]], None]
CorrectedCallback = Callable[[Session, KeyHolder, str | None, str], None]
WithdrawnCallback = Callable[[Session, KnownPerson, str], None]
MergedCallback = Callable[[Session, KnownPerson, KnownPerson], list[str]]
UnmergedCallback = Callable[[Session, KnownPerson, KnownPerson, list[str]], None]
OfficerCallback = Callable[[Session, str, str], None]
CodeCheck = Callable[[Session, KnownPerson, str], bool]
ErasureAsked = Callable[[Session, KnownPerson], bool]
JourneyCount = Callable[[Session, str], int]
LedgersOfArea = Callable[[Session, str, str, str | None], Sequence[ImportedLedger]]
FormsOfOfficer = Callable[[Session, str], Sequence[StartedForm]]
UnansweredByPeer = Callable[[Session], dict[str, Unanswered]]


def _no_code(session: Session, person: KnownPerson, code: str) -> bool:
    """Without a person's own page there are no codes, so none is right."""
    return False


def _no_journeys(session: Session, peer: str) -> int:
    """Without a register there are no journeys."""
    return 0


def _no_forms(session: Session, officer_id: str) -> Sequence[StartedForm]:
    """Without a register nobody has started a form."""
    return ()


def _not_asked(session: Session, person: KnownPerson) -> bool:
    """Without a person's own page nobody has asked there to be erased."""
    return False


def _no_ledgers(session: Session, kind: str, area: str, chosen: str | None) -> Sequence[ImportedLedger]:
    """Without ledgers nothing was imported."""
    return ()


def _no_questions(session: Session) -> dict[str, Unanswered]:
    """Without verification nobody was asked."""
    return {}


@dataclass(slots=True)
class Callbacks:
    """Who hears what. ``check_code`` tells whether a code that was typed is the person's own access code;
    ``open_journeys(session, peer)`` counts the register's open journeys with a peer (the cap of an agreement's quota);
    ``started_forms(session, officer_id)`` gives the forms that an officer has put aside;
    ``ledgers(session, kind, area, chosen)`` gives the ledgers that were taken into an area;
    ``unanswered(session)`` tells of each peer how many of our questions it has not answered;
    ``erasure_asked(session, person)`` tells whether the person asked on their own page to be erased and waits.

    ``on_withdrawn(session, person, purpose)``: a consent no longer stands.
    ``on_protected(session, person)``: the person is hidden from now on.
    ``on_ending(session, person)``: the person's last open journey here ended, which may still be undone.
    ``on_ended(session, people)``: the same of some people, for good.
    ``on_merged(session, kept, other)``: two records are one now; what is returned is kept for ``on_unmerged``.
    ``on_unmerged(session, kept, other, moved)``: they are two again; ``moved`` is what ``on_merged`` returned.
    ``on_shareable(session, person)``: someone was registered or consented, so what a peer told may match now.
    ``on_corrected(session, person, email, language)``: the record was corrected; these are in force now.
    ``on_given_up(session, message)``: an officer withdrew a message that its peer had refused.
    ``on_disabled(session, officer_id, name)``: an officer works here no longer, or not with these records.
    ``on_demoted(session, officer_id, name)``: an officer works here, but sees fewer of the office's tasks.
    ``on_erased(session, person)``: called before the person's key and rows go, while links can still be computed.
    """

    on_withdrawn: list[WithdrawnCallback] = field(default_factory=list)
    on_protected: list[PersonCallback] = field(default_factory=list)
    on_ending: list[PersonCallback] = field(default_factory=list)
    on_ended: list[PeopleCallback] = field(default_factory=list)
    on_merged: dict[str, MergedCallback] = field(default_factory=dict)
    on_unmerged: dict[str, UnmergedCallback] = field(default_factory=dict)
    on_shareable: list[PersonCallback] = field(default_factory=list)
    on_erased: list[PersonCallback] = field(default_factory=list)
    on_corrected: list[CorrectedCallback] = field(default_factory=list)
    on_given_up: list[GivenUpCallback] = field(default_factory=list)
    on_disabled: list[OfficerCallback] = field(default_factory=list)
    on_demoted: list[OfficerCallback] = field(default_factory=list)
    check_code: CodeCheck = _no_code
    erasure_asked: ErasureAsked = _not_asked
    open_journeys: JourneyCount = _no_journeys
    unanswered: UnansweredByPeer = _no_questions
    started_forms: FormsOfOfficer = _no_forms
    ledgers: LedgersOfArea = _no_ledgers

    def withdrawn(self, session: Session, person: KnownPerson, purpose: str) -> None:
        """Tell everyone that a consent no longer stands."""
        for call in self.on_withdrawn:
            call(session, person, purpose)

    def protected(self, session: Session, person: KnownPerson) -> None:
        """Tell everyone that the person is hidden from now on."""
        for call in self.on_protected:
            call(session, person)

    def ending(self, session: Session, person: KnownPerson) -> None:
        """Tell everyone that the person's last open journey here ended, though that may still be undone."""
        for call in self.on_ending:
            call(session, person)

    def merged(self, session: Session, kept: KnownPerson, other: KnownPerson) -> dict[str, list[str]]:
        """Tell every room that two records are one now; give what each of them carried over, by room."""
        return {room: call(session, kept, other) for room, call in self.on_merged.items()}

    def unmerged(self, session: Session, kept: KnownPerson, other: KnownPerson, moved: dict[str, list[str]]) -> None:
        """Tell every room that two records are two again, with what it had carried over."""
        for room, call in self.on_unmerged.items():
            call(session, kept, other, moved.get(room, []))

    def ended(self, session: Session, *people: KnownPerson) -> None:
        """Tell everyone that the last open journey here of each of some people ended."""
        for call in self.on_ended:
            call(session, people)

    def shareable(self, session: Session, person: KnownPerson) -> None:
        """Tell everyone that what a peer told may match this person now."""
        for call in self.on_shareable:
            call(session, person)

    def corrected(self, session: Session, person: KeyHolder, email: str | None, language: str) -> None:
        """Tell everyone the address and the language that are in force after a correction."""
        for call in self.on_corrected:
            call(session, person, email, language)

    def erased(self, session: Session, person: KnownPerson) -> None:
        """Tell everyone that the person is about to be erased."""
        for call in self.on_erased:
            call(session, person)

    def given_up(self, session: Session, message: GivenUp) -> None:
        """Tell everyone that a message to a peer is withdrawn for good."""
        for call in self.on_given_up:
            call(session, message)

    def demoted(self, session: Session, officer_id: str, name: str) -> None:
        """Tell everyone that an officer sees fewer of the office's tasks."""
        for call in self.on_demoted:
            call(session, officer_id, name)

    def disabled(self, session: Session, officer_id: str, name: str) -> None:
        """Tell everyone that an officer works here no longer, or not with these records: theirs is the pool's."""
        for call in self.on_disabled:
            call(session, officer_id, name)
