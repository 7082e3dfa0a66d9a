"""The terms of an agreement as an officer types them: what is left out is all purposes and claims, for a year."""

from datetime import date
from typing import Any, Final

from schemas.claims import Claim, Purpose
from service.agreements import actions
from service.web.dates import plain
from service.web.forms import Form
from service.web.languages import N_

NOT_A_NUMBER: Final = N_("Please give a whole number.")
BOUNDS: Final = {
    "per_month": (actions.PER_MONTH, 1_000_000),
    "answer_working_days": (actions.ANSWER_WORKING_DAYS, 60),
    "retention_days": (actions.RETENTION_DAYS, 90),
}
"""What each number is unless given, and the most that it can be."""


def terms_of(form: Form) -> dict[str, Any]:
    """Read what `propose_agreement` takes; what cannot be is refused in the form."""
    terms: dict[str, Any] = {name: _number(form, name, *bounds) for name, bounds in BOUNDS.items()}
    purposes, claims = set(form.texts("purposes")), set(form.texts("claims"))
    terms["purposes"] = [one for one in Purpose if one in purposes] or list(Purpose)
    terms["claims"] = [one for one in Claim if one in claims] or list(Claim)
    for name in ("valid_from", "valid_until"):
        day = form.date(name, needed=False)
        terms[name] = date.fromisoformat(day) if day else None
    return terms | {"document_reference": form.text("document_reference") or None}


def _number(form: Form, name: str, default: int, most: int) -> int:
    typed = plain(form.text(name))
    if not typed:
        return default
    if not (typed.isascii() and typed.isdecimal()) or not 1 <= int(typed[:9]) <= most:
        form.refuse(name, NOT_A_NUMBER)
        return default
    return int(typed)
