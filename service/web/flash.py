"""What has just happened, said once on the next page, with its undo.

The note travels in a cookie that lives for a minute and holds a code of the closed list below and the address of the
undo: never a name, never free text, so a forged cookie can say nothing that the list does not say.
"""

import re
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from service.web import cookies
from service.web.languages import N_

COOKIE: Final = "tonglu_done"
SECONDS: Final = 60
_UNDO_PATH: Final = re.compile(r"/[a-z0-9/-]{1,150}")

DONE: Final = {
    "saved": N_("Saved."),
    "undone": N_("Undone. Nothing of it stays in force."),
    "ended": N_("The stay is recorded as ended."),
    "returned": N_("The return is recorded."),
    "moved_house": N_("The new address is recorded. The old one is gone from the record."),
    "reopened": N_("The move goes on."),
    "parked": N_("The form is put aside for 24 hours. Go on with it from here."),
    "discarded": N_("The form is discarded."),
    "told": N_("The notice is recorded as given."),
    "consent_saved": N_("The answers are recorded."),
    "withdrawn": N_("Withdrawn. It works at once, also on what was waiting to be sent."),
    "request_queued": N_("The request is in line and goes by itself."),
    "answered": N_("The answer is recorded. It leaves at the next release time; until then you can undo it."),
    "corrected": N_("The correction is recorded."),
    "declined": N_("The request is given back with the reason."),
    "cancelled": N_("The request is cancelled."),
    "certificate_issued": N_("The certificate is issued."),
    "certificate_delivered": N_("The certificate is on its way home."),
    "certificate_suspended": N_("The certificate is suspended."),
    "certificate_resumed": N_("The certificate is valid again."),
    "certificate_revoked": N_("The certificate is revoked."),
    "plan_made": N_("The reminders are set up."),
    "plan_offered": N_("The reminders are offered to that region. They go on here until it goes on with them."),
    "plan_stopped": N_("The reminders are stopped. Nothing more will be sent."),
    "plan_done": N_("Done. No more messages in this period."),
    "plan_paused": N_("The reminders rest until you let them go on."),
    "plan_resumed": N_("The reminders go on."),
    "own_request_made": N_("Your request is with the office. It stands below, with the day of the answer."),
    "password_changed": N_("The new password is in force."),
    "totp_added": N_("The authenticator is in force."),
    "passkey_added": N_("The passkey is in force."),
    "factor_removed": N_("It is taken off. All your other sessions ended."),
    "sessions_ended": N_("Signed out there."),
    "officer_changed": N_("The roles and the area are changed, at once."),
    "officer_disabled": N_("The officer is shut out, at once."),
    "officer_enabled": N_("The officer may sign in again."),
    "officer_released": N_("The officer may sign in at once."),
    "imported": N_("The good rows are in the register."),
    "import_undone": N_("The import is undone."),
    "export_asked": N_("The file stands in the list below; one with whole numbers waits for a second officer."),
    "export_agreed": N_("You agreed. The officer who asked can fetch the file now."),
    "peer_tested": N_("The peer answered."),
    "peer_suspended": N_("The line is suspended. Nothing is sent or taken until you resume it."),
    "peer_resumed": N_("The line is open again. What waited goes at once."),
    "peer_revoked": N_("Trust is ended. What was queued never leaves."),
    "peer_maintenance_announced": N_("The maintenance is announced; the message goes by itself."),
    "peer_return_announced": N_("They are told that this node is back."),
    "peer_retried": N_("Everything that waits is tried again now."),
    "message_retried": N_("The message goes again now."),
    "message_given_up": N_("The message is given up."),
    "agreement_proposed": N_("The agreement is proposed."),
    "agreement_signed": N_("The agreement is signed."),
    "agreement_ended": N_("The agreement is ended. It starts nothing new."),
    "item_taken": N_("The task is yours."),
    "item_released": N_("The task is back in the pool."),
    "item_done": N_("The task is done."),
    "month_closed": N_("The month is closed."),
    "item_reopened": N_("The task is open again."),
    "items_handed_over": N_("The tasks are handed over."),
    "gone_away": N_("You are away. Your tasks are in the pool."),
    "come_back": N_("Welcome back."),
    "openings_released": N_("Released for today."),
    "transferred_in": N_("The record is in your township now."),
    "protected": N_("The record is protected."),
    "erased_later": N_("Noted. The record is erased by itself when the legal hold is over."),
    "kept_after_all": N_("Noted. The record stays when the legal hold is over."),
    "hold_proposed": N_("The hold is proposed. Nothing is held until another supervisor agrees."),
    "hold_confirmed": N_("The record is kept by law from now on. The person reads it on their own page."),
    "hold_refused": N_("The proposal does not go on."),
    "hold_lifted": N_("The hold is lifted."),
    "erased": N_("The record is erased."),
    "voided": N_("The record is voided as made in error."),
    "not_duplicate": N_("Noted: these are two people."),
    "merged": N_("The two records are one now."),
}


@dataclass(frozen=True)
class Done:
    """One note: a code of `DONE`, and where its undo is posted to."""

    code: str
    undo: str | None = None


def set_done(response: Response, done: Done, *, secure: bool) -> None:
    """Send the note along with `response`. Raises KeyError for a code that is not in the list."""
    if done.code not in DONE:
        raise KeyError(done.code)
    value = done.code if done.undo is None else f"{done.code}:{done.undo}"
    cookies.set_cookie(response, COOKIE, value, secure=secure, max_age=SECONDS)


def read_done(request: Request) -> Done | None:
    """The note that came with this request, or None when there is none or it is not of our making."""
    code, _, undo = (cookies.sent_cookie(request, COOKIE) or "").partition(":")
    if code not in DONE:
        return None
    if undo and not _UNDO_PATH.fullmatch(undo):
        return None
    return Done(code, undo or None)


def forget_done(response: Response, *, secure: bool) -> None:
    """The note was shown: it is said once."""
    cookies.forget_cookie(response, COOKIE, secure=secure)
