"""The languages of the pages: English msgids, Chinese catalogues, one language on screen.

Each room has its own `locales/zh_CN/<room>.po`; at start they are merged into one catalogue, so that no build step and
no binary file is needed. English is the msgid itself. A page is in Chinese unless its reader chose English.
"""

import io
from collections.abc import Mapping
from functools import cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path
from typing import TYPE_CHECKING, Final

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from service.web.cookies import sent_cookie
from service.web.viewer import DEFAULT_LANGUAGE, PAGE_LANGUAGES, PageLanguage, Viewer

if TYPE_CHECKING:
    from starlette.requests import Request

LANGUAGE_COOKIE: Final = "tonglu_language"
LOCALES: Final = Path(__file__).with_name("locales")


def N_(msgid: str) -> str:  # noqa: N802 - the name that gettext tools look for
    """Mark a text for the catalogue where it stands in a table; it is translated where it is shown."""
    return msgid


def read_catalogue(directory: Path = LOCALES / "zh_CN") -> Catalog:
    """All rooms' `.po` files as one catalogue.

    A text has one Chinese wording wherever it stands (a test holds the rooms to that); one that needs two has contexts.
    """
    merged = Catalog(locale="zh_CN", fuzzy=False)
    for path in sorted(directory.glob("*.po")):
        with path.open("rb") as file:
            for message in read_po(file, locale="zh_CN"):
                if message.id:
                    merged.add(message.id, message.string, context=message.context)
    return merged


class Translator:
    """Texts of one language. `gettext` fills `%(name)s` placeholders from keyword arguments."""

    def __init__(self, language: PageLanguage, translations: NullTranslations) -> None:
        self.language = language
        self._translations = translations

    def gettext(self, msgid: str, **facts: object) -> str:
        """The text for `msgid`, with its placeholders filled."""
        text = self._translations.gettext(msgid)
        return text % facts if facts else text

    def plural(self, singular: str, plural: str, number: int) -> str:
        """The text for `number` things with its placeholders still open (jinja2 fills them itself)."""
        return self._translations.ngettext(singular, plural, number)

    def ngettext(self, singular: str, plural: str, number: int, **facts: object) -> str:
        """The text for `number` things; `%(num)s` is the number."""
        return self.plural(singular, plural, number) % {"num": number, **facts}


@cache
def _compiled(directory: Path) -> GNUTranslations:
    """The catalogue as it is looked up; read once a process, however many applications it serves."""
    compiled = io.BytesIO()
    write_mo(compiled, read_catalogue(directory))
    compiled.seek(0)
    return GNUTranslations(compiled)


class Languages:
    """The translators of all page languages, read once at start."""

    def __init__(self, directory: Path = LOCALES / "zh_CN") -> None:
        self._translators: Mapping[PageLanguage, Translator] = {
            "zh-CN": Translator("zh-CN", _compiled(directory)),
            "en": Translator("en", NullTranslations()),
        }

    def translator(self, language: str | None) -> Translator:
        """The translator for a language; the default one for a language that the pages do not speak."""
        return self._translators[page_language(language) or DEFAULT_LANGUAGE]


def page_language(value: str | None) -> PageLanguage | None:
    """`value` as a page language, or None when it is none."""
    return next((known for known in PAGE_LANGUAGES if known == value), None)


def chosen_language(request: "Request") -> PageLanguage:
    """The language of this request: what the officer or the person chose, else the cookie, else Chinese."""
    viewer: Viewer | None = getattr(request.state, "viewer", None)
    if viewer is not None and viewer.language is not None:
        return viewer.language
    return page_language(sent_cookie(request, LANGUAGE_COOKIE)) or DEFAULT_LANGUAGE
