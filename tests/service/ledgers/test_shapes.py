"""Ledgers of other shapes than the samples': headers, orders, sheets, encodings, separators, rows that are nobody."""

import zipfile
from datetime import date

import pytest
import xlsxwriter

from schemas.problems import LedgerUnreadable
from service.ledgers.files.extraction import extract
from service.ledgers.files.fields import LedgerKind

NUMBERS = ("790202196807145976", "79010119660208600X", "790202197103201006")
WIDE = ["姓名", "公民身份号码", "户籍所在地", "来此日期", "手机"]
PERSON = ["吴强华", NUMBERS[0], "云台县杨柳乡", "2025-02-08", "13830166131"]
ODS = (
    '<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body><office:spreadsheet>'
    '<table:table table:name="a">{}</table:table></office:spreadsheet></office:body></office:document-content>'
)
ODS_CELL = '<table:table-cell office:value-type="string"><text:p>{}</text:p></table:table-cell>'
MANIFEST = '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>'
OTHER = ["龙敏涵", NUMBERS[1], "青禾县柳河镇", "2026-08-28", "19030824628"]


def outcomes(rows):
    return [(row.verdict.outcome.value, [code.value for code in row.verdict.codes]) for row in rows]


@pytest.mark.parametrize("above", [0, 1, 5, 40])
def test_the_header_may_stand_anywhere_near_the_top(make_workbook, judged, above):
    titles = [[f"第{n + 1}行说明", None] if n % 2 else [None] for n in range(above)]
    rows = judged(make_workbook([*titles, WIDE, PERSON, OTHER]))
    assert outcomes(rows) == [("ok", []), ("ok", [])]


def test_columns_may_stand_in_any_order_with_others_between(make_workbook, judged):
    head = ["备注", "手机", "婚姻状况", "来此日期", "配偶姓名", "户籍所在地", "公民身份号码", "孕检日期", "姓名"]
    line = ["甲", PERSON[4], "已婚", PERSON[3], "乙", PERSON[2], PERSON[1], "2026-01-01", PERSON[0]]
    row = judged(make_workbook([head, line]))[0]
    assert row.verdict.candidate.identity.name == "吴强华"
    assert row.verdict.candidate.moved_on == "2025-02-08"


def test_three_header_rows_with_merged_cells(make_workbook, judged):
    head = [
        ["流入人口台账", None, None, None, None, None, None],
        ["基本情况", None, "流入情况", None, None, "配偶情况", None],
        ["姓名", "身份证号码", "户籍地", None, "流入日期", "姓名", "身份证号码"],
        [None, None, "县", "乡镇", None, None, None],
    ]
    line = ["吴强华", NUMBERS[0], "云台县", "杨柳乡", "2025-02-08", "某某", NUMBERS[1]]
    merges = ["A1:G1", "A2:B2", "C2:E2", "F2:G2", "C3:D3", "A3:A4", "B3:B4", "E3:E4", "F3:F4", "G3:G4"]
    path = make_workbook([*head, line], merges=merges)
    row = judged(path)[0]
    assert row.verdict.candidate.identity.name == "吴强华"
    assert row.verdict.candidate.region == "790202201"
    extraction = extract(path)
    assert "某某" not in str(list(extraction.rows))
    assert extraction.dropped == ["配偶情况/姓名", "配偶情况/身份证号码"]


def test_a_group_that_was_never_merged_lends_the_person_no_column(make_workbook):
    head = [
        ["基本情况", None, None, None, "配偶情况", None, "备注"],
        ["姓名", "身份证号码", "户籍地", "流入日期", "姓名", "联系电话", None],
    ]
    path = make_workbook(
        [*head, ["吴强华", NUMBERS[0], "云台县", "2025-02-08", "某某", "13830166131", "x"]], merges=["A1:D1"]
    )
    extraction = extract(path)
    assert "13830166131" not in str(list(extraction.rows))
    assert extraction.dropped == ["配偶情况/姓名", "配偶情况/联系电话", "备注"]


@pytest.mark.parametrize(
    ("upper", "merges", "read"),
    [
        (["基本情况", None, None, None, "配偶情况", None], ["A1:D1", "E1:F1"], None),
        (["基本情况", None, None, None, "配偶情况", None], [], None),
        ([None, None, None, None, "配偶情况", None], ["E1:F1"], None),
        ([None, None, None, None, "配偶情况", None], [], None),
        (["基本情况", None, None, None, "联系方式", None], ["A1:D1", "E1:F1"], "13830166131"),
        (["流入人口登记台账", None, None, None, None, None], ["A1:F1"], "13830166131"),
        ([None, None, "流入人口登记台账", None, None, None], [], "13830166131"),
        (["填报单位：临港街道", None, None, None, "填报人：某某", None], [], "13830166131"),
    ],
)
def test_the_upper_header_is_never_passed_over(make_workbook, upper, merges, read):
    lower = ["姓名", "身份证号码", "户籍地", "流入日期", "备注", "联系电话"]
    path = make_workbook(
        [upper, lower, ["吴强华", NUMBERS[0], "云台县", "2025-02-08", "x", "13830166131"]], merges=merges
    )
    row = next(extract(path).rows)
    assert (row.name, row.phone) == ("吴强华", read)


def test_labels_in_the_lower_header_alone_are_the_person_s(make_workbook, judged):
    head = [[None, None, "户籍地", None, None, None], ["姓名", "身份证号码", "县", "乡镇", "流入日期", "联系电话"]]
    path = make_workbook(
        [*head, ["吴强华", NUMBERS[0], "云台县", "杨柳乡", "2025-02-08", "13830166131"]], merges=["C1:D1"]
    )
    candidate = judged(path)[0].verdict.candidate
    assert (candidate.region, candidate.phone) == ("790202201", "13830166131")


def test_two_header_rows_whose_merging_was_lost(make_text, judged):
    text = "姓名,户籍地,,来此日期,身份证号\n,县,乡镇,,\n吴强华,云台县,杨柳乡,2025-02-08,790202196807145976\n"
    row = judged(make_text(text))[0]
    assert (row.number, row.verdict.candidate.region) == (1, "790202201")


def test_a_lower_header_of_dropped_columns_is_nobody(make_text, judged):
    text = (
        "姓名,身份证号,户籍地,流入日期,孕检情况,\n,,,,第一季度,第二季度\n"
        f"吴强华,{NUMBERS[0]},云台县,2025-02-08,已检,未检\n"
    )
    rows = judged(make_text(text))
    assert outcomes(rows) == [("ok", [])]


def test_an_english_header_below_the_chinese_one_is_nobody(make_workbook, judged):
    english = ["Name", "ID number", "Origin", "Arrival date", "Phone"]
    assert outcomes(judged(make_workbook([WIDE, english, PERSON]))) == [("ok", [])]


def test_blank_total_signature_note_and_repeated_header_rows_are_nobody(make_workbook, judged):
    serial = ["序号", *WIDE]
    rows = judged(
        make_workbook(
            [
                serial,
                ["示例", "张三", NUMBERS[2], "云台县", "2025-01-01", "13800000000"],
                [1, *PERSON],
                [],
                [2],
                ["本页小计", "1人"],
                serial,
                [3, *OTHER],
                ["柳河镇合计", "2人"],
                ["合计：", 2],
                ["共计2人"],
                ["合　计", "2人"],
                [None, "总 人 数", "2人"],
                ["审 核 人：", None, None, "2026年9月30日"],
                [None, "负责人签字        填表人签字"],
                ["审核人：张三", None, None, "填表人：李四", "2026年9月30日", "13800000000"],
                ["单位负责人（签字）：", None, None, None, "2026年9月30日"],
                ["注：本表一式两份", None, None, None, None, None],
                ["填报日期：2026年9月30日", None, None, None, "2026-09-30"],
                [None, "说明：1.身份证号码以文本填写。2.姓名须与身份证一致。"],
                ["——以下空白——"],
                ["第 1 页 共 1 页"],
            ]
        )
    )
    assert [(row.number, row.verdict.candidate.identity.name) for row in rows] == [(1, "吴强华"), (2, "龙敏涵")]


def test_a_row_without_a_name_counts_as_a_person(make_workbook, judged):
    rows = judged(make_workbook([WIDE, [None, *PERSON[1:]], OTHER]))
    assert outcomes(rows) == [("error", ["name_missing"]), ("ok", [])]


def test_all_visible_sheets_with_a_header_are_read_and_the_others_left(make_workbook, judged):
    second = [["说明"], ["流动人口"], OTHER[:0]]
    rows = judged(
        make_workbook(
            [WIDE, PERSON], 填表说明=second, 第二季度=[WIDE[::-1], OTHER[::-1]], 旧表=[WIDE, PERSON], hidden=["旧表"]
        )
    )
    assert [(row.number, row.verdict.candidate.identity.name) for row in rows] == [(1, "吴强华"), (2, "龙敏涵")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "gbk", "utf-16"])
@pytest.mark.parametrize("separator", [",", "\t", ";", "|", "，"])
def test_encodings_and_separators_are_found(make_text, judged, encoding, separator):
    text = "\r\n".join(separator.join(cells) for cells in (WIDE, PERSON, OTHER))
    assert outcomes(judged(make_text(text, encoding=encoding))) == [("ok", []), ("ok", [])]


def test_cells_of_every_type_come_to_the_same(make_workbook, judged):
    day = date(2025, 2, 8)
    forms = [
        ["吴强华", NUMBERS[0], "云台县", day, 13830166131],
        ["龙敏涵", f"'{NUMBERS[1].lower()}", 790101, 45696, "+86 138-3016-6131"],
        ["史华", NUMBERS[2], "790202000000", "２０２５年２月８日", "１３８３０１６６１３１"],
    ]
    for row in judged(make_workbook([WIDE, *forms])):
        assert row.verdict.candidate.moved_on == "2025-02-08"
        assert row.verdict.candidate.phone == "13830166131"


def test_a_number_in_a_number_cell_is_refused_and_never_guessed(make_workbook, judged):
    lines = [["吴强华", 790202196807145976, *PERSON[2:]], ["龙敏涵", "7.9011E+17", *OTHER[2:]]]
    lines.append(["史华", "790202197103201000", *OTHER[2:]])
    assert outcomes(judged(make_workbook([WIDE, *lines]))) == [("error", ["ambiguous"])] * 3


def test_nobody_under_14_is_taken_in(make_workbook, judged):
    head = [*WIDE, "出生日期"]
    lines = [
        ["甲一", None, "云台县", "2026-01-01", None, "2012-11-23"],
        ["甲二", None, "云台县", "2026-01-01", None, "2012-11-22"],
        ["甲三", None, "云台县", "2026-01-01", None, "2013-05"],
        ["甲四", None, "云台县", "2026-01-01", None, "2012-11"],
        ["甲五", "790202201501015975", "云台县", "2026-01-01", None, None],
    ]
    assert outcomes(judged(make_workbook([head, *lines]))) == [
        ("error", ["under_age"]),
        ("ok", ["no_document"]),
        ("error", ["under_age"]),
        ("error", ["ambiguous"]),
        ("error", ["under_age"]),
    ]


def test_number_and_column_must_agree_on_the_date_of_birth_unless_the_number_is_doubtful(make_workbook, judged):
    head = [*WIDE, "出生日期"]
    doubtful = NUMBERS[0][:-1] + "7"
    lines = [[*PERSON, "1968-07-15"], ["吴强", doubtful, *PERSON[2:], "1968-07-15"], [*OTHER, "1966-02"]]
    rows = judged(make_workbook([head, *lines]))
    assert outcomes(rows) == [("error", ["ambiguous"]), ("warning", ["checksum"]), ("ok", [])]
    assert rows[1].verdict.candidate.identity.date_of_birth == date(1968, 7, 15)
    assert rows[2].verdict.candidate.identity.date_of_birth == date(1966, 2, 8)


def test_a_made_up_number_is_not_kept_and_does_not_make_people_the_same(make_workbook, judged):
    lines = [["甲甲", "000000000000000000", *PERSON[2:]], ["乙乙", "111111111111111111", *OTHER[2:]]]
    rows = judged(make_workbook([WIDE, *lines, ["丙丙", "000000000000000000", *OTHER[2:]]]))
    assert outcomes(rows) == [("warning", ["fake_number"])] * 3
    assert {row.verdict.candidate.identity.document_number for row in rows} == {None}


def test_what_is_too_short_for_a_number_is_made_up_and_an_unkept_document_is_none(make_workbook, judged):
    head = [*WIDE, "证件类型"]
    lines = [
        ["甲甲", "1", *PERSON[2:], None],
        ["乙乙", "南字第1234567号", *OTHER[2:], "军官证"],
        ["丙丙", "南字第1号", *OTHER[2:], None],
    ]
    assert outcomes(judged(make_workbook([head, *lines]))) == [
        ("warning", ["fake_number"]),
        ("ok", ["no_document"]),
        ("error", ["ambiguous"]),
    ]


def test_who_is_in_the_file_twice_is_found_by_document_or_by_name_and_birth(make_workbook, judged):
    head = [*WIDE, "出生日期"]
    lines = [
        [*PERSON, None],
        ["吴强华", f" {NUMBERS[0]}", "云台县", "2024-01-01", None, None],
        ["诺布．卓玛", None, "云台县", "2026-01-01", None, "1990-01-01"],
        ["诺布·卓玛", None, "云台县", "2026-02-01", None, "1990-01-01"],
        ["吴强华", None, "云台县", "2024-01-01", None, "1968-07-14"],
        ["别人", NUMBERS[0], "云台县", "2024-01-01", None, None],
        ["无名", None, "云台县", "2026-01-01", "13800000001", None],
        ["无名", None, "云台县", "2026-01-01", "13800000002", None],
        ["无名", None, "云台县", "2026-01-01", "13800000001", None],
        ["吴强华", "790202680714597", "云台县", "2026-01-01", None, None],
    ]
    assert outcomes(judged(make_workbook([head, *lines]))) == [
        ("ok", []),
        ("duplicate", ["duplicate_in_file"]),
        ("ok", ["no_document"]),
        ("duplicate", ["duplicate_in_file"]),
        ("duplicate", ["duplicate_in_file"]),
        ("error", ["ambiguous"]),
        ("ok", ["no_document"]),
        ("ok", ["no_document"]),
        ("duplicate", ["duplicate_in_file"]),
        ("duplicate", ["duplicate_in_file"]),
    ]


def test_a_refused_row_does_not_make_the_next_one_a_duplicate(make_workbook, judged):
    lines = [[*PERSON[:3], "2026-02-30", PERSON[4]], PERSON]
    assert outcomes(judged(make_workbook([WIDE, *lines]))) == [("error", ["date"]), ("ok", [])]


def test_a_place_that_no_table_holds_is_no_journey(make_workbook, judged):
    lines = [[*PERSON[:2], "没有的县", *PERSON[3:]], [*OTHER[:2], None, *OTHER[3:]]]
    assert outcomes(judged(make_workbook([WIDE, *lines]))) == [("error", ["ambiguous"])] * 2


def test_a_departures_ledger_takes_the_destination_from_where_they_live_now(make_text, judged):
    text = "name;id_no;departure_date;current_address;expected_return\n"
    text += f"Wu;{NUMBERS[0]};2025-02;澜江市上塘镇1村;2027-02-01\n"
    row = judged(make_text(text))[0]
    assert row.verdict.candidate.region == "790303101"
    assert (row.verdict.candidate.moved_on, row.verdict.candidate.expected_return_on) == ("2025-02", "2027-02-01")
    assert row.verdict.candidate.address is None


def test_the_kind_is_told_from_the_columns_or_said(make_text):
    arrivals = "姓名,流入日期,户籍地\n甲乙,2025-01-01,云台县\n"
    departures = "姓名,流出日期,流入地\n甲乙,2025-01-01,澜江市\n"
    both = "姓名,流动日期,户籍地,流入地\n甲乙,2025-01-01,云台县,澜江市\n"
    assert extract(make_text(arrivals)).kind is LedgerKind.ARRIVALS
    assert extract(make_text(departures)).kind is LedgerKind.DEPARTURES
    assert extract(make_text(both), LedgerKind.DEPARTURES).kind is LedgerKind.DEPARTURES
    assert extract(make_text(f"澜江市流入人口台账,,,\n{both}")).kind is LedgerKind.ARRIVALS
    assert extract(make_text(f"青禾县外出人员登记表,,,\n{both}")).kind is LedgerKind.DEPARTURES
    for title in ("", "流入流出人口台账,,,\n"):
        with pytest.raises(LedgerUnreadable, match="say which"):
            extract(make_text(f"{title}{both}"))


@pytest.mark.parametrize(
    ("text", "kind", "says"),
    [
        ("姓名,流入日期,户籍地\n", "departures", "other kind"),
        ("姓名,流入日期,身份证号\n", None, "where they came from"),
        ("姓名,流出日期,身份证号\n", None, "where they went"),
        ("姓名,身份证号,电话\n", None, "says when they moved"),
        ("a,b,c\n1,2,3\n", None, "No row names"),
        ("你好\n", None, "No row names"),
    ],
)
def test_what_lacks_a_needed_column_is_no_ledger(make_text, text, kind, says):
    with pytest.raises(LedgerUnreadable, match=says):
        extract(make_text(text), LedgerKind(kind) if kind else None)


@pytest.mark.parametrize(
    ("number_format", "moved_on"),
    [
        ("yyyy-mm", "2026-08"),
        ('yyyy"年"m"月"', "2026-08"),
        ("[$-804]yyyy\\.mm;@", "2026-08"),
        ("mmm-yy", "2026-08"),
        (57, "2026-08"),
        ("yyyy-mm-dd", "2026-08-01"),
        ('yyyy"年"m"月"d"日"', "2026-08-01"),
        ("General", "2026-08-01"),
    ],
)
def test_a_day_that_is_shown_as_a_month_is_a_month(tmp_path, judged, number_format, moved_on):
    path = tmp_path / "months.xlsx"
    book = xlsxwriter.Workbook(str(path))
    sheet = book.add_worksheet()
    sheet.write_row(2, 1, WIDE)
    sheet.write_row(3, 1, PERSON)
    sheet.write_number(3, 4, 46235, book.add_format({"num_format": number_format}))
    book.close()
    assert judged(path)[0].verdict.candidate.moved_on == moved_on


def test_a_workbook_of_another_program_is_read(tmp_path, judged):
    cells = "".join(
        "<table:table-row>" + "".join(ODS_CELL.format(text) for text in line) + "</table:table-row>"
        for line in (WIDE, PERSON)
    )
    path = tmp_path / "ledger.ods"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", ODS.format(cells))
        archive.writestr("META-INF/manifest.xml", MANIFEST)
    assert outcomes(judged(path)) == [("ok", [])]
