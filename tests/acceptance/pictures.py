"""Pictures for docs/, taken of the pages while their tests use them: `make pictures` writes them anew."""

import os
from pathlib import Path

from playwright.sync_api import Page

IMAGES = Path(__file__).parents[2] / "docs" / "images"


def picture(page: Page, name: str) -> None:
    """Keep what the page shows as docs/images/<name>.png, where TONGLU_TEST_PICTURES asks for pictures."""
    if os.environ.get("TONGLU_TEST_PICTURES"):
        page.screenshot(path=IMAGES / f"{name}.png", animations="disabled")
