"""Settings of a node that the suite may try, and a fingerprint that is not computed anew for each node."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from federation import fingerprint
from schemas.entropy import SeededEntropy
from service.founding import found
from service.settings import Settings
from tests.conformance.worlds import NODE, NODE_URL, REQUESTS_PER_SECOND

_slow = fingerprint.fingerprint
_once = cache(_slow)


@pytest.fixture(autouse=True)
def _same_keys_same_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fingerprint is slow on purpose; seeded keys have the same one each time."""
    monkeypatch.setattr(fingerprint, "fingerprint", lambda region, url, kids: _once(region, url, tuple(sorted(kids))))


@pytest.fixture
def settings(tmp_path: Path, new_database_url: Callable[..., str]) -> Settings:
    directory = tmp_path / "node"
    found(directory, region=NODE, name="青禾县", base_url=NODE_URL, entropy=SeededEntropy(NODE))
    return Settings.load(
        directory,
        database_url=new_database_url(),
        allow_private_peers=True,
        requests_per_second=REQUESTS_PER_SECOND,
        concurrent=2,
    )
