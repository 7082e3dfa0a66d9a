"""Who may what: each address of the API and of the pages, and the rule that stands over it.

A rule is a function of role and area; `roles × areas × addresses` are asserted against it in `test_who_may_what.py`.
An address that does not stand here fails that test: whoever adds one decides who may use it, in this one table.

`reach` is how an officer's area lies to the records of the world in which this is tested: the whole ``region``, their
``own`` township (the records are theirs), or an ``other`` one.
"""

from collections.abc import Callable
from enum import Enum
from typing import Final

from service.officers.rules import Role

Rule = Callable[[Role | None, str], bool]
CLERK, SUPERVISOR, AUDITOR, ADMINISTRATOR = Role


def anyone(role: Role | None, reach: str) -> bool:
    """Without signing in, too: what is public, and how one signs in."""
    return True


def officer(role: Role | None, reach: str) -> bool:
    """Every officer: nothing of people, or lists that each sees their own part of, or an empty form."""
    return role is not None


def nobody(role: Role | None, reach: str) -> bool:
    """No officer: the person's own page has another door, and what does not exist is nobody's."""
    return False


def of_people(role: Role | None, reach: str) -> bool:
    """A record, a case, a task …: clerks and supervisors whose area holds it."""
    return role in {CLERK, SUPERVISOR} and reach != "other"


def lists_of_people(role: Role | None, reach: str) -> bool:
    """Lists, searches and new records: clerks and supervisors, each within their area."""
    return role in {CLERK, SUPERVISOR}


def whole_register(role: Role | None, reach: str) -> bool:
    """What tells of the people of the whole region: clerks and supervisors of all of it."""
    return role in {CLERK, SUPERVISOR} and reach == "region"


def of_supervisors(role: Role | None, reach: str) -> bool:
    """What supervisors alone do, within their area."""
    return role == SUPERVISOR and reach != "other"


def compares(role: Role | None, reach: str) -> bool:
    """What supervisors of the whole region alone do."""
    return role == SUPERVISOR and reach == "region"


def binds_region(role: Role | None, reach: str) -> bool:
    """What binds the whole region towards a peer."""
    return role in {SUPERVISOR, ADMINISTRATOR} and reach == "region"


def paper_peer(role: Role | None, reach: str) -> bool:
    """The same towards a region without a node, where clerks may, too: two of them sign a document's reference."""
    return role in {CLERK, SUPERVISOR, ADMINISTRATOR} and reach == "region"


def messages(role: Role | None, reach: str) -> bool:
    """Messages that a peer refused: who works with people, and who keeps the lines."""
    return role in {CLERK, SUPERVISOR, ADMINISTRATOR}


def log(role: Role | None, reach: str) -> bool:
    """The access log: auditors and supervisors, each of what the offices of their area did."""
    return role in {AUDITOR, SUPERVISOR}


def officers(role: Role | None, reach: str) -> bool:
    """The officers of an area: its administrators."""
    return role == ADMINISTRATOR


def one_officer(role: Role | None, reach: str) -> bool:
    """One officer: the administrators whose area holds theirs."""
    return role == ADMINISTRATOR and reach != "other"


def release(role: Role | None, reach: str) -> bool:
    """A colleague's daily limit (supervisor) or sign-in (administrator)."""
    return role in {SUPERVISOR, ADMINISTRATOR} and reach != "other"


class Missing(Enum):
    """Why an address cannot be asked for something that is there, in this world: all get "not found"."""

    RECEIVED = "no peer has asked; answering a request is asserted in tests/service/verification"
    MESSAGE = "no peer has refused a message; parked messages are asserted in tests/service/agreements"
    PAIR = "nothing was merged; undoing is asserted in tests/service/registry"
    AGREED = "an agreement with a paper peer is changed under /agreements; its own page has these for peers with nodes"
    CHANGE = "no change has this id; undoing is asserted in tests/service/registry"
    EXPORT = "no export waits for a second officer; asserted in tests/service/ledgers"
    FOUND = "whoever is not found exactly is not found, by anybody; asserted in tests/service/registry"
    FORM = "a form put aside is its officer's alone; asserted in tests/service/registry"
    SESSION = "no session has this name; ending one is asserted in tests/service/officers"


def _by_address(rules: dict[Rule | Missing, str]) -> dict[str, Rule | Missing]:
    found: dict[str, Rule | Missing] = {}
    for rule, addresses in rules.items():
        for line in addresses.split("\n"):
            if address := line.strip():
                assert address not in found, f"{address} stands under two rules"
                found[address] = rule
    return found


API: Final = _by_address({
    anyone: """
        GET /healthz
        GET /readyz
        POST /session
        POST /session/password
        GET /notices/current
        POST /certificates/verify
        POST /me/session
        GET /.well-known/tonglu
    """,
    officer: """
        GET /session
        DELETE /session
        GET /sessions
        DELETE /sessions
        GET /log/checkpoint
        GET /peers
        GET /peers/{region}
        GET /peers/{region}/parked
        GET /work-items
        GET /work-items/counts
        GET /agreements
        DELETE /me/session
        GET /ledgers
    """,
    Missing.SESSION: """
        DELETE /sessions/{session_id}
    """,
    officers: """
        GET /officers
        POST /officers
    """,
    one_officer: """
        PATCH /officers/{name}
        POST /officers/{name}/disable
        POST /officers/{name}/enable
        POST /officers/{name}/reset
        GET /officers/{name}/sessions
        DELETE /officers/{name}/sessions
    """,
    release: """
        POST /officers/{name}/release
    """,
    log: """
        GET /access-log
    """,
    lists_of_people: """
        GET /reports/{report_name}
        GET /ledger-exports
        POST /ledger-exports
        POST /arrivals
        GET /arrivals
        POST /departures
        GET /departures
        POST /search
        GET /verifications
        POST /ledgers
    """,
    of_people: """
        POST /people/{person_id}/request-messages
        POST /ledgers/{import_id}/columns
        GET /arrivals/{arrival_id}
        POST /arrivals/{arrival_id}/end
        POST /arrivals/{move_id}/undo
        POST /departures/{move_id}/undo
        GET /departures/{departure_id}
        POST /departures/{departure_id}/return
        GET /people/{person_id}
        PATCH /people/{person_id}
        DELETE /people/{person_id}
        POST /people/{person_id}/notice
        POST /people/{person_id}/consents
        POST /people/{person_id}/withdrawals
        POST /people/{person_id}/protect
        POST /people/{person_id}/merge
        POST /people/{person_id}/void
        GET /people/{person_id}/changes
        PATCH /arrivals/{arrival_id}
        PATCH /departures/{departure_id}
        POST /arrivals/{arrival_id}/reopen
        POST /departures/{departure_id}/reopen
        POST /people/{person_id}/address
        POST /people/{person_id}/undo
        GET /people/{person_id}/certificates
        GET /people/{person_id}/reminder-plans
        POST /people/{person_id}/access-code
        GET /people/{person_id}/requests
        POST /verifications
        GET /verifications/{request_id}
        POST /verifications/{request_id}/answer
        POST /verifications/{request_id}/cancel
        GET /verifications/{request_id}/letter.pdf
        POST /work-items/{item_id}/take
        POST /work-items/{item_id}/hand-over
        POST /work-items/{item_id}/done
        POST /work-items/{item_id}/undo
        POST /certificates
        GET /certificates/{certificate_id}
        GET /certificates/{certificate_id}/qr.svg
        GET /certificates/{certificate_id}/slip.pdf
        POST /certificates/{certificate_id}/suspend
        POST /certificates/{certificate_id}/resume
        POST /certificates/{certificate_id}/revoke
        POST /certificates/{certificate_id}/deliver
        POST /reminder-plans
        DELETE /reminder-plans/{plan_id}
        POST /reminder-plans/{plan_id}/hand-over
        GET /reminders
        GET /ledgers/{import_id}
        GET /ledgers/{import_id}/report.xlsx
        POST /ledgers/{import_id}/commit
        POST /ledgers/{import_id}/undo
    """,
    Missing.PAIR: """
        POST /people/{person_id}/merge/undo
    """,
    Missing.RECEIVED: """
        POST /verifications/{request_id}/correct
        POST /verifications/{request_id}/undo
        POST /verifications/{request_id}/decline
    """,
    compares: """
        POST /reports/closings
        POST /peers/{region}/reconciliations
    """,
    whole_register: """
        GET /peers/{region}/reconciliations
    """,
    binds_region: """
        POST /peers/maintenance
        POST /peers
        POST /peers/{region}/test
        POST /peers/{region}/suspend
        POST /peers/{region}/resume
        POST /peers/{region}/revoke
        POST /peers/{region}/retry
        POST /peers/{region}/maintenance
        POST /peers/{region}/returned
    """,
    Missing.MESSAGE: """
        POST /peers/{region}/parked/{message_id}/retry
        POST /peers/{region}/parked/{message_id}/give-up
        GET /receipts
    """,
    paper_peer: """
        POST /agreements
        POST /agreements/{agreement_id}/sign
        POST /agreements/{agreement_id}/end
        POST /agreements/{agreement_id}/renew
    """,
    nobody: """
        POST /me/request-messages
        GET /me
        GET /me/access-log
        GET /me/consents
        POST /me/consents
        POST /me/withdrawals
        POST /me/requests
        DELETE /me/reminder-plans/{plan_id}
        POST /me/reminder-plans/{plan_id}/{step}
    """,
    Missing.EXPORT: """
        GET /ledger-exports/{export_id}
        GET /ledger-exports/{export_id}/file
        POST /ledger-exports/{export_id}/confirm
    """,
    Missing.FOUND: """
        POST /people/find
        POST /people/transfer
    """,
})  # fmt: skip
"""The API, below `/api/v1` where it is not said otherwise."""

PAGE: Final = _by_address({
    anyone: """
        GET /signin
        POST /signin
        POST /signin/code
        POST /signin/passkey/options
        POST /signin/passkey
        GET /signin/provider
        GET /signin/provider/done
        POST /password/first
        GET /help
        GET /notice
        GET /about
        GET /problems
        GET /problems/{problem}
        GET /check
        POST /check
    """,
    officer: """
        GET /directories
        GET /reports
        GET /password
        POST /password
        POST /signout
        GET /lock
        POST /lock
        POST /unlock
        POST /language
        GET /account
        POST /account/totp
        POST /account/totp/confirm
        POST /account/totp/remove
        POST /account/passkeys/{passkey_id}/remove
        POST /account/recovery
        POST /account/passkeys/options
        POST /account/passkeys
        POST /account/sessions/{which}/end
        GET /
        GET /next-task
        GET /peers
        POST /peers
        GET /peers/{region}
        GET /agreements/{agreement_id}
        POST /peers/{region}/maintenance
        GET /arrivals/new
        GET /departures/new
        POST /arrivals/new/line
        POST /departures/new/line
        POST /arrivals/new
        POST /departures/new
        GET /search
        GET /regions
        POST /parked/{parked_id}/discard
    """,
    officers: """
        GET /officers
        GET /officers/new
        POST /officers
    """,
    one_officer: """
        GET /officers/{officer_id}
        POST /officers/{officer_id}
        POST /officers/{officer_id}/reset
        POST /officers/{officer_id}/{act}
    """,
    of_people: """
        POST /people/{person_id}/request-messages
        GET /ledgers/{import_id}/columns
        POST /ledgers/{import_id}/columns
        POST /work-items/{item_id}/take
        POST /work-items/{item_id}/release
        POST /work-items/{item_id}/done
        POST /work-items/{item_id}/undo
        GET /people/{person_id}/requests
        GET /arrivals/{move_id}/next
        GET /departures/{move_id}/next
        GET /arrivals/{move_id}
        GET /departures/{move_id}
        POST /arrivals/{move_id}/end
        POST /departures/{move_id}/return
        POST /moves/{move_id}/undo
        POST /people/{person_id}/moves/{move_id}/void
        GET /people/{person_id}/saved/{move_id}
        GET /people/{person_id}/slip/{move_id}
        GET /people/{person_id}/consents
        POST /people/{person_id}/notice
        POST /people/{person_id}/consents
        POST /people/{person_id}/consents/withdraw
        GET /duplicates/{pair_id}
        POST /duplicates/{pair_id}/same
        POST /duplicates/{pair_id}/different
        GET /people/{person_id}
        POST /people/{person_id}/full
        GET /people/{person_id}/edit
        POST /people/{person_id}/edit
        POST /people/{person_id}/protect
        POST /people/{person_id}/void
        POST /people/{person_id}/erase
        GET /verifications/{request_id}
        POST /verifications/{request_id}/answer
        POST /verifications/{request_id}/decline
        GET /people/{person_id}/verifications
        GET /people/{person_id}/verifications/new
        POST /people/{person_id}/verifications
        POST /verifications/{request_id}/cancel
        GET /arrivals/{move_id}/correct
        GET /departures/{move_id}/correct
        POST /arrivals/{move_id}/correct
        POST /departures/{move_id}/correct
        POST /arrivals/{move_id}/reopen
        POST /departures/{move_id}/reopen
        GET /people/{person_id}/address
        POST /people/{person_id}/address
        POST /people/{person_id}/undo
        GET /people/{person_id}/certificates
        GET /people/{person_id}/certificates/new
        POST /people/{person_id}/certificates
        GET /people/{person_id}/certificates/{certificate_id}
        GET /people/{person_id}/certificates/{certificate_id}/print
        POST /people/{person_id}/certificates/{certificate_id}/{change}
        GET /people/{person_id}/reminders
        GET /people/{person_id}/reminders/new
        POST /people/{person_id}/reminders
        POST /people/{person_id}/reminders/{plan_id}/stop
        GET /people/{person_id}/reminders/{plan_id}/hand-over
        POST /people/{person_id}/reminders/{plan_id}/hand-over
        GET /verifications/{request_id}/letter.pdf
        GET /people/{person_id}/access-code
        POST /people/{person_id}/access-code
        GET /people/{person_id}/log
        GET /ledgers/{import_id}
        POST /ledgers/{import_id}/commit
        POST /ledgers/{import_id}/undo
        GET /ledgers/{import_id}/report.xlsx
    """,
    whole_register: """
        GET /peers/{region}/reconciliations
    """,
    compares: """
        POST /reports/close
        POST /peers/{region}/reconciliations
    """,
    paper_peer: """
        POST /peers/{region}/propose
    """,
    Missing.AGREED: """
        POST /peers/{region}/agreements/{agreement_id}/{change}
    """,
    binds_region: """
        POST /peers/maintenance
        POST /peers/{region}/test
        POST /peers/{region}/{change}
    """,
    lists_of_people: """
        GET /search/node
        GET /reports/{report_name}
        GET /reports/{report_name}/print.pdf
        GET /reports/{report_name}/workbook.xlsx
        GET /ledgers/exports
        POST /ledgers/exports
        POST /search/node
        POST /search/node/transfer
        POST /parked
        POST /people/doubles
        GET /arrivals
        GET /departures
        POST /search
        GET /verifications
        GET /ledgers
        GET /ledgers/new
        GET /hand-over
        POST /hand-over
        GET /hand-over/list.pdf
        POST /away
        POST /away/back
        POST /ledgers
    """,
    Missing.PAIR: """
        POST /duplicates/{pair_id}/undo
    """,
    Missing.RECEIVED: """
        POST /verifications/{request_id}/correct
        POST /verifications/{request_id}/undo
    """,
    log: """
        GET /access-log
    """,
    of_supervisors: """
        GET /unusual-access/{officer_id}
        POST /unusual-access/{officer_id}/release
    """,
    Missing.CHANGE: """
        POST /people/{person_id}/undo/{change_id}
    """,
    Missing.FORM: """
        GET /parked/{parked_id}
    """,
    Missing.EXPORT: """
        GET /ledgers/exports/{export_id}/file
        POST /ledgers/exports/{export_id}/confirm
    """,
})  # fmt: skip
"""The pages but those of `/me`."""
