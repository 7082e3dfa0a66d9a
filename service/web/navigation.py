"""The navigation: which role finds which pages. What a role may do is decided by the rooms, never here."""

from dataclasses import dataclass
from typing import Final

from service.web.languages import N_

REGISTER_ROLES: Final = frozenset({"clerk", "supervisor"})


@dataclass(frozen=True)
class Place:
    """One entry: where it leads, its label, the roles that see it."""

    path: str
    label: str
    roles: frozenset[str]


NAVIGATION: Final = (
    Place("/", N_("Start"), REGISTER_ROLES | {"auditor", "administrator"}),
    Place("/arrivals", N_("Arrivals"), REGISTER_ROLES),
    Place("/departures", N_("Departures"), REGISTER_ROLES),
    Place("/verifications", N_("Verification"), REGISTER_ROLES),
    Place("/ledgers", N_("Ledgers"), REGISTER_ROLES),
    Place("/reports", N_("Reports"), REGISTER_ROLES | {"auditor", "administrator"}),
    Place("/peers", N_("Peers"), REGISTER_ROLES | {"administrator"}),
    Place("/officers", N_("Officers and settings"), frozenset({"administrator"})),
    Place("/access-log", N_("Access log"), frozenset({"auditor"})),
)


def places_for(roles: frozenset[str]) -> list[Place]:
    """The entries that someone with these roles sees, in order."""
    return [place for place in NAVIGATION if place.roles & roles]


def is_current(place: Place, path: str) -> bool:
    """Whether a page at `path` belongs to `place`."""
    return path == place.path if place.path == "/" else path == place.path or path.startswith(place.path + "/")
