"""The closed lists: what may be asked, answered, consented to and said. None of them has an "other"."""

from enum import StrEnum
from typing import Any, Self

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from schemas.regions import is_region_code


class Claim(StrEnum):
    """What a peer may be asked to confirm about one person."""

    IDENTITY = "identity"
    DEPARTURE_DECLARED = "departure_declared"
    ARRIVAL_DECLARED = "arrival_declared"
    REGISTERED_HERE = "registered_here"


class AnswerWord(StrEnum):
    """The one word that answers a claim."""

    CONFIRMED = "confirmed"
    NOT_CONFIRMED = "not_confirmed"
    NO_RECORD = "no_record"
    WITHHELD = "withheld"


class Purpose(StrEnum):
    """Why a question crosses a border."""

    CONFIRM_JOURNEY = "confirm_journey"
    CORRECT_RECORD = "correct_record"
    PERSONS_REQUEST = "persons_request"


class Urgency(StrEnum):
    """How soon an answer is due: 10 working days, or 3."""

    NORMAL = "normal"
    URGENT = "urgent"

    @property
    def working_days(self) -> int:
        """Working days until the answer is due, unless the agreement says otherwise."""
        return 10 if self is Urgency.NORMAL else 3


class DeclineReason(StrEnum):
    """Why an office cannot take a request."""

    NOT_OUR_AREA = "not_our_area"
    NO_CAPACITY = "no_capacity"
    REPEATED = "repeated"
    AGREEMENT_ENDED = "agreement_ended"
    REQUEST_UNCLEAR = "request_unclear"


class CancelReason(StrEnum):
    """Why the asker takes a request back; a withdrawn consent uses `no_longer_needed`."""

    ASKED_IN_ERROR = "asked_in_error"
    NO_LONGER_NEEDED = "no_longer_needed"


class EndReason(StrEnum):
    """Why a move ended, inside the node; on the wire it is always `ended`."""

    RETURNED = "returned"
    MOVED_ON = "moved_on"
    DECEASED = "deceased"
    ERASED = "erased"


class Way(StrEnum):
    """How a notice or a consent was given."""

    SPOKEN = "spoken"
    PAPER = "paper"
    SCREEN = "screen"
    OWN_PAGE = "own_page"


class Channel(StrEnum):
    """How a reminder reaches the person."""

    EMAIL = "email"
    SMS = "sms"
    CHAT = "chat"
    LETTER = "letter"


class CertificateKind(StrEnum):
    """The kinds of attended service; open to all, and hidden unless the holder discloses it."""

    GENERAL_HEALTH = "general_health"
    VACCINATION = "vaccination"
    TUBERCULOSIS_SCREENING = "tuberculosis_screening"
    CHRONIC_DISEASE_FOLLOWUP = "chronic_disease_followup"
    ELDERLY_CHECKUP = "elderly_checkup"
    OCCUPATIONAL_HEALTH = "occupational_health"


class ReminderKind(StrEnum):
    """What a person may ask to be reminded of."""

    QUARTERLY_CHECK = "quarterly_check"
    RESIDENCE_PERMIT = "residence_permit"
    VACCINATION = "vaccination"


class Cadence(StrEnum):
    """How often; `yearly` has an anchor day."""

    QUARTERLY = "quarterly"
    YEARLY = "yearly"


class ConsentPurpose(str):
    """What one consent is for, as text: `share_with_peer:790303`, `remind:vaccination`, `certificate_home:790101`.

    Personal Information Protection Law, art. 14, 23 and 29: each purpose has its own consent.
    """

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        """Raises `ValueError` unless the text is one of the three forms with a region code or a reminder kind."""
        action, _, target = text.partition(":")
        if action in ("share_with_peer", "certificate_home"):
            known = is_region_code(target)
        else:
            known = action == "remind" and target in _REMINDER_KINDS
        if not known:
            raise ValueError("not a purpose that a person can consent to")
        return super().__new__(cls, text)

    @classmethod
    def parse(cls, text: str) -> Self:
        """The purpose that the text names; raises `ValueError`."""
        return cls(text)

    @classmethod
    def share_with_peer(cls, region: str) -> Self:
        """To exchange this person's journey with a peer region."""
        return cls(f"share_with_peer:{region}")

    @classmethod
    def remind(cls, kind: ReminderKind) -> Self:
        """To be reminded of one kind of service."""
        return cls(f"remind:{kind.value}")

    @classmethod
    def certificate_home(cls, region: str) -> Self:
        """To have certificates delivered to the home region."""
        return cls(f"certificate_home:{region}")

    @property
    def action(self) -> str:
        """`share_with_peer`, `remind` or `certificate_home`."""
        return self.partition(":")[0]

    @property
    def region(self) -> str | None:
        """The peer's or home region's code; None for reminders."""
        return None if self.action == "remind" else self.partition(":")[2]

    @property
    def reminder_kind(self) -> ReminderKind | None:
        """The kind of reminder; None for the other purposes."""
        return ReminderKind(self.partition(":")[2]) if self.action == "remind" else None

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Taken from JSON text, and written as it is."""
        pattern = r"^(share_with_peer|certificate_home):[0-9]{2,12}$|^remind:[a-z_]+$"
        return core_schema.no_info_after_validator_function(cls, core_schema.str_schema(pattern=pattern, strict=True))


_REMINDER_KINDS = frozenset(kind.value for kind in ReminderKind)
