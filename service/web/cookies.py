"""What our cookies are called, and how they are set: all alike (OWASP ASVS 5.0, 3.3.1 to 3.3.4).

Where the node's base URL is https, each is Secure and has the ``__Host-`` prefix: no other host of the same domain can
set one that we would take. Scripts read none, and no other site sends one along.
"""

from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

_PREFIX: Final = "__Host-"


def cookie_name(name: str, *, secure: bool) -> str:
    """What a cookie is called in the browser."""
    return f"{_PREFIX}{name}" if secure else name


def sent_cookie(request: "Request", name: str) -> str | None:
    """The value of one of our cookies, or None when it was not sent."""
    return request.cookies.get(cookie_name(name, secure=bool(request.app.state.pages.secure)))


def set_cookie(
    response: "Response",
    name: str,
    value: str,
    *,
    secure: bool,
    max_age: int | None = None,
    samesite: Literal["strict", "lax"] = "strict",
) -> None:
    """Let the browser keep a cookie: until it is closed, or for ``max_age`` seconds."""
    response.set_cookie(
        cookie_name(name, secure=secure),
        value,
        max_age=max_age,
        path="/",
        httponly=True,
        samesite=samesite,
        secure=secure,
    )


def forget_cookie(response: "Response", name: str, *, secure: bool) -> None:
    """Take a cookie from the browser."""
    response.delete_cookie(cookie_name(name, secure=secure), path="/", httponly=True, samesite="strict", secure=secure)
