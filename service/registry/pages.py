"""All pages of the register, in the order in which their addresses are tried (`new` before an id)."""

from fastapi import APIRouter

from service.registry import pages_consents, pages_moves, pages_parked, pages_people, pages_register, pages_saved
from service.registry.doubles import pages as pages_duplicates
from service.registry.holds import pages as pages_holds
from service.registry.life import pages as pages_later
from service.registry.life import pages_transfer
from service.registry.searching import pages as pages_search
from service.registry.searching import pages_limits

router = APIRouter(include_in_schema=False)
for part in (
    pages_limits,
    pages_register,
    pages_parked,
    pages_later,
    pages_moves,
    pages_search,
    pages_transfer,
    pages_saved,
    pages_consents,
    pages_duplicates,
    pages_holds,
    pages_people,
):
    router.include_router(part.router)
