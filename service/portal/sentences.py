"""The access log in plain sentences: who, when, did what with which of my facts, and why.

A sentence is put together from closed lists, in the reader's language. An action that has no words of its own yet is
still shown, by its code: nothing in the log is ever left out.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from pydantic import BaseModel

from schemas.regions import Divisions
from service.access_log import LogItem
from service.web.languages import N_, Languages, Translator
from service.web.viewer import PAGE_LANGUAGES
from service.web.words import WORDS, word

DID: Final[Mapping[str, str]] = {
    "access_code.issued": N_("handed out a code for your own page"),
    "arrival.ended": N_("recorded that your stay ended"),
    "arrival.registered": N_("registered your arrival"),
    "certificate.delivered": N_("had a certificate delivered to your home region"),
    "certificate.issued": N_("issued a certificate"),
    "certificate.listed": N_("looked at your certificates"),
    "certificate.printed": N_("printed a certificate"),
    "certificate.received": N_("delivered a certificate for you"),
    "certificate.received_shown": N_("looked at the certificates delivered for you"),
    "certificate.resumed": N_("ended the suspension of a certificate"),
    "certificate.revoked": N_("revoked a certificate"),
    "certificate.shown": N_("looked at a certificate"),
    "certificate.suspended": N_("suspended a certificate"),
    "consent.given": N_("recorded a consent"),
    "consent.withdrawn": N_("recorded that you withdrew a consent"),
    "departure.registered": N_("registered your departure"),
    "departure.returned": N_("recorded your return"),
    "own_request.copy": N_("asked for a copy"),
    "own_request.correct": N_("asked for a correction"),
    "own_request.erase": N_("asked for erasure"),
    "own_request.limit": N_("asked to limit the use"),
    "own_request.move": N_("asked to hand the record over"),
    "own_request.object": N_("objected"),
    "own_request.shown": N_("looked at your requests"),
    "person": N_("worked on your record"),
    "person.head_shown": N_("opened your record, masked"),
    "reminder_plan.made": N_("set up a reminder that you asked for"),
    "reminder_plan.shown": N_("looked at your reminders"),
    "reminder_plan.stopped": N_("stopped a reminder"),
}
"""What was done, as it follows on who did it."""

FIELDS: Final[Mapping[str, str]] = {
    "address": N_("address"),
    "certificate": N_("certificates"),
    "consent": N_("consents"),
    "contact": N_("phone and e-mail"),
    "identity": N_("name, document and date of birth"),
    "reminder_plan": N_("reminders"),
}


class Line(BaseModel):
    """One line of the log. `sentence` holds it in each language of the pages."""

    id: str
    index: int | None
    at: datetime
    office: str
    office_name: str
    officer: str
    action: str
    purpose: str | None
    fields: tuple[str, ...]
    automatic: bool
    sentence: dict[str, str]


def line_of(item: LogItem, languages: Languages, divisions: Divisions) -> Line:
    """Put one entry into words."""
    place = divisions.full_name(item.office)
    return Line(
        id=item.id,
        index=item.index,
        at=item.at,
        office=item.office,
        office_name=place,
        officer=item.officer,
        action=item.action,
        purpose=item.purpose,
        fields=item.fields,
        automatic=item.automatic,
        sentence={language: _sentence(item, place, languages.translator(language)) for language in PAGE_LANGUAGES},
    )


def _sentence(item: LogItem, place: str, speak: Translator) -> str:
    parts = [speak.gettext(N_("%(who)s %(did)s."), who=_who(item, place, speak), did=_did(item.action, speak))]
    fields = [speak.gettext(FIELDS[one]) if one in FIELDS else one for one in item.fields]
    if fields:
        parts.append(speak.gettext(N_("Seen or used: %(fields)s."), fields=speak.gettext(N_(", ")).join(fields)))
    if item.purpose is not None:
        parts.append(speak.gettext(N_("Purpose: %(purpose)s."), purpose=_purpose(item.purpose, speak)))
    if item.automatic:
        parts.append(speak.gettext(N_("Done by the node itself.")))
    return speak.gettext(N_(" ")).join(parts)


def _who(item: LogItem, place: str, speak: Translator) -> str:
    if item.actor == "officer":
        return speak.gettext(N_("%(officer)s of %(place)s"), officer=item.officer, place=place)
    if item.actor == "peer":
        return speak.gettext(N_("The region %(place)s"), place=place)
    if item.actor == "person":
        return speak.gettext(N_("You"))
    return speak.gettext(N_("The node of %(place)s"), place=place)


def _did(action: str, speak: Translator) -> str:
    known = DID.get(action)
    return (
        speak.gettext(N_("did something that concerns you (%(action)s)"), action=action)
        if known is None
        else (speak.gettext(known))
    )


def _purpose(code: str, speak: Translator) -> str:
    for kind in ("opening_purpose", "purpose"):
        if code in WORDS[kind]:
            return speak.gettext(word(kind, code))
    return code
