"""What was typed into a form, what is wrong with it, and how it comes back.

A `Form` keeps every value exactly as it was typed, so that a page shown again loses nothing; errors stand by field and
are shown above the form and at their field. A room's page reads the values, calls its action, and adds what the action
refused (an error that names its fields leads to them).
"""

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request

from schemas.problems import TongluError
from service.web import cookies, csrf, dates
from service.web.languages import N_
from service.web.viewer import Viewer

MAX_FIELDS: Final = 400
MAX_FILES: Final = 1
MAX_TEXT_BYTES: Final = 64 * 1024
KEY_FIELD: Final = "form_key"
NEEDED: Final = N_("Please fill this in.")
PICK_ONE: Final = N_("Please choose one of these.")
NOT_A_DATE: Final = N_("Please give a date such as 20260930, or a month such as 202609.")
NOT_A_DAY: Final = N_("Please give a whole date such as 20260930.")


@dataclass(frozen=True)
class FieldError:
    """One thing that is wrong: the field, an English msgid, and what fills its placeholders."""

    field: str
    message: str
    facts: Mapping[str, object] = dataclasses.field(default_factory=dict)


@dataclass
class Form:
    """Typed values by field (several where a field was sent several times), and the errors found so far."""

    values: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    errors: list[FieldError] = dataclasses.field(default_factory=list)
    files: dict[str, UploadFile] = dataclasses.field(default_factory=dict)

    @classmethod
    def of(cls, **values: str | Iterable[str] | None) -> "Form":
        """A form filled beforehand, for the first showing."""
        return cls(
            {
                name: [value] if isinstance(value, str) else list(value)
                for name, value in values.items()
                if value is not None
            }
        )

    def text(self, name: str) -> str:
        """The value of a field, trimmed; empty when it was not sent."""
        return (self.values.get(name) or [""])[0].strip()

    @property
    def key(self) -> str:
        """The page's own key: the same form sent twice carries the same one."""
        return self.text(KEY_FIELD)

    @property
    def typed(self) -> dict[str, list[str]]:
        """The values without what the page added by itself."""
        return {name: values for name, values in self.values.items() if name not in {KEY_FIELD, csrf.FIELD}}

    def texts(self, name: str) -> list[str]:
        """All values of a field (check boxes)."""
        return self.values.get(name, [])

    def has(self, name: str, value: str) -> bool:
        """Whether a check box or a radio with `value` was ticked."""
        return value in self.texts(name)

    def error(self, name: str) -> FieldError | None:
        """The first error of a field."""
        return next((error for error in self.errors if error.field == name), None)

    def refuse(self, name: str, message: str, **facts: object) -> None:
        """Note that a field is wrong. `message` is an English msgid."""
        self.errors.append(FieldError(name, message, facts))

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong so far."""
        return not self.errors

    def needed(self, name: str) -> str:
        """The value of a field that must not be empty."""
        if not self.text(name):
            self.refuse(name, NEEDED)
        return self.text(name)

    def secret(self, name: str) -> str:
        """The value of a password's field, which must not be empty, exactly as it was typed."""
        typed = (self.values.get(name) or [""])[0]
        if not typed:
            self.refuse(name, NEEDED)
        return typed

    def choice(self, name: str, allowed: Iterable[str]) -> str:
        """The value of a field that must be one of `allowed`."""
        if self.text(name) not in set(allowed):
            self.refuse(name, PICK_ONE)
        return self.text(name)

    def date(self, name: str, *, needed: bool = True, month_allowed: bool = False) -> str | None:
        """A typed date as `YYYY-MM-DD` (or `YYYY-MM` where a month will do); None when it is empty or wrong."""
        text = self.text(name)
        if not text:
            if needed:
                self.refuse(name, NEEDED)
            return None
        try:
            value = dates.typed_date(text)
        except ValueError:
            self.refuse(name, NOT_A_DATE if month_allowed else NOT_A_DAY)
            return None
        if len(value) == len("2026-09") and not month_allowed:
            self.refuse(name, NOT_A_DAY)
            return None
        return value

    def take(self, error: TongluError, names: Mapping[str, str] | None = None) -> None:
        """Note what an action refused; fields it names are found under the form's own `names` where they differ."""
        names = names or {}
        if error.facts.get("errors"):
            for found in error.facts["errors"]:
                place = str(found["field"])
                name = names.get(place, place.rsplit(".", 1)[-1])
                self.refuse(name, str(found["message"]))
        else:
            self.errors.append(FieldError(names.get("", ""), error.msgid, error.facts))


async def sent_form(request: Request) -> Form:
    """The form that was sent, where the session's door (`PageOfficer`, the person's own) has checked its token."""
    return _form(await request.form(max_fields=MAX_FIELDS, max_files=MAX_FILES, max_part_size=MAX_TEXT_BYTES))


async def public_form(request: Request) -> Form:
    """A form of a public page, once it has shown to come from a page of ours. Raises CsrfFailed."""
    form = await sent_form(request)
    viewer: Viewer | None = getattr(request.state, "viewer", None)
    secret = viewer.form_secret if viewer is not None else cookies.sent_cookie(request, csrf.ANONYMOUS_COOKIE)
    csrf.check_form(request, secret, form.text(csrf.FIELD) or request.headers.get(csrf.HEADER))
    return form


def _form(data: FormData) -> Form:
    form = Form()
    for name, value in data.multi_items():
        if isinstance(value, UploadFile):
            form.files[name] = value
        else:
            form.values.setdefault(name, []).append(value)
    return form
