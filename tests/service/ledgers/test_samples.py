"""The three sample ledgers, read as a command reads them, come to their truth row by row."""

import json
from datetime import date
from pathlib import Path

import pytest

from schemas.regions import Divisions
from service.ledgers.files.reader_process import LedgerReader
from service.ledgers.judging.checking import CheckedRow, check_rows

VECTORS = Path(__file__).parents[2] / "vectors" / "ledgers"
TRUTH = json.loads((VECTORS / "truth.json").read_text("utf-8"))
SAMPLES = ("arrivals-township.xlsx", "arrivals-plain.csv", "departures-county.csv")
DIVISIONS = Divisions.load()


def expected(truth):
    """What a row's truth says, as outcome and codes: `warn:checksum` is a warning for its checksum."""
    outcome, _, code = truth["expect"].partition(":")
    if outcome == "duplicate_in_file":
        return "duplicate", ["duplicate_in_file"]
    return {"warn": "warning"}.get(outcome, outcome), [code] if code else []


def check(name) -> list[CheckedRow]:
    with LedgerReader(VECTORS / name) as reader:
        return list(check_rows(reader.rows, reader.kind, today=date(2026, 11, 22), divisions=DIVISIONS))


@pytest.mark.parametrize("name", SAMPLES)
def test_every_row_has_the_outcome_and_the_codes_of_its_truth(name):
    rows = check(name)
    found = [(row.number, str(row.verdict.outcome), list(row.verdict.codes)) for row in rows]
    assert found == [(truth["row"], *expected(truth)) for truth in TRUTH]


@pytest.mark.parametrize("name", SAMPLES)
def test_what_would_be_registered_is_what_the_truth_says(name):
    for row, truth in zip(check(name), TRUTH, strict=True):
        candidate = row.verdict.candidate
        if candidate is None:
            continue
        identity = candidate.identity
        made_up = truth["expect"] == "warn:fake_number"
        assert identity.name == truth["name"]
        assert identity.document_number == (None if made_up else truth["number"].strip().upper() or None)
        assert truth["moved"].startswith(candidate.moved_on)
        assert candidate.phone == (None if truth["expect"] == "warn:phone" else truth["phone"])
        if identity.document_number is not None or name == "arrivals-plain.csv":
            assert identity.date_of_birth == date.fromisoformat(truth["born"])


def test_the_township_s_two_header_rows_join_county_and_township():
    row, truth = check("arrivals-township.xlsx")[0], TRUTH[0]
    assert (truth["county"], truth["town"]) == ("云台县", "杨柳乡")
    assert row.verdict.candidate.region == "790202201"
    assert row.verdict.candidate.address == "临港街道5村21号"


def test_a_departure_keeps_its_destination_its_month_and_no_lunar_return():
    rows = check("departures-county.csv")
    second = rows[1].verdict.candidate
    assert (second.region, second.moved_on, second.expected_return_on) == ("790303001", "2026-08", None)
    assert rows[7].verdict.candidate.expected_return_on == "2027-01"


@pytest.mark.parametrize(
    ("name", "dropped"),
    [
        (
            "arrivals-township.xlsx",
            ("序号", "性别", "民族", "婚姻状况", "流入原因", "子女数", "避孕节育措施", "孕检情况", "备注"),
        ),
        ("arrivals-plain.csv", ()),
        ("departures-county.csv", ("编号", "户籍乡镇", "三查时间", "是否已婚")),
    ],
)
def test_the_columns_that_were_not_read_are_named(name, dropped):
    with LedgerReader(VECTORS / name) as reader:
        assert len(list(reader.rows)) == 300
        assert reader.dropped == dropped
