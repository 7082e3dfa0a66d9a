"""A form that meets what a colleague saved meanwhile: theirs or mine, field by field; nothing typed is lost."""

from collections.abc import Callable
from typing import Any, Final

from service.registry.undoing.meanwhile import Meanwhile
from service.web.forms import Form
from service.web.languages import N_

CHOICES: Final = ("theirs", "mine")
CHANGED_MEANWHILE: Final = N_("A colleague changed the same field meanwhile. Choose below; nothing you typed is lost.")
FIELD_NAMES: Final = {
    "name": N_("Name"),
    "document_type": N_("Document"),
    "document_number": N_("Document number"),
    "date_of_birth": N_("Date of birth"),
    "phone": N_("Phone"),
    "email": N_("E-mail"),
    "address": N_("Address"),
    "language": N_("Language of service"),
    "area": N_("Township that keeps the record"),
    "origin_region": N_("Came from"),
    "destination_region": N_("Went to"),
    "arrived_on": N_("Arrived on"),
    "departed_on": N_("Left on"),
    "expected_return_on": N_("Expected return"),
    "declared_on": N_("Declared on"),
}
"""What a save may change, as its fields are called on pages."""


def version_seen(form: Form) -> int | None:
    """The version of the record that the form was filled from."""
    text = form.text("version")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def theirs_chosen(form: Form) -> frozenset[str]:
    """The disputed fields in which the colleague's value stays; a choice that was not made is an error of the form."""
    return frozenset(one for one in form.texts("disputed") if form.choice(f"choose_{one}", CHOICES) == "theirs")


def take_theirs(form: Form, met: Meanwhile, typed_as: Callable[[str, Any], tuple[str, str]]) -> None:
    """Bring the form up to date: what the officer left alone is as the colleague saved it, the rest is asked.

    ``typed_as`` gives the form's field of a fact, and the fact as one types it.
    """
    for name in met.untouched:
        field, text = typed_as(name, met.standing[name])
        form.values[field] = [text]
    form.values["version"] = [str(met.version)]
    for one in met.conflicts:
        form.refuse(f"choose_{one.field}", CHANGED_MEANWHILE)
