"""Officers' tasks: opened once, taken by one, handed over, closed, and put back from whoever is away."""

from datetime import timedelta

import pytest

from schemas.calendar import Deadline
from schemas.problems import Conflict, InvalidInput, NotFound, WrongState
from service.officers.actions import disable_officer
from service.officers.administration import change_officer
from service.officers.rules import Officer, Role
from service.work_items.actions import (
    close_items,
    finish_item,
    hand_over,
    hide_items,
    open_item,
    reopen_item,
    take_item,
)
from service.work_items.away import come_back, go_away
from service.work_items.queries import colleagues, counts_by_kind, work_items_by_due_day, work_items_page
from service.work_items.tables import WorkItem
from tests.service.conftest import add_account, connect, sign_in_as

CLERK = frozenset({Role.CLERK})


@pytest.fixture
def colleague(node, password_hash) -> Officer:
    return add_account(node, password_hash, "李伟", CLERK, area="790303001")


def opened(node, kind="answer_request", about="case-1", **changes) -> str:
    return node.database.write_sync(lambda session: open_item(session, node, kind, about, **changes).id)


def listed(node, by, **changes) -> list[str]:
    return node.database.read_sync(lambda session: [i.about for i in work_items_page(session, by=by, **changes).items])


def does(node, fn, item, *args, **changes):
    """Run one action on a task; those without a node take none."""
    return node.database.write_sync(lambda session: fn(session, *args, item, **changes))


def test_a_task_is_opened_once_and_closed_with_what_it_is_about(node, officer):
    first = opened(node)
    assert opened(node) == first
    assert opened(node, kind="request_unanswered") != first
    opened(node, about="case-2")
    assert len(listed(node, officer)) == 3
    assert node.database.write_sync(lambda session: close_items(session, node, "case-1")) == 2
    assert listed(node, officer) == ["case-2"]
    assert len(listed(node, officer, state="done")) == 2
    assert node.database.write_sync(lambda session: close_items(session, node, "case-1")) == 0


def test_two_officers_who_take_one_task_and_the_second_is_told_who_has_it(node, officer, colleague, clock):
    item = opened(node, kind="persons_request", area="790303001")
    does(node, take_item, item, by=colleague)
    does(node, take_item, item, by=colleague)
    with pytest.raises(Conflict) as told:
        does(node, take_item, item, by=officer)
    assert told.value.facts == {"assignee": "李伟"}
    assert told.value.detail == "李伟 has this task already."
    # A colleague's task is nobody else's to hand over or to call done, but for a supervisor.
    other = add_account(node, "", "赵敏", CLERK, area="790303001")
    for act in (finish_item, hand_over):
        with pytest.raises(Conflict):
            does(node, act, item, node, by=other, **({"to": None} if act is hand_over else {}))
    does(node, hand_over, item, node, to="赵敏", by=officer)
    assert listed(node, other, mine=True) == [item_about(node, item)]
    does(node, finish_item, item, node, by=other)
    assert listed(node, other, mine=True) == []
    with pytest.raises(WrongState):
        does(node, finish_item, item, node, by=other)
    with pytest.raises(WrongState):
        does(node, reopen_item, item, node, by=officer)
    assert does(node, reopen_item, item, node, by=other).assignee == "赵敏"
    does(node, finish_item, item, node, by=other)
    clock.advance(minutes=11)
    with pytest.raises(WrongState):
        does(node, reopen_item, item, node, by=other)


def item_about(node, item_id: str) -> str:
    return node.database.read_sync(lambda session: session.get_one(WorkItem, item_id).about)


def test_a_task_goes_only_to_who_may_take_it(node, officer, colleague):
    item = opened(node)
    for name in ("李伟", "无人"):
        with pytest.raises(InvalidInput):
            does(node, hand_over, item, node, to=name, by=officer)
    for act, more in ((take_item, ()), (finish_item, (node,))):
        with pytest.raises(NotFound):
            does(node, act, item, *more, by=colleague)
    with pytest.raises(WrongState, match="closes by itself"):
        does(node, finish_item, item, node, by=officer)
    node.database.write_sync(lambda session: close_items(session, node, "case-1"))
    with pytest.raises(WrongState):
        does(node, hand_over, item, node, to=None, by=officer)
    with pytest.raises(WrongState):
        does(node, take_item, item, by=officer)


def test_another_officer_than_the_one_concerned_and_supervisors_for_what_is_hidden(node, officer, colleague):
    item = opened(node, kind="persons_request", about="person-1", area="790303001", not_for="李伟")
    assert listed(node, colleague) == ["person-1"], "it is seen, so that nothing is forgotten"
    for act, more in ((take_item, ()), (finish_item, (node,))):
        with pytest.raises(WrongState, match="concerns yourself"):
            does(node, act, item, *more, by=colleague)
    with pytest.raises(InvalidInput):
        does(node, hand_over, item, node, to="李伟", by=officer)
    node.database.write_sync(lambda session: hide_items(session, "person-1"))
    assert listed(node, colleague) == []
    assert listed(node, officer) == ["person-1"]
    with pytest.raises(NotFound):
        does(node, take_item, item, by=colleague)


def test_whoever_is_away_or_shut_out_has_no_task(node, officer, colleague):
    item = opened(node, area="790303001")
    other = opened(node, about="case-2", area="790303001")
    for one in (item, other):
        does(node, take_item, one, by=colleague)
    today = node.today()
    for wrong in (today - timedelta(days=1), today + timedelta(days=400)):
        with pytest.raises(InvalidInput):
            node.database.write_sync(lambda session, day=wrong: go_away(session, node, day, by=colleague))
    assert node.database.write_sync(lambda session: go_away(session, node, today, by=colleague)) == 2
    assert len(listed(node, colleague, mine=False)) == 2
    with pytest.raises(InvalidInput):
        does(node, hand_over, item, node, to="李伟", by=officer)
    assert node.database.read_sync(lambda session: colleagues(session, node, by=officer)) == []
    node.database.write_sync(lambda session: come_back(session, by=colleague))
    assert node.database.read_sync(lambda session: colleagues(session, node, by=officer)) == ["李伟"]
    does(node, hand_over, item, node, to="李伟", by=officer)
    # Whoever is no supervisor any more does not see what is for supervisors alone: it must be on somebody's list.
    other_supervisor = add_account(node, "", "周岚", frozenset({Role.CLERK, Role.SUPERVISOR}), area="790303001")
    secret = opened(node, kind="persons_request", about="person-9", area="790303001", for_supervisor=True)
    does(node, take_item, secret, by=other_supervisor)
    assert listed(node, officer, mine=False) == ["case-2"]
    node.database.write_sync(lambda s: change_officer(s, node, "周岚", roles=["clerk"], by=officer))
    assert sorted(listed(node, officer, mine=False)) == ["case-2", "person-9"]
    does(node, take_item, secret, by=officer)
    node.database.write_sync(lambda session: disable_officer(session, node, "李伟"))
    assert sorted(listed(node, officer, mine=False)) == ["case-1", "case-2"]


def test_townships_see_and_count_their_own_tasks_by_due_day(node, officer, colleague):
    today = node.today()
    opened(node, about="c", due=Deadline(today.replace(day=30), provisional=True))
    opened(node, about="a", kind="duplicate", area="790303001")
    opened(node, about="b", kind="duplicate", area="790303002", due=today.replace(day=20))
    found = node.database.read_sync(
        lambda session: [
            (item.about, item.due_provisional) for item in work_items_by_due_day(session, by=officer, mine=False)
        ]
    )
    assert found == [("b", False), ("c", True), ("a", False)]
    assert listed(node, colleague) == ["a"]

    def counts(by):
        found = node.database.read_sync(lambda session: counts_by_kind(session, by=by))
        return [(one.kind, one.mine, one.pool) for one in found]

    assert counts(officer) == [("answer_request", 0, 1), ("duplicate", 0, 2)]
    assert counts(colleague) == [("duplicate", 0, 1)]
    administrator = add_account(node, "", "管理员", frozenset({Role.ADMINISTRATOR}))
    assert counts(administrator) == []
    assert listed(node, administrator) == []


async def test_tasks_through_the_api(client, app, officer, password_hash, clock):
    node = app.state.node
    item = node.database.write_sync(
        lambda session: open_item(session, node, "request_unanswered", "case-1", peer="790101").id
    )
    page = (await client.get("/api/v1/work-items", params={"whose": "pool"})).json()
    assert [(one["id"], one["kind"], one["about"], one["peer"], one["state"]) for one in page["items"]] == [
        (item, "request_unanswered", "case-1", "790101", "open")
    ]
    second = add_account(node, password_hash, "李伟", CLERK)
    async with connect(app, sign_in_as(node, second)) as theirs:
        assert (await theirs.post(f"/api/v1/work-items/{item}/take")).json()["assignee"] == "李伟"
        refused = await client.post(f"/api/v1/work-items/{item}/take")
        assert (refused.status_code, refused.json()["assignee"]) == (409, "李伟")
        assert "李伟" in refused.json()["detail"]
        handed = await theirs.post(f"/api/v1/work-items/{item}/hand-over", json={"to": officer.name})
        assert handed.json()["assignee"] == officer.name
        # Whoever handed it over takes it back, once, while it lies as it was left and ten minutes have not gone by.
        undo = f"/api/v1/work-items/{item}/undo"
        assert (await client.post(undo)).status_code == 409
        assert (await theirs.post(undo)).json()["assignee"] == "李伟"
        assert (await theirs.post(undo)).status_code == 409
        for to in (None, officer.name):
            await theirs.post(f"/api/v1/work-items/{item}/hand-over", json={"to": to})
            await client.post(f"/api/v1/work-items/{item}/take")
            if to is None:
                assert (await theirs.post(undo)).json()["assignee"] == officer.name
                await client.post(f"/api/v1/work-items/{item}/hand-over", json={"to": "李伟"})
        clock.advance(minutes=11)
        theirs.headers["Authorization"] = f"Bearer {sign_in_as(node, second)}"
        client.headers["Authorization"] = f"Bearer {sign_in_as(node, officer)}"
        assert (await theirs.post(undo)).status_code == 409
        assert (await theirs.post(f"/api/v1/work-items/{item}/done")).status_code == 409
    mine = (await client.get("/api/v1/work-items", params={"assignee": officer.name})).json()
    assert len(mine["items"]) == 1
    counted = (await client.get("/api/v1/work-items/counts")).json()
    assert counted == {"items": [{"kind": "request_unanswered", "mine": 1, "pool": 0}]}
    assert (await client.post(f"/api/v1/work-items/{item}/done")).json()["done_by"] == officer.name
    assert (await client.post(f"/api/v1/work-items/{item}/done")).status_code == 409
    assert (await client.post(f"/api/v1/work-items/{item}/undo")).json()["state"] == "open"
    refused = await client.post(f"/api/v1/work-items/{item}/hand-over", json={"to": "李伟", "reason": "…"})
    assert refused.status_code == 422, "there is no room for a remark"
    assert (await client.get("/api/v1/work-items", params={"kind": "overdue_people"})).status_code == 422
    for act in ("take", "hand-over", "done", "undo"):
        assert (await client.post(f"/api/v1/work-items/nothing/{act}", json={})).status_code == 404
