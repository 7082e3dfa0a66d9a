"""What a row's codes mean, in the reader's words. English msgids; the Chinese stands in the catalogue."""

from collections.abc import Callable, Iterable
from typing import Final

from service.ledgers.files.fields import Field, LedgerKind
from service.ledgers.judging.rules import Code
from service.web.languages import N_
from service.web.viewer import PageLanguage

Translate = Callable[[str], str]

_MESSAGES: Final = {
    Code.NO_DOCUMENT: N_("The row has no document: the person is registered without one."),
    Code.FORMULA_TEXT: N_("A cell begins like a formula; it is kept as text."),
    Code.CHECKSUM: N_("The document number does not fit its check digit; compare it with the document."),
    Code.FAKE_NUMBER: N_("This looks like a placeholder number; it is not kept. Check the document."),
    Code.PHONE: N_("The phone number is not valid and is not kept, or only the first of several is."),
    Code.NAME_MISSING: N_("The row has no name."),
    Code.DATE: N_("A date of the row is missing or does not exist."),
    Code.DATE_IN_FUTURE: N_("A date of the row lies in the future."),
    Code.UNDER_AGE: N_("Under 14: no record is made of this row."),
    Code.AMBIGUOUS: N_(
        "A value is damaged or may mean more than one thing (number, date, name or place); correct it in the file."
    ),
    Code.DUPLICATE_IN_FILE: N_("The person stands in this file already."),
    Code.ALREADY_REGISTERED: N_("The person is registered here already."),
}
# Headers of the report, in both languages. They are spellings that are read (`data/spellings.toml`), so that a report
# that was corrected can be taken in as it is; hence no words of the catalogue.
_HEADERS: Final[dict[PageLanguage, dict[str, str]]] = {
    "zh-CN": {
        "name": "姓名",
        "document_type": "证件类型",
        "document_number": "证件号码",
        "date_of_birth": "出生日期",
        "expected_return_on": "预计返回",
        "address": "现居住地址",
        "phone": "联系电话",
        "email": "电子邮箱",
        "arrivals.region": "户籍地",
        "departures.region": "流入地",
        "arrivals.moved_on": "流入日期",
        "departures.moved_on": "流出日期",
    },
    "en": {
        "name": "Name",
        "document_type": "Document type",
        "document_number": "Document number",
        "date_of_birth": "Date of birth",
        "expected_return_on": "Expected return",
        "address": "Current address",
        "phone": "Phone",
        "email": "E-mail",
        "arrivals.region": "Origin",
        "departures.region": "Destination",
        "arrivals.moved_on": "Arrival date",
        "departures.moved_on": "Departure date",
    },
}


def message_of(codes: Iterable[Code], translate: Translate) -> str:
    """Say why, in one line; empty for a row without codes."""
    return " ".join(translate(_MESSAGES[code]) for code in codes)


def header_of(field: Field, kind: LedgerKind, language: PageLanguage) -> str:
    """Name a column of the report, by a header that a ledger may have."""
    headers = _HEADERS[language]
    return headers.get(field) or headers[f"{kind}.{field}"]


def header_in_both_languages(field: Field, kind: LedgerKind) -> str:
    """Name a column of the file that is handed back: whoever corrects it need not read both."""
    return f"{header_of(field, kind, 'zh-CN')} {header_of(field, kind, 'en')}"
