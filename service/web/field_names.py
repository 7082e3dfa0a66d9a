"""What a field is called where its error stands apart from it, in the summary above a form.

An error that could be any field's ("Please fill this in.") says there which one it is about; one that names its field
by itself needs no help, nor does a field that is a question.
"""

from collections.abc import Mapping
from typing import Final

from service.web.forms import NEEDED, NOT_A_DATE, NOT_A_DAY, PICK_ONE, FieldError
from service.web.languages import N_

OF_ANY_FIELD: Final = frozenset({NEEDED, PICK_ONE, NOT_A_DATE, NOT_A_DAY, "The date lies in the future."})

FIELD_NAMES: Final[Mapping[str, str]] = {
    "address": N_("Address"),
    "attended_on": N_("Attended on"),
    "code": N_("Code"),
    "date_of_birth": N_("Date of birth"),
    "declared_on": N_("Declared on"),
    "document_number": N_("Document number"),
    "document_type": N_("Document"),
    "ended_on": N_("Day"),
    "expected_return_on": N_("Expected return"),
    "moved_on": N_("Day of the move"),
    "name": N_("Name"),
    "password": N_("Password"),
    "pin": N_("Your own PIN"),
    "purpose": N_("Purpose"),
    "reason": N_("Reason"),
    "region": N_("Region"),
    "until": N_("Until"),
    "valid_until": N_("Valid until"),
}


def field_name(error: FieldError) -> str:
    """The English msgid of the field that an error of any field is about; empty where none is needed."""
    return FIELD_NAMES.get(error.field, "") if error.message in OF_ANY_FIELD else ""
