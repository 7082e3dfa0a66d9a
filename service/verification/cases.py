"""A case's row: finding it, reading and writing what is packed or sealed in it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, select

from schemas.claims import AnswerWord, Claim
from schemas.identity import PersonIdentity, fold_name
from schemas.problems import NotFound
from service.agreements.queries import claims_of, find_agreement
from service.agreements.tables import Agreement
from service.consents.consents import live_share_consents
from service.context import Node
from service.registry.people import is_protected
from service.registry.searching.matching import all_open_arrivals, all_open_departures, touches
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
    return find_cases(session, [case], peer, direction).get(case)


def find_cases(session: Session, cases: Sequence[str], peer: str, direction: str) -> dict[str, VerificationRequest]:
    """Give the rows of several cases with a peer, by case."""
    rows = session.exec(
        select(VerificationRequest).where(
            col(VerificationRequest.case).in_(cases),
            VerificationRequest.peer == peer,
            VerificationRequest.direction == direction,
        )
    )
    return {row.case: row for row in rows}


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
    return withheld_by(find_agreement(session, row.agreement), row)


def withheld_by(agreement: Agreement | None, row: VerificationRequest) -> frozenset[Claim]:
    """Give the claims of a request that an agreement does not hold; all of them where there is none."""
    return withheld_claims(claims_asked(row), claims_of(agreement) if agreement else ())


def pack_answers(answers: Mapping[Claim, AnswerWord]) -> str:
    """Write answers as a column."""
    return json.dumps({claim.value: word.value for claim, word in answers.items()}, separators=(",", ":"))


def unpack_answers(text: str | None) -> dict[Claim, AnswerWord] | None:
    """Read answers from a column."""
    if text is None:
        return None
    return {Claim(claim): AnswerWord(word) for claim, word in json.loads(text).items()}


def seal_subject(node: Node, row_id: str, subject: PersonIdentity) -> dict[str, bytes]:
    """Seal whom a received request is about under a key of the case's own; give the row's two columns of it."""
    key = node.vault.new_person_key()
    content = json.dumps(subject.to_wire(), ensure_ascii=False).encode()
    sealed = node.vault.seal(key.key, content, _context(row_id), pad_to=_PREPARED_BYTES)
    return {"wrapped_key": key.wrapped, "subject": sealed}


def open_subject(node: Node, row: VerificationRequest) -> PersonIdentity | None:
    """Read whom a received request is about; None once its contents are erased."""
    if row.wrapped_key is None or row.subject is None:
        return None
    opened = node.vault.unseal_bytes(node.vault.open_key(row.wrapped_key), row.subject, _context(row.id))
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
    return standings_of(session, node, [(person, peer)])[0]


def standings_of(session: Session, node: Node, asked: Sequence[tuple[Person | None, str]]) -> list[Standing]:
    """Say what this register holds of several people, each towards a peer, in order."""
    today = node.today()
    seen = [
        person
        for person, _ in asked
        if person is not None and person.state == "active" and not is_protected(person, today)
    ]
    keys = {person.id: node.vault.open_key(person.wrapped_key) for person in seen}
    departures, arrivals = all_open_departures(session, keys), all_open_arrivals(session, keys)
    wanted = [(keys[person.id], peer) for person, peer in asked if person is not None and person.id in keys]
    consents = live_share_consents(session, node, wanted)
    return [
        NOBODY
        if person is None or person.id not in keys
        else Standing(
            departures=any(touches(peer, one.destination_region) for one in departures[person.id]),
            arrivals=any(touches(peer, one.origin_region) for one in arrivals[person.id]),
            registered=bool(arrivals[person.id]),
            consent=(keys[person.id], peer) in consents,
        )
        for person, peer in asked
    ]


def wipe(row: VerificationRequest) -> None:
    """Erase the contents of a case; that there was one stays."""
    row.subject = row.wrapped_key = row.prepared = row.answers = row.answer_link = None


def _context(row_id: str) -> str:
    return f"verification_request.subject:{row_id}"
