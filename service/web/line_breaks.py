"""Where a line of mixed Chinese and Western text may end (避头尾; W3C, Requirements for Chinese Text Layout, 3.1.1).

Chinese breaks between any two characters, Western text between words. A line does not begin with a closing mark and
does not end with an opening one.
"""

from collections.abc import Callable
from typing import Final

NO_START: Final = frozenset("，。、；：！？）》〉」』】〕”’…—·%,.;:!?)]}")
NO_END: Final = frozenset("（《〈「『【〔“‘([{")


def broken(text: str, width: float, measure: Callable[[str], float]) -> list[str]:
    """The text in lines that are not wider than ``width``; ``measure`` gives a text's width in the same unit.

    A word that is wider than a whole line is broken inside; line breaks in the text stay.
    """
    return [line for paragraph in text.split("\n") for line in _paragraph(paragraph, width, measure)]


def _paragraph(text: str, width: float, measure: Callable[[str], float]) -> list[str]:
    lines, line = [], ""
    for piece in _pieces(text):
        if measure((line + piece).rstrip()) <= width:
            line += piece
            continue
        if line.strip():
            lines.append(line.rstrip())
        line = piece.lstrip()
        while measure(line.rstrip()) > width and len(line) > 1:
            fits = _fitting(line, width, measure)
            lines.append(line[:fits])
            line = line[fits:]
    return [*lines, line.rstrip()]


def _pieces(text: str) -> list[str]:
    """The parts between which a line may end: words with the spaces after them, and single Chinese characters."""
    pieces: list[str] = []
    for letter in text:
        sticks = pieces and (
            letter in NO_START
            or letter == " "
            or pieces[-1][-1] in NO_END
            or not (_is_wide(letter) or _is_wide(pieces[-1][-1]) or pieces[-1][-1] == " ")
        )
        if sticks:
            pieces[-1] += letter
        else:
            pieces.append(letter)
    return pieces


def _fitting(text: str, width: float, measure: Callable[[str], float]) -> int:
    """How many characters of a word fit in a line; one at least."""
    fits = 1
    while fits < len(text) and measure(text[: fits + 1]) <= width:
        fits += 1
    return fits


def _is_wide(letter: str) -> bool:
    return "\u2e80" <= letter <= "\uffef" or letter >= "\U00020000"
