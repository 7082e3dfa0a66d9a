"""Which header names which field: exact spellings, never parts of words.

A header is mapped only when, after folding width, spaces and punctuation, it equals a known spelling, alone or with a
known harmless prefix (本人…) or bracketed hint (…（必填）). Searching for a part of a word would take 配偶姓名 for a name and
紧急联系人电话 for the person's phone, so that is never done: an unknown spelling is dropped (rule 1 of the domain).
"""

import re
import unicodedata
from dataclasses import dataclass

from service.ledgers.fields import Field, LedgerKind

_PUNCTUATION = re.compile(r"[\s_\-.·・:：*＊/、,，;；'\"’‘“”。．\\|+#&\u200b-\u200f\ufeff]+")
_BRACKETED = re.compile(r"\(([^()]*)\)")


def fold_header(text: str) -> str:
    """Return a header without differences that carry no meaning: width, case, spaces, punctuation, bracket style."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    folded = folded.translate(str.maketrans("【】[]〔〕{}<>", "()()()()()"))
    return _PUNCTUATION.sub("", folded)


def _words(text: str) -> frozenset[str]:
    return frozenset(fold_header(word) for word in text.split())


_NAME = _words("姓名 名字 中文姓名 姓名全称 真实姓名 name full_name person_name person_full_name chinese_name fullname")
_DOCUMENT_TYPE = _words(
    "证件类型 证件种类 证件类别 证件名称 身份证件类型 身份证件种类 有效证件类型 document_type doc_type id_type identity_document_type "
    "id_document_type type_of_document"
)
_DOCUMENT_NUMBER = _words(
    "身份证号码 身份证号 身份证 身份证编号 居民身份证 居民身份证号 居民身份证号码 公民身份号码 公民身份证号 公民身份证号码 身份号码 "
    "证件号码 证件号 证件编号 有效证件号码 有效证件号 身份证件号码 身份证件号 护照号 护照号码 身份证号护照号 身份证护照号码 "
    "document_number document_no doc_number doc_no id_number id_no id_card id_card_number id_card_no identity_number "
    "identity_card identity_card_number identity_card_no identity_document_number national_id national_id_number national_id_no "
    "citizen_id citizen_id_number resident_id resident_id_number resident_id_no resident_identity_number passport_number "
    "passport_no number_of_document"
)
_DATE_OF_BIRTH = _words(
    "出生日期 出生年月日 出生年月 出生时间 生日 出生 date_of_birth dob birth_date birthday birthdate born birth born_on"
)
_PHONE = _words(
    "联系电话 电话 电话号码 手机 手机号 手机号码 联系手机 联系手机号 联系手机号码 联系方式 联系号码 移动电话 移动电话号码 联系电话手机 手机电话 "
    "phone phone_number phone_no mobile mobile_phone mobile_number mobile_no mobile_phone_number telephone telephone_number tel "
    "tel_no contact_number contact_phone contact_phone_number contact_no cell cell_phone cellphone cellphone_number"
)
_EMAIL = _words("邮箱 电子邮箱 电子邮件 邮箱地址 电子邮箱地址 电子邮件地址 email e-mail email_address mail_address")
_EXPECTED_RETURN = _words(
    "预计返回 预计返回日期 预计返回时间 预计返乡 预计返乡日期 预计返乡时间 预计回乡日期 预计回乡时间 预计归来日期 预计归来时间 预计返家时间 "
    "预计返家日期 计划返回日期 计划返回时间 计划返乡时间 计划返乡日期 拟返回日期 拟返回时间 拟返乡时间 预期返回日期 预期返回时间 预计回来时间 "
    "预计返程时间 预计返程日期 预返日期 预返时间 "
    "expected_return expected_return_on expected_return_date expected_date_of_return expected_back expected_back_on planned_return "
    "planned_return_on planned_return_date return_expected return_expected_on"
)
_MOVED_IN = _words(
    "流入日期 流入时间 流入年月 流入年月日 来此日期 来此时间 来本地日期 来本地时间 来本地年月 来本区日期 来本区时间 来我镇时间 来我镇日期 "
    "来我街道时间 来我乡时间 来我市时间 来我县时间 来我区时间 来现居住地时间 来现居住地日期 来现住地日期 来现住地时间 到达日期 到达时间 抵达日期 抵达时间 到本地日期 到本地时间 到此日期 "
    "到此时间 迁入日期 迁入时间 移入日期 移入时间 进入日期 进入时间 入住日期 入住时间 来住日期 来住时间 居住起始日期 居住开始日期 现居住地起始日期 何时流入 何时来此 流入本地日期 流入本地时间 "
    "arrived_on arrival_date date_of_arrival arrived arrival arrived_at arrival_on arrival_time date_arrived moved_in moved_in_on "
    "moved_in_date move_in_date date_moved_in came_on in_date inflow_date date_of_inflow"
)
_MOVED_OUT = _words(
    "流出日期 流出时间 流出年月 流出年月日 外出日期 外出时间 外出年月 离开日期 离开时间 离家日期 离家时间 离乡日期 离乡时间 离开户籍地日期 "
    "离开户籍地时间 离开本地日期 离开本地时间 出发日期 出发时间 迁出日期 迁出时间 移出日期 移出时间 离开年月 何时流出 何时外出 流出本地日期 流出本地时间 外出务工时间 外出务工日期 "
    "departed_on departure_date date_of_departure departed departure departed_at departure_on departure_time date_departed left_on "
    "left date_left moved_out moved_out_on moved_out_date move_out_date date_moved_out out_date outflow_date date_of_outflow"
)
_MOVED = _words("流动日期 流动时间 流动年月 moved_on date_moved moved_date move_date date_of_move")
_ORIGIN = _words(
    "户籍地 户籍地址 户籍地详址 户籍详址 户籍详细地址 户籍地详细地址 户籍所在地 户籍所在地址 户籍所在地详址 户籍 户口所在地 户口地 户口地址 户口所在地地址 户籍住址 户籍地区 "
    "户籍地区划 户籍区划 户籍地行政区划 户籍地区划代码 户籍区划代码 户籍地行政区划代码 户籍地代码 户籍地编码 流出地 流出地址 流出地区 流出地详址 流出地详细地址 流出地区划代码 来源地 来源地区 "
    "从何地来 从何处来 何地流入 来自 来自何地 来自何处 原籍 原籍地 原籍地址 原住地 原居住地 原居住地址 原住址 "
    "origin origin_region origin_code origin_region_code origin_place origin_address origin_division region_of_origin "
    "place_of_origin area_of_origin home_region home_region_code home_place registered_residence registered_address "
    "household_registration household_registration_place household_registration_address place_of_household_registration hukou "
    "hukou_place hukou_address hukou_region hukou_location from from_region came_from moved_from"
)
_HERE_OR_THERE = _words(
    # Where the person lives now: an address where people arrived, the destination where they left for.
    "现居住地 现居住地址 现居住地详址 现居住地详细地址 现居住详细地址 现居住详址 现住址 现住地 现住地址 现住详址 现地址 现详细地址 现在住址 现在居住地 现在居住地址 居住地 居住地址 居住地详址 居住详址 居住住址 住址 "
    "地址 详细地址 详细住址 家庭住址 暂住地 暂住地址 暂住址 暂住地详址 目前居住地 目前居住地址 目前住址 当前居住地 当前居住地址 当前住址 常住地 "
    "address current_address present_address address_now residence residence_address current_residence residential_address "
    "place_of_residence living_address home_address lives_at"
)
_DESTINATION = _words(
    "流入地 流入地址 流入地区 流入地详址 流入地详细地址 流入地点 流入地区划 流入地区划代码 流入地行政区划 流入地行政区划代码 流入地代码 现流入地 流向 流向地 流往地 流往何地 去向 去向地 去往地 去往何处 去往何地 去何地 何处去 "
    "目的地 目的地址 目的地区 前往地 前往地区 外出地 外出地点 外出地址 外出地区 外出去向 外出流入地 务工地 务工地点 迁往地 迁入地 迁往地址 现所在地 "
    "destination destination_region destination_code destination_region_code destination_place destination_address "
    "destination_division region_of_destination place_of_destination going_to moved_to to_region went_to host_region"
)
_LEVELS = {
    0: _words(
        "省 省份 省级 省(自治区) 省(区) 省(区、市) 省(市) 省(直辖市) 省(自治区、直辖市) 省市自治区 省市区 province"
    ),
    1: _words(
        "市 地市 地级市 市级 市(州) 市(地) 市(地、州) 市(州、盟) 市(地区) 市(地、州、盟) 市州 地(市) 地(市、州) prefecture city"
    ),
    2: _words(
        "县 区县 县区 县市区 县级 市县 区 县市 县(市、区) 县(区) 县(市) 区(县) 区(县、市) 市(县) 区(市、县) 县(区、市) 市(县、区) 县(市、区、旗) 区县(市) 市(区、县) 县市(区) 县区市 county district "
        "county_(district) county_or_district"
    ),
    3: _words(
        "乡镇 乡 镇 街道 乡镇街道 镇街 街镇 乡(镇) 镇(乡) 乡镇(街道) 镇(街道) 乡(镇、街道) 乡(街道) 街道(乡镇) 镇街道 乡镇街 街道乡镇 镇(街) 乡镇(街) 乡(镇)街道 街道(镇) 镇(乡、街道) 乡(镇、街) 街道(乡、镇) town township "
        "town_or_township street subdistrict township_(subdistrict)"
    ),
    4: _words(
        "村 村居 村社区 社区 村(居) 村(社区) 村(居委会) 村委会 村(居)委会 社区(村) 居(村)委会 居委会 行政村 村(社区、居委会) village community village_community"
    ),
}
_DETAIL = _words(
    "地址 详址 详细地址 住址 详细住址 门牌 门牌号 具体地址 详细 地点 区划 行政区划 区划代码 address detail place region"
)

_ORIGIN_PARENTS = _words(
    "户籍地 户籍 户籍所在地 户口所在地 户籍地址 户籍地情况 户籍情况 户籍信息 流出地 原籍 来源地 户口地 户籍所在地址 户籍地(流出地) "
    "流出地(户籍地) 原居住地 origin home registered_residence hukou household_registration place_of_origin"
)
_HERE_PARENTS = _words(
    "现居住地 现居住地址 现居住 现住址 现住地 居住地 居住地址 暂住地 暂住地址 居住情况 居住信息 现居住情况 现居住地情况 目前居住地 住址 现住地址 residence "
    "current_residence current_address address"
)
_DESTINATION_PARENTS = _words(
    "流入地 流入地址 流向 去向 目的地 外出地 外出地点 流往地 流入地(现居住地) 现居住地(流入地) 流入地情况 现流入地 destination"
)
_NEUTRAL_PARENTS = _words(
    "基本信息 基本情况 个人信息 个人情况 个人基本信息 个人基本情况 人员信息 人员情况 人员基本信息 人员基本情况 本人 本人信息 本人情况 本人基本信息 本人基本情况 流动人口 "
    "流动人口信息 流动人口情况 流动人口基本信息 流动人口基本情况 流动信息 流动情况 流入 流出 流入情况 流入信息 流出情况 流出信息 外出情况 外出信息 流入人员 流出人员 外出人员 流入人员信息 流出人员信息 "
    "流入人口基本情况 流出人口基本情况 登记信息 登记情况 身份信息 身份证件 身份情况 证件 证件信息 证件情况 联系信息 联系方式 居住信息 居住情况 流入流出情况 行程 行程信息 外出 移动信息 迁移信息 "
    "person personal_information personal_details basic_information identity identity_document contact contact_information "
    "contact_details move journey arrival departure registration"
)
_PREFIXES = tuple(
    fold_header(word)
    for word in (
        "本人 流动人口 流动人员 流入人员 流入人口 流入者 流出人员 流出人口 流出者 外出人员 外来人员 外来人口 人员 登记人 登记人员 被登记人 来访人员 居民 公民 "
        "person's person applicant registrant resident migrant"
    ).split()
)
_HINTS = _words(
    "必填 选填 必填项 可不填 本人 18位 18位数 18位号码 十八位 15或18位 年月日 年月 年-月-日 年/月/日 年.月.日 年、月、日 yyyy-mm-dd yyyymmdd yyyy/mm/dd yyyy.mm.dd yyyy-mm dd/mm/yyyy "
    "yyyy年mm月dd日 格式 文本 文本格式 日期格式 手机 手机号 手机号码 11位 十一位 现居住地 现居住地址 现住址 流入地 流出地 户籍地 户籍地址 户籍所在地 居住地 目的地 居住地址 详细 详细地址 详址 具体 具体到门牌号 具体到村 精确到日 精确到月 "
    "精确到年月日 到月 到日 公历 阳历 市县 县级 县乡 省市县 省市县乡 县市区 县(市、区) 县市区乡镇 县乡村 市、县 县、乡镇 县、乡 省市区 乡镇 乡镇街道 乡镇(街道) 街道 县 区划 区划代码 代码 预计 身份证 公民身份号码 身份证号 "
    "required optional text date mobile cell yyyy mm dd code iso iso8601 18_digits e.g. chinese 中文 汉字 全名 全称 与身份证一致 同身份证"
)


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a header says: a field, its level where a place is spread over columns (0 province … 4 village, 9 the rest),
    the kind of ledger that only such a header has, and how well it fits (0 best) against another column for that field."""

    field: Field
    level: int = 9
    only: LedgerKind | None = None
    rank: int = 0


_PLAIN = (
    (_NAME, Field.NAME),
    (_DOCUMENT_TYPE, Field.DOCUMENT_TYPE),
    (_DOCUMENT_NUMBER, Field.DOCUMENT_NUMBER),
    (_DATE_OF_BIRTH, Field.DATE_OF_BIRTH),
    (_PHONE, Field.PHONE),
    (_EMAIL, Field.EMAIL),
)


def _place(folded: str, kind: LedgerKind) -> Meaning | None:
    """Read a header that names a place, which means different things in the two kinds of ledger."""
    arrivals = kind is LedgerKind.ARRIVALS
    if folded in _ORIGIN:
        rank = 1 if folded.startswith("原") or folded.startswith("流出") else 0
        return Meaning(Field.REGION, rank=rank) if arrivals else None
    if folded in _HERE_OR_THERE:
        return Meaning(Field.ADDRESS)
    if folded in _DESTINATION:
        return Meaning(Field.ADDRESS, rank=1) if arrivals else Meaning(Field.REGION)
    return None


def _levelled(parent: str, label: str, kind: LedgerKind) -> Meaning | None:
    """Read `县` under 户籍地 (or written as one word, 户籍地县) as one part of a place."""
    level = next((level for level, words in _LEVELS.items() if label in words), None)
    if level is None:
        if label not in _DETAIL:
            return None
        level = 9
    arrivals = kind is LedgerKind.ARRIVALS
    if parent in _ORIGIN_PARENTS:
        return Meaning(Field.REGION, level) if arrivals else None
    if parent in _HERE_PARENTS:
        return Meaning(Field.ADDRESS, level)
    if parent in _DESTINATION_PARENTS:
        return Meaning(Field.ADDRESS, level, rank=1) if arrivals else Meaning(Field.REGION, level)
    return None


def _exact(folded: str, kind: LedgerKind) -> Meaning | None:
    for words, field in _PLAIN:
        if folded in words:
            return Meaning(field)
    if folded in _MOVED_IN:
        return Meaning(Field.MOVED_ON, only=LedgerKind.ARRIVALS) if kind is LedgerKind.ARRIVALS else None
    if folded in _MOVED_OUT:
        return Meaning(Field.MOVED_ON, only=LedgerKind.DEPARTURES) if kind is LedgerKind.DEPARTURES else None
    if folded in _MOVED:
        return Meaning(Field.MOVED_ON, rank=1)
    if folded in _EXPECTED_RETURN:
        return Meaning(Field.EXPECTED_RETURN_ON) if kind is LedgerKind.DEPARTURES else None
    place = _place(folded, kind)
    if place is not None:
        return place
    for parents in (_ORIGIN_PARENTS, _HERE_PARENTS, _DESTINATION_PARENTS):
        for parent in parents:
            if folded.startswith(parent) and len(folded) > len(parent):
                found = _levelled(parent, folded[len(parent) :].removeprefix("所在"), kind)
                if found is not None:
                    return found
    return None


def _whole(folded: str, kind: LedgerKind) -> Meaning | None:
    found = _exact(folded, kind)
    if found is not None:
        return found
    hints = _BRACKETED.findall(folded)
    if hints and folded.endswith(")") and all(hint in _HINTS for hint in hints):
        bare = _BRACKETED.sub("", folded)
        return _exact(bare, kind) or _prefixed(bare, kind)
    return _prefixed(folded, kind)


def _prefixed(folded: str, kind: LedgerKind) -> Meaning | None:
    for prefix in _PREFIXES:
        if folded.startswith(prefix) and len(folded) > len(prefix):
            found = _exact(folded[len(prefix) :], kind)
            if found is not None and found.field is not Field.REGION:
                return found
    return None


def meaning_of(labels: tuple[str, ...], kind: LedgerKind) -> Meaning | None:
    """Say which field a column fills, from its header texts (upper header first), or `None` to drop it.

    A lower header counts only under an empty or a known harmless upper one: 姓名 under 配偶情况 is somebody else.
    """
    parts = [folded for folded in (fold_header(label) for label in labels) if folded]
    if not parts:
        return None
    if len(parts) > 1 and len(set(parts)) == 1:
        parts = parts[:1]
    if len(parts) == 1:
        return _whole(parts[0], kind)
    *above, last = parts
    parent = above[-1]
    if any(part not in _NEUTRAL_PARENTS for part in above[:-1]):
        return None
    return (
        _levelled(parent, last, kind)
        or _exact(parent + last, kind)
        or (_whole(last, kind) if parent in _NEUTRAL_PARENTS else None)
    )
