"""Headers: every known spelling is read, and nothing that only looks like one."""

import pytest

from service.ledgers.fields import Field, LedgerKind
from service.ledgers.headers import meaning_of

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
    ],
)
def test_a_known_spelling_of_an_arrival_s_column_is_read(header, field):
    assert meaning_of((header,), ARRIVALS).field == field


@pytest.mark.parametrize(
    ("header", "field"),
    [
        ("流出时间", "moved_on"),
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


@pytest.mark.parametrize(
    "header",
    [
        "配偶姓名",
        "丈夫姓名",
        "妻子姓名",
        "父亲姓名",
        "母亲姓名",
        "户主姓名",
        "子女姓名",
        "房东姓名",
        "登记人姓名",
        "填表人",
        "曾用名",
        "姓名拼音",
        "姓名（配偶）",
        "联系人姓名",
        "配偶身份证号",
        "配偶身份证号码",
        "户主身份证号",
        "子女身份证号",
        "配偶证件号码",
        "紧急联系人电话",
        "紧急联系电话",
        "房东电话",
        "配偶电话",
        "单位电话",
        "联系电话（配偶）",
        "亲属联系方式",
        "监护人手机",
        "结婚日期",
        "初婚日期",
        "离婚日期",
        "孕检日期",
        "末次月经日期",
        "末次月经时间",
        "预产期",
        "分娩日期",
        "子女出生日期",
        "末孩出生日期",
        "小孩出生日期",
        "孕情",
        "避孕措施",
        "节育措施",
        "落实措施日期",
        "上环日期",
        "结扎日期",
        "取环时间",
        "生育证号",
        "准生证号",
        "婚育证明编号",
        "流动人口婚育证明编号",
        "独生子女证号",
        "性别",
        "民族",
        "婚姻状况",
        "子女数",
        "政治面貌",
        "宗教信仰",
        "文化程度",
        "健康状况",
        "孕检情况",
        "流入原因",
        "流出原因",
        "备注",
        "说明",
        "三查时间",
        "随访时间",
        "检查时间",
        "登记日期",
        "填表日期",
        "办证日期",
        "居住证号",
        "暂住证号",
        "社保号",
        "银行卡号",
        "工作单位",
        "工作单位地址",
        "单位地址",
        "家庭住址",
        "照片",
        "标签",
        "信用等级",
        "责任人",
        "网格员电话",
        "sex",
        "gender",
        "ethnicity",
        "nationality",
        "marital_status",
        "spouse_name",
        "father_name",
        "mother_name",
        "spouse_id_number",
        "children",
        "pregnancy",
        "contraception",
        "last_menstrual_period",
        "pregnancy_test_date",
        "emergency_contact",
        "emergency_phone",
        "landlord_phone",
        "employer",
        "religion",
        "remarks",
        "notes",
        "comment",
        "reason",
        "photo",
        "id",
        "guardian_phone",
        "maiden_name",
        "date_of_marriage",
        "child_date_of_birth",
    ],
)
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
    ],
)
def test_a_lower_header_is_read_under_its_own(labels, field, level):
    found = meaning_of(labels, ARRIVALS)
    assert (found.field, found.level) == (field, level)


def test_a_contact_s_name_and_the_village_of_origin_are_not_read():
    assert meaning_of(("联系方式", "姓名"), ARRIVALS) is None
    assert meaning_of(("户籍地", "村"), ARRIVALS) is None


def test_the_origin_of_departures_is_this_node_and_is_dropped():
    for header in ("户籍地", "户籍乡镇", "户籍地址", "流出地", "origin_region"):
        assert meaning_of((header,), DEPARTURES) is None
