"""What a reminder says: one plain mail in two languages.

The subject and the first lines in both languages, which a locked telephone shows to whoever stands by, say only that
this is a message that was asked for; what it is about comes below. ``Message-ID`` follows from the reminder alone:
should the node die after the mail server took a mail and before that is recorded, the repeat carries the same id, and
mail programs show one. ``List-Unsubscribe`` (RFC 8058) stops the plan in one step.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Final
from urllib.parse import urlsplit

from schemas.claims import ReminderKind
from schemas.identity import Language
from service.context import Node
from service.mail import domain_of

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
    message["From"] = Address(f"{node.name} · 同路", addr_spec=node.settings.mail_from or f"noreply@{domain_of(host)}")
    message["To"] = Address(addr_spec=mail.to)
    message["Subject"] = f"您请我们发的一条提醒 · A message you asked for ({node.name})"
    message["Date"] = format_datetime(now)
    message["Message-ID"] = f"<{mail.reminder_id}@{domain_of(host)}>"
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
