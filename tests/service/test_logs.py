"""The process log: one JSON object a line, known keys, and no exception's text."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from service.logs import KEYS

SCRIPT = """
import logging
import structlog
from service.logs import configure_logging
from service.settings import Settings

configure_logging(Settings(region="790303", name="x", base_url="https://x.example"))
ours = structlog.stdlib.get_logger("service.somewhere")
ours.warning("refused", code="unavailable")
try:
    raise ValueError("canary")
except ValueError:
    ours.exception("job_failed", job="log")
    logging.getLogger("some.library").exception("it broke")
logging.getLogger("httpx").info("GET https://canary.example")
"""


@pytest.mark.asvs("16.2.4", "16.2.5", "16.4.1")
def test_our_lines_and_libraries_lines_are_json_without_exceptions_texts() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
        cwd=Path(__file__).parents[2],
    )
    lines = [json.loads(line) for line in ran.stderr.splitlines()]
    assert [line["event"] for line in lines] == ["refused", "job_failed", "it broke"]
    assert [line.get("exception") for line in lines] == [None, "ValueError", "ValueError"]
    assert all(set(line) <= KEYS for line in lines)
    assert "canary" not in ran.stderr + ran.stdout
