"""What one cell means, and what is refused rather than guessed."""

from datetime import date, datetime

import pytest

from schemas.identity import DocumentType
from service.ledgers.judging.dates import Ambiguous, read_date
from service.ledgers.judging.places import Places
from service.ledgers.judging.values import read_document_type, read_name, read_number, read_phone

GOOD = "790202196807145976"


@pytest.mark.parametrize(
    ("cell", "day"),
    [
        ("2026-01-18", "2026-01-18"),
        ("2026.1.18", "2026-01-18"),
        ("2026/1/18", "2026-01-18"),
        ("2026年1月18日", "2026-01-18"),
        ("2026 年 1 月 18 号", "2026-01-18"),
        ("２０２６－０１－１８", "2026-01-18"),
        ("20260118", "2026-01-18"),
        (20260118.0, "2026-01-18"),
        (20260118, "2026-01-18"),
        ("2026-01-18 00:00:00", "2026-01-18"),
        ("2026-01-18T08:30:00+08:00", "2026-01-18"),
        ("2026年1月18日（星期日）", "2026-01-18"),
        ("'2026-01-18", "2026-01-18"),
        ('="2026-01-18"', "2026-01-18"),
        (datetime.fromisoformat("2026-01-18T08:30"), "2026-01-18"),
        (date(2026, 1, 18), "2026-01-18"),
        (46040.0, "2026-01-18"),
        (46040.75, "2026-01-18"),
        ("46040", "2026-01-18"),
        ("18/1/2026", "2026-01-18"),
        ("01/18/2026", "2026-01-18"),
        ("18 Jan 2026", "2026-01-18"),
        ("January 18, 2026", "2026-01-18"),
        ("2026-01", "2026-01"),
        ("2026.01", "2026-01"),
        ("2026.1", "2026-01"),
        ("2026/1", "2026-01"),
        ("2026年1月", "2026-01"),
        ("2026年1月份", "2026-01"),
        ("2026年1月底", "2026-01"),
        ("202601", "2026-01"),
        (202601.0, "2026-01"),
        (2026.08, "2026-08"),
        (2026.12, "2026-12"),
        ("Jan 2026", "2026-01"),
        ("2026。1。18", "2026-01-18"),
        ("2026、1、18", "2026-01-18"),
        ("2026，1，18", "2026-01-18"),
        ("2026—01—18", "2026-01-18"),
        ("2026·1·18", "2026-01-18"),
        ("20260118.0", "2026-01-18"),
        ("二〇二六年一月十八日", "2026-01-18"),
        ("二○二六年十二月三十一日", "2026-12-31"),
        ("二零二六年十月", "2026-10"),
        ("2026年十月", "2026-10"),
        ("2026年1月18日 上午10时20分", "2026-01-18"),
        ("2026/1/18 10:20", "2026-01-18"),
        ("01/2026", "2026-01"),
        ("\u202d2026-01-18\u202c", "2026-01-18"),
        ("", None),
        (None, None),
        ("不详", None),
        ("/", None),
    ],
)
def test_a_date_is_read_as_far_as_it_is_written(cell, day):
    assert read_date(cell) == day


@pytest.mark.parametrize(
    "cell",
    [
        "2026-02-30",
        "2026-13-01",
        "26.1.18",
        "2026",
        2026.0,
        "春节",
        "2026年",
        "20261301",
        "二〇二六年二月三十日",
        "二〇二六年",
        "26/13/5",
        "26年3月32日",
        "去年",
        7.0,
        True,
        "1/2026/3",
        "x",
        "13/2026",
        "202613",
        "260230",
        "2026年腊月",
        "农历三月初五",
        "3月5日",
        "2026-01-18至今",
        "民国115年1月18日",
    ],
)
def test_what_is_no_date_is_refused(cell):
    with pytest.raises(ValueError):
        read_date(cell)


@pytest.mark.parametrize(
    "cell", ["03/04/2026", "3-4-2026", 2026.1, "26/3/5", "26.1.18", "26年3月5日", "26年3月", "260305", 260305, "3/5/26"]
)
def test_a_date_with_two_meanings_is_not_guessed(cell):
    with pytest.raises(Ambiguous):
        read_date(cell)


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        (GOOD, GOOD),
        (f"'{GOOD}", GOOD),
        (f"\t{GOOD}", GOOD),
        (f'="{GOOD}"', GOOD),
        (f" {GOOD} ", GOOD),
        ("７９０２０２１９６８０７１４５９７６", GOOD),
        ("790202 19680714 5976", GOOD),
        ("790202-19680714-5976", GOOD),
        ("79010119660208600x", "79010119660208600X"),
        ("79010119660208600ｘ", "79010119660208600X"),
        ("79010119660208600×", "79010119660208600X"),
        ("79010119660208600х", "79010119660208600X"),
        (790202680714597.0, "790202680714597"),
        ("790202680714597.0", "790202680714597"),
        (f"\u202a{GOOD}\u202c", GOOD),
        (f"{GOOD[:6]}\u200e{GOOD[6:]}", GOOD),
        (f"“{GOOD}”", GOOD),
        (f"{GOOD}。", GOOD),
        ("E12345678", "E12345678"),
        ("", None),
        ("无", None),
        ("—", None),
        ("遗失", None),
        (None, None),
    ],
)
def test_a_document_number_is_freed_of_what_protects_it(cell, number):
    assert read_number(cell) == number


@pytest.mark.parametrize(
    "cell",
    [
        7.90202e17,
        790202196807145976,
        790202196807145900,
        "7.90202E+17",
        "7.90202196807146E+17",
        "7.90202e17",
        "790202196807145976.0",
        "########",
        "#N/A",
        "790202********5976",
        "790202196807145976(旧)",
        "790202196807145976、790101199508080809",
        1234.5,
        "同上",
        "〃",
        date(2026, 1, 1),
    ],
)
def test_a_damaged_number_is_never_guessed_back(cell):
    with pytest.raises(Ambiguous):
        read_number(cell)


@pytest.mark.parametrize(
    ("cell", "number", "document"),
    [
        (None, GOOD, "resident_id"),
        ("居民身份证", GOOD, "resident_id"),
        ("户口簿", GOOD, "resident_id"),
        (None, "810000199001010012", "hmt_residence_permit"),
        ("港澳居民居住证", "810000199001010012", "hmt_residence_permit"),
        (None, "911124199001010013", "foreign_permanent_resident_card"),
        (None, "E12345678", "passport"),
        ("护照", "K1234567A", "passport"),
        ("passport", "12AB99", "passport"),
        (None, "12345", "resident_id"),
        ("军官证", "南字第1234567号", "none"),
        ("军官证", "1234567", "none"),
        ("港澳居民来往内地通行证", "H12345678", "none"),
        ("台胞证", "790202196807145976", "resident_id"),
        (None, "M0123456701", "none"),
        ("无", None, "none"),
        ("居民身份证", None, "none"),
    ],
)
def test_a_number_gets_its_document(cell, number, document):
    assert read_document_type(cell, number) == DocumentType(document)


@pytest.mark.parametrize(
    ("cell", "phone", "clean"),
    [
        ("13830166131", "13830166131", True),
        ("138-3016-6131", "13830166131", True),
        ("138 3016 6131", "13830166131", True),
        ("+8613830166131", "13830166131", True),
        ("0086 138 3016 6131", "13830166131", True),
        ("１３８３０１６６１３１", "13830166131", True),
        (13830166131.0, "13830166131", True),
        (13830166131, "13830166131", True),
        ("0790-5550000", "07905550000", True),
        ("13830166131.0", "13830166131", True),
        ("", None, True),
        ("无", None, True),
        ("12345", None, False),
        ("+8612345", None, False),
        ("123-45-", None, False),
        ("13830166131、13909378657", "13830166131", False),
        ("13830166131（微信同号）", "13830166131", True),
        ("手机：13830166131", "13830166131", True),
        ("13830166131（父亲）", None, False),
        ("13830166131/13909378657", "13830166131", False),
        ("1.38302E+10", None, False),
        ("013830166131", "13830166131", True),
        ("\u202d13830166131\u202c", "13830166131", True),
        ("0790-5550000-801", "07905550000", False),
        ("（0790）5550000转801", "07905550000", False),
        ("00000000000", None, False),
        ("13830166131（妻）", None, False),
        ("同上", None, False),
    ],
)
def test_a_phone_is_kept_where_it_can_be_called(cell, phone, clean):
    assert read_phone(cell) == (phone, clean)


@pytest.mark.parametrize(
    "cell",
    [
        "12345",
        "#REF!",
        "王" * 51,
        "张**",
        "张?",
        "张三、李四",
        "张三（已婚）",
        7.0,
        date(2026, 1, 1),
        "王\u202e小明",
        "同上",
        "〃",
        "张三13830166131",
        "张三2",
        "<b>张三</b>",
        "<script>",
        "张三&nbsp;",
        "%0A",
    ],
)
def test_what_cannot_be_a_name_is_refused(cell):
    with pytest.raises(Ambiguous):
        read_name(cell)


@pytest.mark.parametrize(
    ("cell", "name", "runs"),
    [
        ("张　三", "张三", False),
        ("诺布·卓玛", "诺布·卓玛", False),
        ("𠮷田", "𠮷田", False),
        ("=1+1", "=1+1", True),
        ('=HYPERLINK("http://127.0.0.1/","x")', '=HYPERLINK("http://127.0.0.1/","x")', True),
        ("@SUM(A1)", "@SUM(A1)", True),
        ("＝1+1", "＝1+1", True),
        ("张三。", "张三", False),
        ("诺布。卓玛", "诺布·卓玛", False),
        ("\u202d张三\u202c", "张三", False),
        ("Anna Smith Jr.", "Anna Smith Jr.", False),
        ("nan", None, False),
        ('="张三"', "张三", False),
        ("-", None, False),
        ("", None, False),
        (None, None, False),
    ],
)
def test_a_name_is_kept_as_the_text_it_is(cell, name, runs):
    assert read_name(cell) == (name, runs)


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        (("云台县", "杨柳乡"), "790202201"),
        (("云台县",), "790202"),
        (("云台县", "没有的乡"), "790202"),
        (("拟省", "拟州市", "云台县", "杨柳乡"), "790202201"),
        (("云台县杨柳乡",), "790202201"),
        (("云台县杨柳乡3村12号",), "790202201"),
        (("拟省拟州市云台县杨柳乡3村12号",), "790202201"),
        (("云台", "杨柳"), "790202201"),
        (("790202",), "790202"),
        (("790202000000",), "790202"),
        (("790202201000",), "790202201"),
        (("790202 云台县",), "790202"),
        (("澜江市上塘镇",), "790303101"),
        (("云台县", ""), "790202"),
        (("云台县", "无"), "790202"),
        (("998877",), "998877"),
        (("510100",), "5101"),
        (("云台县城关路云台县",), "790202"),
        (("青禾县/云台县",), None),
        (("青禾县或云台县",), None),
        (("青禾县→澜江市上塘镇",), None),
        (("000000",), None),
        (("999999",), None),
        (("7902",), None),
        (("同上",), None),
        (("没有的县",), None),
        (("12号院",), None),
        ((), None),
        (("",), None),
    ],
)
def test_a_place_is_the_longest_code_that_its_names_give(divisions, parts, code):
    assert Places(divisions).resolve(parts) == code
