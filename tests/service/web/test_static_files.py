"""What is vendored is what was published: by hash, without crest and without the GDS font."""

import hashlib
import json
import re
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from service.web.static_files import PREFIX, STATIC, PackagedFiles, StaticAddresses

VECTORS = Path(__file__).parents[2] / "vectors"


@pytest.mark.parametrize("directory", [STATIC, VECTORS], ids=["shipped", "tests"])
def test_vendored_files_have_the_hashes_written_down(directory):
    listed = {}
    for package in json.loads((directory / "VENDOR.json").read_text("utf-8"))["packages"]:
        assert package["integrity"].startswith("sha512-")
        listed |= package["files"]
    for name, expected in listed.items():
        assert "sha256-" + hashlib.sha256((directory / name).read_bytes()).hexdigest() == expected, name
    if directory == STATIC:
        on_disk = {str(path.relative_to(STATIC)) for path in (STATIC / "vendor").rglob("*.*")}
        assert on_disk == set(listed)


def test_no_crest_no_gds_font_and_no_address_elsewhere():
    css = (STATIC / "vendor/govuk-frontend/govuk-frontend.css").read_text("utf-8")
    assert "GDS Transport" not in css
    assert "crest" not in css
    assert "url(" not in css
    for path in [*STATIC.glob("css/*.css"), *STATIC.glob("js/*.js")]:
        assert not re.search(r"https?:|url\(\W*//", path.read_text("utf-8")), path


def test_own_styles_have_no_italics_and_no_letter_spacing():
    css = (STATIC / "css/tonglu.css").read_text("utf-8")
    rules = css.split("*/", 1)[1]
    assert "italic" not in rules
    assert "letter-spacing" not in rules


@pytest.mark.asvs("5.3.2", "13.4.3")
@pytest.mark.parametrize(
    "path",
    ["", "css", "css/", "../templating.py", "..%2ftemplating.py", "%2e%2e/templating.py", "....//templating.py",
     "css/..%2f..%2ftemplating.py", "..\\templating.py", "//etc/hostname", "%00", "css/tonglu.css%00.js"],
)  # fmt: skip
def test_nothing_but_the_files_of_the_folder_is_served_and_no_folder_listed(path):
    app = Starlette()
    app.mount(PREFIX, PackagedFiles())
    assert TestClient(app, follow_redirects=False).get(f"/static/{path}").status_code == 404


def test_a_file_asked_for_by_its_hash_may_be_kept_and_any_other_not():
    app = Starlette()
    app.mount(PREFIX, PackagedFiles())
    client = TestClient(app)
    address = StaticAddresses()("css/tonglu.css")
    assert "immutable" in client.get(address).headers["Cache-Control"]
    assert client.get("/static/css/tonglu.css").headers["Cache-Control"] == "no-cache"
    assert client.get("/static/../templating.py").status_code == 404


def test_an_unknown_static_file_is_noticed_when_the_page_is_written():
    with pytest.raises(FileNotFoundError):
        StaticAddresses()("css/none.css")
