"""Forms as they are printed, merged, and saved by other programs: who is a person, and what a cell says of whom."""

from datetime import date

import pytest

from schemas.problems import LedgerUnreadable
from service.ledgers.files.extraction import extract
from tests.service.ledgers.test_shapes import NUMBERS, OTHER, PERSON, WIDE, outcomes


def test_cells_merged_over_rows_count_for_each_where_they_say_a_place_or_a_date(make_workbook, judged):
    head = ["户主姓名", *WIDE[:3], "现住址", *WIDE[3:]]
    first = ["户主", "甲一", NUMBERS[0], "云台县", "5村", date(2025, 3, 1), "13830166131"]
    others = [[None, "甲二", NUMBERS[1]], [None, "甲三", None, None, None, None, "13909378657"], []]
    ranges = ["A2:A4", "D2:D5", "E2:E5", "F2:F5", "G2:G3"]
    rows = judged(make_workbook([head, first, *others, [None, *OTHER[:3]]], merges=ranges))
    found = [row.verdict.candidate for row in rows]
    assert [(one.region, one.moved_on, one.address) for one in found[:3]] == [("790202", "2025-03-01", "5村")] * 3
    # Whom a telephone rings is each person's own; and below the merged cells nothing is lent.
    assert [one.phone for one in found[:3]] == ["13830166131", None, "13909378657"]
    assert outcomes(rows)[3:] == [("error", ["date"])]


def test_a_page_that_is_printed_anew_is_nobody(make_workbook, judged):
    page = [["流入人口登记台账"], ["填报单位：某街道", None, "单位：人"], WIDE]
    ends = [
        ["小计", "1人"],
        ["填表人", "某某", "审核人"],
        ["备注", "本表一式两份"],
        ["----", "----"],
        [7],
        ["2026年台账（续）"],
    ]
    rows = judged(make_workbook([*page, PERSON, *ends, *page, OTHER, *ends]))
    assert outcomes(rows) == [("ok", []), ("ok", [])]


def test_a_header_of_three_rows_may_name_a_place_twice(make_workbook, judged):
    head = [
        ["个人信息", None, "户籍信息", None, "流动信息", None],
        ["姓名", "证件", "户籍地", None, "流入", "联系"],
        [None, "号码", "县", "乡镇", "时间", "电话"],
    ]
    person = ["吴强华", NUMBERS[0], "云台县", "杨柳乡", "2025-02-08", "13830166131"]
    row = judged(make_workbook([*head, person], merges=["A1:B1", "C1:D1", "E1:F1", "C2:D2", "A2:A3"]))[0]
    assert (row.verdict.candidate.region, row.verdict.candidate.phone) == ("790202201", "13830166131")


def test_a_stray_quotation_mark_swallows_nobody_and_a_quoted_line_break_parts_nobody(make_text, judged):
    lines = [f"甲{name},{number},云台县,2025-02-08,13830166131" for name, number in zip("一二", NUMBERS, strict=False)]
    stray = "\n".join(
        [",".join([*WIDE, "现住址"]), f'{lines[0]},"5村', f"{lines[1]},6村", "甲三,,云台县,2025-03-04,,7村"]
    )
    assert [row.verdict.candidate.address for row in judged(make_text(stray))] == ['"5村', "6村", "7村"]
    broken = f'{",".join([*WIDE, "现住址"])}\n{lines[0]},"5村,\n6号,甲,乙"\n{lines[1]},"a\n\nb"\n'
    assert [row.verdict.candidate.address for row in judged(make_text(broken))] == ["5村, 6号,甲,乙", "a b"]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32"])
def test_an_encoding_that_is_not_read_is_named_as_the_reason(make_text, encoding):
    with pytest.raises(LedgerUnreadable, match="encoding"):
        extract(make_text("姓名,户籍地,流入日期\n", encoding=encoding))


def test_a_ledger_in_big5_is_read_as_what_it_is(make_text, judged):
    # Traditional characters; these headers are written alike in both scripts.
    rows = judged(make_text("姓名,原籍,移入日期\n林青,790202,2025-01-01\n", encoding="big5"))
    assert [row.verdict.candidate.identity.name for row in rows] == ["林青"]


def test_somebody_s_number_in_a_header_s_place_is_not_repeated(make_text):
    extraction = extract(make_text(f"姓名,户籍地,流入日期,{NUMBERS[0]}\n甲乙,云台县,2025-01-01,x\n"))
    assert list(extraction.rows)
    assert extraction.dropped == ["…"]


def test_a_date_of_birth_to_come_is_one_reason(make_text, judged):
    text = "姓名,户籍地,流入日期,出生日期\n甲乙,云台县,2025-01-01,2031-01-01\n"
    assert outcomes(judged(make_text(text))) == [("error", ["date_in_future"])]


def test_lines_that_number_explain_group_or_count_are_nobody(make_workbook, judged):
    head = ["序号", *WIDE]
    numbered = [
        ["栏次", "1", "2", "3", "4", "5"],
        [1, 2, 3, 4, 5, 6],
        list("甲乙丙丁戊己"),
        [f"（{n}）" for n in range(6)],
    ]
    explained = [[None, "必填", "18位", "县、乡镇", "YYYY-MM-DD", "11位"], [None, "与身份证一致", "文本格式"]]
    examples = [
        [1, "例：张三", NUMBERS[2], "云台县", "2026-01-01"],
        ["示例", "张三", NUMBERS[2], "云台县", "2026-01-01"],
    ]
    groups = [
        ["一、云台县"],
        [None, "二、青禾县"],
        [None, "柳河镇"],
        [None, "第一村民小组（3人）"],
        [None, "男1人，女1人"],
    ]
    counted = [["其中：男", None, 1], ["男", None, "1"], [None, None, None, None, date(2026, 9, 30)]]
    office = [[None, None, None, None, None, "0790-5550000"]]
    rows = judged(make_workbook([head, *numbered, *explained, *examples, *groups, [1, *PERSON], *counted, *office]))
    assert outcomes(rows) == [("ok", [])]
    unnamed = judged(make_workbook([head, [1, None, None, "云台县", "2026-01-01", None]]))
    assert outcomes(unnamed) == [("error", ["name_missing"])]


def test_what_the_office_says_of_itself_is_nobody_in_whichever_column_it_stands(make_workbook, judged):
    said = [
        ["主任：", "副主任：", "网格员："],
        ["（盖章）", "2026年9月30日"],
        ["临港街道办事处", None, "2026 年 9 月 30 日"],
        ["村（居）委会（盖章）", None, "2026-09-30"],
        ["打印时间：2026-09-30 10:00:00"],
        ["监督电话", None, "0790-5550000"],
        ["男：150人", "女：150人"],
        ["（续表）"],
        ["年  月  日"],
        ["——以下无记录——"],
        ["抄送：市局"],
        ["临港街道流动人口登记台账"],
    ]
    moved = [[None] * places + line for line in said for places in range(len(WIDE))]
    assert outcomes(judged(make_workbook([WIDE, *moved, PERSON, *moved]))) == [("ok", [])]
    # With a place or a name beside it, a row is somebody's.
    lacking = [["办事处小王", None, None, "2026-01-01"], [None, "证号：12", "云台县", "2026-01-01", None]]
    assert len(judged(make_workbook([WIDE, *lacking]))) == 2


def test_a_sheet_that_shows_how_holds_nobody_unless_it_is_the_ledger(make_workbook, judged):
    example = ["张三", NUMBERS[2], *OTHER[2:]]
    assert len(judged(make_workbook([WIDE, PERSON], 填写示例=[WIDE, example]))) == 1
    many = [[f"甲{n}", None, "云台县", f"2026-01-0{n}"] for n in range(1, 8)]
    assert len(judged(make_workbook([WIDE, PERSON], 上报模板=[WIDE, *many]))) == 1 + len(many)
