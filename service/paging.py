"""Where a page of a list begins and how long it is: what the caller asks for, at most 200 (bulk reading is bounded)."""

import re
from typing import Annotated, Final

from fastapi import Query
from pydantic import AfterValidator, BeforeValidator

from service.bounds import MOST_ITEMS

_CURSOR: Final = re.compile(r"(?:\d{4}-\d{2}(?:-\d{2})?~)?[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
"""An item's id, in lists by date of move behind its day or month."""


def _cursor(given: str | None) -> str | None:
    """What a page gave as `next`; an empty one is the beginning. Raises `ValueError` for anything else."""
    if not given:
        return None
    if not _CURSOR.fullmatch(given):
        raise ValueError("not a cursor")
    return given


PageLimit = Annotated[
    int,
    Query(ge=1, description="How many items; the node gives at most 200 at a time."),
    AfterValidator(lambda wanted: min(wanted, MOST_ITEMS)),
    BeforeValidator(lambda given: 50 if given == "" else given),
]
"""The `limit` of every list. More than the most is no error: `next` leads on."""

PageAfter = Annotated[
    str | None,
    Query(max_length=60, description="The `next` of the page before; left out for the first page."),
    AfterValidator(_cursor),
]
"""The `after` of every list."""
