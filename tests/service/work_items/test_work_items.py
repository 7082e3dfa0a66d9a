"""Officers' tasks: opened once, taken, handed over, closed."""

import pytest

from schemas.calendar import Deadline
from schemas.problems import InvalidInput, NotFound, WrongState
from service.officers.rules import Officer, Role
from service.work_items.actions import assign_item, close_items, open_item
from service.work_items.queries import work_items_by_due_day, work_items_page
from tests.service.conftest import add_account


@pytest.fixture
def colleague(node, password_hash) -> Officer:
    return add_account(node, password_hash, "李伟", frozenset({Role.CLERK}), area="790303001")


def opened(node, kind="answer_request", about="case-1", **changes) -> str:
    return node.database.write_sync(lambda session: open_item(session, node, kind, about, **changes).id)


def listed(node, by, **changes) -> list[str]:
    return node.database.read_sync(lambda session: [i.about for i in work_items_page(session, by=by, **changes).items])


def test_a_task_is_opened_once(node, officer):
    first = opened(node)
    assert opened(node) == first
    assert opened(node, kind="request_unanswered") != first
    assert len(listed(node, officer)) == 2


def test_a_task_is_closed_with_what_it_is_about(node, officer):
    opened(node)
    opened(node, kind="request_unanswered")
    opened(node, about="case-2")
    assert node.database.write_sync(lambda session: close_items(session, node, "case-1")) == 2
    assert listed(node, officer) == ["case-2"]
    assert len(listed(node, officer, state="done")) == 2
    assert node.database.write_sync(lambda session: close_items(session, node, "case-1")) == 0


def test_a_task_is_taken_handed_over_and_put_back(node, officer, colleague):
    item = opened(node, area="790303001")
    for to, mine, theirs in (("王芳", 1, 0), ("李伟", 0, 1), (None, 0, 0)):
        node.database.write_sync(lambda session, who=to: assign_item(session, item, to=who, by=officer))
        assert len(listed(node, officer, mine=True)) == mine
        assert len(listed(node, colleague, mine=True)) == theirs
    assert len(listed(node, officer, mine=False)) == 1


def test_a_task_goes_only_to_who_may_take_it(node, officer, colleague):
    item = opened(node)
    with pytest.raises(InvalidInput):
        node.database.write_sync(lambda session: assign_item(session, item, to="李伟", by=officer))
    with pytest.raises(InvalidInput):
        node.database.write_sync(lambda session: assign_item(session, item, to="无人", by=officer))
    with pytest.raises(NotFound):
        node.database.write_sync(lambda session: assign_item(session, item, to="李伟", by=colleague))
    node.database.write_sync(lambda session: close_items(session, node, "case-1"))
    with pytest.raises(WrongState):
        node.database.write_sync(lambda session: assign_item(session, item, to=None, by=officer))


def test_townships_see_their_own_tasks(node, officer, colleague):
    opened(node)
    opened(node, about="pair-1", kind="duplicate", area="790303001")
    opened(node, about="pair-2", kind="duplicate", area="790303002")
    assert sorted(listed(node, officer)) == ["case-1", "pair-1", "pair-2"]
    assert listed(node, colleague) == ["pair-1"]


def test_the_start_page_has_them_by_due_day(node, officer):
    today = node.today()
    opened(node, about="c", due=Deadline(today.replace(day=30), provisional=True))
    opened(node, about="a")
    opened(node, about="b", due=today.replace(day=20))
    found = node.database.read_sync(
        lambda session: [
            (item.about, item.due_provisional) for item in work_items_by_due_day(session, by=officer, mine=False)
        ]
    )
    assert found == [("b", False), ("c", True), ("a", False)]


async def test_tasks_through_the_api(client, app, officer):
    node = app.state.node
    item = node.database.write_sync(lambda session: open_item(session, node, "duplicate", "pair-1").id)
    page = (await client.get("/api/v1/work-items", params={"whose": "pool"})).json()
    assert [(one["id"], one["kind"], one["about"], one["state"]) for one in page["items"]] == [
        (item, "duplicate", "pair-1", "open")
    ]
    taken = await client.post(f"/api/v1/work-items/{item}/assign", json={"assignee": officer.name})
    assert taken.json()["assignee"] == officer.name
    mine = (await client.get("/api/v1/work-items", params={"whose": "mine"})).json()
    assert len(mine["items"]) == 1
    assert (await client.get("/api/v1/work-items", params={"kind": "overdue_people"})).status_code == 422
    assert (await client.post("/api/v1/work-items/nothing/assign", json={})).status_code == 404
