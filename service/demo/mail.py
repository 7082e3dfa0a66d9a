"""A mail server that keeps what it is given, one `.eml` a message: the sink of the demo."""

import socket
from pathlib import Path
from uuid import uuid4

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session


class _Keep:
    """aiosmtpd's handler: a message is written whole under a new name, then acknowledged."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802  aiosmtpd's name
        content = envelope.content
        raw = content.encode() if isinstance(content, str) else content or b""
        draft = self._directory / f"{uuid4().hex}.part"
        draft.write_bytes(raw)
        draft.rename(draft.with_suffix(".eml"))
        return "250 OK"


class MailSink:
    """Listens on a free port of 127.0.0.1 from `start` to `stop`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._controller: Controller | None = None
        self._port = 0

    def start(self) -> None:
        """Begin to listen; makes the directory."""
        self._directory.mkdir(parents=True, exist_ok=True)
        with socket.socket() as probe:  # the controller greets its own port to start, so it cannot be 0
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self._controller = Controller(_Keep(self._directory), hostname="127.0.0.1", port=self._port)
        self._controller.start()

    def stop(self) -> None:
        """Stop listening; a second call does nothing."""
        if self._controller:
            self._controller.stop()
            self._controller = None

    @property
    def url(self) -> str:
        """`smtp://host:port`. Raises RuntimeError before `start`."""
        if self._controller is None:
            raise RuntimeError("the sink is not started")
        return f"smtp://127.0.0.1:{self._port}"
