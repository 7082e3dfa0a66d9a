"""A small client of one node's JSON API, as an officer's program would write it.

It uses the standard library alone, so that the story shows what the API asks of a caller and nothing
of ours stands in between.
"""

import json
import urllib.error
import urllib.request
from typing import Any
from uuid import uuid4

ANSWER_TIMEOUT_SECONDS = 30.0


class ApiError(Exception):
    """The node answered with a problem (RFC 9457); `status` and `problem` say which."""

    def __init__(self, method: str, path: str, status: int, problem: dict[str, Any]) -> None:
        self.status = status
        self.problem = problem
        super().__init__(f"{method} {path}: {status} {json.dumps(problem, ensure_ascii=False)}")


class Api:
    """One signed-in caller of one node. Paths are relative to `/api/v1`."""

    def __init__(self, base_url: str, token: str | None = None) -> None:
        self.base_url = base_url.rstrip("/")
        self.token = token

    def sign_in(self, name: str, password: str) -> None:
        """Open a session (`POST /session`) and keep its bearer token.

        Raises:
            ApiError: the name or the password is wrong, or the password must be changed first.
        """
        self.token = self.post("/session", {"name": name, "password": password})["token"]

    def get(self, path: str) -> Any:
        """The answer to a GET, parsed."""
        return self._send("GET", path, None, None)

    def post(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """The answer to a POST of JSON, parsed; each call carries an Idempotency-Key of its own."""
        data = json.dumps(body if body is not None else {}, ensure_ascii=False).encode()
        return self._send("POST", path, data, "application/json")

    def patch(self, path: str, body: dict[str, Any]) -> Any:
        """The answer to a PATCH of JSON, parsed."""
        return self._send("PATCH", path, json.dumps(body, ensure_ascii=False).encode(), "application/json")

    def delete(self, path: str) -> Any:
        """The answer to a DELETE, parsed."""
        return self._send("DELETE", path, None, None)

    def upload(self, path: str, file_name: str, content: bytes, fields: dict[str, str]) -> Any:
        """Send a file and plain fields as `multipart/form-data` (RFC 7578)."""
        boundary = uuid4().hex
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
            for name, value in fields.items()
        ]
        parts.append(
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{file_name}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n".encode()
            + content
            + b"\r\n"
        )
        parts.append(f"--{boundary}--\r\n".encode())
        return self._send("POST", path, b"".join(parts), f"multipart/form-data; boundary={boundary}")

    def raw(self, path: str) -> bytes:
        """The answer's bytes, for what is not JSON (a picture, a letter)."""
        return self._open("GET", f"/api/v1{path}", None, None)

    def _send(self, method: str, path: str, data: bytes | None, content_type: str | None) -> Any:
        body = self._open(method, f"/api/v1{path}", data, content_type)
        return json.loads(body) if body else None

    def _open(self, method: str, path: str, data: bytes | None, content_type: str | None) -> bytes:
        headers = {"Accept": "application/json, */*;q=0.5"}
        if content_type:
            headers["Content-Type"] = content_type
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        if method == "POST" and not path.endswith("/session"):
            headers["Idempotency-Key"] = str(uuid4())
        request = urllib.request.Request(self.base_url + path, data, headers, method=method)  # noqa: S310  loopback only
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_TIMEOUT_SECONDS) as answer:  # noqa: S310  as above
                content: bytes = answer.read()
                return content
        except urllib.error.HTTPError as error:
            raw = error.read()
            try:
                problem = json.loads(raw)
            except ValueError:
                problem = {"detail": raw[:200].decode(errors="replace")}
            raise ApiError(method, path, error.code, problem) from None
