"""The process log: one JSON object a line, known keys, and no exception's text."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from service.logs import KEYS, configure_logging
from service.settings import Settings


@pytest.fixture
def configured(settings: Settings, capsys: pytest.CaptureFixture[str]) -> Iterator[None]:
    """A configured process log, onto what is captured; put back after the test."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    configure_logging(settings)
    yield
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


@pytest.mark.usefixtures("configured")
@pytest.mark.one_database("sqlite", "nothing is stored")
def test_our_lines_and_libraries_lines_are_json_without_exceptions_texts(capsys: pytest.CaptureFixture[str]) -> None:
    ours = structlog.stdlib.get_logger("service.somewhere")
    ours.warning("refused", code="unavailable")
    try:
        raise ValueError("canary")
    except ValueError:
        ours.exception("job_failed", job="log")
        logging.getLogger("some.library").exception("it broke")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["event"] for line in lines] == ["refused", "job_failed", "it broke"]
    assert [line.get("exception") for line in lines] == [None, "ValueError", "ValueError"]
    assert all(set(line) <= KEYS for line in lines)
    assert "canary" not in str(lines)
