"""What leaves as a workbook comes in again: rows handed back and corrected, and a whole export at another node."""

import io

import openpyxl
import pytest

from service.ledgers.files.fields import LedgerKind
from service.ledgers.files.reader_process import LedgerReader
from service.ledgers.importing import register_all, take_in
from service.ledgers.judging.checking import check_rows
from service.ledgers.out.export import make_file
from service.ledgers.out.exporting import ExportColumn, ExportWish
from service.ledgers.queries import ledger_view
from service.ledgers.report import workbook
from service.registry.tables import Arrival
from service.web.languages import Languages
from tests.service.ledgers.conftest import TODAY
from tests.service.ledgers.test_import import rows_in

NUMBERS = ("790202196807145976", "79010119660208600X", "790202197103201006", "790202198111225897")
HEAD = "姓名,身份证号码,户籍地,现住址,流入日期,联系电话,电子邮箱,备注"
LEDGER = f"""{HEAD}
吴强华,{NUMBERS[0]},云台县杨柳乡,'=1+1,2025-02-08,+1 415 555 2671,,x
诺布．卓玛,{NUMBERS[1]},青禾县,＝2+2,2026-08,13830166131,a@example.org,x
=HYPERLINK(1),{NUMBERS[2]},云台县,5村,2026-02-30,13830166131,,x
同上,{NUMBERS[3]},外省,5村,2025-03-04,无,,x
"""
GIVEN = {NUMBERS[2]: {"moved": "2026-02-03"}, NUMBERS[3]: {"name": "邵丽", "place": "云台县"}}
KEPT = [
    ("=HYPERLINK(1)", NUMBERS[2], "790202", "2026-02-03"),
    ("吴强华", NUMBERS[0], "790202201", "2025-02-08"),
    ("诺布．卓玛", NUMBERS[1], "790101", "2026-08"),
    ("邵丽", NUMBERS[3], "790202", "2025-03-04"),
]


def view_of(node, import_id, officer):
    return node.database.read_sync(lambda session: ledger_view(session, node, import_id, by=officer))


def handed_back(node, import_id, officer, language):
    view = view_of(node, import_id, officer)
    translator = Languages().translator(language)
    return openpyxl.load_workbook(
        io.BytesIO(workbook(view.rows, view.kind, [one.field for one in view.kept], view.dropped, translator))
    )


def bring_in(node, content, officer):
    import_id = take_in(node, content, None, by=officer)
    register_all(node, import_id, by=officer)
    view = view_of(node, import_id, officer)
    return import_id, {outcome: count for outcome, count in view.counts.items() if count}, view.registered


def exported(node, officer, file_type, language, *, full):
    names = ("name", "document_type", "document_number", "region", "moved_on", "address", "phone", "state", "area")
    columns = tuple(ExportColumn(name) for name in names)
    wish = ExportWish(LedgerKind.ARRIVALS, columns, "task", file_type=file_type, full=full)
    content, count = make_file(node, wish, by=officer, translator=Languages().translator(language))
    assert count == len(KEPT)
    return content


def checked(content, divisions):
    with LedgerReader(content) as reader:
        assert reader.kind is LedgerKind.ARRIVALS
        return list(check_rows(reader.rows, reader.kind, today=TODAY, divisions=divisions))


@pytest.mark.by_turns
def test_corrected_rows_come_in_alone_and_an_export_comes_in_elsewhere(node, officer, divisions):
    first, counts, registered = bring_in(node, LEDGER.encode(), officer)
    assert (counts, registered) == ({"ok": 2, "error": 2}, 2)
    for language in ("en", "zh-CN"):
        book = handed_back(node, first, officer, language)
        lines = list(book.worksheets[0].iter_rows(values_only=True))
        assert lines[0][-2:] == ("结果 Outcome", "原因 Reason")
        assert lines[1][-1] == "日期缺失或不存在。\nA date of the row is missing or does not exist."
        assert "备注" not in str(lines)
    sheet = book.worksheets[0]
    places = {str(cell.value).split(" ")[0]: cell.column for cell in sheet[1]}
    for row in range(2, sheet.max_row + 1):
        given = GIVEN[sheet.cell(row, places["证件号码"]).value]
        for header, name in (("流入日期", "moved"), ("姓名", "name"), ("户籍地", "place")):
            if name in given:
                sheet.cell(row, places[header]).value = given[name]
    content = io.BytesIO()
    book.save(content)
    assert bring_in(node, content.getvalue(), officer)[1:] == ({"ok": 2}, 2)
    assert bring_in(node, content.getvalue(), officer)[1:] == ({"duplicate": 2}, 0)
    assert bring_in(node, LEDGER.encode(), officer)[1:] == ({"duplicate": 2, "error": 2}, 0)
    assert rows_in(node, Arrival) == len(KEPT)

    for file_type, language in (("xlsx", "zh-CN"), ("csv", "en")):
        candidates = [
            row.verdict.candidate for row in checked(exported(node, officer, file_type, language, full=True), divisions)
        ]
        found = [(one.identity.name, one.identity.document_number, one.region, one.moved_on) for one in candidates]
        assert sorted(found) == KEPT
        assert {one.address for one in candidates} == {"=1+1", "＝2+2", "5村"}
        assert {one.phone for one in candidates} == {"+14155552671", "13830166131", None}
    # Hidden numbers are nobody's.
    hidden = checked(exported(node, officer, "csv", "zh-CN", full=False), divisions)
    assert {str(row.verdict.outcome) for row in hidden} == {"error"}
