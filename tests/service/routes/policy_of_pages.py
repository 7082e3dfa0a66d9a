"""Whom each page is for; the rules stand in `policy.py`."""

from typing import Final

from tests.service.routes.policy import (
    Missing,
    anyone,
    binds_region,
    by_address,
    compares,
    lists_of_people,
    log,
    of_people,
    of_supervisors,
    officer,
    officers,
    one_officer,
    paper_peer,
    whole_register,
)

PAGE: Final = by_address({
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
        POST /unlock/passkey/options
        POST /unlock/passkey
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
        POST /people/{person_id}/keep
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
        POST /peers/{region}/maintenance
        POST /peers/{region}/test
        POST /peers/{region}/{change}
    """,
    lists_of_people: """
        GET /arrivals/new
        GET /departures/new
        POST /arrivals/new/line
        POST /departures/new/line
        POST /arrivals/new
        POST /departures/new
        GET /search
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
    Missing.HOLD: """
        POST /people/{person_id}/hold/{hold_id}/{step}
    """,
    Missing.MESSAGE: """
        GET /messages/{message_id}
        POST /messages/{message_id}/{act}
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
        GET /people/{person_id}/hold
        POST /people/{person_id}/hold
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
