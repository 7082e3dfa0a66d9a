"""The notices, consents and refusals of two records of one person, joined: the later word counts, a refusal wins."""

from dataclasses import dataclass
from typing import Any

from sqlmodel import Session

from service.consents.folder import read_consents, read_refusals, write_consents, write_refusals
from service.consents.refusals import twelve_months_after
from service.context import Node


@dataclass(frozen=True, slots=True)
class Sheets:
    """What a person was told, allows and refuses, as it is kept."""

    consents: dict[str, list[dict[str, Any]]]
    refusals: list[dict[str, Any]]


def sheets_as_of(session: Session, node: Node, key: bytes) -> Sheets:
    """The sheets of the person whose key this is, as they stand."""
    return Sheets(read_consents(session, node, key), read_refusals(session, node, key))


def join_sheets(session: Session, node: Node, kept_key: bytes, other_key: bytes) -> dict[str, Any]:
    """Write what both records say about consents into the kept one; give what it said before, and what it says now."""
    before, theirs = sheets_as_of(session, node, kept_key), sheets_as_of(session, node, other_key)
    consents = {
        "notices": sorted(
            before.consents["notices"] + theirs.consents["notices"], key=lambda notice: str(notice["given_at"])
        ),
        "consents": _one_word(before.consents["consents"] + theirs.consents["consents"]),
    }
    both = sorted([*theirs.refusals, *before.refusals], key=lambda refusal: str(refusal["refused_on"]))
    refusals = {one["purpose"]: one for one in both}
    for consent in consents["consents"]:
        refused = refusals.get(consent["purpose"])
        if refused is not None and not consent["withdrawn_at"]:
            if refused["refused_on"] >= consent["given_at"][:10]:
                consent["withdrawn_at"] = consent["given_at"]
            else:
                del refusals[consent["purpose"]]
    write_consents(session, node, kept_key, consents)
    write_refusals(session, node, kept_key, list(refusals.values()), twelve_months_after(node.today()))
    joined = sheets_as_of(session, node, kept_key)
    return {
        "before": {"consents": before.consents, "refusals": before.refusals},
        "joined": {"consents": joined.consents, "refusals": joined.refusals},
    }


def _one_word(consents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """All consents by time; of those to one purpose that stand, the later word counts: one withdrawn later ends it."""
    ordered = sorted((dict(one) for one in consents), key=lambda one: str(one["given_at"]))
    last_withdrawal: dict[str, str] = {}
    for one in ordered:
        if one["withdrawn_at"]:
            last_withdrawal[one["purpose"]] = max(one["withdrawn_at"], last_withdrawal.get(one["purpose"], ""))
    standing: set[str] = set()
    for one in reversed(ordered):
        if one["withdrawn_at"]:
            continue
        withdrawn = last_withdrawal.get(one["purpose"], "")
        if withdrawn > one["given_at"] or one["purpose"] in standing:
            one["withdrawn_at"] = withdrawn or one["given_at"]
        else:
            standing.add(one["purpose"])
    return ordered
