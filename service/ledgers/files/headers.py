"""Which header names which field: exact spellings, never parts of words.

A header is mapped only when, after folding width, spaces and punctuation, it equals a known spelling, alone or with a
known harmless prefix (本人…) or bracketed hint (…（必填）). Searching for a part of a word would take 配偶姓名 for
a name and 紧急联系人电话 for the person's phone, so that is never done: an unknown spelling is dropped (rule 1 of the
domain). The spellings are data: `data/spellings.toml`.
"""

import re
import tomllib
import unicodedata
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources

from service.ledgers.files.fields import Field, LedgerKind

_PUNCTUATION = re.compile(r"[\s_\-.·・:：*＊/、,，;；'\"’‘“”。．\\|+#&\u200b-\u200f\ufeff]+")
_ORDINAL = re.compile(r"^(\([0-9一二三四五六七八九十]{1,2}\)|[0-9]{1,2}|[一二三四五六七八九十]{1,2})(?!代)")
_LATIN = re.compile(r"[a-z'()]+")
_HINT = re.compile(
    r"(省|市|县|区|旗|州|盟|乡|镇|街道|街|村|居委会|社区|组|路|弄|号|楼|栋|幢|单元|室|门牌|自治|直辖|地级"
    r"|及|或|和|与|至|到|精确|具体|详细|详址|地址|填写|填|请|按|如|例|格式|文本|数字|年|月|日|位|公历|阳历|必|选|可不|[0-9xymd])+"
)
"""What may stand in brackets behind a header whatever it says: units, formats, how far an address goes."""
_WHEN = r"(日期|时间|年月日?)"
_HERE = r"(省|市|县|区|乡|镇|街道|村|社区|地|居住地|住地|辖区)"
_NAMED = r"[\u4e00-\u9fff]{2,6}(市|县|区|乡|镇|街道|村|社区)"
_ARRIVED = re.compile(rf"(来|到|来到|流入|进入|抵达|到达|迁入)((我|本|该|此|现){_HERE}|{_NAMED}){_WHEN}")
_DEPARTED = re.compile(rf"(离开|流出|外出|迁出)((我|本|该|此|原|户籍){_HERE}|{_NAMED}){_WHEN}")
"""When somebody came to 我镇, 澜江市 …: spelt out, because 来月经时间 begins as 来我镇时间 does."""
_SHORT_NAMED = re.compile(r"(来|到)(?![^日时]*[访电信函文登记件源])[\u4e00-\u9fff]{2,3}(日期|时间)")
"""来澜江日期: a place without its 市. Taken where nothing else tells, and not what is forbidden."""
_DATE_PARTS = {"年": 0, "年份": 0, "月": 1, "月份": 1, "日": 2}
"""How a date is spread over columns of its own, and their levels."""
_LONGEST_NAME_HEADER = 20
_LEVEL_OF = re.compile(r"(province|prefecture|city|county|district|town|township|village)of([a-z]+)")
_BRACKETED = re.compile(r"\(([^()]*)\)")
_BRACKETS = str.maketrans("【】[]〔〕{}<>", "()()()()()")
DETAIL = 9
"""The level of a column that holds a place whole, or what is left below the village."""
VILLAGE = 4
DATES = (Field.MOVED_ON, Field.DATE_OF_BIRTH)
"""What may be spread over columns for year, month and day."""
_PLACES = ("origin_parents", "here_parents", "destination_parents")


def fold_header(text: str) -> str:
    """Return a header without what carries no meaning: width, case, spaces, punctuation, style of brackets."""
    folded = unicodedata.normalize("NFKC", text).casefold().translate(_BRACKETS)
    return _PUNCTUATION.sub("", folded)


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a header says.

    `level` orders the columns over which a place is spread (0 province … 4 village, 9 the whole or the rest), or a date
    (0 year, 1 month, 2 day). Of two columns for one field the lower `rank` is taken. `tells_kind`: only a ledger of
    this kind has such a column.
    """

    field: Field
    level: int = DETAIL
    rank: int = 0
    tells_kind: bool = False


@lru_cache(maxsize=2048)
def meaning_of(labels: tuple[str, ...], kind: LedgerKind) -> Meaning | None:
    """Say which field a column fills, from its header texts (upper header first), or `None` to drop it.

    A lower header counts only under an empty or a known harmless upper one: 姓名 under 配偶情况 is somebody else.
    """
    parts = [_without_ordinal(folded) for folded in (fold_header(label) for label in labels) if folded]
    if len(parts) > 1 and len(set(parts)) == 1:
        parts = parts[:1]
    if not parts:
        return None
    *above, last = parts
    if not above:
        return _single(last, kind)
    parent = above[-1]
    if any(part not in _words("neutral_parents") and not _same_place(part, parent) for part in above[:-1]):
        return None
    # 流入 | 日期 and 日期 | 流入 are one thing.
    found = (
        _part_of_place(parent, last, kind)
        or _part_of_date(parent, last, kind)
        or _spelling(parent + last, kind)
        or _spelling(last + parent, kind)
    )
    if found is None and parent in _words("neutral_parents"):
        found = _single(last, kind)
    if found is None and any(parent in _words(parents) for parents in _PLACES):
        # 户籍地址 under 户籍信息: a place that its own header names whole, and nothing else.
        found = _single(last, kind)
        return found if found and found.field in (Field.REGION, Field.ADDRESS) else None
    if found is None and parent in _words("contact_parents"):
        found = _single(last, kind)
        return found if found and found.field in (Field.PHONE, Field.EMAIL) else None
    return found


def names_a_person(text: str) -> bool:
    """Tell whether a text is nothing but a header of names: 姓名."""
    # Asked of every cell of a ledger: nearly all are told by the first look.
    if "名" not in text and "ame" not in text and "AME" not in text:
        return False
    return len(text) < _LONGEST_NAME_HEADER and fold_header(text) in _words("name")


def explains(text: str) -> bool:
    """Tell whether a text says how a column is to be filled in, as a line below the header may: 必填, 与身份证一致."""
    return bool(text) and fold_header(text) in _words("hints")


def _same_place(upper: str, parent: str) -> bool:
    """Tell whether a header above 户籍地 only says so once more: 户籍信息."""
    return any(upper in _words(parents) and parent in _words(parents) for parents in _PLACES)


@lru_cache(maxsize=512)
def is_forbidden(labels: tuple[str, ...]) -> bool:
    """Tell whether a column says something that a register may not hold, or is somebody else's (rule 1).

    Unlike the spellings that are read, these are looked for anywhere in a header: dropping too much does no harm.
    """
    return any(word in folded for folded in map(fold_header, labels) for word in _forbidden_words())


@cache
def _forbidden_words() -> frozenset[str]:
    text = resources.files("service.ledgers").joinpath("data/forbidden.toml").read_text("utf-8")
    return frozenset(fold_header(word) for words in tomllib.loads(text).values() for word in words.split())


@cache
def _spellings() -> dict[str, frozenset[str]]:
    text = resources.files("service.ledgers").joinpath("data/spellings.toml").read_text("utf-8")
    return {key: frozenset(fold_header(word) for word in words.split()) for key, words in tomllib.loads(text).items()}


def _words(key: str) -> frozenset[str]:
    return _spellings()[key]


def _single(folded: str, kind: LedgerKind) -> Meaning | None:
    found = (
        _spelling(folded, kind)
        or _prefixed(folded, kind)
        or _in_both_languages(folded, kind)
        or _date_part_in_one_word(folded, kind)
    )
    if found is not None:
        return found
    hints = _BRACKETED.findall(folded)
    if not hints or not folded.endswith(")") or not all(_harmless(hint) for hint in hints):
        return None
    bare = _BRACKETED.sub("", folded)
    return _spelling(bare, kind) or _prefixed(bare, kind)


def _harmless(hint: str) -> bool:
    return hint in _words("hints") or bool(_HINT.fullmatch(hint))


def _without_ordinal(folded: str) -> str:
    """Take 1. or （一） off a header."""
    return folded[found.end() :] if (found := _ORDINAL.match(folded)) and found.end() < len(folded) else folded


def _in_both_languages(folded: str, kind: LedgerKind) -> Meaning | None:
    """Read 姓名 Name, 姓名（Name）: both halves must be known, and mean the same."""
    han, latin = _LATIN.sub("", folded), "".join(_LATIN.findall(folded)).replace("(", "").replace(")", "")
    if not han or not latin:
        return None
    found, other = _spelling(han, kind), _spelling(latin, kind)
    return found if found is not None and other is not None and found.field is other.field else None


def _prefixed(folded: str, kind: LedgerKind) -> Meaning | None:
    for prefix in _words("prefixes"):
        found = _spelling(folded.removeprefix(prefix), kind) if folded.startswith(prefix) else None
        if found is not None and found.field is not Field.REGION:
            return found
    return None


def _spelling(folded: str, kind: LedgerKind) -> Meaning | None:
    if folded in _words("unclear"):
        return None
    for field in (
        Field.NAME,
        Field.DOCUMENT_TYPE,
        Field.DOCUMENT_NUMBER,
        Field.DATE_OF_BIRTH,
        Field.PHONE,
        Field.EMAIL,
    ):
        if folded in _words(field.value):
            return Meaning(field)
    arrivals = kind is LedgerKind.ARRIVALS
    if folded in _words("arrived_on") or _ARRIVED.fullmatch(folded):
        return Meaning(Field.MOVED_ON, tells_kind=True) if arrivals else None
    if folded in _words("departed_on") or _DEPARTED.fullmatch(folded):
        return None if arrivals else Meaning(Field.MOVED_ON, tells_kind=True)
    if folded in _words("moved_on"):
        return Meaning(Field.MOVED_ON, rank=1)
    if arrivals and _SHORT_NAMED.fullmatch(folded) and not is_forbidden((folded,)):
        return Meaning(Field.MOVED_ON, rank=2)
    if folded in _words("expected_return_on"):
        return None if arrivals else Meaning(Field.EXPECTED_RETURN_ON)
    return _place(folded, kind) or _place_in_one_word(folded, kind)


def _place(folded: str, kind: LedgerKind) -> Meaning | None:
    """Read a header that names a place whole, which means different things in the two kinds of ledger.

    The origin of departures is this node itself, so that it is not read there.
    """
    arrivals = kind is LedgerKind.ARRIVALS
    if folded in _words("origin"):
        return Meaning(Field.REGION) if arrivals else None
    if folded in _words("origin_second"):
        return Meaning(Field.REGION, rank=1) if arrivals else None
    if folded in _words("here"):
        return Meaning(Field.ADDRESS) if arrivals else Meaning(Field.REGION, rank=1)
    if folded in _words("address"):
        return Meaning(Field.ADDRESS, rank=1) if arrivals else None
    if folded in _words("destination"):
        return Meaning(Field.ADDRESS, rank=2) if arrivals else Meaning(Field.REGION)
    return None


def _part_of_place(parent: str, label: str, kind: LedgerKind) -> Meaning | None:
    """Read 县 under 户籍地 as one part of a place. The village of an origin says more than its region: dropped."""
    level = next((n for n in (0, 1, 2, 3, VILLAGE, DETAIL) if label in _words(f"level_{n}")), None)
    if level is None:
        return None
    arrivals = kind is LedgerKind.ARRIVALS
    whole: Meaning | None = None
    if parent in _words("origin_parents"):
        whole = Meaning(Field.REGION, level) if arrivals else None
    elif parent in _words("here_parents"):
        whole = Meaning(Field.ADDRESS, level) if arrivals else Meaning(Field.REGION, level, rank=1)
    elif parent in _words("destination_parents"):
        whole = Meaning(Field.ADDRESS, level, rank=2) if arrivals else Meaning(Field.REGION, level)
    if whole is not None and whole.field is Field.REGION and level == VILLAGE:
        return None
    return whole


def _part_of_date(parent: str, label: str, kind: LedgerKind) -> Meaning | None:
    """Read 年, 月 and 日 under 流入时间, each a part of one date."""
    level = _DATE_PARTS.get(label)
    whole = _spelling(parent, kind) if level is not None else None
    if level is None or whole is None or whole.field not in DATES:
        return None
    return Meaning(whole.field, level, whole.rank, whole.tells_kind)


def _date_part_in_one_word(folded: str, kind: LedgerKind) -> Meaning | None:
    """Read 流入年, 流入月份, 出生日."""
    label = next((label for label in _DATE_PARTS if folded.endswith(label)), "")
    stem = folded.removesuffix(label)
    return _part_of_date(f"{stem}日期", label, kind) if label and stem else None


def _place_in_one_word(folded: str, kind: LedgerKind) -> Meaning | None:
    """Read 户籍地县, 户籍乡镇, county of origin and the like: an upper header and a level written as one word."""
    if found := _LEVEL_OF.fullmatch(folded):
        return _part_of_place(found[2], found[1], kind)
    for parents in _PLACES:
        for parent in _words(parents):
            if folded.startswith(parent) and len(folded) > len(parent):
                label = folded.removeprefix(parent).removeprefix("所在")
                if label.startswith("(") and label.endswith(")"):
                    label = label[1:-1]
                meaning = _part_of_place(parent, label, kind)
                if meaning is not None:
                    return meaning
    return None
