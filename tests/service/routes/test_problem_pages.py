"""What a problem's `type` leads to: a public page in the reader's language."""

from schemas import problems
from schemas.problems import problem_document
from service.routes.problem_pages import kinds
from tests.service.conftest import connect


async def test_the_type_of_each_problem_leads_to_its_page_in_both_languages(app):
    english = {"accept": "text/html", "cookie": "tonglu_language=en"}
    async with connect(app) as browser:
        for code, errors in kinds().items():
            address = problem_document(errors[0]())["type"]
            pages = [await browser.get(address, headers=headers) for headers in ({"accept": "text/html"}, english)]
            assert [page.status_code for page in pages] == [200, 200], code
            assert "怎么办" in pages[0].text
            assert "What to do" in pages[1].text
            assert all(code in page.text and "%(" not in page.text for page in pages)


async def test_an_unknown_problem_is_not_found_and_all_are_listed(app):
    async with connect(app) as browser:
        assert (await browser.get("/problems/nothing", headers={"accept": "text/html"})).status_code == 404
        listed = await browser.get("/problems", headers={"accept": "text/html"})
    assert listed.status_code == 200
    assert all(f"/problems/{code}" in listed.text for code in kinds())
    assert f"/problems/{problems.ClockSkew.code}" in listed.text
