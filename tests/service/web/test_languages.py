"""Every text has its Chinese, and says the same with the same placeholders."""

import re

import pytest
from babel.messages.pofile import read_po

from schemas import certificates, claims, identity
from service.officers.rules import Role
from service.web import flash, navigation, words
from service.web.languages import LOCALES, Languages, read_catalogue

PLACEHOLDER = re.compile(r"%\((\w+)\)[sd]")


@pytest.fixture(scope="module")
def catalogue():
    return read_catalogue()


def test_every_text_of_templates_code_and_errors_has_its_chinese(catalogue, texts):
    missing = []
    for text in texts:
        found = catalogue.get((text.singular, text.plural) if text.plural else text.singular)
        strings = () if found is None else (found.string if isinstance(found.string, tuple) else (found.string,))
        if not strings or not all(strings):
            missing.append(f"{text.room}: {text.singular}")
    assert missing == []


def test_placeholders_of_both_languages_agree(catalogue):
    for message in catalogue:
        if not message.id:
            continue
        singular = message.id[0] if isinstance(message.id, tuple) else message.id
        for string in message.string if isinstance(message.string, tuple) else (message.string,):
            assert set(PLACEHOLDER.findall(string)) == set(PLACEHOLDER.findall(singular)), singular
            assert not re.search(r"%(?!\(\w+\)[sd])", string.replace("%%", "")), singular


def test_one_text_has_one_wording_in_all_rooms():
    known: dict[object, tuple[str, object]] = {}
    for path in sorted((LOCALES / "zh_CN").glob("*.po")):
        with path.open("rb") as file:
            for message in read_po(file, locale="zh_CN"):
                if message.id:
                    place = known.setdefault((message.id, message.context), (path.name, message.string))
                    assert place[1] == message.string, f"{path.name} and {place[0]}: {message.id}"


def test_chinese_texts_are_chinese(catalogue):
    letters = re.compile(r"[\u3001-\u9fff\uff00-\uffef]")
    for message in catalogue:
        if not message.id:
            continue
        strings = message.string if isinstance(message.string, tuple) else (message.string,)
        # A text of placeholders and signs alone has nothing to be Chinese in.
        told = [PLACEHOLDER.sub("", string) for string in strings]
        assert all(letters.search(string) for string in told if re.search(r"\w", string)), message.id


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("claim", claims.Claim),
        ("answer", claims.AnswerWord),
        ("purpose", claims.Purpose),
        ("urgency", claims.Urgency),
        ("decline_reason", claims.DeclineReason),
        ("cancel_reason", claims.CancelReason),
        ("end_reason", claims.EndReason),
        ("way", claims.Way),
        ("channel", claims.Channel),
        ("certificate_kind", claims.CertificateKind),
        ("reminder_kind", claims.ReminderKind),
        ("cadence", claims.Cadence),
        ("document_type", identity.DocumentType),
        ("language", identity.Language),
        ("check_result", certificates.CheckResult),
        ("role", Role),
    ],
)
def test_every_code_of_a_closed_list_has_its_word(kind, values):
    assert {value.value for value in values} <= set(words.WORDS[kind])


def test_a_translator_fills_placeholders_and_counts():
    chinese = Languages().translator("zh-CN")
    english = Languages().translator("en")
    assert chinese.gettext("Version %(version)s", version="2026-11") == "版本 2026-11"
    assert english.ngettext("%(num)s day late", "%(num)s days late", 1) == "1 day late"
    assert english.ngettext("%(num)s day late", "%(num)s days late", 2) == "2 days late"


def test_an_unknown_language_is_chinese():
    assert Languages().translator("fr").language == "zh-CN"
    assert Languages().translator(None).language == "zh-CN"


def test_what_is_shown_from_tables_is_translated(catalogue):
    for text in [*flash.DONE.values(), *(place.label for place in navigation.NAVIGATION)]:
        assert catalogue.get(text) is not None, text
