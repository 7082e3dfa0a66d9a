"""The pages' world and browser, shared by all tests of pages."""

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.acceptance.pages_world import PagesWorld, enter, pages_world


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PagesWorld]:
    with pages_world(tmp_path_factory.mktemp("pages")) as made:
        yield made


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium for one module: Playwright's event loop runs as long as it does, and no other one can run meanwhile."""
    chromium = os.environ.get("TONGLU_TEST_CHROMIUM") or shutil.which("chromium")
    if chromium is None:
        pytest.skip("Chromium: none is installed")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def context(browser: Browser, world: PagesWorld) -> Iterator[BrowserContext]:
    opened = browser.new_context(base_url=world.url, viewport={"width": 1366, "height": 768})
    opened.set_default_timeout(15_000)
    yield opened
    opened.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return enter(context.new_page())
