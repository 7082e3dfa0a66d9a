"""`tonglu ledger check` and `import`, as somebody types them."""

import codecs
import csv
import json
import re
import zipfile
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import openpyxl
import pytest

from schemas.clock import SystemClock, local_date
from service.cli import run

VECTORS = Path(__file__).parents[2] / "vectors" / "ledgers"
TRUTH = json.loads((VECTORS / "truth.json").read_text("utf-8"))
SAMPLES = ("arrivals-township.xlsx", "arrivals-plain.csv", "departures-county.csv")
COUNTS = {"ok": 262, "warning": 15, "error": 10, "duplicate": 13}


@pytest.fixture
def directory(settings, monkeypatch):
    monkeypatch.setenv("TONGLU_ALLOW_PRIVATE_PEERS", "true")
    monkeypatch.setenv("TONGLU_DATABASE_URL", settings.database)
    return settings.dir


@pytest.fixture
def tonglu(capsys):
    """Run a command; gives its exit code, and what it said on both ways out."""

    def call(*arguments):
        code = run([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def expected():
    for truth in TRUTH:
        outcome, _, code = truth["expect"].partition(":")
        if outcome == "duplicate_in_file":
            yield {"row": truth["row"], "outcome": "duplicate", "codes": ["duplicate_in_file"]}
        else:
            codes = [code] if code else []
            yield {"row": truth["row"], "outcome": {"warn": "warning"}.get(outcome, outcome), "codes": codes}


@pytest.mark.parametrize("name", SAMPLES)
def test_check_needs_no_node_and_says_the_truth(tonglu, name):
    code, out, err = tonglu("ledger", "check", VECTORS / name, "--json")
    told = json.loads(out)
    assert (code, err, told["counts"]) == (0, "", COUNTS)
    assert [{key: row[key] for key in ("row", "outcome", "codes")} for row in told["rows"]] == list(expected())
    assert all(bool(row["message"]) == bool(row["codes"]) for row in told["rows"])


def test_check_speaks_chinese_unless_asked_for_english(tonglu):
    _, chinese, _ = tonglu("ledger", "check", VECTORS / "arrivals-plain.csv")
    _, english, _ = tonglu("ledger", "check", VECTORS / "arrivals-plain.csv", "--english")
    assert "缺少姓名" in chinese
    assert "The row has no name." in english


@pytest.mark.parametrize("name", SAMPLES)
def test_a_dry_run_registers_nobody_and_the_real_run_says_the_same(tonglu, directory, name):
    kind = name.partition("-")[0]
    options = ("ledger", "import", directory, VECTORS / name, "--kind", kind, "--json")
    dry = json.loads(tonglu(*options, "--dry-run")[1])
    again = json.loads(tonglu(*options, "--dry-run")[1])
    real = json.loads(tonglu(*options)[1])
    assert dry == again
    assert {key: real[key] for key in dry} == dry
    assert (real["counts"], real["state"], real["registered"]) == (COUNTS, "committed", 277)
    assert [{key: row[key] for key in ("row", "outcome", "codes")} for row in real["rows"]] == list(expected())
    once_more = json.loads(tonglu(*options)[1])
    assert once_more["counts"] == {"ok": 0, "warning": 0, "error": 10, "duplicate": 290}


def test_the_report_holds_mapped_columns_and_a_reason_and_runs_nothing(tonglu, directory, tmp_path):
    report = tmp_path / "report.xlsx"
    assert tonglu("ledger", "import", directory, VECTORS / "arrivals-township.xlsx", "--report", report)[0] == 0
    sheet = openpyxl.load_workbook(report).worksheets[0]
    lines = list(sheet.iter_rows(values_only=True))
    assert lines[0] == (
        "行号 Row",
        "姓名 Name",
        "证件号码 Document number",
        "户籍地 Origin",
        "流入日期 Arrival date",
        "现居住地址 Current address",
        "联系电话 Phone",
        "结果 Outcome",
        "原因 Reason",
    )
    assert [line[7].rpartition("(")[2] for line in lines[1:]] == sorted(
        ["error)"] * COUNTS["error"] + ["warning)"] * COUNTS["warning"] + ["duplicate)"] * COUNTS["duplicate"],
        key=["error)", "warning)", "duplicate)"].index,
    )
    assert len(lines) == 1 + COUNTS["warning"] + COUNTS["error"] + COUNTS["duplicate"]
    refused = next(line for line in lines if line[0] == "83")
    assert (refused[2], refused[4], refused[8]) == (
        "790101198602108837",
        "2026-02-30",
        "日期缺失或不存在。\nA date of the row is missing or does not exist.",
    )
    warned = next(line for line in lines if line[0] == "52")
    assert warned[2] == "790101********37**"
    with zipfile.ZipFile(report) as archive:
        assert b"<f>" not in archive.read("xl/worksheets/sheet1.xml")


@pytest.mark.asvs("1.2.10")
def test_cells_that_a_spreadsheet_would_run_are_neutralised_in_the_report(tonglu, tmp_path, make_text):
    report = tmp_path / "report.xlsx"
    text = "姓名,户籍地,流入日期,=cmd|' /C calc'!A0\n=1+1,@SUM(1),2026-02-30,x\n"
    assert tonglu("ledger", "check", make_text(text), "--report", report)[0] == 0
    for sheet in openpyxl.load_workbook(report).worksheets:
        for cell in (cell for line in sheet.iter_rows() for cell in line if cell.value):
            assert cell.data_type == "s"
            assert not str(cell.value).startswith(("=", "+", "-", "@"))


@pytest.mark.parametrize(
    ("content", "says"),
    [("", "文件是空的"), ("a,b\n1,2\n", "找不到台账的表头"), ("姓名,流入日期\n甲乙,2026-01-01\n", "户籍地")],
)
def test_a_file_that_is_no_ledger_is_refused_in_one_line(tonglu, directory, make_text, content, says):
    path = make_text(content)
    for command in (("check", path), ("import", directory, path), ("import", directory, path, "--dry-run")):
        code, out, err = tonglu("ledger", *command, "--json")
        assert (code, out) == (1, "")
        assert says in err
        assert len(err.splitlines()) == 1


def test_sentences_say_what_was_read_what_was_not_and_what_became_of_it(tonglu, directory):
    sample = VECTORS / "departures-county.csv"
    dry = tonglu("ledger", "import", directory, sample, "--english", "--dry-run")[1].splitlines()
    assert (
        dry[0]
        == "A ledger of departures (300 people): Good 262  Kept with a warning 15  Handed back 10  Already there 13"
    )
    assert "流入地（现居住地） → Destination" in dry[1]
    assert dry[2] == "Columns that were not read: 编号, 户籍乡镇, 三查时间, 是否已婚"
    assert "    17  Handed back  The row has no name. [name_missing]" in dry
    assert dry[-1] == "Nobody was registered."
    real = tonglu("ledger", "import", directory, sample)[1].splitlines()
    assert real[-1] == "已登记 277 人，均为“待告知”，请逐人告知。"


def test_nobody_is_registered_when_the_report_has_no_folder(tonglu, directory, tmp_path):
    sample, report = VECTORS / "arrivals-plain.csv", tmp_path / "nowhere" / "report.xlsx"
    code, out, err = tonglu("ledger", "import", directory, sample, "--report", report)
    assert (code, out) == (2, "")
    assert "there is no folder" in err
    assert json.loads(tonglu("ledger", "import", directory, sample, "--dry-run", "--json")[1])["counts"] == COUNTS


def test_a_header_cannot_steer_a_terminal(tonglu, make_text):
    _, out, _ = tonglu(
        "ledger", "check", make_text("姓名,户籍地,流入日期,\x9b31m备\u202e注\n甲乙,云台县,2026-01-01,x\n")
    )
    assert "\x9b" not in out
    assert "\u202e" not in out
    assert "31m备注" in out


def test_a_wrong_kind_a_missing_file_and_an_unknown_officer_are_wrong_usage(tonglu, directory):
    sample = VECTORS / "arrivals-plain.csv"
    assert tonglu("ledger", "check", sample, "--kind", "births")[0] == 2
    assert tonglu("ledger", "check", directory / "none.csv")[0] == 2
    assert tonglu("ledger", "import", directory, sample, "--officer", "nobody")[0] == 2
    assert tonglu("ledger", "check", sample, "--kind", "departures")[0] == 1


def test_today_decides_what_lies_in_the_future(tonglu, make_text):
    today = local_date(SystemClock().now(), ZoneInfo("Asia/Shanghai"))
    text = f"姓名,户籍地,流入日期\n甲乙,云台县,{today}\n丙丁,云台县,{today.replace(year=today.year + 1, day=1)}\n"
    told = json.loads(tonglu("ledger", "check", make_text(text), "--json")[1])
    assert [row["codes"] for row in told["rows"]] == [["no_document"], ["date_in_future"]]


def test_an_export_masks_numbers_and_holds_no_date_of_birth(tonglu, directory, tmp_path):
    out = tmp_path / "out.xlsx"
    assert tonglu("ledger", "import", directory, VECTORS / "arrivals-township.xlsx")[0] == 0
    code, said, _ = tonglu("ledger", "export", directory, out, "--kind", "arrivals", "--purpose", "task")
    assert (code, said) == (0, "277\n")
    lines = list(openpyxl.load_workbook(out).active.iter_rows(values_only=True))
    assert lines[0] == ("姓名", "证件类型", "证件号码", "户籍地", "流入日期", "状态")
    assert len(lines) == 278
    first = next(line for line in lines if line[0] == "吴强华")
    assert first[2:5] == ("790202********59**", "云台县杨柳乡", datetime(2025, 2, 8))  # noqa: DTZ001 - a cell's day
    assert "790202196807145976" not in str(lines)
    assert "1968" not in str(lines)
    assert tonglu("ledger", "export", directory, out, "--kind", "arrivals", "--purpose", "curiosity")[0] == 2
    options = ("--kind", "arrivals", "--purpose", "task")
    assert tonglu("ledger", "export", directory, out, *options, "--column", "date_of_birth")[0] == 2
    text = tmp_path / "out.csv"
    narrowed = ("--column", "phone", "--column", "name", "--peer", "790202", "--from", "2026-01-01")
    code, said, _ = tonglu("ledger", "export", directory, text, *options, *narrowed, "--english")
    found = list(csv.reader(text.read_text("utf-8-sig").splitlines()))
    assert (code, len(found) - 1) == (0, int(said))
    assert text.read_bytes().startswith(codecs.BOM_UTF8)
    assert found[0] == ["Name", "Phone"]
    assert 0 < len(found) < 200
    assert all(re.fullmatch(r"(\d{3}\*{4}\d{4})?", line[1]) for line in found[1:])


def test_a_command_says_what_a_column_holds_and_whose_ledger_it_is(tonglu, directory, make_text):
    path = make_text("贵姓大名,身份证号码,老家,来了没,备注\n甲乙,,云台县,2026-01-01,勿存\n")
    options = ("--kind", "arrivals", "--json")
    refused = tonglu("ledger", "import", directory, path, *options)
    assert (refused[0], refused[2].split(":")[0]) == (1, "ledger_unreadable")
    named = ("--column", "贵姓大名=name", "--column", "老家=region", "--column", "来了没=moved_on")
    checked = json.loads(tonglu("ledger", "check", path, *named, *options)[1])
    assert (checked["counts"]["ok"], checked["dropped_columns"]) == (1, ["备注"])
    # What a register may not hold is not read, whatever field it is said to be.
    code, _, err = tonglu("ledger", "import", directory, path, *named, "--column", "备注=address", *options)
    assert (code, err.split(":")[0]) == (1, "invalid_input")
    assert tonglu("ledger", "import", directory, path, *named, "--column", "x", *options)[0] == 2
    for source in ("employer", "landlord", "informant"):
        code, _, err = tonglu("ledger", "import", directory, path, *named, "--source", source, *options)
        assert (code, "用人单位" in err) == (1, True)
    sender = ("--source", "other_office", "--from", "790101")
    first = json.loads(tonglu("ledger", "import", directory, path, *named, *sender, *options)[1])
    assert (first["registered"], first["counts"]["ok"]) == (1, 1)
    # The same header of the same sender is understood by itself, another sender's is not.
    again = make_text("贵姓大名,身份证号码,老家,来了没,备注\n丙丁,,云台县,2026-01-01,勿存\n")
    assert json.loads(tonglu("ledger", "import", directory, again, *sender, *options)[1])["registered"] == 1
    assert tonglu("ledger", "import", directory, again, *options)[0] == 1
    code, said, _ = tonglu("ledger", "undo", directory, first["id"])
    assert (code, said) == (0, "1\n")
    assert tonglu("ledger", "undo", directory, first["id"])[0] == 1
