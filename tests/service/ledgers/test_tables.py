"""Tables on a sheet: two beside each other, one below the other, a date over three columns, formulas that failed."""

import xlsxwriter

from service.ledgers.files.columns import find_layout
from service.ledgers.files.fields import Field, LedgerKind
from tests.service.ledgers.test_shapes import NUMBERS, OTHER, PERSON, WIDE, outcomes


def test_a_date_may_be_spread_over_columns_for_year_month_and_day(make_workbook, judged):
    head = [["姓名", "身份证号", "户籍地", "流入时间", None, None, "出生年", "出生月"], [*[None] * 3, "年", "月", "日"]]
    lines = [
        ["甲一", NUMBERS[0], "云台县", 2025, 3, 1],
        ["甲二", NUMBERS[1], "云台县", "2025年", "03", None],
        ["甲三", None, "云台县", 2025, 3, 31, 1990, 2],
        ["甲四", None, "云台县", None, None, None],
        ["甲五", None, "云台县", 2025, None, 3],
        ["甲六", None, "云台县", 25, 3, 1],
    ]
    rows = judged(make_workbook([*head, *lines], merges=["D1:F1"]))
    found = [row.verdict.candidate and row.verdict.candidate.moved_on for row in rows]
    assert found == ["2025-03-01", "2025-03", "2025-03-31", None, None, None]
    assert [codes for _, codes in outcomes(rows)][3:] == [["date"], ["date"], ["ambiguous"]]
    # A day of no year is no date, and a whole date is worth more than its parts.
    assert find_layout([["姓名", "户籍地", "流入日"]], [], LedgerKind.ARRIVALS).missing == (Field.MOVED_ON,)
    whole = find_layout([["姓名", "户籍地", "流入年", "流入月", "流入时间"]], [], LedgerKind.ARRIVALS)
    assert whole.columns[Field.MOVED_ON] == (4,)


def test_a_sheet_printed_in_two_halves_is_read_whole(make_workbook, judged):
    lines = [[1, *PERSON, None, 3, "史华", NUMBERS[2], "云台县", "2024-04-15", "13909378657"], [2, *OTHER], ["合计", 3]]
    path = make_workbook([["序号", *WIDE, None, "序号", *WIDE], *lines])
    assert [row.raw.name for row in judged(path)] == ["吴强华", "史华", "龙敏涵"]
    assert outcomes(judged(path)) == [("ok", [])] * 3
    # Some of the columns once more are somebody else's.
    path = make_workbook([[*WIDE, *WIDE[:2]], [*PERSON, "某某", NUMBERS[1]]])
    assert [row.raw.name for row in judged(path)] == ["吴强华"]


def test_another_table_below_the_first_is_read_by_its_own_header_or_handed_back(make_workbook, judged):
    turned = [
        ["手机", "来此日期", "姓名", "户籍所在地", "公民身份号码"],
        [OTHER[4], OTHER[3], OTHER[0], "青禾县", NUMBERS[1]],
    ]
    again = [["姓 名", *WIDE[1:]], ["史华", NUMBERS[2], "云台县", "2024-04-15", None]]
    left = [["姓名", "身份证号", "流入地", "流出时间"], ["白晨", "790202197511209154", "澜江市", "2024-03-27"]]
    lines = [WIDE, PERSON, ["二、另表"], *turned, [], *again, ["三、流出人员"], *left]
    rows = judged(make_workbook(lines), LedgerKind.ARRIVALS)
    assert outcomes(rows) == [("ok", []), ("ok", []), ("ok", []), ("error", ["date", "ambiguous"])]
    found = [
        row.verdict.candidate and (row.verdict.candidate.identity.name, row.verdict.candidate.region) for row in rows
    ]
    assert found == [("吴强华", "790202201"), ("龙敏涵", "790101"), ("史华", "790202"), None]
    # The second one may have more columns.
    wider = [
        ["姓名", "身份证号", "户籍地", "流入时间", "电话", "现居住地"],
        ["龙敏涵", NUMBERS[1], "青禾县", "2026-01-01"],
    ]
    assert len(judged(make_workbook([WIDE[:4], PERSON[:4], *wider]))) == 2


def test_a_look_up_that_found_nothing_does_not_say_that_there_is_no_document(tmp_path, judged):
    book = xlsxwriter.Workbook(str(tmp_path / "looked-up.xlsx"))
    sheet = book.add_worksheet()
    for line, cells in enumerate([WIDE, PERSON, OTHER]):
        sheet.write_row(line, 0, cells)
    sheet.write_formula("B3", "=VLOOKUP(A3,Z:Z,1,0)", None, "#N/A")
    # Formulas that were drawn down further than there are people.
    sheet.write_formula("B4", "=VLOOKUP(A4,Z:Z,1,0)", None, "#N/A")
    book.close()
    assert outcomes(judged(tmp_path / "looked-up.xlsx")) == [("ok", []), ("error", ["ambiguous"])]
