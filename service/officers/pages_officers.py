"""人员与设置: the officers of the administrator's area, and how this node is set. No page here shows a person."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from fastapi import APIRouter, Request
from sqlmodel import Session
from starlette.responses import Response

from schemas.problems import NotFound, TongluError
from service.context import CurrentNode, Node
from service.officers import administration
from service.officers.administration import Account, Colleague
from service.officers.doors import PageOfficer, password_checks
from service.officers.rules import Officer, Role, require
from service.officers.sessions import SessionInfo
from service.web.dates import shown_moment
from service.web.flash import Done
from service.web.forms import Form, sent_form
from service.web.templating import pages_of

router = APIRouter(include_in_schema=False)

ACTS: Final[Mapping[str, tuple[Callable[..., None], str]]] = {
    "disable": (administration.disable, "officer_disabled"),
    "enable": (administration.enable, "officer_enabled"),
    "release": (administration.release_sign_in, "officer_released"),
    "end-sessions": (administration.end_all_sessions, "sessions_ended"),
}
"""What one button does, and what the next page says."""

SHOWN_SETTINGS: Final = (
    "timezone", "release_times", "second_factor", "idle_minutes", "allow_private_peers", "listen",
    "federation_listen", "pages_url", "oidc_issuer", "requests_per_second", "concurrent", "max_messages", "log_level",
)  # fmt: skip
"""Settings that are no secret and hold none (addresses with a password in them do not stand here)."""


@router.get("/officers")
async def officers_page(request: Request, node: CurrentNode, officer: PageOfficer) -> Response:
    """The officers of the area, and for the whole region's administrators how the node is set."""
    found = await node.database.read(lambda session: administration.list_officers(session, node, by=officer))
    settings = _settings(node) if officer.sees(node.region) else []
    return pages_of(request).render(request, "officers/list.html", officers=found, settings=settings, node=_facts(node))


@router.get("/officers/new")
async def new_officer_page(request: Request, node: CurrentNode, officer: PageOfficer) -> Response:
    """Ask for a colleague's name, roles and area."""
    require(officer, Role.ADMINISTRATOR)
    return _new_page(request, node, officer, Form.of(roles=["clerk"], area=officer.area))


@router.post("/officers")
async def new_officer_form(request: Request, node: CurrentNode, officer: PageOfficer) -> Response:
    """Add a colleague, and show the one-time password, once."""
    form = await sent_form(request)
    require(officer, Role.ADMINISTRATOR)
    name, roles, area = form.needed("name"), form.texts("roles"), form.text("area")
    if form.ok:
        made, new = await password_checks(request).one_time(node.entropy), Colleague(name, roles, area or None)
        try:
            until = await node.database.write(
                lambda session: administration.add_colleague(session, node, new, made, by=officer)
            )
        except TongluError as error:
            form.take(error, {"": "name"})
        else:
            return _password_page(request, node, name, made.told, until)
    return _new_page(request, node, officer, form, status=422)


@router.get("/officers/{officer_id}")
async def officer_page(request: Request, node: CurrentNode, officer: PageOfficer, officer_id: str) -> Response:
    """One colleague: roles, area, sessions, and what can be done."""
    return await _page(request, node, officer, officer_id, None)


@router.post("/officers/{officer_id}")
async def change_officer_form(request: Request, node: CurrentNode, officer: PageOfficer, officer_id: str) -> Response:
    """Change a colleague's roles and area."""
    form = await sent_form(request)
    link = form.text("link")

    def change(session: Session) -> Account:
        name = administration.name_of(session, officer_id, by=officer)
        return administration.change_officer(
            session,
            node,
            name,
            roles=form.texts("roles"),
            area=form.text("area") or None,
            link="" if form.has("unlink", "yes") else link or None,
            by=officer,
        )

    return await _changed(request, node, officer, officer_id, form, fn=change, done="officer_changed")


@router.post("/officers/{officer_id}/reset")
async def reset_officer_form(request: Request, node: CurrentNode, officer: PageOfficer, officer_id: str) -> Response:
    """Give a colleague a new one-time password, and show it, once."""
    require(officer, Role.ADMINISTRATOR)
    made = await password_checks(request).one_time(node.entropy)

    def reset(session: Session) -> tuple[str, datetime]:
        name = administration.name_of(session, officer_id, by=officer)
        return name, administration.reset(session, node, name, made, by=officer)

    name, until = await node.database.write(reset)
    return _password_page(request, node, name, made.told, until)


@router.post("/officers/{officer_id}/{act}")
async def act_on_officer_form(
    request: Request, node: CurrentNode, officer: PageOfficer, officer_id: str, act: str
) -> Response:
    """Disable, enable, release or sign out a colleague."""
    if act not in ACTS:
        raise NotFound
    fn, done = ACTS[act]

    def run(session: Session) -> None:
        fn(session, node, administration.name_of(session, officer_id, by=officer), by=officer)

    return await _changed(request, node, officer, officer_id, Form(), fn=run, done=done)


async def _changed(
    request: Request,
    node: Node,
    officer: Officer,
    officer_id: str,
    form: Form,
    *,
    fn: Callable[[Session], object],
    done: str,
) -> Response:
    try:
        await node.database.write(fn)
    except TongluError as error:
        if error.status in {403, 404}:
            raise
        form.take(error)
        return await _page(request, node, officer, officer_id, form, status=error.status)
    return pages_of(request).see_other(request, f"/officers/{officer_id}", Done(done))


async def _page(
    request: Request, node: Node, officer: Officer, officer_id: str, form: Form | None, *, status: int = 200
) -> Response:
    def read(session: Session) -> tuple[Account, list[SessionInfo]]:
        return administration.show_officer(
            session, node, administration.name_of(session, officer_id, by=officer), by=officer
        )

    shown, sessions = await node.database.read(read)
    if form is None or not form.values:
        refused = form.errors if form else []
        form = Form.of(roles=[str(role) for role in shown.roles], area=shown.area)
        form.errors = refused
    return pages_of(request).render(
        request,
        "officers/one.html",
        status=status,
        form=form,
        shown=shown,
        sessions=sessions,
        own=shown.id == officer.id,
        areas=_areas(node, officer),
        provider=node.settings.oidc_issuer is not None,
    )


def _new_page(request: Request, node: Node, officer: Officer, form: Form, *, status: int = 200) -> Response:
    return pages_of(request).render(request, "officers/new.html", status=status, form=form, areas=_areas(node, officer))


def _password_page(request: Request, node: Node, name: str, told: str, until: datetime) -> Response:
    zone = node.settings.zone
    return pages_of(request).render(
        request,
        "officers/one_time.html",
        name=name,
        told=told,
        until=shown_moment(until, "zh-CN", zone),
        until_en=shown_moment(until, "en", zone),
        address=f"{node.settings.pages}/signin",
    )


def _areas(node: Node, officer: Officer) -> list[tuple[str, str]]:
    """The administrator's own area, and the townships in it."""
    below = [division.code for division in node.divisions.children(officer.area)]
    return [(code, node.divisions.full_name(code)) for code in [officer.area, *below]]


def _facts(node: Node) -> list[tuple[str, str]]:
    return [("region", node.region), ("name", node.name), ("base_url", node.base_url)]


def _settings(node: Node) -> list[tuple[str, str]]:
    shown = []
    for name in SHOWN_SETTINGS:
        value = getattr(node.settings, name)
        if isinstance(value, tuple):
            value = ", ".join(f"{one:%H:%M}" for one in value)
        shown.append((name, "—" if value is None else str(value)))
    return shown
