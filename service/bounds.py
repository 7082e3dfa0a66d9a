"""How much a list gives at once (bulk reading is bounded, rule 11)."""

from typing import Final

MOST_ITEMS: Final = 200
"""Items of one page, whatever the caller asks for."""
