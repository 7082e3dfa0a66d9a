"""Roles × areas × addresses: every cell of the application, asserted against the tables of `policy.py`."""

import re
from collections.abc import Iterator
from dataclasses import replace

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from service.app import PAGES
from service.web import csrf
from tests.service.conftest import connect
from tests.service.routes.bad_requests import Sent
from tests.service.routes.policy import Missing, Rule, anyone
from tests.service.routes.policy_of_api import API
from tests.service.routes.policy_of_pages import PAGE
from tests.service.routes.roles_world import (
    FORMS,
    PEOPLES,
    Who,
    World,
    ask_api,
    page_address,
    roles_world,
    without_consequences,
)

NO = {401, 403, 404}
NOBODY = Who(None, "region")
ABSENT = "01a20000-0000-7000-8000-{:012}"


def api_addresses(world: World) -> list[tuple[str, str]]:
    """Every operation but the peers', which are for who signs (tests/federation, tests/conformance)."""
    paths = {path: ways for path, ways in world.document["paths"].items() if not path.startswith("/federation/")}
    return [(method.upper(), path) for path, ways in paths.items() for method in ways]


def page_addresses() -> Iterator[tuple[str, str]]:
    """Every page but the person's own, whose door (and tests) are others; of two that fit, the first one answers."""
    found = [
        (method, context.path or "")
        for router in PAGES
        for context in iter_route_contexts(router.routes)
        for method in sorted(context.original_route.methods)  # type: ignore[attr-defined]
    ]
    yield from dict.fromkeys(one for one in found if one[1] != "/me" and not one[1].startswith("/me/"))


def differences(known: set[str], there: set[str]) -> str:
    lines = [f"say in policy_of_api.py or policy_of_pages.py who may: {one}" for one in sorted(there - known)]
    return "\n".join(lines + [f"stands in policy_of_… and is not there: {one}" for one in sorted(known - there)])


def refused(rule: Rule | Missing, answer: httpx2.Response) -> bool:
    """Whether the officer was turned away; from what is open to anyone only by being asked to sign in."""
    if rule is anyone:
        asked = answer.status_code == 401 and "sign_in_required" in answer.text
        return asked or answer.headers.get("Location", "").startswith("/signin?")
    return answer.status_code in NO


def allows(rule: Rule | Missing, who: Who) -> bool:
    return not isinstance(rule, Missing) and rule(who.role, who.reach)


def actors(world: World, rule: Rule | Missing) -> list[Who]:
    """Everybody; what is open to anyone asks no role, and is asked by nobody and by one officer."""
    return [NOBODY, world.officers[0]] if rule is anyone else [*world.officers, NOBODY]


def leaked(world: World, who: Who, text: str, asked: str = "") -> list[str]:
    """What an answer says of people whom this officer may not see."""
    return [] if who.sees_the_people else [one for one in world.traces if one in text and one not in asked]


def about_nobody(world: World, sent: Sent) -> Sent:
    """The same request about ids that are nobody's."""
    path, content = sent.path, sent.content or b""
    for number, one in enumerate(sorted(one for name in PEOPLES for one in world.known[name])):
        nowhere = ABSENT.format(number)
        path, content = path.replace(one, nowhere), content.replace(one.encode(), nowhere.encode())
    return replace(sent, path=path, content=content if sent.content is not None else None)


GUESSERS = {"clerk@other", "auditor@region", "administrator@region"}
"""Who tries ids that they should not know on the pages: those of another township, and those who see no people."""


def of_nobody(world: World, address: str) -> str | None:
    """The same page of somebody whom there is not; none where the address names nobody."""
    for number, one in enumerate(sorted(one for name in PEOPLES for one in world.known[name])):
        if one in address:
            return address.replace(one, ABSENT.format(number))
    return None


def told_apart(one: httpx2.Response, other: httpx2.Response) -> bool:
    """Whether two refusals differ in anything that a guesser sees: status, headers, or bytes (but for fresh keys)."""
    seen = []
    for answer in (one, other):
        headers = {name: value for name, value in answer.headers.items() if name != "set-cookie"}
        text = answer.text.replace(str(answer.request.url.path), "")
        seen.append((answer.status_code, headers, re.sub(r'name="form_key" value="[^"]*"', "", text)))
    return seen[0] != seen[1]


async def ask(http: httpx2.AsyncClient, sent: Sent, who: Who) -> httpx2.Response:
    signed = {"Authorization": f"Bearer {who.api}".encode()} if who.api else {}
    return await http.request(sent.method, sent.path, headers={**sent.headers, **signed}, content=sent.content)


@pytest.mark.asvs("8.2.1")
@pytest.mark.by_turns
async def test_every_address_of_the_api_is_for_whom_the_policy_says(app: FastAPI, password_hash: str) -> None:
    async with roles_world(app, password_hash) as world, connect(app) as http:
        addresses = {
            f"{method} {path.removeprefix('/api/v1')}": (method, path) for method, path in api_addresses(world)
        }
        assert not differences({*API}, {*addresses}), differences({*API}, {*addresses})
        wrong, cells, done = [], 0, 0
        with without_consequences(app.state.node.database):
            for name, (method, path) in addresses.items():
                sent = ask_api(world, method, path)
                absent = about_nobody(world, sent)
                for who in actors(world, API[name]):
                    answer = await ask(http, sent, who)
                    cells += 1
                    done += answer.status_code < 400
                    told = f"{name} by {who}: {answer.status_code} {answer.text[:200]}"
                    if allows(API[name], who) == refused(API[name], answer):
                        wrong.append(told)
                    if leaked(world, who, answer.text):
                        wrong.append(f"tells of people: {told}")
                    guessed = answer.status_code == 404 or (answer.status_code == 403 and str(who) in GUESSERS)
                    if guessed and absent != sent:
                        nowhere = await ask(http, absent, who)
                        if told_apart(answer, nowhere):
                            wrong.append(
                                f"can be guessed: {told} but of nobody {nowhere.status_code} {nowhere.text[:200]}"
                            )
        assert not wrong, "\n".join(wrong)
        assert cells > 900
        assert done > 250, "most of what is allowed was really done"


@pytest.mark.asvs("8.3.1")
@pytest.mark.by_turns
async def test_every_page_is_for_whom_the_policy_says(app: FastAPI, password_hash: str) -> None:
    addresses = {f"{method} {path}": (method, path) for method, path in page_addresses()}
    assert not differences({*PAGE}, {*addresses}), differences({*PAGE}, {*addresses})
    async with roles_world(app, password_hash) as world, connect(app) as http:
        http.headers["Accept"] = "text/html"
        wrong, cells = [], 0
        with without_consequences(app.state.node.database):
            for name, (method, path) in addresses.items():
                address = page_address(world, path)
                # Without signing in every page but the public ones leads to the sign-in (test_every_page.py).
                for who in world.officers:
                    http.cookies.clear()
                    form = FORMS.get(name, {}) | {"form_token": csrf.form_token(who.page)} if method == "POST" else None
                    headers = {"Cookie": f"tonglu_session={who.page}"}
                    answer = await http.request(method, address, data=form, headers=headers)
                    cells += 1
                    told = f"{name} by {who}: {answer.status_code}"
                    if allows(PAGE[name], who) == refused(PAGE[name], answer):
                        wrong.append(told)
                    if found := leaked(world, who, answer.text, address):
                        wrong.append(f"tells of people: {told} {found}")
                    if answer.status_code in NO and str(who) in GUESSERS and (absent := of_nobody(world, address)):
                        nowhere = await http.request(method, absent, data=form, headers=headers)
                        if told_apart(answer, nowhere):
                            wrong.append(f"can be guessed: {told} but of nobody {nowhere.status_code}")
                    if PAGE[name] is anyone:
                        break
        assert not wrong, "\n".join(wrong)
        assert cells > 1_000


@pytest.mark.asvs("8.1.1")
def test_every_rule_says_whom_it_is_for() -> None:
    rules = {rule for rule in [*API.values(), *PAGE.values()] if not isinstance(rule, Missing)}
    assert all((rule.__doc__ or "").strip() for rule in rules)
