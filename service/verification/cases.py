"""A case's row: finding it, reading and writing what is packed or sealed in it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from sqlmodel import Session, select

from schemas.claims import AnswerWord, Claim
from schemas.identity import PersonIdentity, fold_name
from schemas.problems import NotFound
from service.agreements.queries import claims_of, find_agreement
from service.consents.consents import live_share_consent
from service.context import Node
from service.registry.matching import open_arrivals, open_departures
from service.registry.people import is_protected
from service.registry.tables import Person
from service.verification.rules import NOBODY, Standing, withheld_claims
from service.verification.tables import VerificationRequest

OPEN_SENT = ("draft", "queued", "delivered")
OPEN_RECEIVED = ("received", "answering")
_PREPARED_BYTES = 512


@dataclass(frozen=True, slots=True)
class Prepared:
    """What an officer prepared: answers (about a person, if one was found) or a decline; a correction, if answered."""

    answers: dict[Claim, AnswerWord] | None
    reason: str | None
    person_id: str | None


def find_case(session: Session, case: str, peer: str, direction: str) -> VerificationRequest | None:
    """Give the row of a case with a peer, or None."""
    return session.exec(
        select(VerificationRequest).where(
            VerificationRequest.case == case,
            VerificationRequest.peer == peer,
            VerificationRequest.direction == direction,
        )
    ).first()


def get_request(session: Session, request_id: str, direction: str | None = None) -> VerificationRequest:
    """Give one request. Raises `NotFound`."""
    row = session.get(VerificationRequest, request_id)
    if row is None or (direction is not None and row.direction != direction):
        raise NotFound
    return row


def claims_asked(row: VerificationRequest) -> list[Claim]:
    """Give the claims of a request, in the order they were asked."""
    return [Claim(one) for one in row.claims.split(",") if one]


def withheld_of(session: Session, row: VerificationRequest) -> frozenset[Claim]:
    """Give the claims that the request's agreement does not hold."""
    agreement = find_agreement(session, row.agreement)
    return withheld_claims(claims_asked(row), claims_of(agreement) if agreement else ())


def pack_answers(answers: Mapping[Claim, AnswerWord]) -> str:
    """Write answers as a column."""
    return json.dumps({claim.value: word.value for claim, word in answers.items()}, separators=(",", ":"))


def unpack_answers(text: str | None) -> dict[Claim, AnswerWord] | None:
    """Read answers from a column."""
    if text is None:
        return None
    return {Claim(claim): AnswerWord(word) for claim, word in json.loads(text).items()}


def seal_subject(node: Node, row: VerificationRequest, subject: PersonIdentity) -> None:
    """Keep whom a received request is about, under a key of the case's own."""
    key = node.vault.new_person_key()
    row.wrapped_key = key.wrapped
    row.subject = node.vault.seal(
        key.key, json.dumps(subject.to_wire(), ensure_ascii=False).encode(), _context(row), pad_to=_PREPARED_BYTES
    )


def open_subject(node: Node, row: VerificationRequest) -> PersonIdentity | None:
    """Read whom a received request is about; None once its contents are erased."""
    if row.wrapped_key is None or row.subject is None:
        return None
    opened = node.vault.unseal_bytes(node.vault.open_key(row.wrapped_key), row.subject, _context(row))
    return PersonIdentity.model_validate(json.loads(opened))


def subject_index(node: Node, peer: str, purpose: str, subject: PersonIdentity) -> bytes:
    """Index who is asked about by whom and why, for the rule of once in 30 days."""
    number = subject.document_number or ""
    who = (subject.document_type.value, number) if number else (fold_name(subject.name), str(subject.date_of_birth))
    return node.vault.blind("asked", "\x00".join((peer, purpose, *who)))


def keep_prepared(node: Node, row: VerificationRequest, prepared: Prepared | None) -> None:
    """Seal what an officer prepared, or drop it."""
    if prepared is None or row.wrapped_key is None:
        row.prepared = None
        return
    content = {
        "answers": {claim.value: word.value for claim, word in (prepared.answers or {}).items()},
        "reason": prepared.reason,
        "person_id": prepared.person_id,
    }
    key = node.vault.open_key(row.wrapped_key)
    row.prepared = node.vault.seal(
        key, json.dumps(content).encode(), f"verification_request.prepared:{row.id}", pad_to=_PREPARED_BYTES
    )


def read_prepared(node: Node, row: VerificationRequest) -> Prepared | None:
    """Read what an officer prepared, if anything waits to leave."""
    if row.prepared is None or row.wrapped_key is None:
        return None
    key = node.vault.open_key(row.wrapped_key)
    content = json.loads(node.vault.unseal_bytes(key, row.prepared, f"verification_request.prepared:{row.id}"))
    answers = {Claim(claim): AnswerWord(word) for claim, word in content["answers"].items()}
    return Prepared(answers or None, content["reason"], content["person_id"])


def standing_of(session: Session, node: Node, person: Person | None, peer: str) -> Standing:
    """Say what this register holds of a person towards a peer; absent and protected people are nobody (rule 7)."""
    if person is None or person.state != "active" or is_protected(person, node.today()):
        return NOBODY
    key = node.vault.open_key(person.wrapped_key)
    return Standing(
        departures=bool(open_departures(session, person.id, peer)),
        arrivals=bool(open_arrivals(session, person.id, peer)),
        registered=bool(open_arrivals(session, person.id)),
        consent=live_share_consent(session, node, key, peer) is not None,
    )


def wipe(row: VerificationRequest) -> None:
    """Erase the contents of a case; that there was one stays."""
    row.subject = row.wrapped_key = row.prepared = row.answers = row.answer_link = None


def _context(row: VerificationRequest) -> str:
    return f"verification_request.subject:{row.id}"
