"""How a ledger's people are registered: in short transactions, by one of those who ask, and indexed exactly."""

import pytest
from sqlmodel import func, select

from schemas.problems import BeingImported, Unavailable
from service.ledgers import actions, maker_process, registering
from service.ledgers.importing import finish_imports, operator, register_all, take_in
from service.ledgers.tables import LedgerBatch, LedgerImport
from service.registry.people import tokens_of_row
from service.registry.tables import Person, SearchToken

ROWS = 9
HEADER = "姓名,出生日期,户籍地,流入日期,联系电话\n"
LEDGER = HEADER + "".join(f"王强{'一二三四五六七八九'[n]},1990-0{n + 1}-01,青禾县,2026-05,\n" for n in range(ROWS))


class Crash(Exception):
    """The process ended."""


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    """Let nine rows be what hundreds are: batches of two, windows of two batches, few tokens at a time."""
    monkeypatch.setattr(actions, "BATCH_ROWS", 2)
    monkeypatch.setattr(registering, "WINDOW_BATCHES", 2)
    monkeypatch.setattr(registering, "FEWEST_TOKENS", 10)
    monkeypatch.setattr(registering, "MOST_TOKENS", 10)


def rows_in(node, table, *where):
    return node.database.read_sync(lambda s: s.exec(select(func.count()).select_from(table).where(*where)).one())


def indexed_people(node):
    """Say of whom all tokens are there, and whether there are any others."""

    def look(session):
        found = {(bytes(row.token), row.person_id) for row in session.exec(select(SearchToken))}
        people = session.exec(select(Person)).all()
        wanted = {(token, person.id) for person in people for token in tokens_of_row(node, person)}
        return len(people), found == wanted

    return node.database.read_sync(look)


def state_of(node, import_id):
    ledger = node.database.read_sync(lambda session: session.get_one(LedgerImport, import_id))
    return ledger.state, ledger.registered, ledger.duplicate


@pytest.fixture(params=["here", "elsewhere"])
def place(request, monkeypatch):
    """Where people are made ready: in this process, or in one of its own as for long ledgers."""
    if request.param == "elsewhere":
        monkeypatch.setattr(maker_process, "ROWS_OF_ITS_OWN", 0)


def test_others_write_between_two_batches_and_nobody_else_imports_the_same(make_node, make_text):
    committed = []

    def note(name):
        if name == "database.after_commit" and watched:
            committed.append((rows_in(watched[0], Person), rows_in(watched[0], SearchToken)))

    watched = []
    node = make_node(note)
    path, by = make_text(LEDGER), operator(node)
    mine, other = (take_in(node, path, None, by=by) for _ in range(2))
    seen = []

    def meanwhile(_rows):
        seen.append(node.database.write_sync(lambda session: session.exec(select(func.count(Person.id))).one()))
        for again in (mine, other):
            with pytest.raises(BeingImported):
                register_all(node, again, by=by)

    watched.append(node)
    register_all(node, mine, by=by, advance=meanwhile)
    assert seen == [2, 4, 6, 8, 9]
    people, tokens = zip(*committed, strict=True)
    assert max(after - before for before, after in zip((0, *people), people, strict=False)) == 2
    assert max(after - before for before, after in zip((0, *tokens), tokens, strict=False)) <= 10
    assert indexed_people(node) == (ROWS, True)
    register_all(node, other, by=by)
    assert (state_of(node, mine), state_of(node, other)) == (("committed", ROWS, 0), ("committed", 0, ROWS))
    assert indexed_people(node) == (ROWS, True)


@pytest.mark.parametrize("tokens_first", [True, False])
def test_a_crash_leaves_no_token_of_nobody_and_nobody_without_tokens(make_node, make_text, tokens_first):
    armed = []

    def crash(name):
        if armed and name == ("database.before_commit" if tokens_first else "import.batch"):
            armed.append(name)
            if len(armed) == 5:
                raise Crash

    node = make_node(crash)
    path, by = make_text(LEDGER), operator(node)
    import_id = take_in(node, path, None, by=by)
    armed.append("now")
    with pytest.raises((Crash, Unavailable)):
        register_all(node, import_id, by=by)
    armed.clear()
    registered, whole = indexed_people(node)
    assert registered < ROWS
    assert not whole, "tokens are there ahead of their people"
    after = make_node()
    assert finish_imports(after) == 1
    assert state_of(after, import_id) == ("committed", ROWS, 0)
    assert indexed_people(after) == (ROWS, True)


@pytest.mark.usefixtures("place")
def test_who_came_in_since_the_preview_leaves_no_tokens_behind(make_node, make_text, clock):
    node = make_node()
    by = operator(node)
    draft = take_in(node, make_text(LEDGER), None, by=by)
    some = take_in(node, make_text("".join(LEDGER.splitlines(keepends=True)[:4]), name="some.csv"), None, by=by)
    register_all(node, some, by=by)
    clock.advance(hours=3)
    register_all(node, draft, by=by)
    assert state_of(node, draft) == ("committed", ROWS - 3, 3)
    assert indexed_people(node) == (ROWS, True)
    newest = node.database.read_sync(lambda session: session.exec(select(func.max(Person.id))).one())
    began = node.database.read_sync(lambda session: session.get_one(LedgerImport, draft)).started_at
    assert int(newest.replace("-", "")[:12], 16) == int(began.timestamp() * 1000) == int(clock.now().timestamp() * 1000)


def test_an_import_goes_on_without_a_process_that_helps_it(make_node, make_text, monkeypatch):
    node = make_node()
    by = operator(node)
    import_id = take_in(node, make_text(LEDGER), None, by=by)
    monkeypatch.setattr(maker_process, "ROWS_OF_ITS_OWN", 0)
    monkeypatch.setattr(maker_process.sys, "executable", "/bin/false")
    register_all(node, import_id, by=by)
    assert state_of(node, import_id) == ("committed", ROWS, 0)
    assert indexed_people(node) == (ROWS, True)


def test_an_import_goes_on_where_the_process_that_helps_it_is_killed(make_node, make_text, monkeypatch):
    node = make_node()
    by = operator(node)
    import_id = take_in(node, make_text(LEDGER), None, by=by)
    monkeypatch.setattr(maker_process, "ROWS_OF_ITS_OWN", 0)
    started, done = [], []
    popen = maker_process.subprocess.Popen

    def start(*arguments, **options):
        started.append(popen(*arguments, **options))
        return started[-1]

    def kill(rows):
        done.append(rows)
        started[0].kill()
        started[0].wait()

    monkeypatch.setattr(maker_process.subprocess, "Popen", start)
    register_all(node, import_id, by=by, advance=kill)
    assert (len(started), done) == (1, [2, 2, 2, 2, 1])
    assert state_of(node, import_id) == ("committed", ROWS, 0)
    assert indexed_people(node) == (ROWS, True)


@pytest.mark.anyio
async def test_the_second_of_two_commits_is_told_so(client, app):
    node = app.state.node
    sent = {"files": {"file": ("a.csv", LEDGER.encode())}, "data": {"dry_run": "true"}}
    first, second = [(await client.post("/api/v1/ledgers", **sent)).json()["id"] for _ in range(2)]
    # As another process leaves it that is in the middle of it, or that was cut off there.
    area = node.database.read_sync(lambda session: session.get_one(LedgerImport, first)).area
    by = operator(node, area)
    node.database.write_sync(lambda session: actions.start_commit(session, node, first, by=by))
    refused = await client.post(f"/api/v1/ledgers/{second}/commit")
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/being_imported")
    assert rows_in(node, LedgerBatch, LedgerBatch.done) == 0
    for import_id, registered in ((first, ROWS), (second, 0)):
        done = (await client.post(f"/api/v1/ledgers/{import_id}/commit")).json()
        assert (done["state"], done["registered"]) == ("committed", registered)
