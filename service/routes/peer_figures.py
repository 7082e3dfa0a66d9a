"""Figures about the line to each peer, by region code: what waits, how old it is, clocks, states. Never about people.

They cost two queries however many peers and messages there are. Where there is nothing to tell (no answer yet, no clock
measured) a peer has no line in that figure; regions on paper have none at all.
"""

from collections.abc import Iterator
from datetime import datetime

from prometheus_client.core import GaugeMetricFamily, Metric
from sqlmodel import Session, col, select

from federation.tables import Destination, Peer, PeerState, Wait
from service.agreements.lines import Queue, queues_by_peer


def peer_figures(session: Session, now: datetime) -> Iterator[Metric]:
    """Give the figures of all peers."""
    queue = GaugeMetricFamily("tonglu_peer_queue_messages", "Messages that wait for a peer's receipt.", labels=["peer"])
    oldest = GaugeMetricFamily("tonglu_peer_oldest_seconds", "How long the oldest of them has waited.", labels=["peer"])
    parked = GaugeMetricFamily("tonglu_peer_parked_messages", "Messages that a peer refused for good.", labels=["peer"])
    failures = GaugeMetricFamily("tonglu_peer_failures", "Failed requests to a peer in a row.", labels=["peer"])
    success = GaugeMetricFamily(
        "tonglu_peer_last_success_timestamp", "When a peer last answered well, in seconds since 1970.", labels=["peer"]
    )
    offset = GaugeMetricFamily("tonglu_peer_clock_offset_seconds", "How far a peer's clock is ahead.", labels=["peer"])
    state = GaugeMetricFamily("tonglu_peer_state", "1 for the state that a peer is in.", labels=["peer", "state"])
    wait = GaugeMetricFamily("tonglu_peer_wait", "1 for why nothing goes to a peer now.", labels=["peer", "wait"])
    joined = select(Peer, Destination).join(Destination, col(Destination.region) == col(Peer.region))
    queues = queues_by_peer(session)
    for peer, line in session.exec(joined.order_by(col(Peer.region))):
        name, waiting = [peer.region], queues.get(peer.region, Queue())
        queue.add_metric(name, waiting.waiting)
        oldest.add_metric(name, (now - waiting.oldest_at).total_seconds() if waiting.oldest_at else 0)
        parked.add_metric(name, waiting.parked)
        failures.add_metric(name, line.failures)
        if line.last_answer_at is not None:
            success.add_metric(name, line.last_answer_at.timestamp())
        if peer.clock_offset_seconds is not None:
            offset.add_metric(name, peer.clock_offset_seconds)
        for one_state in PeerState:
            if one_state != PeerState.PAPER:
                state.add_metric([*name, one_state], one_state == peer.state)
        for one_wait in Wait:
            wait.add_metric([*name, one_wait], one_wait == line.wait)
    yield from (queue, oldest, parked, failures, success, offset, state, wait)
