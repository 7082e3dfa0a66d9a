"""What rests on an agreement: the gate, the sealed person, and receipts that are the same for anyone."""

import json
from datetime import timedelta
from typing import Any

from federation.conformance.lines import Lines
from federation.conformance.people import KNOWN, invented
from federation.conformance.stand import NotHeld, Stand, refused_in, results_of
from federation.keys import NodeKeys, b64url, b64url_bytes
from federation.mock_peer import Exchange
from federation.mock_peer.agreements import propose
from federation.sealing import Binding, seal_subject
from schemas.agreements import Agreement
from schemas.claims import Claim, Purpose
from schemas.clock import rfc3339
from schemas.entropy import uuid7
from schemas.messages import AgreementProposed

lines = Lines()
used_up = Lines()
"""What uses the agreement's quota up."""

REQUESTED = "tonglu.verification.requested.v1"
REMINDED = "tonglu.verification.reminded.v1"
PER_MONTH = 50
CASE_DAYS = 14


def request(stand: Stand, number: int, *, stray: bool = True, **changes: Any) -> dict[str, Any]:
    """A question about an invented person, under the agreement and the purpose that it covers."""
    case, now = stand.uuid(), stand.me.own.clock.now()
    data = {
        "case": case,
        "claims": ["identity"],
        "due_on": (now + timedelta(days=CASE_DAYS)).date().isoformat(),
        "urgency": "normal",
        "consent": {
            "purpose": f"share_with_peer:{stand.region}",
            "given_at": rfc3339(now),
            "way": "spoken",
            "notice_version": "2026-11",
        },
    }
    envelope: dict[str, Any] = {
        "agreement": stand.agreement or stand.uuid(),
        "purpose": "confirm_journey",
        "subject": case,
    }
    envelope |= {"stream": stand.uuid(), "streamseq": 1} if stray else {}
    person = KNOWN if number == 0 else invented(number)
    return stand.me.message(stand.region, REQUESTED, data, person=person, **envelope | changes)


@lines.add("gate-unknown", "what rests on an agreement that there is not is refused no_agreement / never")
async def _unknown(stand: Stand) -> str:
    case = stand.uuid()
    message = stand.me.message(
        stand.region,
        REMINDED,
        {"case": case},
        subject=case,
        agreement=stand.uuid(),
        purpose="confirm_journey",
        stream=stand.uuid(),
        streamseq=1,
    )
    return await stand.refused(message, "no_agreement")


@lines.add("gate-missing", "a type that needs an agreement and names none is refused invalid_message / never")
async def _missing(stand: Stand) -> str:
    case = stand.uuid()
    strayed: dict[str, Any] = {"stream": stand.uuid(), "streamseq": 1}
    message = stand.me.message(stand.region, REMINDED, {"case": case}, subject=case, **strayed)
    return await stand.refused(message, "invalid_message")


@lines.add("agreement-proposed", "an agreement that we signed is taken, and rests until its office signs it")
async def _proposed(stand: Stand) -> str:
    today = stand.me.own.clock.now().date()
    agreement = Agreement(
        id=uuid7(stand.me.own.clock.now(), stand.me.own.entropy),
        regions=(stand.me.region, stand.region),
        purposes=(Purpose.CONFIRM_JOURNEY,),
        claims=tuple(Claim),
        per_month=PER_MONTH,
        answer_working_days=10,
        retention_days=90,
        valid_from=today - timedelta(days=1),
        valid_until=today + timedelta(days=30),
    )
    signed = propose(stand.me.own.keys, agreement)
    data = AgreementProposed(agreement=signed).to_wire()
    await stand.accepted([stand.me.message(stand.region, "tonglu.agreement.proposed.v1", data)])
    stand.proposed = agreement.id
    return "accepted"


@lines.add("agreement-signed", "signed by its office, it comes back as agreement.signed with both signatures")
async def _signed(stand: Stand) -> str:
    proposed = stand.proposed
    if not proposed:
        raise NotHeld("none was proposed")
    await stand.operator.sign(proposed)
    found = stand.me.memory.agreements
    await stand.until(
        lambda: proposed in found and found[proposed].in_force,
        "no agreement.signed with both signatures came",
        stand.operator_seconds,
    )
    stand.agreement = proposed
    return "in force"


@lines.add("seal-accepted", "a person sealed for its key is taken")
async def _sealed(stand: Stand) -> str:
    _in_force(stand)
    await stand.accepted([request(stand, 1, stray=False)])
    return "accepted"


@lines.add("seal-binding", "a sealed person that was lifted into another message is refused invalid_message / never")
async def _binding(stand: Stand) -> str:
    _in_force(stand)
    one, other = request(stand, 2), request(stand, 3)
    other["data"]["subject_identity"] = one["data"]["subject_identity"]
    return await stand.refused(other, "invalid_message")


@lines.add("seal-zip", "a sealed person with zip in its header is refused invalid_message / never")
async def _zip(stand: Stand) -> str:
    _in_force(stand)
    message = request(stand, 4)
    head, dot, rest = message["data"]["subject_identity"].partition(".")
    header = json.loads(b64url_bytes(head)) | {"zip": "DEF"}
    message["data"]["subject_identity"] = b64url(json.dumps(header).encode()) + dot + rest
    return await stand.refused(message, "invalid_message")


@lines.add("seal-altered", "a sealed person with one byte changed is refused invalid_message / never")
async def _altered(stand: Stand) -> str:
    _in_force(stand)
    message = request(stand, 5)
    parts = message["data"]["subject_identity"].split(".")
    ciphertext = bytearray(b64url_bytes(parts[3]))
    ciphertext[7] ^= 1
    parts[3] = b64url(bytes(ciphertext))
    message["data"]["subject_identity"] = ".".join(parts)
    return await stand.refused(message, "invalid_message")


@lines.add("seal-key-unknown", "sealed for a key that it does not have: refused unknown_seal_key / after_fixing")
async def _key(stand: Stand) -> str:
    _in_force(stand)
    message = request(stand, 6)
    other = NodeKeys.generate(stand.me.own.entropy)
    binding = Binding(message["id"], message["source"], message["recipient"])
    sealed = seal_subject(invented(6), binding, other.jwk("seal"), stand.me.own.entropy)
    message["data"]["subject_identity"] = sealed
    return await stand.refused(message, "unknown_seal_key", "after_fixing")


@lines.add("gate-purpose", "a purpose that the agreement does not cover is refused purpose_not_agreed / never")
async def _purpose(stand: Stand) -> str:
    _in_force(stand)
    return await stand.refused(request(stand, 7, purpose="correct_record"), "purpose_not_agreed")


@lines.add("neutral-receipt", "receipts for whoever is known and whoever is not have one form and one size")
async def _neutral(stand: Stand) -> str:
    _in_force(stand)
    forms = set()
    for number in (0, 8, 9):
        exchange = await stand.post([request(stand, number)])
        forms.add(_form(exchange))
    if len(forms) != 1:
        raise NotHeld(f"{len(forms)} forms: {sorted(forms)}")
    return f"{forms.pop()[0]}, the same three times"


@used_up.add("gate-quota", "past the agreement's quota a request is refused quota_exceeded / later, alone")
async def _quota(stand: Stand) -> str:
    _in_force(stand)
    for number in range(PER_MONTH + 1):
        exchange = await stand.post([request(stand, 20 + number)])
        (result,) = results_of(exchange)
        if result.get("result") != "accepted":
            shown = refused_in(exchange, "quota_exceeded", "later")
            await stand.accepted([stand.erasure()])
            return f"{shown}; an erasure still goes"
    raise NotHeld(f"{PER_MONTH} a month agreed, more taken")


def _in_force(stand: Stand) -> None:
    if not stand.agreement:
        raise NotHeld("no agreement is in force")


def _form(exchange: Exchange) -> tuple[str, int, tuple[str, ...], tuple[str, ...]]:
    """All of a receipt that must not tell one person from another."""
    results = results_of(exchange)
    kinds = ",".join(str(one.get("result")) for one in results)
    members = tuple(sorted({name for one in results for name in one}))
    fields = tuple(sorted({name for name, _ in exchange.reply.headers}))
    return kinds, len(exchange.reply.body), members, fields
