"""The way out by mail: the SMTP connection that carries it, when a message may leave, and when it is tried again."""

import smtplib
import ssl
from datetime import datetime, time, timedelta
from email.message import EmailMessage
from typing import Self
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo

from schemas.calendar import WorkingCalendar

TIMEOUT_SECONDS = 10
DAY_BEGINS = time(8)
DAY_ENDS = time(20)
"""Messages leave between 8:00 and 20:00 by the node's zone."""

FIRST_RETRY = timedelta(minutes=1)
LONGEST_RETRY = timedelta(hours=1)
MAX_ATTEMPTS = 8
"""A mail that the server puts off so often is given up."""


class MailRefused(Exception):
    """The mail server took this one mail not: `for_good` tells whether trying again is of any use."""

    def __init__(self, *, for_good: bool) -> None:
        super().__init__()
        self.for_good = for_good


class LineDown(Exception):
    """The mail server cannot be reached, or does not let us in."""


def may_send(now: datetime, zone: ZoneInfo, calendar: WorkingCalendar) -> bool:
    """Whether messages may leave at this moment: by day, on a working day."""
    local = now.astimezone(zone)
    return DAY_BEGINS <= local.time() < DAY_ENDS and calendar.is_working_day(local.date())


def retry_after(failures: int) -> timedelta:
    """How long to wait after so many failures in a row."""
    return min(FIRST_RETRY * (1 << min(failures - 1, 16)), LONGEST_RETRY)


class Mailer:
    """An open connection to the mail server; blocking, so it works in a thread of its own."""

    def __init__(self, smtp: smtplib.SMTP) -> None:
        self._smtp = smtp

    @classmethod
    def open(cls, url: str) -> Self:
        """Connect to ``smtp://`` (then STARTTLS) or ``smtps://``, and sign in.

        Nothing travels without TLS, except to this machine itself. Raises :class:`LineDown`.
        """
        parts = urlsplit(url)
        host = parts.hostname or "localhost"
        context = ssl.create_default_context()
        try:
            smtp: smtplib.SMTP
            if parts.scheme == "smtps":
                smtp = smtplib.SMTP_SSL(host, parts.port or 465, timeout=TIMEOUT_SECONDS, context=context)
            else:
                smtp = smtplib.SMTP(host, parts.port or 25, timeout=TIMEOUT_SECONDS)
        except (OSError, smtplib.SMTPException) as error:
            raise LineDown from error
        mailer = cls(smtp)
        try:
            mailer._enter(parts.scheme, host, unquote(parts.username or ""), unquote(parts.password or ""), context)
        except (OSError, smtplib.SMTPException) as error:
            mailer.close()
            raise LineDown from error
        return mailer

    def send(self, message: EmailMessage) -> None:
        """Hand one mail over. Raises :class:`MailRefused` for this mail alone, :class:`LineDown` for the line."""
        try:
            self._smtp.send_message(message)
        except smtplib.SMTPRecipientsRefused as error:
            self._reset()
            raise MailRefused(for_good=all(code >= 500 for code, _ in error.recipients.values())) from None
        except smtplib.SMTPDataError as error:
            self._reset()
            raise MailRefused(for_good=error.smtp_code >= 500) from None
        except (OSError, smtplib.SMTPException) as error:
            raise LineDown from error

    def close(self) -> None:
        """Say goodbye, however the line is."""
        try:
            self._smtp.quit()
        except (OSError, smtplib.SMTPException):
            self._smtp.close()

    def _enter(self, scheme: str, host: str, user: str, password: str, context: ssl.SSLContext) -> None:
        self._smtp.ehlo()
        secure = scheme == "smtps"
        if not secure and self._smtp.has_extn("starttls"):
            self._smtp.starttls(context=context)
            self._smtp.ehlo()
            secure = True
        if not secure and not _is_here(host):
            raise smtplib.SMTPException("the mail server offers no TLS, so nothing is sent")
        if user:
            self._smtp.login(user, password)

    def _reset(self) -> None:
        try:
            self._smtp.rset()
        except (OSError, smtplib.SMTPException) as error:
            raise LineDown from error


def domain_of(host: str) -> str:
    """The host as the right side of an address: a bare IP address stands in brackets (RFC 5321, 4.1.3)."""
    if ":" in host:
        return f"[IPv6:{host}]"
    return f"[{host}]" if host.replace(".", "").isdigit() else host


def _is_here(host: str) -> bool:
    return host == "localhost" or host.startswith("127.") or host == "::1"
