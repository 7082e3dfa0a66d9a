"""Forms that only our own pages can send.

Every form carries a token derived from a secret cookie: the session's, or before sign-in a random form cookie. The
token is HMAC-SHA-256(cookie, "tonglu form"): whoever cannot read the cookie (HttpOnly, SameSite) cannot make it, and
the page that shows it does not give the cookie away. Of a session's cookie it is the part before the dot, which stays
when the session gets a new token at the unlocking: what was being filled in can still be sent. Besides, a browser that
tells where a request comes from (`Sec-Fetch-Site`) is believed (OWASP ASVS 5.0, 3.5.1).
"""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from typing import Final

from starlette.requests import Request

from schemas.problems import CsrfFailed

FIELD: Final = "form_token"
HEADER: Final = "X-Tonglu-Form"
ANONYMOUS_COOKIE: Final = "tonglu_form"


def form_token(secret: str) -> str:
    """The token that belongs to the cookie value `secret`; 43 characters of base64url."""
    digest = hmac.digest(secret.partition(".")[0].encode(), b"tonglu form", hashlib.sha256)
    return urlsafe_b64encode(digest).rstrip(b"=").decode()


def check_form(request: Request, secret: str | None, sent: str | None) -> None:
    """Let a form pass that came from a page of ours, with the token of this cookie.

    Raises CsrfFailed when the cookie or the token is missing, when they do not belong together, and when the browser
    says that another site sent the request.
    """
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
        raise CsrfFailed
    if not secret or not sent or not hmac.compare_digest(form_token(secret).encode(), sent.encode()):
        raise CsrfFailed
