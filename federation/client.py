"""The one place that speaks HTTP to other nodes: addresses are checked when connecting, size and time are bounded.

A peer's URL comes from outside. So unless the operator allows private peers it must be ``https``, every address that
its name resolves to must be public, and the connection goes to an address that was checked (a second look-up could give
another one). Redirects are not followed, proxies of the environment are not used, answers are read up to a bound.
"""

import asyncio
import ipaddress
import json
import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import httpcore
import httpx

from federation.keys import Jwk
from federation.node import EVENTS_PATH, FederationNode, target_uri
from federation.signatures import SignedAnswer, SignedRequest, sign_request, verify_answer
from schemas.envelope import CONTENT_TYPE
from schemas.problems import Unauthenticated

CONNECT_SECONDS = 5.0
WHOLE_SECONDS = 30.0
MAX_ANSWER_BYTES = 4_194_304
MAX_SIGN_IN_BYTES = 262_144
MAX_CONNECTIONS = 512
MAX_IDLE_CONNECTIONS = 100
LONGEST_RETRY_AFTER_SECONDS = 3600

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
"""All that IANA has given out for the public internet in IPv6; what lies outside is for something else."""
_NOT_FOR_PEERS = tuple(
    ipaddress.ip_network(one)
    for one in ("192.0.0.0/24", "192.88.99.0/24", "3fff::/20", "2001::/23", "2001:db8::/32", "2002::/16")
)
"""Protocol assignments with Teredo, 6to4 and its relays, documentation: Python counts some of them as global."""


class AddressRefusedError(OSError):
    """A peer's name leads to an address that is not public."""


class FetchFailedError(OSError):
    """A public document could not be fetched."""


@dataclass(frozen=True)
class PeerAnswer:
    """What came back.

    ``status`` is ``None`` when nothing did, and ``fault`` says why. ``answer`` is there only when a pinned key's
    signature over this very exchange verified; what is said otherwise (``problem`` included) is a stranger's word.
    """

    request: SignedRequest
    status: int | None
    answer: SignedAnswer | None = None
    problem: dict[str, Any] = field(default_factory=dict)
    retry_after_seconds: float = 0.0
    fault: str | None = None

    @property
    def signed(self) -> bool:
        """Whether the peer itself said this."""
        return self.answer is not None


class PeerClient:
    """Signed requests to peers over one shared connection pool; close it with ``aclose``."""

    def __init__(self, fed: FederationNode, transport: httpx.AsyncBaseTransport | None = None) -> None:
        """Build the pool; ``transport`` takes its place where both nodes live in one process (tests)."""
        self._fed = fed
        self._http = httpx.AsyncClient(
            transport=transport or _guarded_transport(allow_private=fed.allow_private_peers),
            timeout=httpx.Timeout(WHOLE_SECONDS, connect=CONNECT_SECONDS),
            follow_redirects=False,
            trust_env=False,
            headers={"accept-encoding": "identity", "user-agent": "tonglu/1"},
        )

    async def post_events(self, base_url: str, body: bytes, keys: Iterable[Jwk], kid: str | None = None) -> PeerAnswer:
        """Send one batch; ``keys`` are the peer's transport keys that may sign the answer, ``kid`` is ours that signs.

        Never raises for faults of the wire: they stand in the answer.
        """
        return await self._exchange("POST", target_uri(base_url, EVENTS_PATH), body, keys, kid)

    async def get_events(
        self, base_url: str, stream: str, after: int, keys: Iterable[Jwk], kid: str | None = None
    ) -> PeerAnswer:
        """Ask for what the peer holds of ``stream`` (a UUID) beyond the number ``after``."""
        return await self._exchange(
            "GET", target_uri(base_url, f"{EVENTS_PATH}?stream={stream}&after={after}"), b"", keys, kid
        )

    async def post_document(
        self, base_url: str, path: str, document: bytes, keys: Iterable[Jwk], kid: str | None = None
    ) -> PeerAnswer:
        """Send one JSON document to ``path`` of a peer; as ``post_events`` otherwise."""
        return await self._exchange(
            "POST", target_uri(base_url, path), document, keys, kid, content_type="application/json"
        )

    async def get_public(self, base_url: str, path: str, accept: str, max_bytes: int) -> bytes | None:
        """Fetch a public, unsigned document of a peer; ``None`` when the peer has none (404).

        Raises ``FetchFailedError`` (an ``OSError``) when the peer cannot be reached, answers anything else, or the
        document is larger than ``max_bytes``.
        """
        try:
            async with asyncio.timeout(WHOLE_SECONDS):
                request = self._http.build_request("GET", target_uri(base_url, path), headers={"accept": accept})
                self._check_scheme(request.url)
                status, _, body = await self._read(request, max_bytes)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, TimeoutError) as error:
            raise FetchFailedError(_fault(error)) from error
        if status == httpx.codes.NOT_FOUND:
            return None
        if status != httpx.codes.OK:
            raise FetchFailedError(f"http_{status}")
        return body

    async def aclose(self) -> None:
        """Close the pool."""
        await self._http.aclose()

    async def _exchange(
        self,
        method: str,
        uri: str,
        body: bytes,
        keys: Iterable[Jwk],
        kid: str | None,
        *,
        content_type: str = CONTENT_TYPE,
    ) -> PeerAnswer:
        fed = self._fed
        signed = sign_request(
            fed.keys,
            method,
            uri,
            content_type=content_type if body else "",
            body=body,
            now=fed.clock.now(),
            entropy=fed.entropy,
            kid=kid,
        )
        try:
            async with asyncio.timeout(WHOLE_SECONDS):
                request = self._http.build_request(method, uri, content=body or None, headers=signed.headers())
                self._check_scheme(request.url)
                status, headers, content = await self._read(request, MAX_ANSWER_BYTES)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, TimeoutError) as error:
            return PeerAnswer(signed, None, fault=_fault(error))
        try:
            answer = verify_answer(signed, status=status, headers=headers, body=content, keys=keys)
        except Unauthenticated:
            return PeerAnswer(signed, status, fault=f"http_{status}" if status != httpx.codes.OK else "bad_signature")
        problem = _problem(content) if status != httpx.codes.OK else {}
        return PeerAnswer(signed, status, answer, problem, _retry_after(headers))

    def _check_scheme(self, url: httpx.URL) -> None:
        if url.scheme != "https" and not (self._fed.allow_private_peers and url.scheme == "http"):
            raise AddressRefusedError("only https is spoken to peers")

    async def _read(self, request: httpx.Request, max_bytes: int) -> tuple[int, list[tuple[str, str]], bytes]:
        response = await self._http.send(request, stream=True)
        try:
            if response.headers.get("content-encoding", "identity") != "identity":
                # Never asked for; unpacked, a small answer may be of any size.
                raise FetchFailedError("answer_coded")
            chunks, size = [], 0
            async for chunk in response.aiter_bytes():
                size += len(chunk)
                if size > max_bytes:
                    raise FetchFailedError("answer_too_large")
                chunks.append(chunk)
        finally:
            await response.aclose()
        headers = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in response.headers.raw]
        return response.status_code, headers, b"".join(chunks)


class SignInClient:
    """Requests to the one sign-in service that the operator named: a server of their own, perhaps in a closed network.

    So addresses are not guarded; https is still asked for unless private peers are allowed, redirects are not followed,
    and answers are bounded. Close it with ``aclose``.
    """

    def __init__(self, *, allow_http: bool, transport: httpx.AsyncBaseTransport | None = None) -> None:
        """Build the pool; ``transport`` takes its place in tests."""
        self._allow_http = allow_http
        self._http = httpx.AsyncClient(
            transport=transport,
            timeout=httpx.Timeout(CONNECT_SECONDS * 2, connect=CONNECT_SECONDS),
            follow_redirects=False,
            trust_env=False,
            headers={"accept": "application/json", "accept-encoding": "identity", "user-agent": "tonglu/1"},
        )

    async def get_json(self, url: str) -> dict[str, Any]:
        """Fetch a JSON object. Raises ``FetchFailedError`` for whatever is none."""
        return await self._json("GET", url)

    async def post_form(self, url: str, form: dict[str, str], basic: tuple[str, str] | None = None) -> dict[str, Any]:
        """Send a form, with HTTP Basic authentication where given, and take a JSON object, whatever its status.

        Raises ``FetchFailedError``.
        """
        return await self._json("POST", url, form, basic)

    async def aclose(self) -> None:
        """Close the pool."""
        await self._http.aclose()

    async def _json(
        self, method: str, url: str, form: dict[str, str] | None = None, basic: tuple[str, str] | None = None
    ) -> dict[str, Any]:
        try:
            if not url.startswith("https://") and not (self._allow_http and url.startswith("http://")):
                raise FetchFailedError("address_refused")
            async with asyncio.timeout(CONNECT_SECONDS * 2):
                request = self._http.build_request(method, url, data=form)
                auth = httpx.BasicAuth(*basic) if basic else None
                response = await self._http.send(request, stream=True, auth=auth)
                try:
                    body = await _bounded(response, MAX_SIGN_IN_BYTES)
                finally:
                    await response.aclose()
        except (httpx.HTTPError, httpx.InvalidURL, OSError, TimeoutError) as error:
            raise FetchFailedError(_fault(error)) from error
        found = _problem(body)
        if not found or response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise FetchFailedError(f"http_{response.status_code}")
        return found


async def _bounded(response: httpx.Response, max_bytes: int) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body.extend(chunk)
        if len(body) > max_bytes:
            raise FetchFailedError("answer_too_large")
    return bytes(body)


def is_public(address: str) -> bool:
    """Whether an IP address (as text) belongs to the public internet, addresses wrapped in IPv6 included."""
    ip = ipaddress.ip_address(address.split("%", 1)[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped
        if inner is None and ip in _NAT64:
            inner = ipaddress.IPv4Address(ip.packed[-4:])
        if inner is not None:
            return is_public(str(inner))
        if ip not in _GLOBAL_UNICAST:
            return False
    if any(ip.version == one.version and ip in one for one in _NOT_FOR_PEERS):
        return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified)


class _GuardedBackend(httpcore.AsyncNetworkBackend):
    """Resolves a name once, checks every address, and connects to one that was checked."""

    def __init__(self) -> None:
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the interface of httpcore
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to a public address of ``host``; the TLS name stays ``host``."""
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError("the name does not resolve") from error
        addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
        if not addresses or not all(is_public(address) for address in addresses):
            raise AddressRefusedError("the peer's name leads to an address that is not public")
        fault: Exception = httpcore.ConnectError("the name does not resolve")
        for address in addresses:
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                fault = error
        raise fault

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 - the interface of httpcore
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Never: peers are not files."""
        raise AddressRefusedError("peers are reached by TCP alone")

    async def sleep(self, seconds: float) -> None:
        """Wait, for httpcore's own retries (which are off)."""
        await self._inner.sleep(seconds)


@cache
def _trusted_authorities() -> ssl.SSLContext:
    """Those of the machine, read once a process: it takes longer than most requests."""
    return ssl.create_default_context()


def _guarded_transport(*, allow_private: bool) -> httpx.AsyncHTTPTransport:
    limits = httpx.Limits(max_connections=MAX_CONNECTIONS, max_keepalive_connections=MAX_IDLE_CONNECTIONS)
    trusted = _trusted_authorities()
    transport = httpx.AsyncHTTPTransport(verify=trusted, limits=limits, trust_env=False)
    if not allow_private:
        # httpx has no public way to bring one's own network backend, and is no longer developed: its pool is replaced
        # by one of the same library that connects through the guard.
        transport._pool = httpcore.AsyncConnectionPool(  # noqa: SLF001 - see above
            ssl_context=trusted,
            max_connections=MAX_CONNECTIONS,
            max_keepalive_connections=MAX_IDLE_CONNECTIONS,
            network_backend=_GuardedBackend(),
        )
    return transport


def _fault(error: Exception) -> str:
    """A short code for the peers page: what kind of fault, never an address or a library's words."""
    if isinstance(error, (AddressRefusedError, httpx.InvalidURL)):
        return "address_refused"
    if isinstance(error, FetchFailedError):
        return str(error)
    if isinstance(error, (TimeoutError, httpx.TimeoutException)):
        return "timeout"
    return "no_connection" if isinstance(error, (httpx.ConnectError, OSError)) else "broken_connection"


def _problem(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _retry_after(headers: list[tuple[str, str]]) -> float:
    value = next((value for name, value in headers if name == "retry-after"), "")
    return float(min(int(value), LONGEST_RETRY_AFTER_SECONDS)) if value.isascii() and value.isdigit() else 0.0
