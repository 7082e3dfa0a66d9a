"""Who looks at a page, as far as the frame of the page needs to know."""

from dataclasses import dataclass, field
from typing import Literal

PageLanguage = Literal["zh-CN", "en"]

DEFAULT_LANGUAGE: PageLanguage = "zh-CN"
PAGE_LANGUAGES: tuple[PageLanguage, ...] = ("zh-CN", "en")


@dataclass(frozen=True)
class Viewer:
    """An officer or a person who is signed in; the room that knows them puts one at `request.state.viewer`.

    `area_name` is the township (or the region) that the officer works in, `roles` decides the navigation,
    `form_secret` is the value of the cookie that the session hangs on (forms are bound to it, see `csrf`),
    `own_page` is true for a person on `/me`.
    """

    name: str
    area_name: str
    form_secret: str = field(repr=False)
    language: PageLanguage | None = None
    roles: frozenset[str] = frozenset()
    own_page: bool = False
