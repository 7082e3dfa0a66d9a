"""What the register must never hold has no name anywhere: no column, key, field, figure, header that is read, or word.

Registers like this one were used to coerce people, women above all. So sex, ethnicity, marriage, children, pregnancy,
contraception, religion, politics, medical results, notes, tags, colours, attachments and photographs have no place,
whatever it might be called (rule 1).
"""

import itertools
import re
import tomllib
import unicodedata
from pathlib import Path

import pytest

import service.ledgers
from schemas.claims import CertificateKind
from schemas.identity import DocumentType
from service.ledgers.files.fields import Field, LedgerKind
from service.ledgers.files.headers import meaning_of
from tests.inventory.collect import all_written_names, in_code

SUBJECTS = {
    subject: words.split()
    for subject, words in tomllib.loads(Path(__file__).with_name("forbidden.toml").read_text("utf-8")).items()
}
CHINESE = SUBJECTS.pop("in Chinese")
FORBIDDEN = {word: subject for subject, words in SUBJECTS.items() for word in words}

ALLOWED_NAMES = {
    # exact name in the code: what else it means there
    "CHRONIC_DISEASE_FOLLOWUP": "a kind of attended service from the closed list",
    "children": "divisions within a division",
    "_children": "divisions within a division",
    "parent": "the division, module, directory or header above",
    "parents": "directories or headers above",
    "rank": "which of two columns is the better one",
    "_rank": "which of two divisions fits better",
    "score": "how well a row fits as a header",
    "_score": "how well a row fits as a header",
    "best_score": "how well a row fits as a header",
    "label": "words beside a field, or a header",
    "LABEL": "of a signature (RFC 9421)",
    "_LONGEST_LABEL": "of a header",
    "tag": "of a signature or a ciphertext",
    "tags": "chapters of the OpenAPI document",
    "InvalidTag": "of a ciphertext",
    "ANSWER_TAG": "of a signature (RFC 9421)",
    "REQUEST_TAG": "of a signature (RFC 9421)",
    "note_key_id": "of a signed note (C2SP)",
    "_ED25519_NOTE": "a signed note (C2SP)",
    "family": "of an address (socket)",
    "_FAMILY": "of a font",
    "GaugeMetricFamily": "of a figure",
    "CounterMetricFamily": "of a figure",
    "port_is_fine": "a port that is in range",
    "set_text_color": "of a printed line",
    "set_fill_color": "of a printed line",
    "set_draw_color": "of a printed line",
    "height": "of a printed sheet",
    "_height": "of a printed sheet",
    "height_mm": "of a printed sheet",
    "_WEIGHT": "of a row's outcome",
    "_by_weight": "of a row's outcome",
    "flag_bits": "of an entry in a ZIP file",
}
NOTING = re.compile(r"(?:[a-z]+_)*note_[a-z_]+|[a-z_]+_and_note|_?notes?")
"""`note` as what a function does: it writes down that something happened. As a kept name it is refused above."""

CLOSED_KINDS = {str(kind) for kind in CertificateKind} | {"disease"}
"""Kinds of attended services, open to all (rule 4); they say that one was there and nothing else."""


def words_of(name: str) -> set[str]:
    """The words in a name: `snake_case`, `camelCase`, `kebab-case`, and each pair of neighbours."""
    parts = [part.lower() for part in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+", name)]
    return set(parts) | {"_".join(pair) for pair in itertools.pairwise(parts)}


def found_in(name: str) -> dict[str, str]:
    """The forbidden words of a name, with what each is about."""
    folded = unicodedata.normalize("NFKC", name)
    found = {word: FORBIDDEN[word] for word in words_of(folded) if word in FORBIDDEN}
    found |= dict.fromkeys((word for word in CHINESE if word in folded), "in Chinese")
    return found


def test_no_kept_taken_shown_sent_or_logged_name_is_about_what_must_not_be_known():
    bad = {
        f"{group}: {name}": found
        for group, names in in_code().items()
        for name in names
        if name not in CLOSED_KINDS and (found := found_in(name))
    }
    assert not bad


def test_no_name_in_the_code_is_about_it_either():
    allowed = ALLOWED_NAMES.keys() | CLOSED_KINDS
    bad = {
        f"{path}: {name}": found
        for path, names in all_written_names().items()
        for name in names
        if name not in allowed and not NOTING.fullmatch(name) and (found := found_in(name))
    }
    assert not bad


def test_each_allowance_is_still_needed():
    used = {name for names in all_written_names().values() for name in names}
    assert sorted(ALLOWED_NAMES.keys() - used) == []


# --- headers of ledgers -------------------------------------------------------------------------


def spellings() -> dict[str, set[str]]:
    path = Path(service.ledgers.__file__).parent / "data" / "spellings.toml"
    return {key: set(words.split()) for key, words in tomllib.loads(path.read_text("utf-8")).items()}


def test_no_spelling_of_a_header_that_is_read_is_about_it():
    bad = {
        f"{key}: {word}": found
        for key, words in spellings().items()
        for word in words
        # 户籍, in English: where one is registered, of which only the region is kept.
        if (found := found_in(word.replace("household_registration", "registration")))
    }
    assert not bad


@pytest.mark.parametrize("kind", list(LedgerKind))
def test_a_header_of_such_a_word_is_never_read(kind):
    read = {}
    for word in (*CHINESE, *FORBIDDEN):
        for header in (word, f"本人{word}", f"{word}情况", f"{word}（必填）", f"{word}:", word.upper(), f" {word} "):
            for labels in ((header,), ("基本情况", header), (header, "姓名"), (header, "联系电话"), (header, "日期")):
                found = meaning_of(labels, kind)
                if found is not None:
                    read[labels] = found
    assert not read


def test_a_ledger_has_no_other_fields_than_a_record_of_a_journey_needs():
    assert {field.value for field in Field} == {
        "name",
        "document_type",
        "document_number",
        "date_of_birth",
        "phone",
        "email",
        "region",
        "address",
        "moved_on",
        "expected_return_on",
    }
    assert {str(kind) for kind in DocumentType} == {
        "resident_id",
        "hmt_residence_permit",
        "foreign_permanent_resident_card",
        "passport",
        "none",
    }
