"""Printed sheets, opened again: the text is there, codes read back, rare characters are drawn or named."""

from datetime import UTC, datetime
from itertools import pairwise

import pypdfium2
import pytest
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st

from service.web.code128 import code128
from service.web.line_breaks import NO_END, NO_START, broken
from service.web.pdf import MISSING, Both, Line, Sheet

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
TITLE = Both("题目", "Title")


def test_what_is_written_can_be_read_and_copied():
    sheet = Sheet("A4", TITLE, NOW)
    sheet.paragraph(Both("您好。", "Good day."))
    sheet.lines([Line(Both("姓名", "Name"), "韩晨曦")])
    text = _text(sheet.to_bytes())
    for part in ("题目", "Title", "您好。", "Good day.", "姓名", "Name", "韩晨曦"):
        assert part in text


def test_two_prints_of_one_moment_are_the_same_bytes():
    def printed():
        sheet = Sheet("A6", TITLE, NOW)
        sheet.qr("abc", 40)
        return sheet.to_bytes()

    assert printed() == printed()


@pytest.mark.parametrize("name", ["欧阳娜·买买提", "㛃䶮", "𬱖𠅤", "龘犇玥", "Nǐ hǎo", "李\u00a0四"])
def test_rare_characters_of_names_are_drawn(name):
    sheet = Sheet("A6", TITLE, NOW)
    sheet.lines([Line(Both("姓名", "Name"), name)])
    text = _text(sheet.to_bytes())
    assert MISSING not in text
    for letter in name.replace("\u00a0", ""):
        if letter != " ":
            assert letter in text


@pytest.mark.parametrize("letter", ["\U0003134a", "\U00031350", "\U000323af", "\ue000"])
def test_what_the_font_lacks_is_shown_and_named_to_be_written_by_hand(letter):
    sheet = Sheet("A6", TITLE, NOW)
    sheet.lines([Line(Both("姓名", "Name"), f"王{letter}{letter}一")])
    text = _text(sheet.to_bytes())
    assert f"王{MISSING}{MISSING}一" in text
    assert text.count(f"U+{ord(letter):04X}") == 1


@settings(max_examples=4)
@given(st.lists(st.text(max_size=60), max_size=50))
def test_no_text_stops_the_printing(texts):
    sheet = Sheet("A6", TITLE, NOW)
    for text in texts:
        sheet.plain(text)
    assert sheet.to_bytes().startswith(b"%PDF-")


@pytest.mark.parametrize("length", [1, 900, 1400])
def test_a_qr_code_reads_back(length):
    text = ("Ab9-_.~" * 300)[:length]
    sheet = Sheet("A6", TITLE, NOW)
    sheet.qr(text, 58)
    assert [one.text for one in _codes(sheet.to_bytes())] == [text]


def test_a_reference_reads_back_as_bars_and_as_qr():
    reference = "01a20621-ad00-7000-bbc3-9575c20c023f"
    sheet = Sheet("A4", TITLE, NOW)
    sheet.reference(reference)
    found = {str(one.format): one.text for one in _codes(sheet.to_bytes())}
    assert len(found) == 2
    assert set(found.values()) == {reference}


@pytest.mark.parametrize("text", ["", "é", "一", "a\n"])
def test_bars_hold_printable_ascii_only(text):
    with pytest.raises(ValueError, match="ASCII"):
        code128(text)


def test_a_long_document_goes_on_over_pages():
    sheet = Sheet("A4", TITLE, NOW, running="流动情况 2026-10")
    for number in range(120):
        sheet.paragraph(Both(f"第 {number} 段", f"Paragraph {number}"))
    sheet.choice(Both("问", "Question"), [Both("是", "yes"), Both("否", "no")])
    sheet.room(30, Both("盖章", "Seal"), Both("日期", "Date"))
    content = sheet.to_bytes()
    with pypdfium2.PdfDocument(content) as document:
        assert len(document) > 3
        for number, page in enumerate(document, start=1):
            text = page.get_textpage().get_text_bounded()
            assert "流动情况 2026-10" in text, "each page says what it belongs to"
            assert f"{number} / {len(document)}" in text
    assert "Paragraph 119" in _text(content)


@given(
    st.text(alphabet="一二三，。（）“”abc def,.;(", max_size=80),
    st.integers(6, 30),
)
def test_no_line_is_too_wide_and_none_begins_with_a_closing_mark(text, width):
    lines = broken(text, width, len)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "").replace("\n", "")
    for line in lines:
        assert len(line) <= width
    for before, after in pairwise(lines):
        # A run of marks that fills a whole line has to be broken somewhere.
        if len(before) < width - 1 and not set(after) <= NO_START | NO_END:
            assert after[0] not in NO_START
            assert before[-1] not in NO_END


def test_western_words_stay_whole_and_chinese_breaks_anywhere():
    assert broken("confirm the journey", 11, len) == ["confirm the", "journey"]
    assert broken("确认本人申报的行程", 4, len) == ["确认本人", "申报的行", "程"]
    assert broken("一二三，四", 3, len) == ["一二", "三，四"]
    assert broken("abcdefgh", 3, len) == ["abc", "def", "gh"]
    assert broken("a\nb", 9, len) == ["a", "b"]


def _text(content):
    with pypdfium2.PdfDocument(content) as document:
        return "\n".join(page.get_textpage().get_text_bounded() for page in document)


def _codes(content):
    with pypdfium2.PdfDocument(content) as document:
        return zxingcpp.read_barcodes(document[0].render(scale=4).to_pil())
