"""Headers: every known spelling is read, and nothing that only looks like one."""

from pathlib import Path

import pytest

from service.ledgers.files.fields import Field, LedgerKind
from service.ledgers.files.headers import meaning_of

VECTORS = Path(__file__).parents[2] / "vectors" / "ledgers"
ARRIVALS, DEPARTURES = LedgerKind.ARRIVALS, LedgerKind.DEPARTURES


@pytest.mark.parametrize(
    ("header", "field"),
    [
        ("姓名", "name"),
        ("姓　名", "name"),
        ("*姓名", "name"),
        ("姓名（必填）", "name"),
        ("流动人口姓名", "name"),
        ("Full Name", "name"),
        ("身份证号", "document_number"),
        ("公民身份号码", "document_number"),
        ("身份证号码（18位）", "document_number"),
        ("证件号码：", "document_number"),
        ("ID No.", "document_number"),
        ("document_number", "document_number"),
        ("证件类型", "document_type"),
        ("出生日期", "date_of_birth"),
        ("Date of birth", "date_of_birth"),
        ("户籍地", "region"),
        ("户籍所在地", "region"),
        ("户籍地县（市、区）", "region"),
        ("户籍乡镇", "region"),
        ("origin_region", "region"),
        ("现住址", "address"),
        ("现居住地址", "address"),
        ("Current address", "address"),
        ("流入日期", "moved_on"),
        ("流入时间", "moved_on"),
        ("来此日期", "moved_on"),
        ("arrived_on", "moved_on"),
        ("联系电话", "phone"),
        ("手机号码", "phone"),
        ("本人联系电话", "phone"),
        ("电子邮箱", "email"),
        ("1.姓名", "name"),
        ("二代身份证号", "document_number"),
        ("户籍省市县", "region"),
        ("身份证号码/护照号码", "document_number"),
        ("居住起始时间", "moved_on"),
        ("（一）姓名", "name"),
        ("姓名 Name", "name"),
        ("Name（姓名）", "name"),
        ("身份证号码 ID No.", "document_number"),
        ("户籍地（省/市/县）", "region"),
        ("现居住地址\n（填写到门牌号）", "address"),
        ("来我镇日期", "moved_on"),
        ("流入本县时间", "moved_on"),
        ("来本地日期（格式：2026年9月30日）", "moved_on"),
        ("联系电话（11位数字）", "phone"),
        ("County of origin", "region"),
        ("Registered address", "region"),
    ],
)
def test_a_known_spelling_of_an_arrival_s_column_is_read(header, field):
    assert meaning_of((header,), ARRIVALS).field == field


@pytest.mark.parametrize(
    ("header", "field"),
    [
        ("流出时间", "moved_on"),
        ("离开本镇时间", "moved_on"),
        ("流入县（市、区）", "region"),
        ("Destination county", "region"),
        ("回乡时间（预计）", "expected_return_on"),
        ("外出日期", "moved_on"),
        ("departed_on", "moved_on"),
        ("流入地", "region"),
        ("流入地（现居住地）", "region"),
        ("现居住地", "region"),
        ("destination_region", "region"),
        ("预计返回", "expected_return_on"),
        ("预计返回时间", "expected_return_on"),
        ("expected_return_on", "expected_return_on"),
    ],
)
def test_a_known_spelling_of_a_departure_s_column_is_read(header, field):
    assert meaning_of((header,), DEPARTURES).field == field


@pytest.mark.parametrize("header", (VECTORS / "forbidden-headers.txt").read_text("utf-8").splitlines())
@pytest.mark.parametrize("kind", LedgerKind)
def test_what_only_looks_like_a_known_header_is_dropped(header, kind):
    assert meaning_of((header,), kind) is None


@pytest.mark.parametrize(
    "parent", ["配偶情况", "丈夫", "父母情况", "子女情况", "户主", "紧急联系人", "房东信息", "孕检", "Spouse"]
)
@pytest.mark.parametrize("label", ["姓名", "身份证号码", "联系电话", "出生日期", "现居住地址", "name", "phone"])
def test_a_known_label_under_somebody_else_s_header_is_dropped(parent, label):
    assert meaning_of((parent, label), ARRIVALS) is None


@pytest.mark.parametrize(
    ("labels", "field", "level"),
    [
        (("基本情况", "姓名"), Field.NAME, 9),
        (("户籍地", "省"), Field.REGION, 0),
        (("户籍地", "县（市、区）"), Field.REGION, 2),
        (("户籍地", "乡镇（街道）"), Field.REGION, 3),
        (("现居住地", "详细地址"), Field.ADDRESS, 9),
        (("流入", "时间"), Field.MOVED_ON, 9),
        (("联系方式", "手机"), Field.PHONE, 9),
        (("Origin", "County"), Field.REGION, 2),
        (("户籍地（县）",), Field.REGION, 2),
        (("户籍地-乡镇（街道）",), Field.REGION, 3),
        (("origin_county",), Field.REGION, 2),
        (("户籍地（流出地）",), Field.REGION, 9),
        (("流入信息", "日期", "流入"), Field.MOVED_ON, 9),
        (("流动人口本人", "身份证号码"), Field.DOCUMENT_NUMBER, 9),
        (("流入时间", "年"), Field.MOVED_ON, 0),
        (("流入月份",), Field.MOVED_ON, 1),
        (("出生日期", "日"), Field.DATE_OF_BIRTH, 2),
        (("来澜江市时间",), Field.MOVED_ON, 9),
        (("来临港日期",), Field.MOVED_ON, 9),
        (("GMSFHM",), Field.DOCUMENT_NUMBER, 9),
        (("户籍信息", "户籍地址"), Field.REGION, 9),
    ],
)
def test_a_lower_header_is_read_under_its_own(labels, field, level):
    found = meaning_of(labels, ARRIVALS)
    assert (found.field, found.level) == (field, level)


def test_a_contact_s_name_and_the_village_of_origin_are_not_read():
    assert meaning_of(("联系方式", "姓名"), ARRIVALS) is None
    assert meaning_of(("户籍地", "村"), ARRIVALS) is None
    assert meaning_of(("户籍信息", "姓名"), ARRIVALS) is None


def test_the_origin_of_departures_is_this_node_and_is_dropped():
    for header in ("户籍地", "户籍乡镇", "户籍地址", "流出地", "origin_region"):
        assert meaning_of((header,), DEPARTURES) is None
