"""What each problem means and what to do about it, in words: the pages at ``/problems/<code>`` and `docs/problems/`.

A code of the error tree without an entry here fails a test, and so does an entry without a code.
"""

from dataclasses import dataclass
from typing import Final

from service.web.languages import N_


@dataclass(frozen=True, slots=True)
class Explained:
    """One problem in words (English msgids)."""

    means: str
    do: str


EXPLAINED: Final[dict[str, Explained]] = {
    "asked_recently": Explained(
        N_("One person, one purpose, one question: the same peer may be asked again after 30 days."),
        N_("Wait until the date that is shown, or use the answer that is here already."),
    ),
    "being_imported": Explained(
        N_("Somebody has begun to register this upload, or another upload of the same file; it is not done yet."),
        N_("Follow it in the list of ledgers; once it is done, whoever it registered is not registered again."),
    ),
    "clock_skew": Explained(
        N_(
            "The request was signed by a known peer, but its time and the receiver's differ by more than five "
            "minutes. The problem says by how many seconds."
        ),
        N_("Set the clock of the node that is wrong (NTP); messages wait and go by themselves afterwards."),
    ),
    "conflict": Explained(
        N_("Two people worked on the same thing, and the other one saved first; nothing of yours was lost or saved."),
        N_("Open it again, compare, and save what still holds."),
    ),
    "csrf_failed": Explained(
        N_("The form does not belong to the session that sent it: it was open for too long, or the session ended."),
        N_("Open the page again and send the form once more."),
    ),
    "daily_limit": Explained(
        N_("Reading records without a task is bounded each day, so that nobody reads the register through."),
        N_("Ask a supervisor to release more for today, or work on a task."),
    ),
    "date_in_future": Explained(
        N_("What is recorded has happened; a day that is still to come cannot be right."),
        N_("Correct the date."),
    ),
    "date_of_birth_missing": Explained(
        N_("A peer matches people by their date of birth, too; without one no question can leave."),
        N_("Add the date of birth to the record from the document."),
    ),
    "digest_mismatch": Explained(
        N_("The bytes that arrived are not those that were signed: something on the way changed them."),
        N_("The sender's node tries again at once. If it stays, look for a proxy that rewrites bodies."),
    ),
    "do_not_ask_before": Explained(
        N_("The person refused, and is not offered the same question again for 12 months."),
        N_("Do not ask. The person may consent at any time without being asked."),
    ),
    "forbidden": Explained(
        N_("Your roles or your area do not cover this."),
        N_("Ask a colleague whose work it is, or an administrator to change your roles."),
    ),
    "id_reused": Explained(
        N_("A message with this id and another content was taken before. An id names one message for ever."),
        N_("The sending node made two messages under one id, or was restored from a backup: send it under a new id."),
    ),
    "idempotency_mismatch": Explained(
        N_("An Idempotency-Key stands for one request. This one came before with another content."),
        N_("Use a new key for a new request; repeat an old one byte for byte."),
    ),
    "internal": Explained(
        N_(
            "The receiving node failed on this one message and took nothing of it; the others of the batch were "
            "not touched."
        ),
        N_(
            "Nothing: the message waits alone and goes again by itself. If it stays, the receiving node's operator "
            "looks into its log."
        ),
    ),
    "internal_fault": Explained(
        N_("A fault of the node; nothing was saved. The reference leads to the place in the node's log."),
        N_("Try again; if it stays, give the reference to whoever runs the node."),
    ),
    "invalid_input": Explained(
        N_("Something that was sent is missing, of another form, or does not fit the rest. The fields are named."),
        N_("Correct the fields that are named; what you typed is kept."),
    ),
    "invalid_message": Explained(
        N_(
            "One message does not have exactly the fields of its type, says a key twice, is too long, or its "
            "sealed part is not bound to it. It will never be taken as it is."
        ),
        N_(
            "It is parked at its sender. Compare it with the schema of its type; an officer gives it up or sends "
            "it anew."
        ),
    ),
    "import_built_upon": Explained(
        N_("Somebody has given people of this import the notice, or corrected their records, since it came in."),
        N_("Undo the others, and deal with these records one by one."),
    ),
    "invitation_refused": Explained(
        N_(
            "The invitation is expired, was taken before, is this node's own, or its signature, address or keys do "
            "not hold."
        ),
        N_("Ask the other office for a new file, and compare the six words again."),
    ),
    "ledger_unreadable": Explained(
        N_("The file is no workbook or table that this node reads, or it is built in a way that only does harm."),
        N_("Save it anew as .xlsx or .csv from the office program, without macros and passwords."),
    ),
    "malformed": Explained(
        N_("The request is signed by a known peer, but its content is no batch of messages."),
        N_(
            "This is a fault of the sending node's software: its batch is halved until the one message is found "
            "and parked."
        ),
    ),
    "method_not_allowed": Explained(
        N_("The address exists, but it is not for this kind of request."),
        N_("Look the address up in the API's documentation."),
    ),
    "no_active_peer": Explained(
        N_("The other region is not paired yet, is suspended, or has no keys in force here."),
        N_("Test the line on the peers page; resume or pair the peer."),
    ),
    "no_agreement": Explained(
        N_(
            "Nothing may be asked or told without an agreement that both regions signed, that is in force today "
            "and covers the purpose and the claims."
        ),
        N_("Propose or sign an agreement with this region; a message that was refused for it is parked until then."),
    ),
    "no_consent": Explained(
        N_("Sharing with this region, or this service, rests on the person's own consent, and there is none in force."),
        N_(
            "Ask the person, if they were not asked before; without consent nothing is sent, and nothing else "
            "changes for them."
        ),
    ),
    "not_found": Explained(
        N_("There is no such thing, or it is not yours to see. Which of the two is not told."),
        N_("Check the address or the search; people registered elsewhere are transferred in with the person present."),
    ),
    "overloaded": Explained(
        N_(
            "The node cannot write just now: the disk is full, the database is locked, or too much comes at once. "
            "Nothing was acknowledged that was not saved."
        ),
        N_("Try again in a few seconds; if it stays, look at the disk and run `tonglu doctor`."),
    ),
    "password_change_required": Explained(
        N_("A one-time password opens nothing but the change of itself."),
        N_("Choose your own password."),
    ),
    "peer_suspended": Explained(
        N_("The receiving office has suspended the exchange with this peer. What waits is kept."),
        N_("Call the other office. Once it resumes, everything goes by itself."),
    ),
    "provider_refused": Explained(
        N_(
            "The sign-in service's word could not be taken: its answer did not verify, or belongs to another sign-in, "
            "or the account there is linked to no officer who may sign in here. Which of them it was is not told."
        ),
        N_("Sign in with your password, or let an administrator link your account at the service."),
    ),
    "provider_unavailable": Explained(
        N_("The sign-in service that this node is set to use did not answer, or not as it should."),
        N_("Sign in with your password, or try again later."),
    ),
    "purpose_not_agreed": Explained(
        N_(
            "The agreement between the two regions is in force, but it does not cover the purpose or the claims of "
            "this message."
        ),
        N_("Agree on it in a new agreement, or do not ask."),
    ),
    "quota_exceeded": Explained(
        N_(
            "The month's requests that the agreement allows are used up. This one message waits; erasures, "
            "revocations and keys go on."
        ),
        N_("Wait for the next month, or agree on more."),
    ),
    "rate_limited": Explained(
        N_("One peer may send so many requests a second and so many at once; the limits stand in the descriptor."),
        N_("Nothing: the sending node waits as it is told and goes on."),
    ),
    "reconciled_recently": Explained(
        N_(
            "Comparing journeys counts against the agreement and happens once a month under it, so that nobody "
            "learns more by asking often."
        ),
        N_("Wait for the next month."),
    ),
    "replayed": Explained(
        N_(
            "A request with this nonce was taken before. Someone may be repeating what they overheard; it has no "
            "second effect."
        ),
        N_("The sending node makes a new request with the same messages at once."),
    ),
    "second_factor_required": Explained(
        N_("The password is right, and this officer has a second factor: nobody signs in without both."),
        N_("Send `code` along: the six digits that the authenticator shows now, or a recovery code."),
    ),
    "second_factor_setup_required": Explained(
        N_("This node lets nobody work without a second factor, and this officer has none yet."),
        N_("Sign in on the pages and set one up under your own name."),
    ),
    "session_locked": Explained(
        N_("Nobody used this computer for ten minutes, or it was locked by hand. What you typed is kept."),
        N_("Type the password."),
    ),
    "setting_invalid": Explained(
        N_("A setting is wrong or unsafe, so the node does not start rather than run with something weaker."),
        N_("Correct the setting that is named; docs/reference/settings.md lists all."),
    ),
    "sign_in_failed": Explained(
        N_("The name, the password or the second factor is wrong; which one is not told."),
        N_("Try again; an administrator can give a new one-time password."),
    ),
    "sign_in_required": Explained(
        N_("This is for officers who are signed in, and no session is here or it has ended."),
        N_("Sign in."),
    ),
    "too_few_journeys": Explained(
        N_(
            "With few journeys a comparison would tell about single people, so both regions bring at least 20 that "
            "are open, consented and not protected."
        ),
        N_("Ask about a single person by a verification request instead."),
    ),
    "too_large": Explained(
        N_("The request is larger than the node takes: 1 MiB and 200 messages at most, or its own smaller limits."),
        N_(
            "The sending node halves its batch. If one message alone is too large for the way, look at the proxy's "
            "limits."
        ),
    ),
    "too_many_attempts": Explained(
        N_("Too many wrong attempts for this name or from this place."),
        N_("Wait as long as it says."),
    ),
    "unauthenticated": Explained(
        N_(
            "The receiver knows no peer by this key, or the signature is missing, wrong or of another shape. It "
            "does not say which, and the answer is unsigned, so a proxy may also have made it."
        ),
        N_(
            "Test the line on the peers page. If it stays: has one side rotated its keys, changed its address or "
            "been paired anew? Else pair again."
        ),
    ),
    "unavailable": Explained(
        N_("The receiving node could not work just now and took nothing of the request."),
        N_("Nothing: the sending node tries again by itself."),
    ),
    "under_age": Explained(
        N_("Children under 14 are never registered."),
        N_("Do not register; nothing was stored."),
    ),
    "unknown_peer": Explained(
        N_("This region has no node that is paired with this one."),
        N_("Pair with it, or note it as a region without a node and write letters."),
    ),
    "unknown_seal_key": Explained(
        N_("The person's part was sealed for a key that the receiver no longer has."),
        N_(
            "Nothing: the sending node fetches the receiver's descriptor, seals again and sends under a new id. "
            "Where it cannot, an officer finds the message among the tasks."
        ),
    ),
    "unknown_type": Explained(
        N_("The message is of a type, or of a version of it, that the receiver does not know."),
        N_("One of the two nodes is older: bring it up to date. The message is parked at its sender."),
    ),
    "unsupported_coding": Explained(
        N_("A request between nodes comes as it was signed, without gzip or another content coding."),
        N_("Turn compression off in the proxy between the nodes."),
    ),
    "unsupported_media_type": Explained(
        N_("The address takes JSON alone."),
        N_("Send the body as application/json."),
    ),
    "witness_required": Explained(
        N_(
            "A consent that was given on the office's own computer counts for sharing only with the person's own "
            "code, or with a second officer who was there."
        ),
        N_("Let the person type the code, or name the witness."),
    ),
    "upload_gone": Explained(
        N_("An upload is held in memory for half an hour and never written down; this one is gone."),
        N_("Send the file again; what was chosen for its columns can be sent along."),
    ),
    "wrong_recipient": Explained(
        N_("The message is addressed to another region than the node that got it."),
        N_("This is a fault of the sending node's software; the message is parked there."),
    ),
    "wrong_source": Explained(
        N_("A peer may speak for itself alone: the message names another sender than the one that signed the request."),
        N_("This is a fault of the sending node's software, or an attempt to speak for someone else; tell the office."),
    ),
    "wrong_state": Explained(
        N_("What was asked for does not fit how things stand: it is closed, answered, ended or taken back already."),
        N_("Open it again and look at its state."),
    ),
}
