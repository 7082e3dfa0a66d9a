"""Code 128 (ISO/IEC 15417), code set B: the bars of a reference, for any hand scanner."""

from typing import Final

_START_B: Final = 104
_STOP: Final = "2331112"
_TABLE: Final = (
    "212222 222122 222221 121223 121322 131222 122213 122312 132212 221213 221312 231212 112232 122132 122231 113222 "
    "123122 123221 223211 221132 221231 213212 223112 312131 311222 321122 321221 312212 322112 322211 212123 212321 "
    "232121 111323 131123 131321 112313 132113 132311 211313 231113 231311 112133 112331 132131 113123 113321 133121 "
    "313121 211331 231131 213113 213311 213131 311123 311321 331121 312113 312311 332111 314111 221411 431111 111224 "
    "111422 121124 121421 141122 141221 112214 112412 122114 122411 142112 142211 241211 221114 413111 241112 134111 "
    "111242 121142 121241 114212 124112 124211 411212 421112 421211 212141 214121 412121 111143 111341 131141 114113 "
    "114311 411113 411311 113141 114131 311141 411131 211412 211214 211232"
)
_WIDTHS: Final = _TABLE.split()


def code128(text: str) -> bytes:
    """The modules of a Code 128 symbol in code set B, quiet zones included: 1 is dark.

    Raises `ValueError` for anything but printable ASCII.
    """
    if not text or not all(" " <= letter <= "~" for letter in text):
        raise ValueError("Code 128 B holds printable ASCII")
    values = [_START_B, *(ord(letter) - 32 for letter in text)]
    values.append((values[0] + sum(place * value for place, value in enumerate(values))) % 103)
    modules = bytearray(10)
    for value in values:
        modules += _bars(_WIDTHS[value])
    return bytes(modules + _bars(_STOP) + bytes(10))


def _bars(widths: str) -> bytes:
    return b"".join(bytes([1 - place % 2]) * int(width) for place, width in enumerate(widths))
