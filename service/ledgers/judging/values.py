"""One cell's meaning: names, documents, phones, addresses. Pure; nothing is guessed."""

import re
from datetime import date
from functools import lru_cache
from unicodedata import category, normalize

from schemas.identity import (
    DocumentType,
    document_number_fits,
    document_type_of,
    normalise_document_number,
    normalise_name,
    normalise_phone,
)
from service.ledgers.files.fields import Cell
from service.ledgers.judging.cells import blank, ditto, fold_word, formula, plain, spoilt, words
from service.ledgers.judging.dates import Ambiguous

LONGEST_ADDRESS = 200
"""Characters of an address; what is longer is cut."""
_SCIENTIFIC = re.compile(r"[+-]?\d(\.\d+)?E\+?\d{1,3}|[+-]?\d+\.\d+")
_NUMBER = re.compile(r"[0-9A-Z]{1,32}")
_TYPED_X = re.compile(r"(?<=^[0-9]{17})[×✕✖╳ХΧ]$")
"""What is typed for the X of a resident ID: signs of multiplication, a Cyrillic and a Greek letter."""
_RETURN_PERMIT = re.compile(r"[HM]\d{10}")
"""Of the permits with which residents of Hong Kong and Macau travel: no register of this kind keeps them."""
_PASSPORT = re.compile(r"[A-Z]{1,2}\d{7,8}|[A-Z]\d{8}[A-Z]?")
_UNREADABLE = re.compile(r"[*?？□■○◯×\ufffd]")
"""In a name: a mask, or a character that an export lost."""
_MORE_THAN_A_NAME = re.compile(r"[()（）\[\]【】<>《》,，、;；:：/|\\0-9０-９]")
_MARKUP = re.compile(r"[<>{}|%&$^~]")
_TYPED_BEHIND = re.compile(r"[。｡.．,，、;；]+$")
_TYPED_DOT = re.compile(r"(?<=[\u3400-\u9fff])[。｡](?=[\u3400-\u9fff])")
"""A full stop between two parts of a name: what a Chinese input method makes of the key for the dot."""
_HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_EMAIL = re.compile(r"[^@\s,;<>\"']{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+")
_FLOAT = re.compile(r"^(\d{7,15})\.0+$")
"""A number as another program writes it into a text."""
_UNSEEN = re.compile(r"[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\u00ad]")
_EXTENSION = re.compile(r"^(\(?0\d{2,3}\)?[- ]?\d{7,8})\s*(?:转|[-*#]|ext\.?)\s*\d{1,6}$")
"""A desk behind an office's number: the number is kept, the desk is not."""
_BESIDE_PHONE = re.compile(
    r"^(?:手机号?码?|联系电话|电话|tel|mobile|phone)[:.]?\s*|\s*\(?(?:微信同号|同微信|微信|本人|手机)\)?$",
    re.IGNORECASE,
)
"""What is written beside somebody's own number; anything else, as （父亲）, may make it another's."""
_MANY_PHONES = re.compile(r"[,，、;；/|\n]+|\s{2,}|(?<=\d{11})\s+")


def read_name(cell: Cell) -> tuple[str | None, bool]:
    """Read a name and whether it looks like a formula; `None` where it is missing.

    Raises `Ambiguous` for what cannot be a name: too long, without a letter, control characters, a spreadsheet's error;
    masked (张**) or with a character that an export lost (张?); two names in one, or a name with a remark.
    """
    text = plain(cell)
    if blank(text):
        return None, False
    if _HAN.search(text):
        text = _TYPED_DOT.sub("·", _TYPED_BEHIND.sub("", text))
    looks_run = formula(text)
    if spoilt(text) or not (looks_run or any(category(character).startswith(("L", "Co")) for character in text)):
        raise Ambiguous("no name")
    if not looks_run and (ditto(text) or _UNREADABLE.search(text) or _MARKUP.search(text)):
        raise Ambiguous("not a name")
    if not looks_run and _HAN.search(text) and _MORE_THAN_A_NAME.search(text):
        raise Ambiguous("not one name, whole")
    try:
        return normalise_name(text), looks_run
    except ValueError as error:
        raise Ambiguous(str(error)) from None


def read_number(cell: Cell) -> str | None:
    """Read a document number as it is kept; `None` where there is none (blank, 无, 遗失 …).

    Raises `Ambiguous` for a number that a spreadsheet has damaged: 18 digits in a number cell keep 15 of them,
    1.10101E+17 keeps six, and a day is none. Nothing is guessed back. So it does for anything with digits that is no
    one number, and for 同上: nobody has the number of the person above.
    """
    if isinstance(cell, (int, float)) and not isinstance(cell, bool) and (abs(cell) >= 1e15 or cell != int(cell)):
        raise Ambiguous("digits lost")
    if isinstance(cell, date):
        raise Ambiguous("a number that a spreadsheet took for a day")
    text = plain(cell)
    if ditto(text):
        raise Ambiguous("not a number")
    if not _is_bare(text):
        text = _FLOAT.sub(r"\1", _UNSEEN.sub("", normalize("NFKC", text)).rstrip(".。,、;"))
    if blank(text):
        return None
    number = _TYPED_X.sub("X", normalise_document_number(text))
    if spoilt(text) or _SCIENTIFIC.fullmatch(number):
        raise Ambiguous("digits lost")
    if _NUMBER.fullmatch(number):
        return number
    if any(character.isdigit() or character == "*" for character in number):
        raise Ambiguous("not one number")
    return None


def read_document_type(cell: Cell, number: str | None) -> DocumentType:
    """Say which document a number belongs to: as the ledger says, else by the number's form, else a resident ID.

    Without a number it is `none`. A document that no register of this kind keeps (军官证 …) counts as `none`, too,
    unless its number has the form of a card that it keeps.
    """
    if number is None:
        return DocumentType.NONE
    by_form = document_type_of(number)
    if names_other_document(cell):
        return by_form or DocumentType.NONE
    if by_form is None and _PASSPORT.fullmatch(number):
        by_form = DocumentType.PASSPORT
    told = _told_document(plain(cell))
    if told is None and _RETURN_PERMIT.fullmatch(number):
        return DocumentType.NONE
    if told is None or told is DocumentType.NONE:
        return by_form or DocumentType.RESIDENT_ID
    if by_form is None or by_form is DocumentType.PASSPORT or document_number_fits(told, number):
        return told
    return by_form


def names_other_document(cell: Cell) -> bool:
    """Tell whether a ledger calls a document something that no register of this kind keeps (军官证, 回乡证 …)."""
    called = plain(cell)
    return _told_document(called) is None and not blank(called)


@lru_cache(maxsize=256)
def _told_document(text: str) -> DocumentType | None:
    called = fold_word(text)
    return next((document for document in DocumentType if called in words()[document.value]), None)


def read_phone(cell: Cell) -> tuple[str | None, bool]:
    """Read a phone number and whether the cell was clean; `None` where it has no number that can be called."""
    text = plain(cell)
    if not _is_bare(text):
        text = _FLOAT.sub(r"\1", _UNSEEN.sub("", normalize("NFKC", text)))
    if blank(text):
        return None, True
    whole = _phone(text) or _phone(_BESIDE_PHONE.sub("", text))
    if whole is not None:
        return whole, True
    parts = (_EXTENSION.sub(r"\1", part) for part in _MANY_PHONES.split(text))
    return next((phone for part in parts if (phone := _phone(part))), None), False


def read_email(cell: Cell) -> str | None:
    """Read an e-mail address; `None` where it is none."""
    text = normalize("NFKC", plain(cell))
    return text if len(text) <= 254 and _EMAIL.fullmatch(text) else None


def read_address(text: str) -> tuple[str | None, bool]:
    """Read an address and whether it looks like a formula."""
    seen = plain(text)
    if not seen.isprintable():
        seen = "".join(" " if category(one).startswith("C") else one for one in seen)
    address = " ".join(seen.split())
    if blank(address) or ditto(address):
        return None, False
    return address[:LONGEST_ADDRESS], formula(address)


def _is_bare(text: str) -> bool:
    """Tell whether a text is nothing but plain letters and digits, so that there is nothing to take off."""
    return text.isascii() and text.isalnum()


def _phone(text: str) -> str | None:
    found = normalise_phone(text)
    # With China's code but too short for China, it is not a number from abroad either.
    return None if found is not None and found.startswith("+86") else found
