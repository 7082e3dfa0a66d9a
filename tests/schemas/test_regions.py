"""Division codes and names."""

import pytest
from pydantic import TypeAdapter, ValidationError

from schemas.regions import (
    Division,
    Divisions,
    RegionCode,
    ancestors,
    contains,
    is_region_code,
    longest_match,
)


@pytest.fixture(scope="module")
def divisions():
    return Divisions.load()


@pytest.mark.parametrize("code", ["79", "7901", "790101", "790101101", "790101101001"])
def test_codes_of_every_level_are_taken(code):
    assert TypeAdapter(RegionCode).validate_python(code) == code
    assert is_region_code(code)


@pytest.mark.parametrize(
    "code", ["", "7", "790", "79010", "7901011", "79010110", "79010x", "７９", "790101\n", "79 101"]
)
def test_other_texts_are_no_codes(code):
    with pytest.raises(ValidationError):
        TypeAdapter(RegionCode).validate_python(code)
    assert not is_region_code(code)


def test_a_shorter_code_contains_the_longer_ones():
    assert contains("79", "790101")
    assert contains("790101", "790101")
    assert not contains("790101", "7901")
    assert not contains("790101", "790202")


def test_of_overlapping_peers_the_longest_prefix_is_addressed():
    assert longest_match("790101101", ["79", "790101", "790202"]) == "790101"
    assert longest_match("790303", ["790101", "790202"]) is None
    assert longest_match("790101", ["790101101"]) is None


def test_ancestors_go_from_wide_to_narrow():
    assert ancestors("790101101") == ["79", "7901", "790101", "790101101"]


def test_names_and_full_names(divisions):
    assert divisions.name("790202201") == "杨柳乡"
    assert divisions.full_name("790202201") == "云台县杨柳乡"
    assert divisions.full_name("790202") == "云台县"
    assert divisions.full_name("79") == "拟省"


def test_unknown_codes_are_kept_and_stand_for_their_name(divisions):
    assert divisions.name("660101") == "660101"
    assert divisions.full_name("790202999") == "云台县790202999"
    assert divisions.get("660101") is None


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("云台县", "790202"),
        ("云台县杨柳乡", "790202201"),
        ("澜江市临港街道", "790303001"),
        ("拟省澜江市 临港街道", "790303001"),
        ("澜江市／临港街道", "790303001"),
        ("杨柳乡", "790202201"),
        ("790101", "790101"),
        ("７９０１０１", "790101"),
        ("660101", "660101"),
        ("云台县临港街道", None),
        ("云台", None),
        ("", None),
        ("县" * 500, None),
    ],
)
def test_names_as_ledgers_write_them_are_found(divisions, text, code):
    assert divisions.find(text) == code


def test_within_narrows_the_search(divisions):
    assert divisions.find("柳河镇", within="790101") == "790101101"
    assert divisions.find("青禾县柳河镇", within="790101") == "790101101"
    assert divisions.find("青禾县", within="790101") == "790101"
    assert divisions.find("云台县杨柳乡", within="790101") is None
    assert divisions.find("790202", within="790101") is None


def test_a_name_that_fits_twice_is_not_guessed():
    table = Divisions(
        [
            Division("790101", "甲县", None),
            Division("790102", "乙县", None),
            Division("790101101", "城关镇", "790101"),
            Division("790102101", "城关镇", "790102"),
        ]
    )
    assert table.find("城关镇") is None
    assert table.find("乙县城关镇") == "790102101"
    assert table.find("城关镇", within="790101") == "790101101"


def test_children_come_by_code(divisions):
    assert [one.name for one in divisions.children("790303")] == ["临港街道", "北仓街道", "上塘镇"]
    assert [one.code for one in divisions.children(None)] == ["79"]
    assert divisions.children("790101101") == []


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("云台", "790202"),
        ("ytx", "790202"),
        ("yuntai", "790202"),
        ("YUN TAI", "790202"),
        ("台县", "790202"),
        ("ljs", "790303"),
    ],
)
def test_search_takes_names_pinyin_and_initials(divisions, query, first):
    assert divisions.search(query)[0].code == first


def test_search_does_not_take_codes_and_keeps_its_limit(divisions):
    assert divisions.search("790202") == []
    assert divisions.search("  ") == []
    assert len(divisions.search("街道", limit=1)) == 1


def test_more_divisions_come_from_files_and_replace(tmp_path):
    more = tmp_path / "more.csv"
    more.write_text("\ufeffcode,name,parent\n790404,新设区,79\n790202,云台市,79\n", "utf-8")
    table = Divisions.load([more])
    assert table.name("790404") == "新设区"
    assert table.name("790202") == "云台市"


def test_a_broken_file_is_named_with_its_line(tmp_path):
    broken = tmp_path / "broken.csv"
    broken.write_text("code,name,parent\n790404,新设区,79\n79040,坏,79\n", "utf-8")
    with pytest.raises(ValueError, match=r"broken\.csv, line 3"):
        Divisions.load([broken])


def test_who_is_in_no_table_is_called_what_they_call_themselves(divisions: Divisions) -> None:
    divisions.know_as({"790505": "云外县", "790101": "青禾新区"})
    assert divisions.name("790505") == divisions.full_name("790505") == "云外县"
    assert divisions.full_name("790505001") == "云外县790505001"
    assert divisions.name("790101") == "青禾县", "the table stands over what a region says"
    divisions.know_as({})
    assert divisions.name("790505") == "790505"
