"""Printing: A4 letters and A6 slips in Chinese and English, from one font that the package carries.

The font is Noto Sans SC (SIL Open Font License, its text lies beside it): all of GB 18030's common characters, CJK
extension A and the rare characters of the *Table of General Standard Chinese Characters* (通用规范汉字表). What a name
holds beyond that cannot be drawn; in its place stands 〓, the printers' mark for a missing type, and a line at the foot
names the character by its Unicode number, to be written in by hand. Nothing is ever dropped in silence.

A code (QR, Code 128) is drawn as vector squares, so that it stays sharp on any printer.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final, Literal

import segno

from service.web.code128 import code128
from service.web.line_breaks import broken

FONT_FILE: Final = Path(__file__).with_name("fonts") / "NotoSansSC-Regular.ttf"
MISSING: Final = "〓"

Paper = Literal["A4", "A6"]

_SIZES_MM: Final[dict[Paper, tuple[float, float, float]]] = {"A4": (210, 297, 20), "A6": (105, 148, 8)}
"""Width, height and margin in millimetres."""

_BODY_PT: Final[dict[Paper, float]] = {"A4": 11, "A6": 8}
_GREY: Final = 90
_FAMILY: Final = "noto"
_LINE: Final = 1.55
"""Line height as a multiple of the type size."""

_POINT_MM: Final = 25.4 / 72
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Zs", "Zl", "Zp"})
"""Categories of characters that have no shape: controls, marks of direction, other spaces."""


@dataclass(frozen=True, slots=True)
class Both:
    """A text in both languages; Chinese stands on top."""

    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Line:
    """A label in both languages and the value that belongs to it."""

    label: Both
    value: str


class Sheet:
    """One document on its way to paper. Elements follow each other down the page; ``to_bytes`` ends it.

    ``made_at`` is the time that the document says of itself: two prints of one moment are the same bytes. What is
    ``running`` stands at the foot of each page, with the page's number and how many there are: a seal is never set on a
    sheet that does not say what it belongs to.
    """

    def __init__(self, paper: Paper, title: Both, made_at: datetime, *, running: str = "") -> None:
        # Loaded here: it takes a second, which a node that never prints should not spend at its start.
        from fpdf import FPDF  # noqa: PLC0415 - slow to import, and few processes print
        from fpdf.fonts import TTFFont  # noqa: PLC0415 - as above

        width, height, margin = _SIZES_MM[paper]
        family, foot_pt = _FAMILY, _BODY_PT[paper] * 0.72

        class Pages(FPDF):
            def footer(self) -> None:
                if running:
                    self.set_y(-margin * 0.7)
                    self.set_font(family, size=foot_pt)
                    self.set_text_color(_GREY)
                    self.cell(text=running)
                    number = f"{self.page_no()} / {{nb}}"
                    self.set_x(width - margin - self.get_string_width(number, normalized=True))
                    self.cell(text=number)
                    self.set_text_color(0)

        pdf: FPDF = Pages(orientation="portrait", unit="mm", format=(width, height))
        pdf.set_margins(margin, margin, margin)
        pdf.c_margin = 0
        pdf.set_auto_page_break(True, margin)
        pdf.add_font(_FAMILY, "", FONT_FILE)
        pdf.set_title(f"{title.zh} {title.en}")
        pdf.set_lang("zh-CN")
        pdf.set_creator("Tonglu 同路")
        pdf.set_creation_date(made_at)
        pdf.add_page()
        self._pdf = pdf
        self._body_pt = _BODY_PT[paper]
        self._width = width - 2 * margin
        font = pdf.fonts[_FAMILY]
        self._drawn = font.cmap if isinstance(font, TTFFont) else {}
        self._missing: dict[str, None] = {}
        self._title(title)

    def paragraph(self, text: Both) -> None:
        """A paragraph in Chinese, and beneath it in English, smaller and grey."""
        self._write(text.zh, self._body_pt)
        self._write(text.en, self._body_pt * 0.82, grey=True)
        self.gap(0.5)

    def plain(self, text: str) -> None:
        """A paragraph in one language only."""
        self._write(text, self._body_pt)

    def small(self, text: Both) -> None:
        """A note in both languages, smaller than the rest."""
        self._write(text.zh, self._body_pt * 0.85)
        self._write(text.en, self._body_pt * 0.75, grey=True)

    def lines(self, lines: Iterable[Line]) -> None:
        """Labels on the left, values on the right, one pair a row."""
        pdf = self._pdf
        label_width = self._width * 0.4
        for line in lines:
            if pdf.will_page_break(self._height(self._body_pt) * 2):
                pdf.add_page()
            top = pdf.get_y()
            pdf.set_y(top + self._height(self._body_pt) * 0.08)
            self._write(f"{line.label.zh}  {line.label.en}", self._body_pt * 0.82, width=label_width, grey=True)
            below_label = pdf.get_y()
            pdf.set_y(top)
            self._write(line.value, self._body_pt, left=label_width, width=self._width - label_width)
            pdf.set_y(max(below_label, pdf.get_y()))
        self.gap(0.2)

    def table(self, title: Both, head: Sequence[Both], rows: Sequence[tuple[str, Sequence[str]]]) -> None:
        """A table: a title, heads in both languages, and rows of a name and its values; heads again on each page."""
        first = self._width * 0.3
        width = (self._width - first) / max(len(head), 1)
        size = self._body_pt * 0.8
        self.gap(0.4)
        if self._pdf.will_page_break(self._height(self._body_pt) * 7):
            self._pdf.add_page()
        self._write(title.zh, self._body_pt)
        self._write(title.en, self._body_pt * 0.75, grey=True)
        self._table_head(head, first, width)
        for name, values in rows:
            if self._pdf.will_page_break(self._height(size) * 2):
                self._pdf.add_page()
                self._table_head(head, first, width)
            top = self._pdf.get_y()
            self._write(name, size, width=first - 2)
            bottom = self._pdf.get_y()
            for place, value in enumerate(values):
                self._pdf.set_y(top)
                self._write(value, size, left=first + place * width, width=width - 2, right=True)
            self._pdf.set_y(max(bottom, self._pdf.get_y()))
            self._hair()
        self.gap(0.3)

    def bars(self, values: Sequence[tuple[str, float, str]]) -> None:
        """Numbers above nought as bars, in the order given: what it is of, the number, and what was counted."""
        most = max((value for _, value, _ in values), default=0)
        size = self._body_pt * 0.7
        for name, value, label in values:
            if self._pdf.will_page_break(self._height(size)):
                self._pdf.add_page()
            top = self._pdf.get_y()
            left = self._width * 0.42
            self._write(f"{name} {label}", size, width=left - 2)
            bottom = self._pdf.get_y()
            length = (self._width - left - 14) * value / most
            self._pdf.set_fill_color(_GREY)
            self._pdf.rect(self._pdf.l_margin + left, top + 1, length, self._height(size) - 2, style="F")
            self._pdf.set_y(top)
            self._write(f"{value:g}", size, left=left + length + 1, width=13)
            self._pdf.set_y(bottom)
        if values:
            self.gap(0.3)

    def choice(self, question: Both, words: Sequence[Both]) -> None:
        """A question, and under it boxes side by side, one of which is to be ticked by hand."""
        pdf = self._pdf
        if pdf.will_page_break(self._height(self._body_pt) * 5):
            pdf.add_page()
        self._write(question.zh, self._body_pt)
        self._write(question.en, self._body_pt * 0.82, grey=True)
        side = self._body_pt * _POINT_MM
        column = self._width / len(words)
        top = pdf.get_y() + 0.5
        bottom = top
        for place, word in enumerate(words):
            left = place * column
            pdf.rect(pdf.l_margin + left, top + side * 0.3, side, side)
            pdf.set_y(top)
            self._write(word.zh, self._body_pt, left=left + side * 1.5, width=column - side * 2)
            self._write(word.en, self._body_pt * 0.72, left=left + side * 1.5, width=column - side * 2, grey=True)
            bottom = max(bottom, pdf.get_y())
        pdf.set_y(bottom)
        self.gap(0.4)

    def qr(self, text: str, side_mm: float, *, at_right: bool = False) -> None:
        """A QR code (ISO/IEC 18004, level M where it fits in 40 sizes) with its quiet zone, ``side_mm`` wide."""
        code = segno.make_qr(text, error="m", boost_error=False)
        quiet = 4
        rows = [bytes(row) for row in code.matrix]
        module = side_mm / (len(rows) + 2 * quiet)
        if self._pdf.will_page_break(side_mm):
            self._pdf.add_page()
        left = self._pdf.l_margin + (self._width - side_mm) / (1 if at_right else 2)
        top = self._pdf.get_y()
        self._draw(rows, left + quiet * module, top + quiet * module, module, module)
        self._pdf.set_y(top + side_mm)

    def barcode(self, text: str, width_mm: float, height_mm: float) -> None:
        """A Code 128 bar code (ISO/IEC 15417, code set B) of printable ASCII, and the text beneath it."""
        bars = code128(text)
        module = width_mm / len(bars)
        top = self._pdf.get_y()
        self._draw([bars], self._pdf.l_margin, top, module, height_mm)
        self._pdf.set_y(top + height_mm + 1)
        self._write(text, self._body_pt * 0.8)

    def reference(self, text: str, height_mm: float = 18) -> None:
        """A reference that any scanner reads: as bars with the text beneath, and beside them as a QR code."""
        top = self._pdf.get_y() + 1
        self._pdf.set_y(top)
        self.barcode(text, self._width - height_mm - 6, height_mm - 7)
        bottom = self._pdf.get_y()
        self._pdf.set_y(top - 1)
        self.qr(text, height_mm, at_right=True)
        self._pdf.set_y(max(bottom, self._pdf.get_y()) + 1)

    def room(self, height_mm: float, *labels: Both) -> None:
        """An empty frame to write, sign or stamp in; with several labels a part of it for each, side by side."""
        pdf = self._pdf
        self.together(height_mm)
        top = pdf.get_y()
        pdf.rect(pdf.l_margin, top, self._width, height_mm)
        each = self._width / len(labels)
        for place, label in enumerate(labels):
            pdf.set_y(top + 1)
            self._write(
                f"{label.zh} {label.en}", self._body_pt * 0.75, left=place * each + 2, width=each - 4, grey=True
            )
        pdf.set_y(top + height_mm + 2)

    def together(self, height_mm: float) -> None:
        """What follows stays on one page: begin a new one unless there is so much room left."""
        if self._pdf.will_page_break(height_mm):
            self._pdf.add_page()

    def rule(self) -> None:
        """A thin line across the page."""
        y = self._pdf.get_y() + 1
        self._pdf.line(self._pdf.l_margin, y, self._pdf.l_margin + self._width, y)
        self._pdf.set_y(y + 1)

    def gap(self, lines: float = 1) -> None:
        """Empty space, in lines of body text."""
        self._pdf.ln(self._height(self._body_pt) * lines)

    def to_bytes(self) -> bytes:
        """The finished document; the sheet takes nothing more."""
        from fpdf.fonts import TTFFont  # noqa: PLC0415 - slow to import, and few processes print

        if self._missing:
            numbers = " ".join(f"U+{ord(letter):04X}" for letter in self._missing)
            self.gap(0.5)
            self.small(
                Both(
                    f"{MISSING} 处为字库以外的字（{numbers}），请手写补全。",
                    f"{MISSING}: not in the font; write in by hand.",
                )
            )
        content = bytes(self._pdf.output())
        if isinstance(font := self._pdf.fonts[_FAMILY], TTFFont):
            font.close()
        return content

    def _table_head(self, head: Sequence[Both], first: float, width: float) -> None:
        top = bottom = self._pdf.get_y()
        for place, text in enumerate(head):
            self._pdf.set_y(top)
            self._write(text.zh, self._body_pt * 0.72, left=first + place * width, width=width - 2, right=True)
            self._write(
                text.en, self._body_pt * 0.6, left=first + place * width, width=width - 2, grey=True, right=True
            )
            bottom = max(bottom, self._pdf.get_y())
        self._pdf.set_y(bottom)
        self._hair()

    def _hair(self) -> None:
        y = self._pdf.get_y()
        self._pdf.set_draw_color(200)
        self._pdf.line(self._pdf.l_margin, y, self._pdf.l_margin + self._width, y)
        self._pdf.set_draw_color(0)

    def _title(self, title: Both) -> None:
        self._write(title.zh, self._body_pt * 1.6)
        self._write(title.en, self._body_pt * 0.95, grey=True)
        self.rule()

    def _write(
        self,
        text: str,
        size_pt: float,
        *,
        left: float = 0,
        width: float | None = None,
        grey: bool = False,
        right: bool = False,
    ) -> None:
        pdf = self._pdf
        pdf.set_font(_FAMILY, size=size_pt)
        pdf.set_text_color(_GREY if grey else 0)
        measure = partial(pdf.get_string_width, normalized=True)
        room = self._width - left if width is None else width
        for line in broken(self._drawable(text), room, measure):
            if not line:
                pdf.ln(self._height(size_pt))
                continue
            pdf.set_x(pdf.l_margin + left + (room - measure(line) if right else 0))
            pdf.cell(h=self._height(size_pt), text=line, new_x="LMARGIN", new_y="NEXT")
        pdf.set_text_color(0)

    def _drawable(self, text: str) -> str:
        shown = []
        for letter in text:
            if letter == "\n" or ord(letter) in self._drawn:
                shown.append(letter)
            elif unicodedata.category(letter) in _UNSEEN:
                shown.append(" ")
            else:
                self._missing.setdefault(letter)
                shown.append(MISSING)
        return "".join(shown)

    def _draw(self, rows: Sequence[bytes], left: float, top: float, width: float, height: float) -> None:
        """Dark modules as rectangles, neighbours in a row as one, without seams between them."""
        pdf = self._pdf
        pdf.set_fill_color(0)
        for number, row in enumerate(rows):
            start = None
            for at, dark in enumerate([*row, 0]):
                if dark and start is None:
                    start = at
                elif not dark and start is not None:
                    pdf.rect(left + start * width, top + number * height, (at - start) * width, height, style="F")
                    start = None

    @staticmethod
    def _height(size_pt: float) -> float:
        return size_pt * _POINT_MM * _LINE
