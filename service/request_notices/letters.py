"""What a notice says: which office asked, and where everything about it stands; nothing of the request itself.

The subject and the text are the same for every request, so that whoever looks over a shoulder learns no more than that
two offices have exchanged a question.
"""

from dataclasses import dataclass, field
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Final
from urllib.parse import urlsplit

from schemas.identity import Language
from service.context import Node
from service.mail import domain_of
from service.request_notices.waiting import Direction

OWN_PAGE: Final = "/me"

_TEXTS: Final[dict[Direction, dict[Language, str]]] = {
    "received": {
        Language.CHINESE: "您好！{peer}的办公室向{here}核实过一件与您有关的事。",
        Language.ENGLISH: "Hello, the office of {peer} asked {here} to confirm something about you.",
    },
    "sent": {
        Language.CHINESE: "您好！{here}请{peer}的办公室核实一件与您有关的事。",
        Language.ENGLISH: "Hello, {here} asked the office of {peer} to confirm something about you.",
    },
}
_WHERE: Final = {
    Language.CHINESE: (
        "内容不写在邮件里。问的是什么、为什么问、怎样答复的，都写在您的页面“谁看过我的信息”里：\n{page}\n"
        "您不需要做任何事。不想再收到这类消息，可在同一页面的“我的同意”里关闭，或告诉我们。"
    ),
    Language.ENGLISH: (
        "This mail does not say what. What was asked, why and how it was answered stands on your own page, under "
        "“Who looked at my record”:\n{page}\n"
        "You need do nothing. To get no more of these messages, switch them off there under “My consents”, or tell us."
    ),
}


@dataclass(frozen=True, slots=True)
class Letter:
    """One notice as it leaves."""

    request_id: str
    direction: Direction
    peer_name: str
    to: str = field(repr=False)
    language: Language


def compose(node: Node, letter: Letter, now: datetime) -> EmailMessage:
    """The mail in both languages, the person's own on top."""
    host = urlsplit(node.base_url).hostname or "localhost"
    message = EmailMessage()
    message["From"] = Address(f"{node.name} · 同路", addr_spec=node.settings.mail_from or f"noreply@{domain_of(host)}")
    message["To"] = Address(addr_spec=letter.to)
    message["Subject"] = f"一条告知 · A notice ({node.name})"
    message["Date"] = format_datetime(now)
    message["Message-ID"] = f"<{letter.request_id}@{domain_of(host)}>"
    message["Auto-Submitted"] = "auto-generated"
    page = node.base_url.rstrip("/") + OWN_PAGE
    parts = []
    for language in sorted(Language, key=lambda one: one != letter.language):
        text = _TEXTS[letter.direction][language].format(peer=letter.peer_name, here=node.name)
        parts += [text, _WHERE[language].format(page=page)]
    message.set_content("\n\n".join(parts) + "\n", cte="base64")
    return message
