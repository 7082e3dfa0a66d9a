"""Notices given and consents: recorded, withdrawn, and asked for by whoever is about to act on one.

A person is meant by their data key, which only the opened record holds; so nothing here can list people by what they
allowed. Personal Information Protection Law, art. 14 (voluntary, explicit), 15 (withdrawing), 17 (notice), 23 and 29
(separate consent).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from schemas.claims import ConsentPurpose, Way
from schemas.clock import parse_rfc3339, rfc3339
from schemas.entropy import uuid7
from schemas.messages import ConsentRecord
from schemas.problems import DateInFuture, InvalidInput, WitnessRequired, WrongState
from schemas.regions import contains
from schemas.wire import WireTime
from service.consents import notices
from service.consents.folder import read_all_consents, read_consents, write_consents
from service.context import Node
from service.officers.queries import find_officer
from service.officers.rules import Officer, Role

CLOCK_ALLOWANCE = timedelta(minutes=5)
"""How far ahead an officer's clock may be when a notice is said to be given *now*."""

PERSONS_WAYS = frozenset({Way.OWN_PAGE})
"""Ways that only the person can use; an officer cannot record them."""


class NoticeDraft(BaseModel):
    """A notice as an officer records it: which wording, how, and when it was given."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Annotated[str, Field(min_length=1, max_length=40)]
    way: Way
    given_at: WireTime


class ConsentDraft(BaseModel):
    """A consent as it is recorded; `code` is the person's own, `witness` another officer's name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    purpose: ConsentPurpose
    way: Way
    witness: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    code: Annotated[str, Field(min_length=1, max_length=40)] | None = None


@dataclass(frozen=True, slots=True)
class GivenNotice:
    """A notice that was given."""

    version: str
    way: Way
    given_at: datetime


@dataclass(frozen=True, slots=True)
class GivenConsent:
    """A consent, with its end where it was withdrawn. `notice_version` is the wording that was in force."""

    id: str
    purpose: ConsentPurpose
    way: Way
    given_at: datetime
    notice_version: str
    witness: str | None
    withdrawn_at: datetime | None

    @property
    def is_live(self) -> bool:
        """Whether it still stands."""
        return self.withdrawn_at is None

    def to_record(self) -> ConsentRecord:
        """The consent as messages between nodes carry it."""
        return ConsentRecord(
            purpose=self.purpose,
            given_at=self.given_at,
            way=self.way,
            notice_version=self.notice_version,
        )


def record_notice(
    session: Session, node: Node, key: bytes, draft: NoticeDraft, *, own_page: bool = False
) -> GivenNotice:
    """Record that the person was told.

    Raises `InvalidInput` for an unknown wording or a way that is the person's alone, `DateInFuture`.
    """
    if not notices.is_known(draft.version):
        raise InvalidInput(errors=[{"field": "notice.version", "message": "There is no such notice."}])
    _check_way(draft.way, "notice.way", own_page=own_page)
    if draft.given_at > node.now() + CLOCK_ALLOWANCE:
        raise DateInFuture(errors=[{"field": "notice.given_at", "message": "In the future."}])
    sheet = read_consents(session, node, key)
    sheet["notices"].append({"version": draft.version, "way": draft.way.value, "given_at": rfc3339(draft.given_at)})
    write_consents(session, node, key, sheet)
    return GivenNotice(draft.version, draft.way, draft.given_at)


def check_consents(
    session: Session,
    drafts: Sequence[ConsentDraft],
    *,
    by: Officer | None,
    code_is_right: Callable[[str], bool],
) -> None:
    """Refuse consents that may not be recorded so.

    Sharing with a peer needs the person's own code or a second officer as witness, unless the person gives it on
    their own page (`by` is None then). Raises `WitnessRequired`, `InvalidInput`.
    """
    for place, draft in enumerate(drafts):
        where = f"consents.{place}"
        _check_way(draft.way, f"{where}.way", own_page=by is None)
        if draft.code is not None and not code_is_right(draft.code):
            raise InvalidInput(errors=[{"field": f"{where}.code", "message": "This is not the person's code."}])
        if by is None or draft.purpose.action != "share_with_peer" or draft.code is not None:
            continue
        if draft.witness is None:
            raise WitnessRequired(errors=[{"field": f"{where}.witness", "message": "Name a second officer."}])
        if draft.witness == by.name or not _may_witness(find_officer(session, draft.witness)):
            raise WitnessRequired(errors=[{"field": f"{where}.witness", "message": "The witness is another officer."}])


def _may_witness(officer: Officer | None) -> bool:
    """Whether somebody works with the people of this office: who only audits it was not at the counter."""
    return officer is not None and (officer.has(Role.CLERK) or officer.has(Role.SUPERVISOR))


def give_consents(session: Session, node: Node, key: bytes, drafts: Sequence[ConsentDraft]) -> list[GivenConsent]:
    """Record consents that `check_consents` has let pass; one that stands already is not recorded twice.

    Raises `WrongState` while no notice was given: nobody consents to what they were not told (art. 17);
    `InvalidInput` for sharing with this very region.
    """
    if not drafts:
        return []
    for place, draft in enumerate(drafts):
        if draft.purpose.action == "share_with_peer" and str(draft.purpose.region).startswith(node.region):
            message = "This is your own region: nothing is shared with it. Choose the other region."
            raise InvalidInput(errors=[{"field": f"consents.{place}.purpose", "message": message}])
    sheet = read_consents(session, node, key)
    if not sheet["notices"]:
        raise WrongState("The notice must be given first.")
    version = sheet["notices"][-1]["version"]
    given = []
    for draft in drafts:
        if any(c["purpose"] == draft.purpose and not c["withdrawn_at"] for c in sheet["consents"]):
            continue
        consent = {
            "id": uuid7(node.now(), node.entropy),
            "purpose": str(draft.purpose),
            "way": draft.way.value,
            "given_at": rfc3339(node.now()),
            "notice_version": version,
            "witness": draft.witness,
            "withdrawn_at": None,
        }
        sheet["consents"].append(consent)
        given.append(_consent(consent))
    write_consents(session, node, key, sheet)
    return given


def withdraw_consent(session: Session, node: Node, key: bytes, purpose: str) -> bool:
    """End the live consent to `purpose`; tell whether there was one (PIPL art. 15)."""
    sheet = read_consents(session, node, key)
    live = [c for c in sheet["consents"] if c["purpose"] == purpose and not c["withdrawn_at"]]
    for consent in live:
        consent["withdrawn_at"] = rfc3339(node.now())
    if live:
        write_consents(session, node, key, sheet)
    return bool(live)


def consents_of(session: Session, node: Node, key: bytes) -> list[GivenConsent]:
    """List the person's consents, withdrawn ones included, oldest first."""
    return [_consent(one) for one in read_consents(session, node, key)["consents"]]


def notices_of(session: Session, node: Node, key: bytes) -> list[GivenNotice]:
    """List the notices given to the person, oldest first."""
    return [
        GivenNotice(one["version"], Way(one["way"]), parse_rfc3339(one["given_at"]))
        for one in read_consents(session, node, key)["notices"]
    ]


def live_consent(session: Session, node: Node, key: bytes, purpose: ConsentPurpose) -> GivenConsent | None:
    """Give the live consent to exactly this purpose, or None."""
    for consent in consents_of(session, node, key):
        if consent.is_live and consent.purpose == purpose:
            return consent
    return None


def live_share_consent(session: Session, node: Node, key: bytes, peer: str) -> GivenConsent | None:
    """Give the live consent to share with `peer`, or None.

    A consent that names a township lying in the peer's region is one for that peer; a wider one is not.
    """
    return live_share_consents(session, node, [(key, peer)]).get((key, peer))


def live_share_consents(
    session: Session, node: Node, wanted: Sequence[tuple[bytes, str]]
) -> dict[tuple[bytes, str], GivenConsent]:
    """Give the live consents to share, for those of several (data key, peer) that have one, as `live_share_consent`."""
    sheets = read_all_consents(session, node, list({key for key, _ in wanted}))
    found = {}
    for key, peer in wanted:
        for sheet in sheets[key]["consents"]:
            purpose = ConsentPurpose(sheet["purpose"])
            shares = not sheet["withdrawn_at"] and purpose.action == "share_with_peer"
            if shares and purpose.region is not None and contains(peer, purpose.region):
                found[key, peer] = _consent(sheet)
                break
    return found


def _check_way(way: Way, where: str, *, own_page: bool) -> None:
    if (way in PERSONS_WAYS) != own_page:
        raise InvalidInput(errors=[{"field": where, "message": "Only the person can give this on their own page."}])


def _consent(one: dict[str, Any]) -> GivenConsent:
    return GivenConsent(
        id=one["id"],
        purpose=ConsentPurpose(one["purpose"]),
        way=Way(one["way"]),
        given_at=parse_rfc3339(one["given_at"]),
        notice_version=one["notice_version"],
        witness=one["witness"],
        withdrawn_at=parse_rfc3339(one["withdrawn_at"]) if one["withdrawn_at"] else None,
    )
