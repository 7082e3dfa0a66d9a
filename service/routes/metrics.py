"""Figures for the operator's monitoring: counts and states of the machine, never of people.

Rule 10 holds here as everywhere: a figure that tells a node where someone has a certificate from one where nobody has
must not exist. So requests are counted by door and by class of status only, never by route, and nothing is timed.
"""

import ipaddress
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from threading import Lock
from typing import Final

from fastapi import APIRouter, Request
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector, CollectorRegistry
from sqlmodel import Session, col, func, select
from starlette.responses import Response

from schemas.problems import NotFound
from service.access_log import AccessLogEntry, LogState
from service.context import CurrentNode
from service.routes.peer_figures import peer_figures

OWN_PAGE: Final = re.compile(r"(/api/v1)?/me(/.*)?")
"""The person's own page, which nobody is to see being visited."""
_DOORS: Final = (("/api/", "api"), ("/federation/", "federation"), ("/.well-known/", "federation"))
router = APIRouter(include_in_schema=False)


class Counts:
    """What this process counted since it started; may be counted up from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._requests: Counter[tuple[str, str]] = Counter()
        self._jobs: Counter[tuple[str, str]] = Counter()

    def request(self, path: str, status: int) -> None:
        """Count an answered request; those of the person's own page are not counted at all."""
        if OWN_PAGE.fullmatch(path):
            return
        door = next((name for prefix, name in _DOORS if path.startswith(prefix)), "pages")
        with self._lock:
            self._requests[door, f"{status // 100}xx"] += 1

    def job(self, name: str, outcome: str) -> None:
        """Count a run of a job: ``done`` or ``failed``."""
        with self._lock:
            self._jobs[name, outcome] += 1

    def metrics(self) -> Iterator[Metric]:
        """The counts as Prometheus metrics."""
        requests = CounterMetricFamily("tonglu_requests", "Answered requests.", labels=["door", "status"])
        jobs = CounterMetricFamily("tonglu_job_runs", "Runs of the node's jobs.", labels=["job", "outcome"])
        with self._lock:
            for labels, count in sorted(self._requests.items()):
                requests.add_metric(labels, count)
            for labels, count in sorted(self._jobs.items()):
                jobs.add_metric(labels, count)
        yield requests
        yield jobs


class _Collected(Collector):
    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = list(metrics)

    def collect(self) -> Iterable[Metric]:
        return self._metrics


@router.get("/metrics")
async def metrics(request: Request, node: CurrentNode) -> Response:
    """The figures, to whoever asks from this very machine; to all others there is nothing here."""
    if not is_local(request):
        raise NotFound
    counts: Counts = request.app.state.counts
    stored = await node.database.read(lambda session: _stored(session, node.now()))
    registry = CollectorRegistry()
    registry.register(_Collected([*counts.metrics(), *stored]))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


def is_local(request: Request) -> bool:
    """Tell whether a request comes from this machine itself, and not through a proxy that runs on it."""
    if request.client is None or "forwarded" in request.headers or "x-forwarded-for" in request.headers:
        return False
    try:
        return ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False


def _stored(session: Session, now: datetime) -> list[Metric]:
    size = session.exec(select(LogState.size)).first() or 0
    numbered = CounterMetricFamily("tonglu_log_entries", "Numbered entries of the access log.", value=size)
    waiting = session.exec(
        select(func.count()).select_from(AccessLogEntry).where(col(AccessLogEntry.index).is_(None))
    ).one()
    unnumbered = GaugeMetricFamily("tonglu_log_unnumbered", "Entries that wait for their number.", value=waiting)
    return [*peer_figures(session, now), numbered, unnumbered]
