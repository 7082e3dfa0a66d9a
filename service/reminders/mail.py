"""The way out: one plain mail in two languages, and the SMTP connection that carries it.

The subject and the first lines in both languages, which a locked telephone shows to whoever stands by, say only that
this is a message that was asked for; what it is about comes below. ``Message-ID`` follows from the reminder alone:
should the node die after the mail server took a mail and before that is recorded, the repeat carries the same id, and
mail programs show one. ``List-Unsubscribe`` (RFC 8058) stops the plan in one step.
"""

import smtplib
import ssl
from dataclasses import dataclass, field
from datetime import date, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Final, Self
from urllib.parse import unquote, urlsplit

from schemas.claims import ReminderKind
from schemas.identity import Language
from service.context import Node

TIMEOUT_SECONDS = 10
STOP_PATH = "/me/reminders/"

_KINDS: Final = {
    ReminderKind.QUARTERLY_CHECK: {Language.CHINESE: "季度健康检查", Language.ENGLISH: "Quarterly health check"},
    ReminderKind.RESIDENCE_PERMIT: {Language.CHINESE: "居住证签注", Language.ENGLISH: "Residence permit endorsement"},
    ReminderKind.VACCINATION: {Language.CHINESE: "预防接种", Language.ENGLISH: "Vaccination"},
}


@dataclass(frozen=True, slots=True)
class _Text:
    """What a mail says in one language: first what any onlooker may read, below that what it is about."""

    lead: str
    matter: str


_TEXTS: Final = {
    Language.CHINESE: _Text(
        lead=(
            "您好！这是{region}按您的意愿发来的一条提醒。要不要办、什么时候办，都由您决定；"
            "不办也不影响任何服务，不需要向任何人说明。具体事项写在下面。"
        ),
        matter=(
            "事项：{kind}\n本期最后一天：{until}\n"
            "已经办过，或不想再收到：打开下面的页面，按“已办”或“停止提醒”，立即生效。\n{page}"
        ),
    ),
    Language.ENGLISH: _Text(
        lead=(
            "Hello, this is a message from {region} that you asked for. Whether and when you go is your own choice; "
            "not going changes nothing in any service, and you owe nobody a reason. What it is about stands below."
        ),
        matter=(
            "About: {kind}\nLast day of this period: {until}\n"
            "Done already, or no more of these? Open this page and press “Done” or “Stop”; it works at once.\n{page}"
        ),
    ),
}


class MailRefused(Exception):
    """The mail server took this one mail not: `for_good` tells whether trying again is of any use."""

    def __init__(self, *, for_good: bool) -> None:
        super().__init__()
        self.for_good = for_good


class LineDown(Exception):
    """The mail server cannot be reached, or does not let us in."""


@dataclass(frozen=True, slots=True)
class Mail:
    """One reminder as it leaves."""

    reminder_id: str
    to: str = field(repr=False)
    language: Language
    kind: ReminderKind
    until: date
    stop: str = field(repr=False)


def compose(node: Node, mail: Mail, now: datetime) -> EmailMessage:
    """The mail in both languages, the person's own on top."""
    page = f"{node.base_url.rstrip('/')}{STOP_PATH}{mail.stop}"
    host = urlsplit(node.base_url).hostname or "localhost"
    message = EmailMessage()
    message["From"] = Address(f"{node.name} · 同路", addr_spec=node.settings.mail_from or f"noreply@{_domain(host)}")
    message["To"] = Address(addr_spec=mail.to)
    message["Subject"] = f"您请我们发的一条提醒 · A message you asked for ({node.name})"
    message["Date"] = format_datetime(now)
    message["Message-ID"] = f"<{mail.reminder_id}@{_domain(host)}>"
    message["Auto-Submitted"] = "auto-generated"
    message["List-Unsubscribe"] = f"<{page}>"
    message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    languages = sorted(_TEXTS, key=lambda language: language != mail.language)
    leads = [_TEXTS[language].lead.format(region=node.name) for language in languages]
    matters = [
        _TEXTS[language].matter.format(kind=_KINDS[mail.kind][language], until=mail.until.isoformat(), page=page)
        for language in languages
    ]
    message.set_content("\n\n".join([*leads, "-" * 40, *matters]) + "\n", cte="base64")
    return message


class Mailer:
    """An open connection to the mail server; blocking, so it works in a thread of its own."""

    def __init__(self, smtp: smtplib.SMTP) -> None:
        self._smtp = smtp

    @classmethod
    def open(cls, url: str) -> Self:
        """Connect to ``smtp://`` or ``smtps://``, with TLS wherever the server offers it, and sign in.

        Raises :class:`LineDown`. A password never travels without TLS, except to this machine itself.
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
            mailer = cls(smtp)
            mailer._enter(parts.scheme, host, unquote(parts.username or ""), unquote(parts.password or ""), context)
        except (OSError, smtplib.SMTPException) as error:
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
        if user:
            if not secure and not _is_here(host):
                raise smtplib.SMTPException("the mail server offers no TLS, so the password is not sent")
            self._smtp.login(user, password)

    def _reset(self) -> None:
        try:
            self._smtp.rset()
        except (OSError, smtplib.SMTPException) as error:
            raise LineDown from error


def _domain(host: str) -> str:
    """The host as the right side of an address: a bare IP address stands in brackets (RFC 5321, 4.1.3)."""
    if ":" in host:
        return f"[IPv6:{host}]"
    return f"[{host}]" if host.replace(".", "").isdigit() else host


def _is_here(host: str) -> bool:
    return host == "localhost" or host.startswith("127.") or host == "::1"
