"""One fit message of each type, for the tests of envelope, messages and schemas. Keys and seals are only shapes."""

from copy import deepcopy
from typing import Any

CASE = "0193f3a0-0000-7000-8000-0000000000c1"
JOURNEY = "5b0c2c1e-0000-4000-8000-0000000000a1"
CERTIFICATE = "0193f3a0-0000-7000-8000-0000000000d1"
PLAN = "0193f3a0-0000-7000-8000-0000000000e1"
MESSAGE = "0193f3a0-0000-7000-8000-0000000000f1"
STREAM = "5b0c2c1e-0000-4000-8000-0000000000b1"
AGREEMENT = "0193f3a0-0000-7000-8000-0000000000aa"
JWE = "eyJh..aXY.Y2lwaGVy.dGFn"
JWS = "eyJh.cGF5.c2ln"
CONSENT = {
    "purpose": "share_with_peer:790101",
    "given_at": "2026-11-22T04:00:00Z",
    "way": "screen",
    "notice_version": "2026-11",
}
SIGNED = {"payload": "cGF5", "signatures": [{"protected": "eyJh", "signature": "c2ln"}]}
DOCUMENT = {"jws": JWS}

DATA: dict[str, dict[str, Any]] = {
    "verification.requested": {
        "case": CASE,
        "journey": JOURNEY,
        "subject_identity": JWE,
        "claims": ["identity", "departure_declared"],
        "due_on": "2026-12-04",
        "urgency": "normal",
        "consent": CONSENT,
    },
    "verification.answered": {
        "case": CASE,
        "answers": {"identity": "confirmed", "departure_declared": "confirmed"},
        "automatic": True,
        "answered_at": "2026-11-22T04:00:05Z",
    },
    "verification.corrected": {
        "case": CASE,
        "answers": {"identity": "not_confirmed"},
        "automatic": False,
        "answered_at": "2026-11-23T04:00:00Z",
        "supersedes": MESSAGE,
    },
    "verification.declined": {"case": CASE, "reason": "not_our_area"},
    "verification.cancelled": {"case": CASE, "reason": "no_longer_needed"},
    "verification.reminded": {"case": CASE},
    "departure.notified": {"journey": JOURNEY, "subject_identity": JWE, "departed_on": "2026-10"},
    "arrival.confirmed": {"journey": JOURNEY, "case": CASE, "arrived_on": "2026-10-08"},
    "arrival.ended": {"journey": JOURNEY, "ended_on": "2026-11-20", "reason": "ended"},
    "certificate.delivered": {
        "certificate_id": CERTIFICATE,
        "certificate": f"{JWS}~",
        "disclosures": JWE,
        "journey": JOURNEY,
    },
    "certificate.suspended": {"certificate_id": CERTIFICATE},
    "certificate.resumed": {"certificate_id": CERTIFICATE},
    "certificate.revoked": {"certificate_id": CERTIFICATE},
    "plan.handed_over": {
        "plan": PLAN,
        "journey": JOURNEY,
        "subject_identity": JWE,
        "kind": "quarterly_check",
        "cadence": "quarterly",
        "lead_days": [14, 3],
        "language": "zh-CN",
        "next_period": "2027Q1",
        "consent": CONSENT | {"purpose": "remind:quarterly_check"},
    },
    "plan.accepted": {"plan": PLAN, "from_period": "2027Q1"},
    "erasure.requested": {"message_ids": [MESSAGE]},
    "record.erased": {"message_ids": [MESSAGE], "at": "2026-11-22T04:00:00Z"},
    "message.voided": {"voided": MESSAGE},
    "agreement.proposed": {"agreement": SIGNED},
    "agreement.signed": {"agreement": SIGNED},
    "agreement.ended": {"agreement": SIGNED, "ended_on": "2026-12-31"},
    "keys.rotated": {"descriptor": DOCUMENT, "proof": JWS},
    "node.moved": {"descriptor": DOCUMENT},
    "node.maintenance": {"from": "2026-12-01T14:00:00Z", "to": "2026-12-01T16:00:00Z"},
    "node.returned": {"restored": True, "held": {STREAM: 17}},
    "log.checkpoint": {"checkpoint": "tonglu/790101\n12\nAAAA\n\n— tonglu/790101 AAAA\n"},
    "log.cosigned": {"checkpoint": "tonglu/790101\n12\nAAAA\n\n— tonglu/790303 AAAA\n"},
}
"""The data of each type of the protocol's table, by its short name."""

WITH_AGREEMENT = {
    "verification.requested",
    "verification.answered",
    "verification.corrected",
    "verification.declined",
    "verification.cancelled",
    "verification.reminded",
    "departure.notified",
    "arrival.confirmed",
    "arrival.ended",
    "certificate.delivered",
    "plan.handed_over",
    "plan.accepted",
}


def message(name: str = "verification.requested", **changes: Any) -> dict[str, Any]:
    """A whole message of a type; a change to None leaves the attribute out."""
    data = deepcopy(DATA[name])
    subject = next((data[key] for key in ("case", "journey", "certificate_id", "plan") if key in data), "node")
    whole: dict[str, Any] = {
        "specversion": "1.0",
        "id": MESSAGE,
        "source": "/regions/790303",
        "type": f"tonglu.{name}.v1",
        "subject": subject,
        "time": "2026-11-22T04:00:00Z",
        "datacontenttype": "application/json",
        "data": data,
        "recipient": "/regions/790101",
        "stream": STREAM,
        "streamseq": 1,
    }
    if name in WITH_AGREEMENT:
        whole |= {"agreement": AGREEMENT, "purpose": "confirm_journey"}
    whole |= changes
    return {key: value for key, value in whole.items() if value is not None}
