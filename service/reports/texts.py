"""The words of the reports: titles, heads of columns and names of rows, as English msgids."""

from typing import Final

from service.context import Node
from service.reports.folding import FOLDED
from service.reports.queries import Value
from service.reports.suppression import TOTAL
from service.web.languages import N_, Translator

TITLES: Final = {
    "monthly_flows": N_("Moves of the month"),
    "response_times": N_("Times to answer"),
    "register_quality": N_("Quality of the register"),
    "privacy": N_("What is kept"),
}
TABLES: Final = {
    "by_office": N_("By office"),
    "by_peer": N_("By region"),
    "answers_given": N_("Answers that we gave"),
    "answers_got": N_("Answers that we got"),
    "records": N_("Records by office, on the day of the count"),
    "held": N_("Records that are kept, on the day of the count"),
}
FIRST_HEADS: Final = {
    "by_office": N_("Office"),
    "by_peer": N_("Region"),
    "answers_given": N_("Region"),
    "answers_got": N_("Region"),
    "records": N_("Office"),
    "held": N_("Kind"),
}
"""What the rows of a table are."""
HEADS: Final = {
    "arrivals": N_("Arrived"),
    "departures": N_("Departed"),
    "returns": N_("Came back"),
    "asked": N_("Asked by us"),
    "answered": N_("Answered to us"),
    "days:answered": N_("Working days to the answer (median)"),
    "days": N_("Working days (median)"),
    "in_time": N_("In time"),
    "late": N_("Late"),
    "all": N_("Total"),
    "complete": N_("Complete"),
    "no_document": N_("Without a document number"),
    "number_doubtful": N_("Number with a wrong checksum, or a placeholder"),
    "no_birth_date": N_("Without a date of birth"),
    "pairs": N_("Pairs to be looked at as doubles"),
    "count": N_("How many"),
}
ROWS: Final = {
    TOTAL: N_("Total"),
    "other": N_("Other regions"),
    "people": N_("People registered"),
    "arrivals": N_("Arrivals"),
    "departures": N_("Departures"),
    "requests": N_("Verification requests"),
}
FEWER: Final = N_("%(num)s more regions: fewer than ten of each")
OWN_OFFICE: Final = N_("%(region)s (the region's own office)")
CLOSED: Final = N_("Closed on %(day)s. The numbers stay as they were counted then.")
MARKS: Final = N_(
    "“<10”: fewer than ten, nought included. “…”: ten or more, not shown, since a smaller number could be computed "
    "from it."
)
CHARTS: Final = {
    "by_office": ("arrivals", "departures", "returns"),
    "by_peer": ("arrivals", "departures", "returns"),
    "answers_given": ("days",),
    "answers_got": ("days",),
    "records": ("no_document", "number_doubtful", "no_birth_date"),
}
"""Which columns of a table are drawn as bars."""


def row_name(node: Node, code: str, translator: Translator, *, table: str) -> str:
    """The name of a row: an office's, a region's, or a word."""
    if code.startswith(FOLDED):
        return translator.gettext(FEWER, num=code.removeprefix(FOLDED))
    if code in ROWS:
        return translator.gettext(ROWS[code])
    if code == node.region:
        return translator.gettext(OWN_OFFICE) % {"region": node.name} if table != "by_peer" else node.name
    if code.startswith(node.region):
        return node.divisions.name(code)
    return node.divisions.full_name(code)


def shown_value(value: Value) -> str:
    """A value as it stands in a table."""
    return f"{value:g}" if isinstance(value, float) else str(value)
