"""A candidate as JSON: what a batch of a ledger keeps, sealed, between its preview and its registration."""

from datetime import date
from typing import Any

from schemas.calendar import PartialDate
from schemas.identity import DocumentType, PersonIdentity
from service.ledgers.files.fields import RawRow
from service.ledgers.judging.rules import Candidate


def candidate_to_json(candidate: Candidate) -> list[Any]:
    """Give a candidate as a JSON array."""
    identity = candidate.identity
    return [
        identity.name,
        identity.document_type,
        identity.document_number,
        identity.date_of_birth.isoformat() if identity.date_of_birth else None,
        candidate.phone,
        candidate.email,
        candidate.address,
        candidate.region,
        candidate.moved_on,
        candidate.expected_return_on,
    ]


def candidate_from_json(kept: list[Any]) -> Candidate:
    """Read what `candidate_to_json` made. It was validated then, and nobody could alter it since: it lay sealed."""
    identity = PersonIdentity.model_construct(
        name=kept[0],
        document_type=DocumentType(kept[1]),
        document_number=kept[2],
        date_of_birth=date.fromisoformat(kept[3]) if kept[3] else None,
    )
    expected = PartialDate(kept[9]) if kept[9] else None
    return Candidate(identity, kept[4], kept[5], kept[6], kept[7], PartialDate(kept[8]), expected)


def cells_of(candidate: Candidate) -> RawRow:
    """Give the cells with which somebody would stand in a ledger: for a good row that turns out to be there already."""
    identity = candidate.identity
    return RawRow(
        name=identity.name,
        document_number=identity.document_number,
        region=(candidate.region,),
        moved_on=str(candidate.moved_on),
        expected_return_on=str(candidate.expected_return_on) if candidate.expected_return_on else None,
        address=candidate.address or "",
        phone=candidate.phone,
        email=candidate.email,
    )
