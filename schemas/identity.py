"""Who a person is: name, document and date of birth, and nothing more.

Resident ID numbers follow GB 11643 (layout) with the check character of ISO 7064 MOD 11-2. Digit 17 of a number
serves the checksum and equality only; masks hide it.
"""

import re
from datetime import date
from enum import StrEnum
from operator import mul
from typing import Annotated, Any
from unicodedata import category, normalize

from pydantic import AfterValidator, BaseModel, ConfigDict, model_validator

from schemas.wire import WireDate

MAX_NAME = 50
"""Characters (code points) of the longest name."""


class DocumentType(StrEnum):
    """The documents a person may show; `none` is one of them."""

    RESIDENT_ID = "resident_id"
    HMT_RESIDENCE_PERMIT = "hmt_residence_permit"
    FOREIGN_PERMANENT_RESIDENT_CARD = "foreign_permanent_resident_card"
    PASSPORT = "passport"
    NONE = "none"


class Language(StrEnum):
    """The languages a person may be served in (BCP 47)."""

    CHINESE = "zh-CN"
    ENGLISH = "en"


_DOTS = dict.fromkeys(map(ord, "·•‧∙⋅・･．.﹒․⸱ꞏ᛫˙●⚫∘▪"), "·") | {0x387: "·"}
_HAN_GAP = re.compile(
    r"(?<=[\u2e80-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]) (?=[\u2e80-\u9fff\uf900-\ufaff\U00020000-\U0003ffff])"
)
_DIRECTION = frozenset("\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_PLAIN_HAN = re.compile("[\u4e00-\u9fff]+")
_CHECK_WEIGHTS = tuple(2 ** (17 - place) % 11 for place in range(17))
_STEM = re.compile("[0-9]{17}")
_EIGHTEEN = re.compile("[0-9]{17}[0-9X]")
_FIFTEEN = re.compile("[0-9]{15}")
_OLD_GREEN_CARD = re.compile("[A-Z]{3}[0-9]{12}")
_ANY_NUMBER = re.compile("[0-9A-Z]{1,32}")
_MOBILE = re.compile("1[3-9][0-9]{9}")
_INVISIBLE = re.compile("[\u200b\u2060\ufeff\u00ad]")


def normalise_name(text: str) -> str:
    """A name as it is kept: trimmed, single spaces, none between two Han characters (`张　三` is `张三`).

    The characters themselves stay as they were typed, rare ones, private-use ones and look-alike dots included.
    Raises `ValueError` for an empty name, more than 50 characters, control and direction characters, and halves of
    surrogate pairs.
    """
    trimmed = _INVISIBLE.sub("", text).strip()
    name = _HAN_GAP.sub("", " ".join(trimmed.split()))
    if any(category(one) in ("Cc", "Cs", "Zl", "Zp") or one in _DIRECTION for one in trimmed):
        raise ValueError("a name has no control characters")
    if not name:
        raise ValueError("a name is needed")
    if len(name) > MAX_NAME:
        raise ValueError(f"a name has at most {MAX_NAME} characters")
    return name


def fold_name(text: str) -> str:
    """A name as it is compared and searched: width, case and look-alike dots folded, variants of one glyph too.

    Two spellings of one person's name (`诺布．卓玛`, `诺布·卓玛`) fold to the same text; folding twice changes nothing.
    """
    if is_plain_han(text):
        return text
    folded = text
    for _ in range(4):
        before = folded
        folded = normalize("NFKC", normalize("NFKC", folded.translate(_DOTS)).casefold()).translate(_DOTS)
        folded = "".join(one for one in folded if category(one) != "Cf" and not _is_variation_selector(one))
        folded = _HAN_GAP.sub("", " ".join(folded.split()))
        folded = re.sub(r" ?· ?", "·", folded)
        if folded == before:
            break
    return folded


def is_plain_han(text: str) -> bool:
    """Whether a text is nothing but unified Han characters: no form of Unicode and no letter case changes those."""
    return _PLAIN_HAN.fullmatch(text) is not None


def normalise_document_number(text: str) -> str:
    """A document number as it is kept: half-width capitals and digits, no spaces or hyphens (`ｘ` is `X`)."""
    if text.isascii() and text.isalnum():
        return text.upper()
    return re.sub(r"[\s\u200b\u2060\ufeff-]", "", normalize("NFKC", text)).upper()


def resident_id_check_digit(stem: str) -> str:
    """The check character of the first 17 digits (GB 11643, ISO 7064 MOD 11-2); raises `ValueError` for other text."""
    if not _STEM.fullmatch(stem):
        raise ValueError("a check character belongs to 17 digits")
    total = sum(map(mul, _CHECK_WEIGHTS, map(int, stem)))
    return "10X98765432"[total % 11]


def resident_id_checksum_ok(number: str) -> bool:
    """Whether an 18-character number ends in its right check character.

    A wrong one is a warning an officer may keep, never a reason to refuse.
    """
    return _EIGHTEEN.fullmatch(number) is not None and resident_id_check_digit(number[:17]) == number[17]


def is_placeholder_number(number: str) -> bool:
    """Whether a number was plainly made up to fill a field.

    That is one repeated character, counting digits, or a division code followed by zeros.
    """
    digits = normalise_document_number(number)
    if len(digits) < 6:
        return False
    body = digits[:-1] if digits[-1] == "X" else digits
    if len(digits) == 18 and not body[6:].strip("0"):
        return True
    return len(set(body)) == 1 or body in "1234567890" * 3 or body in "0123456789" * 3


def document_type_of(number: str) -> DocumentType | None:
    """The document that a number's form belongs to, or None where the form tells nothing.

    18 characters: residence permits of Hong Kong, Macau and Taiwan residents begin with 81, 82 or 83, the cards of
    foreign permanent residents with 9 (those before 2023 have 3 letters and 12 digits); the others are resident IDs,
    as are 15 digits (GB 11643-1989).
    """
    if _OLD_GREEN_CARD.fullmatch(number):
        return DocumentType.FOREIGN_PERMANENT_RESIDENT_CARD
    if _FIFTEEN.fullmatch(number):
        return DocumentType.RESIDENT_ID
    if not _EIGHTEEN.fullmatch(number):
        return None
    if number[:2] in ("81", "82", "83"):
        return DocumentType.HMT_RESIDENCE_PERMIT
    return DocumentType.FOREIGN_PERMANENT_RESIDENT_CARD if number[0] == "9" else DocumentType.RESIDENT_ID


def document_number_fits(document_type: DocumentType, number: str) -> bool:
    """Whether a number has the form of its document; a passport's is 5 to 20 letters and digits."""
    if document_type is DocumentType.PASSPORT:
        return bool(re.fullmatch(r"[A-Z0-9]{5,20}", number))
    return document_type is not DocumentType.NONE and document_type_of(number) is document_type


def birth_date_of(document_type: DocumentType, number: str | None) -> date | None:
    """The date of birth that a number holds, or None where it holds none or an impossible one.

    18-character numbers hold it in digits 7 to 14; resident IDs of 15 digits in 7 to 12 without the century, which
    is the 20th save for the sequence numbers 996 to 999 (centenarians). A passport's number holds none.
    """
    if number is None or document_type in (DocumentType.NONE, DocumentType.PASSPORT):
        return None
    if _EIGHTEEN.fullmatch(number):
        digits = number[6:14]
    elif document_type is DocumentType.RESIDENT_ID and _FIFTEEN.fullmatch(number):
        digits = ("18" if number[12:] >= "996" else "19") + number[6:12]
    else:
        return None
    try:
        born = date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return None
    return born if born.year >= 1850 else None


def mask_document_number(number: str | None) -> str:
    """A number as lists and slips show it: `790101********12**`; the last two are always hidden."""
    if not number:
        return ""
    if len(number) == 18:
        return f"{number[:6]}********{number[14:16]}**"
    shown = 6 if len(number) == 15 and number.isdigit() else min(2, max(0, len(number) - 4))
    return number[:shown] + "*" * (len(number) - shown)


def mask_name(name: str) -> str:
    """A name as a public page shows it: the first character and as many stars as follow, at most two."""
    return name[:1] + "*" * min(2, max(1, len(name) - 1))


def age_on(born: date, day: date) -> int:
    """Full years of age on a day; who was born on 29 February is a year older on 1 March of a common year."""
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


def normalise_phone(text: str) -> str | None:
    """A phone number as it is kept, or None where it is none.

    Mobile numbers have 11 digits, landlines their area code (`087112345678`), numbers abroad a `+`;
    `+86`, and a `0` dialled before a mobile number, are dropped.
    """
    if _MOBILE.fullmatch(text):
        return text
    digits = re.sub(r"[\s()./\u2010-\u2015_-]", "", normalize("NFKC", text))
    digits = re.sub(r"^(\+|00)86(?=[0-9]{10})", "", digits)
    digits = re.sub(r"^86(?=1[3-9][0-9]{9}$)", "", digits)
    digits = re.sub(r"^00(?=[1-9])", "+", digits)
    digits = re.sub(r"^0(?=1[3-9][0-9]{9}$)", "", digits)
    if re.fullmatch(r"1[3-9][0-9]{9}|0[1-9][0-9]{8,10}|\+[1-9][0-9]{6,14}", digits, re.ASCII):
        return digits
    return None


Name = Annotated[str, AfterValidator(normalise_name)]
"""A person's name, normalised on the way in."""


class PersonIdentity(BaseModel):
    """Who a person is. Equal ones are equal as kept; `matches` compares as two registers would."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: Name
    document_type: DocumentType
    document_number: str | None = None
    date_of_birth: WireDate | None = None

    @model_validator(mode="before")
    @classmethod
    def _normalise(cls, value: Any) -> Any:
        if isinstance(value, dict) and isinstance(value.get("document_number"), str):
            return value | {"document_number": normalise_document_number(value["document_number"]) or None}
        return value

    @model_validator(mode="after")
    def _document(self) -> "PersonIdentity":
        if (self.document_type is DocumentType.NONE) != (self.document_number is None):
            raise ValueError("a document has a number, and none has none")
        if self.document_number is not None and not _ANY_NUMBER.fullmatch(self.document_number):
            raise ValueError("a document number has letters and digits, at most 32")
        return self

    def to_wire(self) -> dict[str, str]:
        """The person's JSON with what is unknown left out."""
        return self.model_dump(mode="json", exclude_none=True)

    @property
    def key(self) -> tuple[str, str, str | None, date | None]:
        """What an exact match compares: folded name, document type, number and date of birth."""
        return fold_name(self.name), self.document_type.value, self.document_number, self.date_of_birth

    def matches(self, other: "PersonIdentity") -> bool:
        """Whether two registers hold the very same person: all of it equal, with look-alikes of a name folded."""
        return self.key == other.key


def _is_variation_selector(character: str) -> bool:
    return "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"
