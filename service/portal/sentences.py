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
    "access_log.read": N_("read this list"),
    "arrival.corrected": N_("corrected the entry of your arrival"),
    "arrival.confirmed": N_("marked your arrival as confirmed"),
    "arrival.ended": N_("recorded that your stay ended"),
    "arrival.imported": N_("took your arrival over from the office’s ledger"),
    "arrival.listed": N_("saw your arrival in a list"),
    "arrival.registered": N_("registered your arrival"),
    "arrival.reopened": N_("recorded that your stay goes on"),
    "arrival.shown": N_("opened your arrival"),
    "arrival.undone": N_("took back an entry about your arrival"),
    "arrival.unconfirmed": N_("marked your arrival as not yet confirmed"),
    "arrival.voided": N_("voided an arrival that was entered in error"),
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
    "departure.confirmed": N_("marked your departure as confirmed"),
    "departure.corrected": N_("corrected the entry of your departure"),
    "departure.ended": N_("recorded that your departure ended"),
    "departure.imported": N_("took your departure over from the office’s ledger"),
    "departure.listed": N_("saw your departure in a list"),
    "departure.registered": N_("registered your departure"),
    "departure.reopened": N_("recorded that your departure goes on"),
    "departure.returned": N_("recorded your return"),
    "departure.shown": N_("opened your departure"),
    "departure.undone": N_("took back an entry about your departure"),
    "departure.voided": N_("voided a departure that was entered in error"),
    "ledger.exported": N_("took your record out in a list, with hidden numbers"),
    "ledger.exported_in_full": N_("took your record out in a list, with whole numbers"),
    "message.sealed_anew": N_("sent again, newly sealed, what another region could not open"),
    "own_request.copy": N_("asked for a copy"),
    "own_request.correct": N_("asked for a correction"),
    "own_request.erase": N_("asked for erasure"),
    "own_request.limit": N_("asked to limit the use"),
    "own_request.move": N_("asked to hand the record over"),
    "own_request.object": N_("objected"),
    "own_request.shown": N_("looked at your requests"),
    "person": N_("worked on your record"),
    "person.changes_shown": N_("looked at what was changed in your record"),
    "person.compared": N_("compared your record with another, to find doubles"),
    "person.consent_withdrawn": N_("recorded that a consent was withdrawn"),
    "person.request_messages_switched": N_("recorded whether you want messages about requests"),
    "person.consents_recorded": N_("recorded what you allow and refuse"),
    "person.corrected": N_("corrected your record"),
    "person.erased": N_("erased your record"),
    "person.found": N_("saw your record among the hits of a search"),
    "person.head_shown": N_("opened your record, masked"),
    "person.erasure_noted": N_("noted that your record is erased as soon as the legal hold is over"),
    "person.erasure_taken_back": N_("noted that your record stays after the legal hold, as you wish now"),
    "person.hold_confirmed": N_("agreed, as a second officer, that your record must be kept by law"),
    "person.hold_ended": N_("ended the legal hold on your record: its last day has passed"),
    "person.hold_lifted": N_("lifted the legal hold on your record early"),
    "person.hold_proposed": N_("proposed that your record be kept by law; a second officer must agree"),
    "person.hold_refused": N_("did not go on with the proposal to keep your record by law"),
    "person.hold_shown": N_("looked at the legal holds on your record"),
    "person.hold_undone": N_("took back the last step about a legal hold on your record"),
    "person.located": N_("looked up, by name, number and date of birth, which office holds your record"),
    "person.merged": N_("joined two records of yours"),
    "person.move_added": N_("added a move to your record"),
    "person.moved_house": N_("recorded your new address"),
    "person.protected": N_("hid your record"),
    "person.shown": N_("opened your record"),
    "person.shown_in_full": N_("opened your record in full"),
    "person.sought": N_("looked for your record by name, number and date of birth, and was told nothing"),
    "person.told": N_("recorded that you were given the notice"),
    "person.transferred_in": N_("took your record over from another township, with you present"),
    "person.told_apart": N_("found that your record and another are of two people"),
    "person.undone": N_("took back a change of your record"),
    "person.unmerged": N_("took apart two records that had been joined"),
    "person.voided": N_("voided a record that was entered in error"),
    "reminder_plan.handed_over": N_("offered your reminder to the region where you live now"),
    "reconciliation.compared": N_("compared your journey with the other region's, without showing it"),
    "reconciliation.matched": N_("holds the same journey of yours, as a comparison showed"),
    "reminder_plan.made": N_("set up a reminder that you asked for"),
    "reminder_plan.offered": N_("handed your reminder over to us"),
    "reminder_plan.shown": N_("looked at your reminders"),
    "reminder_plan.stopped": N_("stopped a reminder"),
    "verification.answered": N_("answered the question about you"),
    "verification.asked": N_("asked another region to confirm your move"),
    "verification.cancelled": N_("took back a question about you"),
    "verification.compared": N_("compared your record with a question from another region"),
    "verification.corrected": N_("corrected its answer to the question about you"),
    "verification.declined": N_("gave the question about you back"),
    "verification.expired": N_("closed a question about you that was not answered in time"),
    "verification.letter_printed": N_("printed the letter that asks about you"),
    "verification.listed": N_("saw a question about you in a list"),
    "verification.prepared": N_("prepared the answer to a question about you"),
    "verification.received": N_("asked about you"),
    "verification.reply_entered": N_("entered the reply on paper to a question about you"),
}
"""What was done, as it follows on who did it."""

FIELDS: Final[Mapping[str, str]] = {
    "access_log": N_("who looked at you"),
    "address": N_("address"),
    "all": N_("everything"),
    "area": N_("which office holds the record"),
    "certificate": N_("certificates"),
    "consents": N_("consents"),
    "date_of_birth": N_("date of birth"),
    "document_number": N_("document number"),
    "document_type": N_("kind of document"),
    "email": N_("e-mail"),
    "name": N_("name"),
    "phone": N_("phone"),
    "contact": N_("phone and e-mail"),
    "ended_on": N_("day of the end"),
    "identity": N_("name, document and date of birth"),
    "language": N_("language"),
    "moves": N_("moves"),
    "notice": N_("notice"),
    "protection": N_("hiding"),
    "reminder_plan": N_("reminders"),
    "state": N_("state"),
}

_COMMA: Final[Mapping[str, str]] = {"zh-CN": "、", "en": ", "}
_BETWEEN: Final[Mapping[str, str]] = {"zh-CN": "", "en": " "}


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
    fields = [_field(one, speak) for one in item.fields]
    if fields:
        parts.append(speak.gettext(N_("Seen or used: %(fields)s."), fields=_COMMA[speak.language].join(fields)))
    if item.purpose is not None:
        parts.append(speak.gettext(N_("Purpose: %(purpose)s."), purpose=_purpose(item.purpose, speak)))
    if item.automatic:
        parts.append(speak.gettext(N_("Done by the node itself.")))
    return _BETWEEN[speak.language].join(parts)


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


def _field(code: str, speak: Translator) -> str:
    if code in FIELDS:
        return speak.gettext(FIELDS[code])
    return speak.gettext(word("claim", code)) if code in WORDS["claim"] else code


def _purpose(code: str, speak: Translator) -> str:
    for kind in ("opening_purpose", "purpose"):
        if code in WORDS[kind]:
            return speak.gettext(word(kind, code))
    return code
