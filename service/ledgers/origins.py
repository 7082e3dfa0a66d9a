"""Whose ledger it is: the office's own old one, or another office's. Nothing else is a source.

An employer's, a landlord's or an informant's list would make the register a means of watching people (rule 1 of the
domain, and what is never built): there is no value for it, and whoever tries is told so.
"""

from dataclasses import dataclass
from typing import Final, Literal, cast, get_args

from schemas.problems import InvalidInput
from schemas.regions import Divisions, is_region_code
from service.web.languages import N_

Source = Literal["own_ledger", "other_office"]
SOURCES: Final[tuple[Source, ...]] = get_args(Source)
NO_SOURCE: Final = N_(
    "A ledger comes from this office or from another office. Employers, landlords and informants are no source."
)
WHICH_OFFICE: Final = N_("Say which office the ledger comes from.")
NO_SUCH_OFFICE: Final = N_("There is no such region. Choose the office's county, township or village.")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a ledger comes from; `region` is there for another office's."""

    source: Source
    region: str | None = None


OWN: Final = Origin("own_ledger")


def origin_of(divisions: Divisions, source: str | None, region: str | None) -> Origin:
    """Check a source that was given; without one it is the office's own ledger. Raises `InvalidInput`."""
    if not source:
        source = "other_office" if region else "own_ledger"
    if source not in SOURCES:
        raise InvalidInput(errors=[{"field": "source", "message": NO_SOURCE}])
    if source == "own_ledger":
        return OWN
    if not region:
        raise InvalidInput(errors=[{"field": "source_region", "message": WHICH_OFFICE}])
    if not is_region_code(region) or divisions.get(region) is None:
        raise InvalidInput(errors=[{"field": "source_region", "message": NO_SUCH_OFFICE}])
    return Origin(cast("Source", source), region)


def office_named(divisions: Divisions, typed: str) -> str | None:
    """Give the region that an officer typed: its name, or initials of pinyin that mean one region only."""
    code = divisions.find(typed) if typed else None
    if code is None and typed and typed.isascii():
        found = divisions.search(typed, limit=2)
        return found[0].code if len(found) == 1 else None
    return code
