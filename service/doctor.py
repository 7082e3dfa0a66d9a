"""What an operator should look at: each check is one sentence, good, worth knowing, or wrong. Names nobody."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, TypeVar

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, col, func, select

from federation.tables import Destination, Peer, PeerState
from schemas.clock import local_date
from schemas.problems import TongluError
from service.access_log import AccessLogEntry, stamp
from service.agreements.directories import findings
from service.context import Node

T = TypeVar("T")

State = Literal["ok", "note", "wrong"]

LOW_DISK_BYTES = 500 * 1024 * 1024
LOG_LAG = timedelta(minutes=5)
"""The numbering job works every few seconds; entries this old without a number mean that no worker runs."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    check: str
    state: State
    message: str


def examine(node: Node) -> list[Finding]:
    """Every check, in order; a check that fails is a finding, not an error."""
    findings: list[Finding] = []
    for check in (_settings, _keys, _disk, _database, _log, _calendar, _peers, _directories):
        try:
            findings.extend(check(node))
        except (TongluError, SQLAlchemyError, OSError, ValueError) as error:
            findings.append(Finding(check.__name__.strip("_"), "wrong", f"{type(error).__name__}: {error}"))
    return findings


def _settings(node: Node) -> Iterator[Finding]:
    settings = node.settings
    if not settings.base_url.startswith("https://"):
        yield Finding("settings", "note", f"base_url {settings.base_url}: without TLS, for closed networks only")
    if settings.allow_private_peers:
        yield Finding("settings", "note", "allow_private_peers is on: peers at private addresses are called")
    if settings.release_times == "always":
        yield Finding("settings", "note", "release_times is 'always': the time of an answer tells what it says")
    if settings.smtp_url is None:
        yield Finding("settings", "note", "smtp_url is not set: no reminder leaves by e-mail")
    if settings.master_key_path == settings.dir / "master.key":
        yield Finding(
            "settings", "note", "the master key lies beside the database and goes into each backup (master_key_file)"
        )
    yield Finding("settings", "ok", f"{settings.name} {settings.region} at {settings.base_url}")


def _keys(node: Node) -> Iterator[Finding]:
    node.settings.refuse_unsafe_files()
    node.settings.read_master_key()
    yield Finding("keys", "ok", f"the transport key is {node.fed.keys.kid('transport')}")


def _disk(node: Node) -> Iterator[Finding]:
    free = shutil.disk_usage(node.settings.dir).free
    megabytes = free // (1024 * 1024)
    if free < LOW_DISK_BYTES:
        yield Finding("disk", "wrong", f"{megabytes} MB are free: writing stops when the disk is full")
    else:
        yield Finding("disk", "ok", "there is room on the disk")


def _database(node: Node) -> Iterator[Finding]:
    for notice in node.database.notices:
        yield Finding("database", "note", notice)
    node.database.write_sync(lambda session: session.execute(text("SELECT 1")).scalar())
    if node.database.dialect == "sqlite":
        verdict = _ask(node, lambda s: str(s.execute(text("PRAGMA quick_check(1)")).scalar()))
        if verdict != "ok":
            yield Finding("database", "wrong", f"the file is damaged: {verdict}")
    version = _ask(node, lambda s: str(s.execute(text("SELECT version_num FROM alembic_version")).scalar()))
    yield Finding("database", "ok", f"{node.database.dialect}, revision {version}, takes writes")


def _log(node: Node) -> Iterator[Finding]:
    def oldest_unnumbered(session: Session) -> str | None:
        unnumbered = select(func.min(col(AccessLogEntry.at))).where(col(AccessLogEntry.index).is_(None))
        return session.exec(unnumbered).one()

    oldest = _ask(node, oldest_unnumbered)
    limit = stamp(node.now() - LOG_LAG)
    if oldest is not None and oldest < limit:
        yield Finding("log", "wrong", f"entries wait for their number since {oldest}: no worker runs (tonglu serve)")
    else:
        yield Finding("log", "ok", "the access log is numbered (tonglu log verify checks it)")


def _calendar(node: Node) -> Iterator[Finding]:
    today = local_date(node.now(), node.zone)
    years = [today.year] + ([today.year + 1] if today.month >= 11 else [])
    missing = [str(year) for year in years if node.calendar.is_provisional(year)]
    if missing:
        yield Finding(
            "calendar",
            "note",
            f"the holidays of {', '.join(missing)} are not loaded: dates are provisional (holidays_file)",
        )
    else:
        yield Finding("calendar", "ok", f"the holidays of {today.year} are loaded")


def _peers(node: Node) -> Iterator[Finding]:
    peers, failing = _ask(node, _peer_states)
    for region, since in failing:
        yield Finding("peers", "note", f"{region} does not answer since {since}; messages wait and go by themselves")
    counted = ", ".join(f"{state}: {number}" for state, number in peers) or "none"
    yield Finding("peers", "ok", counted)


def _directories(node: Node) -> Iterator[Finding]:
    for sentence in _ask(node, lambda session: list(findings(session, node))):
        yield Finding("directories", "note", sentence)


def _peer_states(session: Session) -> tuple[list[tuple[str, int]], list[tuple[str, str]]]:
    states = select(Peer.state, func.count()).group_by(Peer.state).order_by(Peer.state)
    failing = (
        select(Destination.region, Destination.failing_since)
        .join(Peer, col(Peer.region) == Destination.region)
        .where(col(Destination.failing_since).is_not(None), Peer.state == PeerState.ACTIVE)
        .order_by(Destination.region)
    )
    return (
        [(state, number) for state, number in session.exec(states)],
        [(region, since.isoformat(timespec="minutes")) for region, since in session.exec(failing) if since],
    )


def _ask(node: Node, fn: Callable[[Session], T]) -> T:
    return node.database.read_sync(fn)
