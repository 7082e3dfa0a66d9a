"""Whom each address of the API is for; the rules stand in `policy.py`."""

from typing import Final

from tests.service.routes.policy import (
    Missing,
    anyone,
    binds_region,
    by_address,
    compares,
    lists_of_people,
    log,
    messages,
    nobody,
    of_people,
    of_supervisors,
    officer,
    officers,
    one_officer,
    paper_peer,
    release,
    whole_register,
)

API: Final = by_address({
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
        GET /receipts
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
        POST /people/{person_id}/apart
        POST /people/{person_id}/void
        POST /people/{person_id}/keep
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
    of_supervisors: """
        GET /people/{person_id}/legal-holds
        POST /people/{person_id}/legal-holds
    """,
    Missing.HOLD: """
        POST /people/{person_id}/legal-holds/{hold_id}/confirm
        POST /people/{person_id}/legal-holds/{hold_id}/refuse
        POST /people/{person_id}/legal-holds/{hold_id}/lift
        POST /people/{person_id}/legal-holds/{hold_id}/undo
    """,
    Missing.PAIR: """
        POST /people/{person_id}/merge/undo
        POST /people/{person_id}/apart/undo
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
    """,
    messages: """
        GET /peers/{region}/parked
    """,
    paper_peer: """
        POST /agreements
        POST /agreements/{agreement_id}/sign
        POST /agreements/{agreement_id}/end
        POST /agreements/{agreement_id}/renew
    """,
    nobody: """
        POST /me/request-messages
        POST /me/keep
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
