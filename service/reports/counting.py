"""Counting a month, once, when it is closed: a few grouped queries, each along an index; nobody is opened for it.

Counted are records and offices' work. Who is hidden on the day of the count, voided or merged is in no number
(rule 7). What people chose (consents, refusals, certificates, reminders, visits to the own page) is not counted at all.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from statistics import median
from typing import Any, Final

from sqlalchemy import ColumnElement, case, select
from sqlalchemy.orm import aliased
from sqlmodel import Session, and_, col, func, or_

from federation.peers import list_peers
from schemas.clock import local_date
from schemas.regions import longest_match
from service.context import Node
from service.registry.doubles.pairs import first_id_of
from service.registry.people import visible
from service.registry.tables import Arrival, Departure, DuplicatePair, Person
from service.reports.months import Month, working_days_between
from service.reports.suppression import TOTAL, Cell, Lines
from service.verification.tables import VerificationRequest

OTHER: Final = "other"
"""The column of all regions that are no peers."""
LONGEST_CASE: Final = timedelta(days=130)
"""Nobody answers a question after this; see the longest term that a request may have."""

FLOWS: Final = ("arrivals", "departures", "returns")
"""Moves: what is counted anew for corrections."""
WORK: Final = ("asked", "answered")
CLASSES: Final = ("complete", "no_document", "number_doubtful", "no_birth_date")
PUNCTUAL: Final = ("in_time", "late")
PARTS: Final = frozenset({"flows", "work", "quality"})
"""What a month is made of: moves, questions between regions, and how complete the register is."""
DAYS: Final = "days"
"""What the measure of a median begins with: ``days:answered`` in tenths of working days."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One table of a month, and where work was done in it, the medians of its working days in tenths."""

    lines: Lines
    counts: dict[Cell, int]
    days: dict[Cell, int] = field(default_factory=dict)


def offices(node: Node) -> list[str]:
    """The rows of tables by office: the region's own office, and its townships, by code."""
    return [node.region, *(division.code for division in node.divisions.children(node.region))]


def peer_columns(session: Session) -> list[str]:
    """The columns of tables by region: every peer by code, and all others together."""
    return [*sorted(peer.region for peer in list_peers(session)), OTHER]


def count_month(session: Session, node: Node, month: Month, *, parts: Collection[str] = PARTS) -> dict[str, Measured]:
    """Count the measures of a month, or of some parts of it, as they are now."""
    places = Lines(offices(node), peer_columns(session))
    measured: dict[str, Measured] = {}
    if "flows" in parts:
        counted = count_flows(session, node, month, places)
        measured |= {name: Measured(places, counts) for name, counts in counted.items()}
    if "work" in parts:
        measured |= _work(session, node, month, places)
    if "quality" in parts:
        measured |= _quality(session, node, places.rows)
    return measured


def count_flows(session: Session, node: Node, month: Month, places: Lines) -> dict[str, dict[Cell, int]]:
    """Count arrivals, departures and returns of a month by office and region."""
    first, after = str(month), str(month.plus(1))
    # Dates are texts, whole days or months: `2026-10` and `2026-10-31` both lie before `2026-11`.
    arrived = and_(col(Arrival.arrived_on) >= first, col(Arrival.arrived_on) < after, Arrival.state != "voided")
    left = and_(col(Departure.departed_on) >= first, col(Departure.departed_on) < after, Departure.state != "voided")
    returned = and_(
        Departure.state == "ended",
        col(Departure.ended_on) >= first,
        col(Departure.ended_on) < after,
        Departure.ended_reason == "returned",
    )
    return {
        "arrivals": _moves(session, node, places, arrived, table=Arrival, region=Arrival.origin_region),
        "departures": _moves(session, node, places, left, table=Departure, region=Departure.destination_region),
        "returns": _moves(session, node, places, returned, table=Departure, region=Departure.destination_region),
    }


def row_of(area: str, rows: Sequence[str]) -> str:
    """The row that an office's records belong to: its township's, else the region's own."""
    return longest_match(area, rows) or rows[0]


def _moves(
    session: Session, node: Node, places: Lines, condition: ColumnElement[bool], *, table: Any, region: Any
) -> dict[Cell, int]:
    wanted = (
        select(table.area, region, func.count())
        .join(Person, col(Person.id) == table.person_id)
        .where(condition, visible(node.today()))
        .group_by(table.area, region)
    )
    counts: dict[Cell, int] = defaultdict(int)
    for area, code, count in session.execute(wanted):
        counts[row_of(area, places.rows), longest_match(code, places.columns) or OTHER] += count
    return dict(counts)


def _work(session: Session, node: Node, month: Month, places: Lines) -> dict[str, Measured]:
    asked: dict[Cell, int] = defaultdict(int)
    answered: dict[Cell, list[int]] = defaultdict(list)
    given: dict[Cell, list[int]] = defaultdict(list)
    begins, ends = month.begins_at(node.zone), month.plus(1).begins_at(node.zone)
    for one in _cases(session, node, begins, ends):
        peer = longest_match(one.peer, places.columns) or OTHER
        if one.direction == "received":
            if one.answered_at is not None and begins <= one.answered_at < ends:
                given[peer, _punctual(node, one.due_on, one.answered_at)].append(_days(node, one))
            continue
        row = row_of(one.area or node.region, places.rows)
        if begins <= one.created_at < ends:
            asked[row, peer] += 1
        if one.answered_at is not None and begins <= one.answered_at < ends:
            answered[row, peer].append(_days(node, one))
    by_peer = Lines(places.columns, PUNCTUAL)
    return {
        "asked": Measured(places, dict(asked)),
        "answered": _timed(places, answered),
        "answers_given": _timed(by_peer, given),
    }


def _cases(session: Session, node: Node, begins: datetime, ends: datetime) -> Sequence[Any]:
    """The questions of a month, along their ids, which begin with the time (RFC 9562, 5.7)."""
    arrival: Any = aliased(Arrival)
    departure: Any = aliased(Departure)
    row: Any = VerificationRequest
    wanted = (
        select(
            row.direction,
            row.peer,
            row.created_at,
            row.delivered_at,
            row.answered_at,
            row.due_on,
            func.coalesce(arrival.area, departure.area).label("area"),
        )
        .outerjoin(arrival, arrival.id == VerificationRequest.record_id)
        .outerjoin(departure, departure.id == VerificationRequest.record_id)
        .outerjoin(Person, col(Person.id) == VerificationRequest.person_id)
        .where(
            col(VerificationRequest.id) >= first_id_of(begins - LONGEST_CASE),
            col(VerificationRequest.id) < first_id_of(ends),
            row.state != "draft",
            # Ours are about somebody in the register, who may be hidden by now; theirs never say about whom.
            or_(row.direction == "received", visible(node.today())),
        )
        .order_by(col(VerificationRequest.id))
    )
    return session.execute(wanted).all()


def _timed(lines: Lines, days: Mapping[Cell, Sequence[int]]) -> Measured:
    """A table of answers: how many, and the median of their working days, for each cell and total, in tenths."""
    gathered: dict[Cell, list[int]] = defaultdict(list)
    for (row, column), found in days.items():
        for cell in ((row, column), (row, TOTAL), (TOTAL, column), (TOTAL, TOTAL)):
            gathered[cell] += found
    counts = {cell: len(found) for cell, found in days.items()}
    return Measured(lines, counts, {cell: round(10 * median(found)) for cell, found in gathered.items()})


def _days(node: Node, one: Any) -> int:
    begun = one.delivered_at if one.direction == "received" and one.delivered_at else one.created_at
    start, end = local_date(begun, node.zone), local_date(one.answered_at, node.zone)
    return working_days_between(node.calendar, start, end)


def _punctual(node: Node, due_on: date, answered_at: datetime) -> str:
    return "in_time" if local_date(answered_at, node.zone) <= due_on else "late"


def _quality(session: Session, node: Node, rows: Sequence[str]) -> dict[str, Measured]:
    """How complete the register is on the day of the count. It counts records; it lists and ranks nobody."""
    klass = case(
        (col(Person.document_index).is_(None), "no_document"),
        (col(Person.number_check).is_not(None), "number_doubtful"),
        (col(Person.name_birth_index).is_(None), "no_birth_date"),
        else_="complete",
    )
    records: dict[Cell, int] = defaultdict(int)
    area = col(Person.area)
    grouped = select(area, klass, func.count()).where(visible(node.today())).group_by(area, klass)
    for code, name, count in session.execute(grouped):
        records[row_of(code, rows), name] += count
    other: Any = aliased(Person)
    pairs = (
        select(area, func.count())
        .select_from(DuplicatePair)
        .join(Person, col(Person.id) == DuplicatePair.kept_id)
        .join(other, other.id == DuplicatePair.other_id)
        .where(
            col(DuplicatePair.state) == "open",
            visible(node.today()),
            other.state == "active",
            or_(other.protection_until.is_(None), other.protection_until < node.today()),
        )
        .group_by(area)
    )
    doubles: dict[Cell, int] = defaultdict(int)
    for code, count in session.execute(pairs):
        doubles[row_of(code, rows), "pairs"] += count
    return {
        "records": Measured(Lines(rows, CLASSES), dict(records)),
        "doubles": Measured(Lines(rows, ("pairs",)), dict(doubles)),
    }
