"""The problem catalogue: each code has a page in both languages, and each page a code."""

import pytest

from service.routes.problem_pages import kinds
from service.routes.problem_texts import EXPLAINED
from tests.docs.catalogue import CATALOGUE, catalogue

MADE = catalogue()


def test_every_code_is_explained_and_every_explanation_has_a_code() -> None:
    assert EXPLAINED.keys() == kinds().keys()


def test_each_code_has_a_page_in_both_languages_and_nothing_else_is_there() -> None:
    wanted = {f"{code}{suffix}.md" for code in (*kinds(), "README") for suffix in ("", ".zh-CN")}
    assert {path.name for path in CATALOGUE.iterdir()} == wanted == MADE.keys()


@pytest.mark.parametrize("name", sorted(MADE))
def test_a_page_is_what_the_node_says(name: str) -> None:
    assert (CATALOGUE / name).read_text("utf-8") == MADE[name], "make docs"


@pytest.mark.parametrize("code", sorted(EXPLAINED))
def test_the_chinese_page_is_in_chinese(code: str) -> None:
    text = EXPLAINED[code]
    assert text.means not in MADE[f"{code}.zh-CN.md"]
    assert text.do not in MADE[f"{code}.zh-CN.md"]
    assert text.means in MADE[f"{code}.md"]
