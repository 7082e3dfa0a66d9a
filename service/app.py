"""The one place where a node is put together: settings in, application out. Nothing happens at import."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Final, Literal

import structlog
from fastapi import APIRouter, FastAPI

from federation.client import PeerClient, SignInClient
from federation.routes import federation_router
from schemas.clock import Clock
from schemas.entropy import Entropy
from schemas.points import Point, pass_by
from service.agreements import pages as agreements_pages
from service.agreements import pages_about as agreements_about
from service.agreements import parked_routes
from service.agreements import peers as peers_routes
from service.agreements import routes as agreements_routes
from service.agreements.queries import learn_names
from service.building import build_node, connect_rooms
from service.certificates import pages as certificates_pages
from service.certificates import pages_check as certificates_check
from service.certificates import routes as certificates_routes
from service.consents import pages as consents_pages
from service.consents import routes as consents_routes
from service.context import Node
from service.handlers import Gate, make_handlers
from service.jobs import Scheduler, Tools, make_tools
from service.ledgers import pages as ledgers_pages
from service.ledgers import routes as ledgers_routes
from service.ledgers.out import pages as export_pages
from service.ledgers.out import routes as export_routes
from service.officers import officers_routes as officers_admin_routes
from service.officers import pages as officers_pages
from service.officers import pages_account, pages_help, pages_officers, pages_passkeys, pages_provider
from service.officers import routes as officers_routes
from service.officers.passwords import PasswordChecks
from service.officers.provider import Provider
from service.portal import code_pages, holdings_pages, requests_pages
from service.portal import pages as portal_pages
from service.portal import routes as portal_routes
from service.registry import pages as registry_pages
from service.registry import people_routes
from service.registry import routes as registry_routes
from service.registry.holds import routes as holds_routes
from service.registry.life import transfer_routes
from service.reminders import pages as reminders_pages
from service.reminders import routes as reminders_routes
from service.reports import pages as reports_pages
from service.reports import routes as reports_routes
from service.routes import access_log, api_docs, health, log_pages, metrics, problem_pages
from service.routes.body_limit import MAX_BODY_BYTES, BodyLimit
from service.routes.described import Described
from service.routes.errors import add_error_handlers
from service.routes.metrics import Counts
from service.routes.once import Once
from service.routes.quick import Words, add_by_word, by_word
from service.routes.request_log import RequestLog
from service.settings import Settings
from service.verification import letter_routes, receipts_routes, reconciling_routes
from service.verification import pages as verification_pages
from service.verification import routes as verification_routes
from service.verification.reconciling import Answering
from service.web.headers import SecurityHeaders
from service.web.static_files import FONTS, FONTS_PREFIX, PREFIX, PackagedFiles
from service.web.templating import Pages
from service.work_items import pages as work_items_pages
from service.work_items import routes as work_items_routes

__all__ = ["build_node", "connect_rooms", "create_app"]

Only = Literal["officers", "federation", "worker"]
API_PREFIX: Final = "/api/v1"

OFFICERS_API: Final[tuple[APIRouter, ...]] = (
    officers_routes.router,
    officers_admin_routes.router,
    access_log.router,
    registry_routes.router,
    people_routes.router,
    holds_routes.router,
    transfer_routes.router,
    verification_routes.router,
    letter_routes.router,
    receipts_routes.router,
    reconciling_routes.router,
    work_items_routes.router,
    reports_routes.router,
    peers_routes.router,
    agreements_routes.router,
    parked_routes.router,
    consents_routes.router,
    certificates_routes.router,
    reminders_routes.router,
    portal_routes.router,
    ledgers_routes.router,
    export_routes.router,
)
"""What programs of the office use, under ``/api/v1``."""

PAGES: Final[tuple[APIRouter, ...]] = (
    officers_pages.router,
    pages_account.router,
    pages_passkeys.router,
    pages_provider.router,
    pages_officers.router,
    pages_help.router,
    work_items_pages.router,
    reports_pages.router,
    consents_pages.router,
    agreements_about.router,
    problem_pages.router,
    reconciling_routes.pages_router,  # before the peers' own pages, which take any word after a region
    agreements_pages.router,
    parked_routes.pages_router,
    registry_pages.router,
    verification_pages.router,
    certificates_pages.router,
    certificates_check.router,
    reminders_pages.router,
    portal_pages.router,
    holdings_pages.router,
    requests_pages.router,
    letter_routes.pages_router,
    code_pages.router,
    log_pages.router,
    export_pages.router,
    ledgers_pages.router,
)
"""What people read in a browser."""

MAX_UPLOAD_BYTES: Final = ledgers_routes.MAX_UPLOAD_BYTES + MAX_BODY_BYTES
"""What an upload may bring: a file, and what goes with it."""

_log = structlog.stdlib.get_logger(__name__)


@dataclass
class _Waker:
    """Lets actions wake a job before there is a scheduler, and where there is none."""

    scheduler: Scheduler | None = None

    def __call__(self, job: str) -> None:
        if self.scheduler is not None:
            self.scheduler.wake(job)


def create_app(
    settings: Settings,
    *,
    clock: Clock | None = None,
    entropy: Entropy | None = None,
    point: Point = pass_by,
    peer_transport: Any = None,
    only: Only | None = None,
) -> FastAPI:
    """Make the application of one node; its lifespan opens the node, runs the jobs, and closes both.

    ``peer_transport`` takes the place of the network to peers (tests). ``only`` is one part of the work where several
    processes share it: officers' pages and API, the federation's endpoints, or (``worker``) the jobs and the sending.
    """
    counts = Counts()
    ledgers_routes.keep_uploads_in_memory()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        waker = _Waker()
        node = await asyncio.to_thread(build_node, settings, clock=clock, entropy=entropy, point=point, wake=waker)
        try:
            for notice in node.database.notices:
                _log.warning("database", notice=notice)
            tools = make_tools(node, lambda: PeerClient(node.fed, peer_transport))
            await node.database.read(partial(learn_names, node=node))
            _give_state(app, node)
            app.state.delivery = tools.delivery
            if only in {None, "federation"}:
                app.include_router(
                    federation_router(
                        node.fed,
                        node.database,
                        make_handlers(node),
                        Gate(node),
                        reconciler=Answering(node),
                        wake=tools.delivery.wake,
                    ),
                )
            async with _working(app, node, tools, waker) if only in {None, "worker"} else nullcontext():
                yield
            await tools.delivery.aclose()
            if app.state.provider is not None:
                await app.state.provider.aclose()
        finally:
            await asyncio.to_thread(node.database.close)

    app = Described(
        title="Tonglu",
        version="1",
        description="The JSON API of one region's node.",
        docs_url=None,
        redoc_url=None,
        # It would redirect to whatever host the request named.
        redirect_slashes=False,
        lifespan=lifespan,
        # FastAPI's own would follow the environment's variables, and its logs quote exceptions.
        telemetry={
            "tracing": False,
            "metrics": False,
            "logs": False,
            "operation_spans": False,
            "auto_configure": False,
        },
    )
    app.state.counts = counts
    app.state.scheduler = None
    app.include_router(health.router)
    app.include_router(metrics.router)
    if only in {None, "officers"}:
        add_by_word(app, _for_officers())
        app.include_router(api_docs.router)
        app.mount(PREFIX, PackagedFiles())
        app.mount(FONTS_PREFIX, PackagedFiles(FONTS))
    if only in {None, "federation"}:
        app.include_router(certificates_routes.public_router)
    add_error_handlers(app)
    # The last one added is the outermost.
    app.add_middleware(Once)
    app.add_middleware(BodyLimit, max_upload_bytes=MAX_UPLOAD_BYTES)
    app.add_middleware(RequestLog, counts=counts)
    app.add_middleware(SecurityHeaders, https=settings.base_url.startswith("https://"))
    return app


@cache
def _for_officers() -> Words:
    """What officers use, in groups that every application of this process shares: they take a while to make."""
    return (*by_word(OFFICERS_API, API_PREFIX), *by_word(PAGES))


@asynccontextmanager
async def _working(app: FastAPI, node: Node, tools: Tools, waker: _Waker) -> AsyncIterator[None]:
    """Run the jobs and send messages until the block ends."""
    scheduler = app.state.scheduler = waker.scheduler = Scheduler(node, tools, app.state.counts)
    sending = asyncio.create_task(tools.delivery.run())
    scheduler.start()
    try:
        yield
    finally:
        await scheduler.stop()
        sending.cancel()
        with suppress(asyncio.CancelledError):
            await sending


def _give_state(app: FastAPI, node: Node) -> None:
    """Lay out what requests find at ``app.state``."""
    app.state.node = node
    app.state.password_checks = PasswordChecks()
    named = node.settings.oidc_issuer is not None
    client = SignInClient(allow_http=node.settings.allow_private_peers) if named else None
    app.state.provider = Provider(node, client) if client is not None else None
    app.state.pages = Pages(
        region=node.region,
        region_name=node.name,
        zone=node.zone,
        now=node.now,
        region_full_name=node.divisions.full_name,
        secure=node.base_url.startswith("https://"),
    )
