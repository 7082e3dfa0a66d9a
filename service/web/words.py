"""The words for the codes of closed lists, as pages show them, and the shape that goes with a state.

A code is never shown bare: `word("arrival_state", "verifying")` is its English msgid, which the catalogue translates.
A state is shown as a word with a shape (`tone`), never by colour alone.
"""

from collections.abc import Mapping
from typing import Final, Literal

from service.web.languages import N_

Tone = Literal["new", "waiting", "done", "attention", "stopped", "closed"]

WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "arrival_state": {
        "to_be_told": N_("Notice still to be given"),
        "declared": N_("Registered"),
        "verifying": N_("Being confirmed"),
        "confirmed": N_("Confirmed"),
        "unconfirmed": N_("Not yet confirmed by the other region"),
        "ended": N_("Ended"),
        "voided": N_("Voided (made in error)"),
    },
    "departure_state": {
        "to_be_told": N_("Notice still to be given"),
        "declared": N_("Registered"),
        "notified": N_("Other region notified"),
        "confirmed": N_("Confirmed"),
        "ended": N_("Ended"),
        "voided": N_("Voided (made in error)"),
    },
    "request_state": {
        "draft": N_("Draft"),
        "queued": N_("In line"),
        "delivered": N_("Delivered"),
        "received": N_("Waiting for our answer"),
        "answering": N_("Answer about to leave"),
        "answered": N_("Answered"),
        "declined": N_("Given back"),
        "expired": N_("Expired"),
        "cancelled": N_("Cancelled"),
    },
    "direction": {"sent": N_("Sent"), "received": N_("Received")},
    "claim": {
        "identity": N_("Name, document and date of birth agree"),
        "departure_declared": N_("Moved out to this region"),
        "arrival_declared": N_("Moved in from this region"),
        "registered_here": N_("Registered in that region"),
    },
    "answer": {
        "confirmed": N_("Confirmed"),
        "not_confirmed": N_("Could not be confirmed"),
        "no_record": N_("No record found"),
        "withheld": N_("Not given under the agreement"),
    },
    "purpose": {
        "confirm_journey": N_("Confirm a move"),
        "correct_record": N_("Correct a record"),
        "persons_request": N_("The person asked for it"),
    },
    "opening_purpose": {
        "counter": N_("The person is at the counter"),
        "task": N_("A task on my list"),
        "correction": N_("Correct the record"),
        "persons_request": N_("The person asked for it"),
        "audit": N_("Audit"),
    },
    "urgency": {
        "normal": N_("Normal (10 working days)"),
        "urgent": N_("Urgent (3 working days)"),
    },
    "decline_reason": {
        "not_our_area": N_("Not our area"),
        "no_capacity": N_("No capacity at present"),
        "repeated": N_("Asked before"),
        "agreement_ended": N_("The agreement has ended"),
        "request_unclear": N_("The request is unclear"),
    },
    "cancel_reason": {
        "asked_in_error": N_("Asked in error"),
        "no_longer_needed": N_("No longer needed"),
    },
    "end_reason": {
        "ended": N_("Ended"),
        "returned": N_("Returned"),
        "moved_on": N_("Moved on"),
        "deceased": N_("Deceased"),
        "erased": N_("Erased"),
    },
    "way": {
        "spoken": N_("Spoken"),
        "paper": N_("On paper"),
        "screen": N_("On this screen"),
        "own_page": N_("On the own page"),
    },
    "channel": {
        "email": N_("E-mail"),
        "sms": N_("Text message"),
        "chat": N_("Chat"),
        "letter": N_("Letter"),
    },
    "document_type": {
        "resident_id": N_("Resident ID card"),
        "hmt_residence_permit": N_("Residence permit for Hong Kong, Macau and Taiwan residents"),
        "foreign_permanent_resident_card": N_("Foreign permanent resident card"),
        "passport": N_("Passport"),
        "none": N_("No document"),
    },
    "language": {"zh-CN": N_("Chinese"), "en": N_("English")},
    "certificate_kind": {
        "general_health": N_("General health check"),
        "vaccination": N_("Vaccination"),
        "tuberculosis_screening": N_("Tuberculosis screening"),
        "chronic_disease_followup": N_("Chronic disease follow-up"),
        "elderly_checkup": N_("Check-up for older people"),
        "occupational_health": N_("Occupational health check"),
    },
    "certificate_state": {
        "issued": N_("Issued"),
        "delivered": N_("Delivered home"),
        "suspended": N_("Suspended"),
        "expired": N_("Expired"),
        "revoked": N_("Revoked"),
    },
    "check_result": {
        "valid": N_("Valid"),
        "expired": N_("Expired"),
        "revoked": N_("Revoked"),
        "suspended": N_("Suspended"),
        "unknown_issuer": N_("Issuer unknown here"),
        "altered": N_("Altered or unreadable"),
        "not_current": N_("Cannot be told: the status list is too old"),
    },
    "reminder_kind": {
        "quarterly_check": N_("Quarterly health check"),
        "residence_permit": N_("Residence permit endorsement"),
        "vaccination": N_("Vaccination"),
    },
    "cadence": {"quarterly": N_("Every quarter"), "yearly": N_("Every year")},
    "plan_state": {
        "active": N_("Running"),
        "paused": N_("Paused"),
        "stopped": N_("Stopped"),
        "handed_over": N_("Handed over"),
        "ending": N_("Goes on in another region"),
    },
    "reminder_state": {
        "waiting": N_("To be sent"),
        "sent": N_("Sent"),
        "undeliverable": N_("Could not be delivered"),
    },
    "work_item": {
        "answer_request": N_("Answer a request"),
        "request_unanswered": N_("A request of ours is unanswered"),
        "duplicate": N_("Maybe the same person twice"),
        "import_rows": N_("Rows of an import to look at"),
        "message_parked": N_("A message was refused"),
        "persons_request": N_("A person asked for something"),
        "agreement_ending": N_("An agreement is about to end"),
        "unusual_access": N_("Unusual access"),
        "legal_hold": N_("Legal hold to agree to"),
    },
    "role": {
        "clerk": N_("Clerk"),
        "supervisor": N_("Supervisor"),
        "auditor": N_("Auditor"),
        "administrator": N_("Administrator"),
    },
    "sign_in_way": {
        "password": N_("Password"),
        "passkey": N_("Passkey"),
        "provider": N_("Sign-in service"),
    },
    "peer_state": {
        "paper": N_("By letter"),
        "invited": N_("Invited"),
        "active": N_("Paired"),
        "suspended": N_("Suspended"),
        "revoked": N_("Revoked"),
    },
    "message_type": {
        "verification.requested": N_("A question"),
        "verification.answered": N_("An answer"),
        "verification.corrected": N_("A corrected answer"),
        "verification.declined": N_("A question given back"),
        "verification.cancelled": N_("A question taken back"),
        "verification.reminded": N_("A reminder of a question"),
        "departure.notified": N_("A move to that region"),
        "arrival.confirmed": N_("An arrival confirmed"),
        "arrival.ended": N_("An arrival ended"),
        "certificate.delivered": N_("A certificate for its home region"),
        "certificate.suspended": N_("A certificate suspended"),
        "certificate.resumed": N_("A certificate valid again"),
        "certificate.revoked": N_("A certificate revoked"),
        "plan.handed_over": N_("Reminders handed over"),
        "plan.accepted": N_("Reminders taken over"),
        "erasure.requested": N_("A request to erase"),
        "record.erased": N_("An erasure carried out"),
        "message.voided": N_("A message taken back"),
        "agreement.proposed": N_("An agreement proposed"),
        "agreement.signed": N_("An agreement signed"),
        "agreement.ended": N_("An agreement ended"),
        "keys.rotated": N_("New keys of our node"),
        "node.moved": N_("A new address of our node"),
        "node.maintenance": N_("Maintenance of our node"),
        "node.returned": N_("Our node is back"),
        "log.checkpoint": N_("A seal of our access log"),
        "log.cosigned": N_("Their access log countersigned"),
    },
    "agreement_state": {
        "proposed": N_("Proposed"),
        "signed": N_("In force"),
        "ended": N_("Ended"),
    },
    "ledger_kind": {"arrivals": N_("Arrivals"), "departures": N_("Departures")},
    "ledger_state": {
        "columns": N_("Columns to be chosen"),
        "uploaded": N_("Being read"),
        "previewed": N_("Previewed"),
        "checked": N_("Checked, not imported"),
        "importing": N_("Being imported"),
        "committed": N_("Imported"),
        "imported": N_("Imported"),
        "undoing": N_("Being undone"),
        "undone": N_("Undone"),
        "failed": N_("Failed"),
    },
    "ledger_source": {
        "own_ledger": N_("The office's own old ledger"),
        "other_office": N_("Another office's ledger"),
    },
    "column_why": {
        "known": N_("Known header"),
        "chosen": N_("Chosen by an officer"),
        "remembered": N_("As the last time"),
        "forbidden": N_("A register may not hold it"),
        "spare": N_("Another column fills this"),
        "unknown": N_("Header not known"),
    },
    "ledger_outcome": {
        "ok": N_("Good"),
        "warning": N_("Kept with a warning"),
        "error": N_("Handed back"),
        "duplicate": N_("Already there"),
    },
    "legal_hold": {
        "court_order": N_("Order of a court"),
        "investigation": N_("Investigation by police or prosecutor"),
        "administrative_review": N_("Administrative review or lawsuit"),
        "office_under_inquiry": N_("Inquiry into this office itself"),
    },
    "hold_state": {
        "proposed": N_("Waits for a second officer"),
        "standing": N_("In force"),
        "refused": N_("Not agreed to"),
        "withdrawn": N_("Withdrawn"),
        "lifted": N_("Lifted early"),
        "replaced": N_("Replaced by a later one"),
        "ended": N_("Over"),
    },
    "protection": {
        "threat": N_("Threat"),
        "court_order": N_("Court order"),
        "own_wish": N_("Own wish"),
    },
    "consent_action": {
        "share_with_peer": N_("Exchange the move with this region"),
        "remind": N_("Reminders"),
        "certificate_home": N_("Deliver certificates to this home region"),
    },
    "actor_kind": {
        "officer": N_("Officer"),
        "peer": N_("Peer"),
        "person": N_("The person"),
        "node": N_("The node itself"),
    },
}

_TONES: Final[Mapping[str, Mapping[str, Tone]]] = {
    "arrival_state": {
        "to_be_told": "attention",
        "declared": "new",
        "verifying": "waiting",
        "confirmed": "done",
        "unconfirmed": "new",
        "ended": "closed",
        "voided": "stopped",
    },
    "departure_state": {
        "to_be_told": "attention",
        "declared": "new",
        "notified": "waiting",
        "confirmed": "done",
        "ended": "closed",
        "voided": "stopped",
    },
    "request_state": {
        "draft": "new",
        "queued": "waiting",
        "delivered": "waiting",
        "received": "attention",
        "answering": "waiting",
        "answered": "done",
        "declined": "closed",
        "expired": "closed",
        "cancelled": "closed",
    },
    "answer": {
        "confirmed": "done",
        "not_confirmed": "attention",
        "no_record": "closed",
        "withheld": "stopped",
    },
    "certificate_state": {
        "issued": "done",
        "delivered": "done",
        "suspended": "attention",
        "expired": "closed",
        "revoked": "stopped",
    },
    "check_result": {
        "valid": "done",
        "expired": "closed",
        "revoked": "stopped",
        "suspended": "attention",
        "unknown_issuer": "attention",
        "altered": "stopped",
        "not_current": "attention",
    },
    "plan_state": {
        "active": "done",
        "paused": "waiting",
        "stopped": "closed",
        "handed_over": "closed",
    },
    "reminder_state": {"waiting": "waiting", "sent": "done", "undeliverable": "attention"},
    "peer_state": {
        "paper": "new",
        "invited": "waiting",
        "active": "done",
        "suspended": "attention",
        "revoked": "stopped",
    },
    "agreement_state": {"proposed": "waiting", "signed": "done", "ended": "closed"},
    "ledger_state": {
        "columns": "attention",
        "uploaded": "waiting",
        "previewed": "waiting",
        "checked": "waiting",
        "importing": "waiting",
        "committed": "done",
        "imported": "done",
        "undoing": "waiting",
        "undone": "closed",
        "failed": "stopped",
    },
    "ledger_outcome": {
        "ok": "done",
        "warning": "attention",
        "error": "stopped",
        "duplicate": "closed",
    },
}


def word(kind: str, code: str) -> str:
    """The English msgid for a code. Raises KeyError for a list or a code that is not known."""
    return WORDS[kind][str(code)]


def tone(kind: str, code: str) -> Tone:
    """The shape of a state; `new` where a list has none."""
    return _TONES.get(kind, {}).get(str(code), "new")


def choices(kind: str) -> list[str]:
    """The codes of a list, in the order in which they are offered."""
    return list(WORDS[kind])
