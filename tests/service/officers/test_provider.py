"""The sign-in service: a real one over TCP, and one that lies in each way that a token can."""

import asyncio
import contextlib
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import httpx2
import pytest
import respx
from fastapi import FastAPI
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from schemas.clock import FakeClock, SystemClock
from schemas.entropy import SeededEntropy
from schemas.problems import SettingInvalid
from service.app import create_app
from service.context import Node
from service.officers.administration import provider_link
from service.officers.rules import Officer, Role
from service.officers.tables import OfficerAccount
from service.settings import Settings
from tests.service.conftest import PASSWORD, add_account, sign_in_as, started
from tests.service.officers.test_second_factor import browser_of, enrol, post, shown

ISSUER, CLIENT, WHO = "http://sign-in.example", "tonglu", "u-20417"
MakeSettings = Callable[..., Settings]


def link(node: Node, officer: Officer, who: str) -> None:
    def write(session: Any) -> None:
        row = session.get(OfficerAccount, officer.id)
        row.provider_link = provider_link(node, who)
        session.add(row)

    node.database.write_sync(write)


async def go(browser: httpx2.AsyncClient) -> dict[str, str]:
    """Begin at the sign-in page; returns what the service is asked."""
    sent = await browser.get("/signin/provider")
    assert sent.status_code == 303, sent.text
    parts = urlsplit(sent.headers["Location"])
    return {"": sent.headers["Location"]} | {name: values[0] for name, values in parse_qs(parts.query).items()}


async def come_back(browser: httpx2.AsyncClient, **brought: str) -> httpx2.Response:
    return await browser.get("/signin/provider/done", params=brought)


# --- a real service ---------------------------------------------------------------------------------------------------


@asynccontextmanager
async def real_provider() -> AsyncIterator[str]:
    """oidc-provider-mock in a process of its own, for as long as the block; gives its issuer."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ("-W", "ignore", "-m", "oidc_provider_mock", "--port", str(port))
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        issuer = f"http://127.0.0.1:{port}"
        async with asyncio.timeout(30), httpx2.AsyncClient() as http:
            while True:
                with contextlib.suppress(httpx2.TransportError):
                    await http.get(f"{issuer}/jwks")
                    break
                await asyncio.sleep(0.05)
        yield issuer
    finally:
        process.terminate()
        await process.wait()


@pytest.mark.by_turns
async def test_an_officer_signs_in_with_a_real_service(
    new_settings: MakeSettings, password_hash: str, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("a secret: of its own\n", "utf-8")
    secret.chmod(0o644)
    with pytest.raises(SettingInvalid, match="chmod 600"):
        new_settings("790101", "青禾县", oidc_issuer=ISSUER, oidc_client_id=CLIENT, oidc_client_secret_file=secret)
    secret.chmod(0o600)
    async with real_provider() as issuer:
        settings = new_settings(oidc_issuer=issuer, oidc_client_id=CLIENT, oidc_client_secret_file=secret)
        async with started(create_app(settings, clock=SystemClock(), entropy=SeededEntropy("provider"))) as app:
            node: Node = app.state.node
            first = add_account(node, password_hash, "王芳")
            clerk = add_account(node, password_hash, "李雷", frozenset({Role.CLERK}))

            async def sign_in(who: str) -> httpx2.Response:
                async with browser_of(app) as browser, httpx2.AsyncClient() as out:
                    assert "/signin/provider" in (await browser.get("/signin")).text
                    asked = await go(browser)
                    agreed = await out.post(asked[""], data={"sub": who})
                    back = {k: v[0] for k, v in parse_qs(urlsplit(agreed.headers["Location"]).query).items()}
                    answer = await come_back(browser, **back)
                    if answer.status_code == 200:
                        assert (await browser.get("/account")).status_code == 200
                        assert (await come_back(browser, **back)).status_code == 401, "a code is good once"
                    return answer

            assert (await sign_in(WHO)).status_code == 401, "nobody is let in who is not linked"
            token = sign_in_as(node, first, "page")
            async with browser_of(app, token) as browser:
                typed = {"roles": "clerk", "area": "790303", "link": WHO}
                assert (await post(browser, f"/officers/{clerk.id}", **typed)).status_code == 303
                assert WHO not in (await browser.get(f"/officers/{clerk.id}")).text
            assert (await sign_in(WHO)).status_code == 200
            assert (await sign_in("somebody-else")).status_code == 401
            async with browser_of(app, token) as browser:
                assert (await post(browser, f"/officers/{clerk.id}/disable")).status_code == 303
            assert (await sign_in(WHO)).status_code == 401, "the service opens no account that is shut"


# --- one that lies ----------------------------------------------------------------------------------------------------


@pytest.fixture
async def app(new_settings: MakeSettings, clock: FakeClock) -> AsyncIterator[FastAPI]:
    settings = new_settings(oidc_issuer=ISSUER, oidc_client_id=CLIENT)
    async with started(create_app(settings, clock=clock, entropy=SeededEntropy("node"))) as running:
        yield running


class Service:
    """A service as ours is asked to believe it: what it says can be bent."""

    def __init__(self, wire: respx.MockRouter, clock: FakeClock) -> None:
        self.clock = clock
        self.key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"}, private=True)
        self.up = True
        self.issuer = ISSUER
        self.answer: dict[str, Any] = {}
        wire.get(f"{ISSUER}/.well-known/openid-configuration").mock(side_effect=self._found)
        wire.get(f"{ISSUER}/keys").mock(side_effect=lambda _: httpx.Response(200, json={"keys": [self._public()]}))
        wire.post(f"{ISSUER}/token").mock(side_effect=lambda _: httpx.Response(200, json=self.answer))

    def _public(self) -> dict[str, Any]:
        return self.key.as_dict(private=False)

    def _found(self, _request: httpx.Request) -> httpx.Response:
        if not self.up:
            raise httpx.ConnectError("down")
        places = {"authorization_endpoint": f"{ISSUER}/go", "token_endpoint": f"{ISSUER}/token"}
        return httpx.Response(200, json=places | {"issuer": self.issuer, "jwks_uri": f"{ISSUER}/keys"})

    def says(self, nonce: str, *, key: Any = None, header: dict[str, str] | None = None, **claims: Any) -> None:
        now = int(self.clock.now().timestamp())
        told = {"iss": ISSUER, "aud": CLIENT, "sub": WHO, "iat": now, "exp": now + 300, "nonce": nonce} | claims
        header = header or {"alg": "RS256", "kid": "one"}
        self.answer = {"id_token": jwt.encode(header, told, key or self.key, algorithms=[header["alg"]])}


@pytest.mark.asvs(
    "6.8.1",
    "6.8.2",
    "6.8.3",
    "6.8.4",
    "9.1.1",
    "9.1.2",
    "9.1.3",
    "9.2.1",
    "9.2.2",
    "9.2.3",
    "10.1.2",
    "10.2.1",
    "10.2.2",
    "10.5.1",
    "10.5.2",
    "10.5.3",
    "10.5.4",
    "16.5.2",
)
@pytest.mark.by_turns
async def test_every_lie_of_a_sign_in_service_is_refused(
    app: FastAPI, anonymous: httpx2.AsyncClient, officer: Officer, clock: FakeClock
) -> None:
    node = app.state.node
    link(node, officer, WHO)
    with respx.mock(assert_all_called=False) as wire:
        service = Service(wire, clock)
        now = int(clock.now().timestamp())
        stranger = RSAKey.generate_key(2048, {"kid": "one"}, private=True)
        shared = OctKey.import_key(b"a secret that everybody knows....", {"kid": "one"})
        lies: dict[str, dict[str, Any]] = {
            "another nonce": {"nonce": "another"},
            "no nonce": {"nonce": None},
            "another audience": {"aud": "another"},
            "several audiences, none named": {"aud": [CLIENT, "another"]},
            "for another party": {"azp": "another"},
            "expired": {"exp": now - 61},
            "no end": {"exp": None},
            "from tomorrow": {"iat": now + 3600},
            "another issuer": {"iss": "http://evil.example"},
            "another's key": {"key": stranger},
            "a key that it brings along": {
                "key": stranger,
                "header": {"alg": "RS256", "kid": "one", "jwk": stranger.as_dict(private=False)},
            },
            "a shared secret": {"key": shared, "header": {"alg": "HS256", "kid": "one"}},
            "nobody known": {"sub": "somebody-else"},
            "no name": {"sub": None},
            "a number for a name": {"sub": 20417},
        }
        for lie, claims in lies.items():
            async with browser_of(app) as browser:
                asked = await go(browser)
                service.says(**({"nonce": asked["nonce"]} | claims))
                answer = await come_back(browser, code="c", state=asked["state"])
                assert (answer.status_code, "tonglu_session" in browser.cookies) == (401, False), lie
        async with browser_of(app) as browser:
            asked = await go(browser)
            service.says(asked["nonce"])
            head, body, _ = service.answer["id_token"].split(".")
            unsigned = "eyJhbGciOiJub25lIn0"
            for token in (f"{unsigned}.{body}.", f"{head}.{body}.", f"{head}.{body}.AAAA", "nonsense", ""):
                service.answer = {"id_token": token}
                assert (await come_back(browser, code="c", state=asked["state"])).status_code == 401, token[:30]
                asked = await go(browser)
            service.answer = {"error": "invalid_grant"}
            assert (await come_back(browser, code="c", state=asked["state"])).status_code == 401

        # The state belongs to one browser and one sign-in, and the answer to one issuer.
        async with browser_of(app) as browser, browser_of(app) as other:
            asked = await go(browser)
            service.says(asked["nonce"])
            assert (await come_back(other, code="c", state=asked["state"])).status_code == 401
            assert (await come_back(browser, code="c", state="another")).status_code == 401
            asked = await go(browser)
            service.says(asked["nonce"])
            mixed = await come_back(browser, code="c", state=asked["state"], iss="http://evil.example")
            assert mixed.status_code == 401
            asked = await go(browser)
            assert asked["code_challenge_method"] == "S256"
            service.says(asked["nonce"])
            clock.advance(minutes=10)
            assert (await come_back(browser, code="c", state=asked["state"])).status_code == 401, "ten minutes"

        # What is true is believed, by a new key, too.
        clock.advance(minutes=2)
        service.key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"}, private=True)
        async with browser_of(app) as browser:
            asked = await go(browser)
            service.says(asked["nonce"])
            answer = await come_back(browser, code="c", state=asked["state"], iss=ISSUER)
            assert answer.status_code == 200, answer.text
            assert (await browser.get("/arrivals")).status_code == 200

        # A second factor here is asked for, whoever vouched for the first.
        async with browser_of(app, sign_in_as(node, officer, "page")) as browser:
            totp, _ = await enrol(browser, clock)
        async with browser_of(app) as browser:
            asked = await go(browser)
            service.says(asked["nonce"])
            answer = await come_back(browser, code="c", state=asked["state"])
            assert answer.status_code == 200
            assert "tonglu_session" not in browser.cookies
            assert 'action="/signin/code"' in answer.text

        # It is down: said so, and the password still works.
        clock.advance(hours=2)
        service.up = False
        async with browser_of(app) as browser:
            down = await browser.get("/signin/provider")
            assert down.status_code == 503
            assert "请用密码登录" in down.text
            body = {"name": officer.name, "password": PASSWORD, "code": shown(totp, clock)}
            assert (await anonymous.post("/api/v1/session", json=body)).status_code == 200
        service.up, service.issuer = True, "http://evil.example"
        async with browser_of(app) as browser:
            assert (await browser.get("/signin/provider")).status_code == 503, "it must name the issuer that is set"


@pytest.mark.asvs("3.5.3", "7.6.2")
async def test_another_sites_link_begins_no_sign_in(app: FastAPI) -> None:
    async with browser_of(app) as browser:
        for site in ("cross-site", "same-site"):
            led = await browser.get("/signin/provider", headers={"Sec-Fetch-Site": site})
            assert (led.status_code, led.headers["Location"], dict(browser.cookies)) == (303, "/signin", {})


async def test_without_a_service_there_is_no_way_to_one(new_settings: MakeSettings, clock: FakeClock) -> None:
    plain = create_app(new_settings(), clock=clock, entropy=SeededEntropy("node"))
    async with started(plain) as app, browser_of(app) as browser:
        assert "/signin/provider" not in (await browser.get("/signin")).text
        assert (await browser.get("/signin/provider")).status_code == 404
        assert (await browser.get("/signin/provider/done")).status_code == 404
