"""No mail travels in clear, but within the machine."""

import pytest
from aiosmtpd.controller import Controller

from service.mail import LineDown, Mailer
from tests.service.reminders.conftest import Sink, free_port


@pytest.mark.asvs("12.3.1")
def test_no_mail_leaves_this_machine_without_tls() -> None:
    sink = Sink()
    server = Controller(sink, hostname="127.0.0.1", port=free_port())
    server.start()
    try:
        Mailer.open(f"smtp://127.0.0.1:{server.port}").close()
        # The same server by an address that is not known to be this machine's.
        with pytest.raises(LineDown) as refused:
            Mailer.open(f"smtp://0.0.0.0:{server.port}")
        assert "offers no TLS" in str(refused.value.__cause__)
    finally:
        server.stop()
