"""What the node keeps about people, how much, and for how long: `tonglu privacy report`.

Counts are of records and of offices' work, never of what people chose: consents, refusals, certificates, reminder plans
and visits to the own page are not counted, for a count that moves by one tells whose it was. Cells under ten say so
(rule 11 of the domain).
"""

from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlmodel import Session, col, func, select
from sqlmodel.sql.expression import SelectOfScalar

from service.registry.people import visible
from service.registry.tables import Arrival, Departure, Person
from service.verification.tables import VerificationRequest
from service.web.languages import N_

SMALL = 10
"""Below this a count is not told."""

NEVER_KEPT = (
    N_("sex, ethnicity, marriage, children, pregnancy, contraception, fertility, religion, politics, medical results"),
    N_("notes, tags, photos, scans, free text about a person, other people's names"),
)

KEPT_UNTIL = {
    N_("drafts and uploads"): N_("24 hours"),
    N_("a former address"): N_("30 days"),
    N_("the contents of an answered request"): N_("90 days (the receipt's hash and signature stay)"),
    N_("reminders of a period"): N_("the end of the period"),
    N_("a delivered certificate"): N_("its valid-until day"),
    N_("a refusal"): N_("12 months"),
    N_("an imported row that nobody told the person about"): N_("12 months"),
    N_("an ended journey"): N_("24 months"),
    N_("what a person asks to erase"): N_("one step"),
    N_("what a person asks to erase while a legal hold stands"): N_("the end of the hold, six months at most"),
}
"""Rule 9 of the domain, as the purge job carries it out."""


@dataclass(frozen=True)
class PrivacyReport:
    """Counts by kind, what is never kept, and how long the rest stays."""

    counts: dict[str, str]

    def document(self) -> dict[str, Any]:
        """The report as JSON."""
        return {"counts": self.counts, "never_kept": list(NEVER_KEPT), "kept_until": KEPT_UNTIL}


def privacy_report(session: Session, today: date) -> PrivacyReport:
    """Count what the node holds, the whole node at once."""
    return PrivacyReport({name: _cell(count) for name, count in held(session, today).items()})


def held(session: Session, today: date) -> dict[str, int]:
    """How many records there are of each kind. Who is hidden today is in no count (rule 7)."""
    shown = select(Person.id).where(visible(today))
    counted: dict[str, SelectOfScalar[int]] = {
        "people": select(func.count()).select_from(Person).where(visible(today)),
        "arrivals": select(func.count()).select_from(Arrival).where(col(Arrival.person_id).in_(shown)),
        "departures": select(func.count()).select_from(Departure).where(col(Departure.person_id).in_(shown)),
        "verification requests": select(func.count()).select_from(VerificationRequest),
    }
    return {name: session.exec(query).one() for name, query in counted.items()}


def _cell(count: int) -> str:
    return f"<{SMALL}" if count < SMALL else str(count)
