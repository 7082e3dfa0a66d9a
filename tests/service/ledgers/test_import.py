"""A ledger into the register: previewed, registered once, resumed, undone, purged; on both databases."""

import json
import sqlite3
from pathlib import Path

import pytest
from sqlmodel import func, select

from schemas.problems import Forbidden, LedgerUnreadable, NotFound, WrongState
from service.access_log import AccessLogEntry, entries_of_person
from service.ledgers import actions
from service.ledgers.files.fields import LedgerKind
from service.ledgers.importing import finish_imports, hash_of, operator, register_all, take_in, unfinished_import
from service.ledgers.judging.rules import Outcome
from service.ledgers.queries import ledger_view, ledgers_page
from service.ledgers.report import workbook
from service.ledgers.tables import LedgerBatch, LedgerImport
from service.ledgers.undoing import undo_all
from service.officers.rules import Officer, Role
from service.registry.tables import Arrival, Departure, Person, SearchToken
from service.web.languages import Languages
from service.work_items.tables import WorkItem

VECTORS = Path(__file__).parents[2] / "vectors" / "ledgers"
TRUTH = json.loads((VECTORS / "truth.json").read_text("utf-8"))
SAMPLES = ("arrivals-township.xlsx", "arrivals-plain.csv", "departures-county.csv")
COUNTS = {"ok": 262, "warning": 15, "error": 10, "duplicate": 13}
REGISTERED = 277


class Crash(Exception):
    """The process ended."""


def rows_in(node, table, *where):
    return node.database.read_sync(lambda s: s.exec(select(func.count()).select_from(table).where(*where)).one())


def view_of(node, import_id, by):
    return node.database.read_sync(lambda session: ledger_view(session, node, import_id, by=by))


def bring_in(node, source, by, kind=None):
    import_id = take_in(node, source, kind, by=by)
    register_all(node, import_id, by=by)
    return import_id


def codes_of(view):
    return [(row.number, str(row.outcome), [str(code) for code in row.codes]) for row in view.rows]


def truth_of(truth):
    outcome, _, code = truth["expect"].partition(":")
    if outcome == "duplicate_in_file":
        return truth["row"], "duplicate", ["duplicate_in_file"]
    return truth["row"], {"warn": "warning"}.get(outcome, outcome), [code] if code else []


@pytest.mark.parametrize("name", SAMPLES)
def test_a_preview_and_an_import_come_to_the_truth(node, officer, name):
    import_id = take_in(node, VECTORS / name, None, by=officer)
    preview = view_of(node, import_id, officer)
    assert (preview.state, preview.counts, rows_in(node, Person)) == ("checked", COUNTS, 0)
    assert codes_of(preview) == [truth_of(truth) for truth in TRUTH]
    register_all(node, import_id, by=officer)
    done = view_of(node, import_id, officer)
    assert (done.state, done.counts, done.registered) == ("committed", COUNTS, REGISTERED)
    assert codes_of(done) == codes_of(preview)
    move, other = (Arrival, Departure) if done.kind is LedgerKind.ARRIVALS else (Departure, Arrival)
    assert rows_in(node, Person) == REGISTERED
    assert rows_in(node, move, move.state == "to_be_told", move.source_ledger == import_id) == REGISTERED
    assert rows_in(node, other) == 0


def test_importing_the_same_ledger_again_doubles_nobody(node, officer):
    bring_in(node, VECTORS / "departures-county.csv", officer)
    again = view_of(node, bring_in(node, VECTORS / "departures-county.csv", officer), officer)
    assert again.counts == {"ok": 0, "warning": 0, "error": 10, "duplicate": 290}
    assert (again.registered, rows_in(node, Person), rows_in(node, Departure)) == (0, REGISTERED, REGISTERED)


@pytest.mark.by_turns
@pytest.mark.parametrize("names", [SAMPLES[:2], SAMPLES[1::-1]])
def test_the_same_people_in_another_shape_are_already_registered(node, officer, names):
    bring_in(node, VECTORS / names[0], officer)
    rows = view_of(node, take_in(node, VECTORS / names[1], None, by=officer), officer).rows
    # Who has no document, too, whichever file has the date of birth and whichever the township of origin.
    assert [row.number for row in rows if row.outcome in (Outcome.OK, Outcome.WARNING)] == []


def test_another_telephone_or_date_of_birth_makes_somebody_else(node, officer, make_text):
    head = "姓名,出生日期,户籍地,流入日期,电话"
    first = [
        "甲一,,云台县,2025-01-01,13800000001",
        "甲二,1990-01-01,云台县,2025-01-01,13800000002",
        "甲三,,云台县,2025-01-01,",
    ]
    other = [
        "甲一,1990-01-01,云台县,2025-01-01,13800000009",
        "甲一,1990-01-02,云台县,2025-01-02,13800000001",
        "甲二,1990-01-02,云台县,2025-01-01,13800000002",
        "甲三,,云台县东坪镇,2025-01-01,",
    ]
    bring_in(node, make_text("\n".join([head, *first])), officer)
    view = view_of(node, take_in(node, make_text("\n".join([head, *other])), None, by=officer), officer)
    assert view.counts["duplicate"] == 0


def test_a_commit_may_be_asked_again_and_an_undo_only_once(node, officer):
    import_id = bring_in(node, VECTORS / "arrivals-plain.csv", officer)
    register_all(node, import_id, by=officer)
    assert rows_in(node, Person) == REGISTERED
    undone = undo_all(node, import_id, by=officer)
    assert (undone.undone, undone.kept) == (REGISTERED, 0)
    assert rows_in(node, Person, Person.state == "active") == 0
    assert view_of(node, import_id, officer).state == "undone"
    for again in (
        lambda: undo_all(node, import_id, by=officer),
        lambda: register_all(node, import_id, by=officer),
    ):
        with pytest.raises(WrongState):
            again()
    bring_in(node, VECTORS / "arrivals-plain.csv", officer)
    assert rows_in(node, Person, Person.state == "active") == REGISTERED


def test_an_import_that_crashed_goes_on_and_doubles_nobody(make_node):
    passed = []

    def crash_at_the_second(name):
        passed.append(name)
        if passed.count("import.batch") == 2:
            raise Crash

    node = make_node(crash_at_the_second)
    officer = operator(node)
    path = VECTORS / "arrivals-township.xlsx"
    import_id = take_in(node, path, None, by=officer)
    with pytest.raises(Crash):
        register_all(node, import_id, by=officer)
    assert passed.count("import.batch") == 2
    after = make_node()
    assert 0 < rows_in(after, Person) < REGISTERED
    found = after.database.read_sync(
        lambda session: unfinished_import(session, after, hash_of(path), LedgerKind.ARRIVALS)
    )
    assert found is not None
    assert found.id == import_id
    assert finish_imports(after) == 1
    done = view_of(after, import_id, officer)
    assert (done.state, done.counts, rows_in(after, Person)) == ("committed", COUNTS, REGISTERED)
    assert finish_imports(after) == 0


def test_what_was_registered_since_the_preview_is_a_duplicate_at_the_commit(node, officer):
    first = take_in(node, VECTORS / "arrivals-plain.csv", None, by=officer)
    second = take_in(node, VECTORS / "arrivals-plain.csv", None, by=officer)
    register_all(node, first, by=officer)
    register_all(node, second, by=officer)
    assert view_of(node, second, officer).counts["duplicate"] == 290
    assert rows_in(node, Person) == REGISTERED


def test_an_upload_is_gone_after_a_day_and_an_import_keeps_its_counts(node, officer, clock):
    draft = take_in(node, VECTORS / "arrivals-plain.csv", None, by=officer)
    kept = bring_in(node, VECTORS / "departures-county.csv", officer)
    clock.advance(hours=23)
    assert node.database.write_sync(lambda session: actions.purge_uploads(session, node)) == 0
    clock.advance(hours=2)
    with pytest.raises(NotFound):
        view_of(node, draft, officer)
    assert node.database.write_sync(lambda session: actions.purge_uploads(session, node)) == 2
    assert rows_in(node, LedgerBatch) == 0
    assert rows_in(node, LedgerImport) == 1
    view = view_of(node, kept, officer)
    assert (view.counts, view.rows, view.dropped) == (COUNTS, (), ())


def test_other_areas_administrators_and_auditors_see_no_import(node, officer, elsewhere):
    import_id = take_in(node, VECTORS / "arrivals-plain.csv", None, by=officer)
    office = Officer("3", "office", frozenset({Role.ADMINISTRATOR, Role.AUDITOR}), "790303", "zh-CN")
    for stranger in (elsewhere, office):
        with pytest.raises(NotFound):
            view_of(node, import_id, stranger)
        page = node.database.read_sync(lambda session, by=stranger: ledgers_page(session, node, by=by))
        assert page.items == []
    with pytest.raises(Forbidden):
        take_in(node, VECTORS / "arrivals-plain.csv", None, by=office)
    mine = node.database.read_sync(lambda session: ledgers_page(session, node, by=officer))
    assert [item.id for item in mine.items] == [import_id]


def test_people_come_into_the_area_of_the_officer_who_uploaded(node, officer, elsewhere):
    import_id = take_in(node, VECTORS / "arrivals-plain.csv", None, by=elsewhere)
    register_all(node, import_id, by=officer)
    assert rows_in(node, Person, Person.area == elsewhere.area) == REGISTERED


def test_who_is_told_to_be_registered_finds_it_in_their_log(node, officer, clock):
    bring_in(node, VECTORS / "arrivals-plain.csv", officer)
    clock.advance(minutes=1)
    person = node.database.read_sync(lambda session: session.exec(select(Person).limit(1)).one())
    take_in(node, VECTORS / "arrivals-plain.csv", None, by=officer)
    said = node.database.read_sync(lambda session: entries_of_person(session, node, person))
    assert [entry.action for entry in said] == ["person.compared", "arrival.imported"]


def test_each_person_has_a_log_entry_and_the_import_its_own(node, officer):
    bring_in(node, VECTORS / "arrivals-plain.csv", officer)
    assert rows_in(node, AccessLogEntry, AccessLogEntry.action == "person") >= REGISTERED
    for action in ("ledger.uploaded", "ledger.committed"):
        assert rows_in(node, AccessLogEntry, AccessLogEntry.action == action) == 1


def test_rows_that_were_refused_are_a_task_until_the_import_is_undone(node, officer):
    import_id = bring_in(node, VECTORS / "arrivals-plain.csv", officer)
    assert rows_in(node, WorkItem, WorkItem.kind == "import_rows", WorkItem.about == import_id) == 1
    undo_all(node, import_id, by=officer)
    assert rows_in(node, WorkItem, WorkItem.state == "open") == 0


def test_a_file_that_breaks_off_leaves_nothing(node, officer):
    broken = (VECTORS / "departures-county.csv").read_bytes()[:9000] + b"," * 5000 + b"\n"
    with pytest.raises(LedgerUnreadable):
        take_in(node, broken, None, by=officer)
    assert rows_in(node, LedgerImport) == rows_in(node, LedgerBatch) == rows_in(node, SearchToken) == 0


def test_a_report_that_was_corrected_can_be_imported(node, officer, tmp_path):
    view = view_of(node, bring_in(node, VECTORS / "arrivals-township.xlsx", officer), officer)
    for language in ("zh-CN", "en"):
        content = workbook(
            view.rows, view.kind, [column.field for column in view.kept], view.dropped, Languages().translator(language)
        )
        again = view_of(node, take_in(node, content, None, by=operator(node)), officer)
        errors = [row for row in again.rows if row.outcome is Outcome.ERROR]
        assert sorted(code for row in errors for code in row.codes) == sorted(
            truth["expect"].removeprefix("error:") for truth in TRUTH if truth["expect"].startswith("error:")
        )
        # People who are registered stand in the file with hidden numbers, and are passed over.
        assert len(errors) == len(again.rows)


@pytest.mark.one_database("sqlite", "looks into SQLite's own file")
def test_rows_of_an_upload_lie_sealed(node, officer):
    take_in(node, VECTORS / "arrivals-township.xlsx", None, by=officer)
    path = Path(node.settings.database.removeprefix("sqlite:///"))
    node.database.close()
    content = path.read_bytes() + b"".join(part.read_bytes() for part in path.parent.glob(path.name + "-*"))
    for text in ("吴强华", "790202196807145976", "13830166131", "临港街道5村21号", "婚姻状况", "户籍地"):
        assert text.encode() not in content
        assert json.dumps(text).strip('"').encode() not in content
    assert sqlite3.connect(path).execute("select count(*) from ledger_batch").fetchone() == (2,)
