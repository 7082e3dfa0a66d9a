"""From a typed form to the draft of a move: what the page of registering asks, put into the register's own words.

The person may be typed field by field, or in one line (a card reader's keystrokes, a paste from a chat): a number of a
document, a telephone and a name are told apart by their form, so that nobody has to point.
"""

import re
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any, Final, Literal, TypeVar

from pydantic import ValidationError
from sqlmodel import Session

from federation.peers import peer_for
from schemas.calendar import PartialDate
from schemas.claims import ConsentPurpose, ReminderKind, Way
from schemas.clock import rfc3339
from schemas.identity import (
    DocumentType,
    Language,
    birth_date_of,
    document_type_of,
    normalise_document_number,
    normalise_phone,
)
from schemas.problems import LocalError
from service.consents.notices import CURRENT_VERSION
from service.context import Node
from service.registry import rules
from service.registry.drafts import ArrivalDraft, DepartureDraft
from service.web.forms import Form
from service.web.languages import N_

_Draft = TypeVar("_Draft", ArrivalDraft, DepartureDraft)
Direction = Literal["arrivals", "departures"]

REGION_NEEDED: Final = N_("Name the region at the other end of the move.")
UNKNOWN_REGION: Final = N_("Please choose a region from the list, by its name.")
NOT_VALID: Final = N_("This cannot be taken as it stands.")
NOTICE_FIRST: Final = N_("Say how the notice was given.")
WITNESS_FIRST: Final = N_("Name a second officer.")
OFFICE_WAYS: Final = (Way.SPOKEN, Way.PAPER, Way.SCREEN)
QUESTIONS: Final = ("share", "certificate_home", *(f"remind_{kind.value}" for kind in ReminderKind))
"""The fields of the optional consents, each answered by `yes`, by `no`, or not asked."""

DEFAULTS: Final = {"document_type": "resident_id", "language": "zh-CN"}
FORM_NAMES: Final = {
    "origin_region": "region",
    "destination_region": "region",
    "arrived_on": "moved_on",
    "departed_on": "moved_on",
    "refused": "",
    "person": "name",
    "notice.way": "notice_way",
}
"""The form's own names of fields that actions refuse by theirs."""
ON_THE_PAGE: Final = (
    "name", "document_type", "document_number", "date_of_birth", "phone", "email", "language", "region", "moved_on",
    "address", "expected_return_on", "declared_on", "notice_way", "share", "witness", "code",
)  # fmt: skip
"""The fields as they follow one another, which is how their errors are listed."""

_SEPARATORS: Final = re.compile(r"[\s,，;；、|\t]+")


def read_line(text: str) -> dict[str, str]:
    """What one typed line tells of `name`, `document_type`, `document_number`, `date_of_birth` and `phone`."""
    found: dict[str, str] = {}
    names = []
    for part in filter(None, _SEPARATORS.split(text.strip())):
        number = normalise_document_number(part)
        kind = document_type_of(number)
        phone = normalise_phone(part)
        if kind is not None and "document_number" not in found:
            found |= {"document_type": kind.value, "document_number": number}
            born = birth_date_of(kind, number)
            if born is not None:
                found["date_of_birth"] = f"{born:%Y%m%d}"
        elif phone is not None and "phone" not in found:
            found["phone"] = phone
        elif not any(letter.isdigit() for letter in part):
            names.append(part)
    if names:
        found["name"] = " ".join(names)
    return found


def region_of(form: Form, node: Node) -> str | None:
    """The region that was named; the field is marked where it is none, or more than one."""
    typed = form.text("region")
    if not typed:
        form.refuse("region", REGION_NEEDED)
    code = named_region(node, typed) if typed else None
    if typed and code is None:
        form.refuse("region", UNKNOWN_REGION)
    return code


def named_region(node: Node, typed: str) -> str | None:
    """The region that a name means, or the initials of its pinyin where they mean one region only."""
    code = node.divisions.find(typed)
    if code is None and typed.isascii():
        found = node.divisions.search(typed, limit=2)
        code = found[0].code if len(found) == 1 else None
    return code


def peer_region(session: Session, region: str) -> str:
    """Whom a consent to share names: the peer that is addressed for a region, else its county."""
    peer = peer_for(session, region)
    return peer.region if peer is not None else region[:6]


def read_person(form: Form) -> dict[str, Any]:
    """The person as typed, for a draft; fields that are plainly wrong are marked."""
    document = form.choice("document_type", [one.value for one in DocumentType])
    number = form.text("document_number") or None
    born = form.date("date_of_birth", needed=False)
    if born is None and number is not None and document in set(DocumentType):
        told = birth_date_of(DocumentType(document), normalise_document_number(number))
        born = told.isoformat() if told is not None else None
    return {
        "name": form.needed("name"),
        "document_type": document,
        "document_number": number,
        "date_of_birth": born,
        "phone": form.text("phone") or None,
        "email": form.text("email") or None,
        "language": form.choice("language", [one.value for one in Language]),
    }


def read_move(
    form: Form, node: Node, direction: Direction, share_region: str | None, region: str | None
) -> ArrivalDraft | DepartureDraft | None:
    """The move as typed; None where something is wrong, which is then marked in the form.

    `share_region` is the peer that a consent to share would be for.
    """
    moved = form.date("moved_on", month_allowed=True)
    expected = form.date("expected_return_on", needed=False, month_allowed=True) if direction == "departures" else None
    way = form.text("notice_way")
    if way not in OFFICE_WAYS:
        form.refuse("notice_way", NOTICE_FIRST)
    body: dict[str, Any] = {
        "address": form.text("address") or None,
        "notice": {"version": CURRENT_VERSION, "way": way, "given_at": rfc3339(node.now())},
    }
    declared = form.date("declared_on", needed=False)
    if declared is not None:
        body["declared_on"] = declared
    if form.text("person_id"):
        body["person_id"] = form.text("person_id")
    else:
        body["person"] = read_person(form)
    _refuse_all_at_once(form, node, body, moved=moved, expected=expected, region=region)
    if not form.ok or region is None or moved is None:
        return None
    body["consents"], body["refused"] = read_answers(form, way, purposes_asked(share_region or region, region))
    if direction == "arrivals":
        body |= {"origin_region": region, "arrived_on": PartialDate(moved)}
        return _checked(form, ArrivalDraft, body)
    body |= {"destination_region": region, "departed_on": PartialDate(moved)}
    body["expected_return_on"] = PartialDate(expected) if expected else None
    body["onward_from"] = form.text("onward_from") or None
    return _checked(form, DepartureDraft, body)


def _refuse_all_at_once(
    form: Form, node: Node, body: dict[str, Any], *, moved: str | None, expected: str | None, region: str | None
) -> None:
    """Mark at once what registering would refuse field by field, so that a form is corrected once."""
    today = node.today()
    checks: list[Callable[[], object]] = []
    person = body.get("person")
    if person is not None and person["document_type"] in set(DocumentType):
        kind = DocumentType(person["document_type"])
        born = date.fromisoformat(person["date_of_birth"]) if person["date_of_birth"] else None
        facts = {key: person[key] for key in ("name", "document_number", "phone", "email")}
        checks.append(
            lambda: rules.check_person(**facts, document_type=kind, date_of_birth=born, today=today, prefix="")
        )
    if region is not None:
        checks.append(lambda: rules.check_other_region(node.region, region, "region"))
    if moved is not None:
        departed = PartialDate(moved)
        checks.append(lambda: rules.check_moved(departed, "moved_on", today))
        checks.append(lambda: rules.check_expected_return(departed, PartialDate(expected) if expected else None))
    if "declared_on" in body:
        checks.append(lambda: rules.check_declared(date.fromisoformat(body["declared_on"]), today))
    checks.append(lambda: rules.check_address(body["address"]))
    for check in checks:
        try:
            check()
        except LocalError as refused:
            for found in refused.facts.get("errors", ()):
                if form.error(found["field"]) is None:
                    form.refuse(found["field"], found["message"])
    if form.text("share") == "yes" and not form.text("witness") and not form.text("code"):
        form.refuse("witness", WITNESS_FIRST)
    form.errors.sort(key=lambda one: ON_THE_PAGE.index(one.field) if one.field in ON_THE_PAGE else len(ON_THE_PAGE))


def purposes_asked(share_region: str, home_region: str) -> dict[str, ConsentPurpose]:
    """What each question of the form is about."""
    return {
        "share": ConsentPurpose.share_with_peer(share_region),
        "certificate_home": ConsentPurpose.certificate_home(home_region[:6]),
        **{f"remind_{kind.value}": ConsentPurpose.remind(kind) for kind in ReminderKind},
    }


def read_answers(
    form: Form, way: str, asked: dict[str, ConsentPurpose]
) -> tuple[list[dict[str, Any]], list[ConsentPurpose]]:
    """The consents given and the purposes refused; what was not answered was not asked."""
    consents: list[dict[str, Any]] = []
    refused: list[ConsentPurpose] = []
    for field, purpose in asked.items():
        if form.text(field) == "yes":
            consent: dict[str, Any] = {"purpose": purpose, "way": way}
            if purpose.action == "share_with_peer":
                consent |= {"witness": form.text("witness") or None, "code": form.text("code") or None}
            consents.append(consent)
        elif form.text(field) == "no":
            refused.append(purpose)
    return consents, refused


def like(move_region: str, moved_on: str, address: str | None) -> Form:
    """A form for the next person of the same way, same address."""
    return Form.of(region=move_region, moved_on=moved_on.replace("-", ""), address=address or "", **DEFAULTS)


def today_form(today: date) -> Form:
    """An empty form: the commonest document, nothing answered."""
    return Form.of(moved_on=f"{today:%Y%m%d}", **DEFAULTS)


def _checked(form: Form, model: type[_Draft], body: dict[str, Any]) -> _Draft | None:
    try:
        return model.model_validate(body)
    except ValidationError as error:
        for place in _places(error.errors()):
            form.refuse(place, NOT_VALID)
        return None


def _places(errors: Sequence[Any]) -> list[str]:
    return list(dict.fromkeys(FORM_NAMES.get(str(error["loc"][0]), str(error["loc"][-1])) for error in errors))
