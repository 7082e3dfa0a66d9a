"""The letter to a region without a node: one question about one person, on paper, in both languages.

It says what a message would say and no more: who is asked about, what is to be confirmed, on which agreement and
consent that rests, and until when. The reply is ticked on the same sheet, one word a claim, and sent back; the code on
top leads the asking office to its case again. Nothing on it invites remarks.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from sqlmodel import Session

from federation.peers import peer_for
from schemas.claims import AnswerWord, Claim
from schemas.identity import DocumentType, PersonIdentity
from service.agreements.queries import find_agreement
from service.consents.consents import live_share_consent
from service.context import Node
from service.officers.rules import Officer
from service.verification.asking import note_letter
from service.verification.cases import claims_asked
from service.web.pdf import Both, Line, Sheet

TITLE: Final = Both("关于请协助核实登记情况的函", "Request to confirm a registration")

CLAIMS: Final[Mapping[Claim, Both]] = {
    Claim.IDENTITY: Both(
        "姓名、证件和出生日期与贵处登记一致", "Name, document and date of birth agree with your register"
    ),
    Claim.DEPARTURE_DECLARED: Both("已在贵处申报外出来我处", "Declared to you the departure for our region"),
    Claim.ARRIVAL_DECLARED: Both("已在贵处申报从我处来", "Declared to you the arrival from our region"),
    Claim.REGISTERED_HERE: Both("现登记在贵处", "Is registered with you now"),
}

WORDS: Final[Mapping[AnswerWord, Both]] = {
    AnswerWord.CONFIRMED: Both("确认", "confirmed"),
    AnswerWord.NOT_CONFIRMED: Both("未能确认", "not confirmed"),
    AnswerWord.NO_RECORD: Both("未查到", "no record"),
    AnswerWord.WITHHELD: Both("依协议不提供", "withheld"),
}

PURPOSES: Final[Mapping[str, Both]] = {
    "confirm_journey": Both("确认本人申报的行程", "To confirm the journey that the person declared"),
    "correct_record": Both("更正登记", "To correct a record"),
    "persons_request": Both("办理本人提出的请求", "To do what the person asked for"),
}

DOCUMENTS: Final[Mapping[DocumentType, Both]] = {
    DocumentType.RESIDENT_ID: Both("居民身份证", "Resident ID card"),
    DocumentType.HMT_RESIDENCE_PERMIT: Both(
        "港澳台居民居住证", "Residence permit for Hong Kong, Macau, Taiwan residents"
    ),
    DocumentType.FOREIGN_PERMANENT_RESIDENT_CARD: Both("外国人永久居留身份证", "Foreign permanent resident card"),
    DocumentType.PASSPORT: Both("护照", "Passport"),
    DocumentType.NONE: Both("无证件", "No document"),
}


@dataclass(frozen=True, slots=True)
class Letter:
    """What one letter says."""

    reference: str
    asked_by: str
    asked: str
    person: PersonIdentity
    claims: tuple[Claim, ...]
    purpose: str
    agreement_reference: str | None
    consented_on: date | None
    due_on: date
    made_at: datetime


def letter_of(session: Session, node: Node, request_id: str, *, by: Officer) -> Letter:
    """Gather one letter; logged as a print, and from then on the request counts as sent.

    Raises `NotFound`, `Forbidden`, `WrongState` for a peer that has a node.
    """
    row, person = note_letter(session, node, request_id, by=by)
    agreement = find_agreement(session, row.agreement)
    consent = live_share_consent(session, node, person.key, row.peer)
    peer = peer_for(session, row.peer)
    return Letter(
        reference=row.id,
        asked_by=node.divisions.full_name(node.region),
        asked=node.divisions.full_name(row.peer) if peer is None else peer.name,
        person=person.identity,
        claims=tuple(claims_asked(row)),
        purpose=row.purpose,
        agreement_reference=agreement.paper_reference if agreement else None,
        consented_on=consent.given_at.astimezone(node.zone).date() if consent else None,
        due_on=row.due_on,
        made_at=node.now(),
    )


def letter_pdf(letter: Letter) -> bytes:
    """The letter as an A4 sheet, ready for signature and seal."""
    sheet = Sheet("A4", TITLE, letter.made_at)
    sheet.reference(letter.reference)
    sheet.lines(
        [
            Line(Both("致", "To"), letter.asked),
            Line(Both("来函单位", "From"), letter.asked_by),
            Line(Both("日期", "Date"), letter.made_at.date().isoformat()),
            Line(Both("请于此日前答复", "Please answer by"), letter.due_on.isoformat()),
        ]
    )
    sheet.rule()
    sheet.paragraph(
        Both(
            "下列人员已同意我们与贵处互相确认其申报的行程。请对照贵处自己的登记，逐项只作一个勾选；请勿添加其他内容。",
            "The person below has agreed that we and you confirm the declared journey to each other. Please compare "
            "with your own register and tick one word for each line; please add nothing else.",
        )
    )
    sheet.lines(_basis(letter))
    sheet.rule()
    sheet.lines(_person(letter.person))
    sheet.rule()
    for claim in letter.claims:
        sheet.choice(CLAIMS[claim], list(WORDS.values()))
    sheet.small(
        Both(
            "没有登记、限制可见、已撤回或已删除，一律请勾选“未查到”。请将本函原件或副本寄回来函单位，事毕请勿留存。",
            "Absent, hidden, withdrawn and erased all mean “no record”. Please send this sheet or a copy back, and do "
            "not keep it afterwards.",
        )
    )
    sheet.room(24, Both("答复单位签字、盖章、日期", "Signature, seal and date of the answering office"))
    return sheet.to_bytes()


def _basis(letter: Letter) -> list[Line]:
    lines = [Line(Both("用途", "Purpose"), _both(PURPOSES[letter.purpose]))]
    if letter.agreement_reference is not None:
        lines.append(Line(Both("协作依据", "Agreement"), letter.agreement_reference))
    if letter.consented_on is not None:
        lines.append(Line(Both("本人同意日期", "Consent given on"), letter.consented_on.isoformat()))
    return lines


def _person(person: PersonIdentity) -> list[Line]:
    lines = [
        Line(Both("姓名", "Name"), person.name),
        Line(Both("证件类型", "Document"), _both(DOCUMENTS[person.document_type])),
    ]
    if person.document_number is not None:
        lines.append(Line(Both("证件号码", "Number"), person.document_number))
    if person.date_of_birth is not None:
        lines.append(Line(Both("出生日期", "Date of birth"), person.date_of_birth.isoformat()))
    return lines


def _both(text: Both) -> str:
    return f"{text.zh} {text.en}"
