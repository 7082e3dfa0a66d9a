"""Jinja2 for all rooms: one environment per language, strict about what is undefined, escaping everything.

A room calls `pages_of(request).render(request, "registry/arrivals.html", arrivals=…)`. Every template gets the values
it was given and `frame`: who looks, the region, the language, the form token, what has just happened. Texts are
`_("…")`; codes of closed lists are shown by `word("arrival_state", code)`; people's and regions' names pass through
`| person_name`, `| place_name` and `| region`, which mark them as Chinese on an English page.
"""

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import jinja2
from jinja2.bccache import Bucket
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from schemas.problems import fill
from schemas.readings import spelt_name
from service.web import cookies, csrf, dates, flash, navigation
from service.web.field_names import field_name
from service.web.languages import Languages, Translator, chosen_language
from service.web.static_files import StaticAddresses
from service.web.viewer import PAGE_LANGUAGES, PageLanguage, Viewer
from service.web.words import tone, word

TEMPLATES: Final = Path(__file__).with_name("templates")
FETCH_HEADER: Final = "X-Tonglu-Fetch"
LOCATION_HEADER: Final = "X-Tonglu-Location"
HTMX_HEADER: Final = "HX-Request"


@dataclass(frozen=True)
class Frame:
    """What the layout and the components show around a page's own content."""

    region: str
    region_name: str
    language: PageLanguage
    path: str
    form_token: str
    viewer: Viewer | None
    done: flash.Done | None
    places: list[navigation.Place]
    today: date
    form_key: str

    @property
    def searches(self) -> bool:
        """Whether the search box is shown: to officers who work with people."""
        return self.viewer is not None and bool(self.viewer.roles & navigation.REGISTER_ROLES)


class _Compiled(jinja2.BytecodeCache):
    """Templates as Python compiled them, each once a process: compiling one takes longer than rendering it."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Take what another environment compiled from the same source."""
        kept = self._kept.get(bucket.key)
        if kept is not None:
            bucket.bytecode_from_string(kept)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep it for the next one."""
        self._kept[bucket.key] = bucket.bytecode_to_string()


_COMPILED: Final = _Compiled()
"""Both languages' environments, and all nodes of one process, use the same templates."""

_CHINESE: Final = re.compile("[\u2e81-\U0010ffff](?:.*[\u2e81-\U0010ffff])?", re.DOTALL)
"""From the first character of a text that is not of our alphabet to the last."""


class Pages:
    """All that is needed to render a page; built once in `create_app` and kept at `app.state.pages`.

    `region_full_name` gives a region code's full name, `now` is the node's clock, `secure` whether cookies may only
    travel by https (the base URL is https).
    """

    def __init__(
        self,
        *,
        region: str,
        region_name: str,
        zone: ZoneInfo,
        now: Callable[[], datetime],
        region_full_name: Callable[[str], str],
        secure: bool,
        languages: Languages | None = None,
    ) -> None:
        self.region = region
        self.region_name = region_name
        self.zone = zone
        self.now = now
        self.secure = secure
        self.languages = languages or Languages()
        self._region_full_name = region_full_name
        self._environments = {language: self._environment(language) for language in PAGE_LANGUAGES}

    def render(
        self, request: Request, template: str, *, status: int = 200, form_secret: str | None = None, **values: object
    ) -> HTMLResponse:
        """The page `template` (a path below `templates/`) with `values`, in the language of this request.

        Its forms are bound to the session, before sign-in to the anonymous cookie, or to `form_secret` where a page
        without a viewer belongs to a session all the same (the lock).
        Raises jinja2.UndefinedError when the template uses a value that was not given, ValueError where a value has
        the name of something that every template uses.
        """
        language = chosen_language(request)
        environment = self._environments[language]
        hidden = values.keys() & environment.globals.keys()
        if hidden:
            raise ValueError(f"{template}: {', '.join(sorted(hidden))} would hide what the layout needs")
        viewer: Viewer | None = getattr(request.state, "viewer", None)
        anonymous = cookies.sent_cookie(request, csrf.ANONYMOUS_COOKIE)
        bound = viewer.form_secret if viewer is not None else form_secret or anonymous
        fresh = None if bound else secrets.token_urlsafe(24)
        secret = bound or fresh or ""
        done = flash.read_done(request)
        frame = Frame(
            region=self.region,
            region_name=self.region_name,
            language=language,
            path=request.url.path,
            form_token=csrf.form_token(secret),
            viewer=viewer,
            done=done,
            places=navigation.places_for(viewer.roles) if viewer is not None else [],
            today=self.now().astimezone(self.zone).date(),
            form_key=secrets.token_urlsafe(16),
        )
        text = environment.get_template(template).render(frame=frame, **values)
        response = HTMLResponse(text, status_code=status, headers={"Content-Language": language})
        response.headers["Vary"] = "Cookie"
        if fresh is not None:
            cookies.set_cookie(response, csrf.ANONYMOUS_COOKIE, fresh, secure=self.secure)
        if done is not None and HTMX_HEADER not in request.headers:
            flash.forget_done(response, secure=self.secure)
        return response

    def see_other(self, request: Request, location: str, done: flash.Done | None = None) -> Response:
        """Go on to `location` after a form was taken (303), saying what happened there.

        A form that our script sent gets the address in a header instead, since a script cannot stop a redirect.
        """
        if FETCH_HEADER in request.headers:
            response = Response(status_code=204, headers={LOCATION_HEADER: location})
        else:
            response = Response(status_code=303, headers={"Location": location})
        if done is not None:
            flash.set_done(response, done, secure=self.secure)
        return response

    def translator(self, request: Request) -> Translator:
        """The texts in the language of this request, for code that is not a template."""
        return self.languages.translator(chosen_language(request))

    def _environment(self, language: PageLanguage) -> jinja2.Environment:
        translator = self.languages.translator(language)
        environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
            bytecode_cache=_COMPILED,
            extensions=["jinja2.ext.i18n"],
        )
        i18n: Any = environment
        i18n.install_gettext_callables(translator.gettext, translator.plural, newstyle=True)
        chinese = language != "zh-CN"

        def in_chinese(text: str) -> Markup:
            found = _CHINESE.search(text) if chinese else None
            if found is None:
                return escape(text)
            before, after = text[: found.start()], text[found.end() :]
            return Markup('{}<span lang="zh-CN">{}</span>{}').format(before, found[0], after)

        def spelt(name: str) -> Markup:
            letters = spelt_name(name)
            return Markup(' <span class="tl-spelt">{}</span>').format(letters) if letters else Markup("")

        environment.filters["day"] = lambda value: dates.shown_date(value, language)
        environment.filters["short_day"] = lambda value: f"{value.astimezone(self.zone):%Y-%m-%d}"
        environment.filters["masked_phone"] = lambda value: f"{'*' * max(0, len(value) - 4)}{value[-4:]}"
        environment.filters["translated"] = translator.gettext
        environment.filters["quarter"] = lambda value: dates.shown_quarter(value, language)
        environment.filters["moment"] = lambda value: dates.shown_moment(value, language, self.zone)
        environment.filters["region"] = lambda code: in_chinese(self._region_full_name(code))
        environment.filters["region_name"] = self._region_full_name
        environment.filters["place_name"] = in_chinese
        environment.filters["person_name"] = lambda name: in_chinese(name) + (spelt(name) if chinese else "")
        environment.globals["static"] = StaticAddresses()
        environment.globals["word"] = lambda kind, code: translator.gettext(word(kind, code))
        # Slips and questions show Chinese, or both languages, whatever the page's language is.
        both = self.languages.translator("zh-CN")
        environment.globals["chinese_word"] = lambda kind, code: both.gettext(word(kind, code))
        environment.globals["english_word"] = word
        environment.globals["tone"] = tone
        environment.globals["what_was_done"] = lambda done: translator.gettext(flash.DONE[done.code])
        environment.globals["say"] = lambda msgid, facts: fill(translator.gettext(msgid), facts)
        environment.globals["field_name"] = lambda error: (
            translator.gettext(name) if (name := field_name(error)) else ""
        )
        environment.globals["is_current"] = navigation.is_current
        return environment


def pages_of(request: Request) -> Pages:
    """The `Pages` of the application that got this request."""
    pages: Pages = request.app.state.pages
    return pages
