"""The list that goes along when tasks are handed over: kind, region, due day and a short reference; nobody's name."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from service.context import Node
from service.officers.rules import Officer
from service.web.languages import Translator
from service.web.pdf import Both, Line, Sheet
from service.web.words import word
from service.work_items.tables import WorkItem

TITLE: Final = Both("待办交接清单", "Tasks handed over")


def task_list(
    node: Node, items: Sequence[WorkItem], *, officer: Officer, chinese: Translator, made_at: datetime
) -> bytes:
    """Print tasks on A4, in the order given, with room for two signatures."""
    sheet = Sheet("A4", TITLE, made_at)
    sheet.lines(
        [
            Line(Both("单位", "Office"), node.divisions.full_name(officer.area)),
            Line(Both("交出人", "From"), officer.name),
            Line(Both("日期", "Date"), made_at.astimezone(node.zone).date().isoformat()),
            Line(Both("件数", "Tasks"), str(len(items))),
        ]
    )
    sheet.rule()
    for number, item in enumerate(items, start=1):
        english = word("work_item", item.kind)
        sheet.lines([Line(Both(f"{number}. {chinese.gettext(english)}", english), _value(node, item))])
    if not items:
        sheet.paragraph(Both("没有待办。", "There are none."))
    sheet.rule()
    sheet.small(
        Both(
            "清单不写姓名和证件号码；凭编号在同路中打开。用毕销毁。",
            "No names or numbers stand here; the reference opens the task in Tonglu. Destroy the list after use.",
        )
    )
    sheet.room(24, Both("交出人、接收人签字", "Signatures of both officers"))
    return sheet.to_bytes()


def _value(node: Node, item: WorkItem) -> str:
    due = item.due_on.isoformat() if item.due_on is not None else "—"
    parts = [due, f"#{item.about[-6:]}"]
    if item.peer is not None:
        parts.insert(1, node.divisions.full_name(item.peer))
    return "  ".join(parts)
