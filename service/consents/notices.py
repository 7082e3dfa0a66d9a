"""The privacy notice and the questions of consent: their wordings, one version in force.

A wording never changes under its version: who was told what must stay readable. A new text is a new entry and the new
`CURRENT_VERSION`. Personal Information Protection Law, art. 17 (what is told), 14 and 23 (separate consent).
"""

from dataclasses import dataclass

CURRENT_VERSION = "2026-11"


@dataclass(frozen=True, slots=True)
class Wording:
    """What is read or handed to a person: `notice` by language, and one question for each kind of consent."""

    version: str
    notice: dict[str, tuple[str, ...]]
    questions: dict[str, dict[str, str]]


_V_2026_11 = Wording(
    version="2026-11",
    notice={
        "zh-CN": (
            "我们登记您的姓名、证件类型和号码（没有证件也可以登记）、出生日期、联系方式、服务语言、现住址，以及您自己申报的外出和来此行程。",
            "用途只有三个：确认您申报的行程、更正记录、办理您本人提出的请求。不登记婚育、健康结果、宗教、政治等内容，没有备注栏。",
            "记录加密保存在本区。结束的行程满二十四个月删除，除非您希望保留更久。",
            "谁看过您的信息，您都能在自己的页面上看到。您可以随时查询、复制、更正、限制、删除，也可以撤回同意。",
            "下面的每一项同意都由您自己决定。全部拒绝，登记和服务也完全一样。",
        ),
        "en": (
            (
                "We register your name, document type and number (none is needed), date of birth, contact, language "
                "of service, present address, and the moves that you declare yourself."
            ),
            (
                "There are three purposes: to confirm the journey you declared, to correct the record, and to do what "
                "you ask for. Nothing about marriage, children, health results, religion or politics is kept, and "
                "there is no field for remarks."
            ),
            (
                "The record is kept encrypted in this region. A journey that ended is deleted after 24 months, unless "
                "you want it kept longer."
            ),
            (
                "You can see on your own page who looked at your record. You may read, copy, correct, limit and "
                "delete it and withdraw a consent at any time."
            ),
            (
                "You decide each consent below by yourself. If you refuse all of them, registration and service are "
                "exactly the same."
            ),
        ),
    },
    questions={
        "share_with_peer": {
            "zh-CN": "是否同意我们与{region}互相确认您的这段行程？",
            "en": "May we and {region} confirm this journey of yours to each other?",
        },
        "remind": {
            "zh-CN": "是否希望我们提醒您：{kind}？",
            "en": "Do you want us to remind you of: {kind}?",
        },
        "certificate_home": {
            "zh-CN": "是否同意把您的健康服务参加凭证送到{region}，由您自己使用？",
            "en": "May we deliver your attendance certificates to {region}, for your own use?",
        },
    },
)

WORDINGS: dict[str, Wording] = {_V_2026_11.version: _V_2026_11}


def current() -> Wording:
    """The wording in force."""
    return WORDINGS[CURRENT_VERSION]


def is_known(version: str) -> bool:
    """Whether a notice of this version was ever in force here."""
    return version in WORDINGS
