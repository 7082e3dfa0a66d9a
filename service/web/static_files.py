"""Scripts, styles and fonts: served from the package, each with its content's hash in its address."""

import hashlib
from pathlib import Path
from typing import Final

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

STATIC: Final = Path(__file__).with_name("static")
FONTS: Final = Path(__file__).with_name("fonts")
PREFIX: Final = "/static"
FONTS_PREFIX: Final = "/fonts"


class PackagedFiles(StaticFiles):
    """The folder `static/`. A file asked for with its hash may be kept for a year, any other for no time."""

    def __init__(self, directory: Path = STATIC) -> None:
        super().__init__(directory=directory, check_dir=True)

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file at `path`, with the cache lifetime that its address allows."""
        response = await super().get_response(path, scope)
        named_by_content = scope["query_string"].startswith(b"v=")
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if named_by_content else "no-cache"
        return response


class StaticAddresses:
    """Addresses of static files, `/static/css/tonglu.css?v=<hash>`; each file is hashed once."""

    def __init__(self, directory: Path = STATIC) -> None:
        self._directory = directory
        self._known: dict[str, str] = {}

    def __call__(self, path: str) -> str:
        """The address of `path` (relative to `static/`). Raises FileNotFoundError for a file that is not there."""
        if path not in self._known:
            digest = hashlib.sha256((self._directory / path).read_bytes()).hexdigest()
            self._known[path] = f"{PREFIX}/{path}?v={digest[:16]}"
        return self._known[path]
