"""The fingerprint is slow on purpose; seeded keys have the same one in every test."""

from collections.abc import Iterable
from functools import cache

import pytest

from federation import fingerprint

_once = cache(fingerprint.fingerprint)


def _remembered(region: str, base_url: str, thumbprints: Iterable[str]) -> bytes:
    return _once(region, base_url, tuple(sorted(thumbprints)))


@pytest.fixture(autouse=True)
def same_keys_same_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compute each node's fingerprint once."""
    monkeypatch.setattr(fingerprint, "fingerprint", _remembered)
