"""Settings of a node that the suite may try."""

from collections.abc import Callable
from pathlib import Path

import pytest

from schemas.entropy import SeededEntropy
from service.founding import found
from service.settings import Settings
from tests.conformance.worlds import NODE, NODE_URL, REQUESTS_PER_SECOND


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
