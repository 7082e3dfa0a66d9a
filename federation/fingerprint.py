"""Six words that two offices read to each other over the telephone.

66 bits of scrypt (RFC 7914; N = 2**15, r = 8, p = 1) over the RFC 8785 JSON of region, base URL and the sorted key
thumbprints; each 11 bits name a word of a list of 2,048 (BIP 39; English, and Chinese characters). The cost makes it
expensive to look for another set of keys with the same words.
"""

from collections.abc import Iterable
from functools import cache, lru_cache
from hashlib import scrypt
from importlib.resources import files

import rfc8785

WORDS = 6
_LISTS = {"zh-CN": "bip39-chinese-simplified.txt", "en": "bip39-english.txt"}


@cache
def _words(language: str) -> tuple[str, ...]:
    text = files("federation.data").joinpath(_LISTS[language]).read_text(encoding="utf-8")
    return tuple(text.split())


def fingerprint(region: str, base_url: str, thumbprints: Iterable[str]) -> bytes:
    """The 9 bytes whose first 66 bits name a node: its region, base URL and key thumbprints."""
    return _slow_hash(rfc8785.dumps({"region": region, "base_url": base_url, "keys": sorted(thumbprints)}))


@lru_cache(maxsize=256)
def _slow_hash(named: bytes) -> bytes:
    """A tenth of a second and 32 MiB, so what was hashed is remembered: it is public, and shown again and again."""
    return scrypt(
        named,
        salt=b"tonglu-fingerprint-v1",
        n=2**15,
        r=8,
        p=1,
        maxmem=64 * 2**20,
        dklen=9,
    )


def words(mark: bytes, language: str = "zh-CN") -> list[str]:
    """The six words of a fingerprint in ``zh-CN`` or ``en``."""
    bits = int.from_bytes(mark, "big") >> (len(mark) * 8 - 11 * WORDS)
    names = _words(language)
    return [names[(bits >> 11 * (WORDS - 1 - place)) & 0x7FF] for place in range(WORDS)]
