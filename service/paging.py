"""How long a page of a list is: what the caller asks for, and at most 200 (bulk reading is bounded, rule 11)."""

from typing import Annotated

from fastapi import Query
from pydantic import AfterValidator

from service.bounds import MOST_ITEMS

PageLimit = Annotated[
    int,
    Query(ge=1, description="How many items; the node gives at most 200 at a time."),
    AfterValidator(lambda wanted: min(wanted, MOST_ITEMS)),
]
"""The `limit` of every list. More than the most is no error: `next` leads on."""
