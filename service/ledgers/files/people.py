"""Which rows below a header are people.

A row is a person's unless it is blank (serial numbers and rules of dashes count as blank), a total, a signature, a
note, an example, the name of a group, a line that numbers or explains the columns, or something from above the header
printed once more on the next page.
"""

import re
from collections.abc import Iterable

from service.ledgers.files.columns import Layout, Row, looks_like_header
from service.ledgers.files.fields import Cell, Field
from service.ledgers.files.headers import explains

LONGEST_CELL = 1_000
"""Characters of a cell that are read: no name, number, date or address has more, and what has is none."""
_KEYS = (Field.NAME, Field.DOCUMENT_NUMBER, Field.DATE_OF_BIRTH, Field.MOVED_ON, Field.PHONE)
_FEWEST_DIGITS = 14
"""Of a document number: whoever has one is a person, whatever the other cells look like."""
_COLON = r"[:：（(]"
_OFFICERS = (
    r"(审核|填表|制表|填报|复核|审批|经办|登记|录入|统计|联系|负责|责任|主管|分管|签字|签章|盖章|打印|报送|上报|核对|校对)"
    r"(人|员|者|领导|单位|日期|时间|人签字|人员|部门)"
)
_TOTAL = re.compile(
    r"(.{0,15}(合计|总计|小计|共计|累计|总数|总人数|人数)[:：]?\d*[人名户]?|(以上|本页|全表)?共计?\d+[人名户条].*|(sub|grand)?total:?)",
    re.IGNORECASE,
)
_SIGNATURE = re.compile(
    rf"(.{{0,6}}{_OFFICERS}?{_COLON}|{_OFFICERS}$"
    r"|(审核人?|审核人签字|单位负责人|盖章|签字|签章|单位\W?盖章\W?|备注|说明|填表说明|填报说明|附注|日期)$"
    rf"|(说明|填表说明|填报说明|备注|注|注意|注意事项|附注|附|单位|日期|其中){_COLON}"
    r"|(prepared|checked|reviewed|approved|filledin|signed|compiled)(by)?:|(signature|notes?|remarks?|date):"
    r"|\W*(以下空白|以下无正文|此处空白|以下为空)\W*$"
    r"|第\d+页|共\d+页|page\d+)",
    re.IGNORECASE,
)
_TITLE = re.compile(r"^.{0,40}(台账|登记表|登记册|名册|名单|汇总表|一览表|统计表|花名册)([(（].{0,20}[)）])?$")
_EXAMPLE = re.compile(r"(例|示例|样例|样表|填写示例|举例|example)\s*[:：]?\s*\d*", re.IGNORECASE)
_SENTENCE = re.compile(r"[。；;：:]|.{21}")
_OFFICE = re.compile(r"签字|签名|签章|盖章|审核|填表|制表|填报|复核")
_EXAMPLE_NAME = ("例：", "例:", "示例", "样例", "范例")
_GROUP = re.compile(
    r"^([(（]?[一二三四五六七八九十]{1,3}[、.．)）].*|.*\d+[人名户条].*"
    r"|.{2,20}([省市县区镇乡村]|街道|社区|居委会|小组)([(（].{0,20}[)）])?)$"
)
"""A line of its own above the people of one village."""
_MARK = re.compile(r"[(（]?(\d{1,2}|[A-Z]|[甲乙丙丁戊己庚辛壬癸])[)）]?|栏次|列号|序号")
"""How a line below the header numbers the columns."""
_FEWEST_MARKS = 3
_SHORTEST_NUMBER = 5
_RULE = re.compile(r"[-—–=_*.·:|+\s\x1a]*")
_DAY = re.compile(r"\d{0,4}年\d{0,2}月(\d{0,2}日)?|\d{4}([-./]\d{1,2}){1,2}(\d{1,2}(:\d{2}){1,2})?")
_DIGITS = re.compile(r"[-\d()+]+")
_OFFICES_OWN = re.compile(
    r".{0,20}[:：].*|[（(].{0,20}[)）]|.{0,6}(电话|热线)|\W*(end|完|本表完|表完|.{0,6}无记录)\W*|[^\d]{0,8}\d+[人名户条].*"
    r"|.{0,20}(办事处|委员会|居委会|村委会|居?村?（居）委会|派出所|人民政府|服务中心|管理站|办公室)([(（].{0,10}[)）])?",
    re.IGNORECASE,
)
"""A cell in which an office speaks of itself or of the sheet: 主任：, （盖章）, 监督电话, 临港街道办事处, 男150人."""


def printed_above(rows: Iterable[Row]) -> frozenset[str]:
    """Give what stands above a header, row by row, so that it is known again where a later page repeats it."""
    return frozenset(line for row in rows if (line := _line(row)))


def is_person(row: Row, layout: Layout, above: frozenset[str]) -> bool:
    """Tell whether a row below the header is somebody's; `above` is what `printed_above` gave."""
    if _has_number(row, layout):
        return not _is_example(row, layout)
    filled = {
        key: text
        for key in _KEYS
        for place in layout.columns.get(key, ())
        if place < len(row) and (text := text_of(row[place]))
    }
    if not filled:
        return False
    if _is_example(row, layout) or _says_too_little(filled, row, layout) or _is_the_offices(row):
        return False
    first = next((text for cell in row if (text := text_of(cell))), "")
    if all(_RULE.fullmatch(text) for text in filled.values()) and not _named_place(row, layout):
        return False
    for text in ("".join(words.split()) for words in (first, filled.get(Field.NAME, ""))):
        # Forms are spaced: 合　计, 审 核 人：
        if _TOTAL.fullmatch(text) or _SIGNATURE.match(text):
            return False
    name = filled.get(Field.NAME, "")
    if looks_like_header(row, layout) or explains(name) or _numbers_columns(row) or (above and _line(row) in above):
        return False
    alone = filled.keys() == {Field.NAME} and not _named_place(row, layout)
    return not (alone and (name.isdecimal() or any(rule.search(name) for rule in (_SENTENCE, _OFFICE, _TITLE, _GROUP))))


def _is_example(row: Row, layout: Layout) -> bool:
    if _EXAMPLE.fullmatch(next((text for cell in row if (text := text_of(cell))), "")):
        return True
    names = (text_of(row[place]) for place in layout.columns[Field.NAME] if place < len(row))
    return any(name.startswith(_EXAMPLE_NAME) for name in names)


def _is_the_offices(row: Row) -> bool:
    """Tell whether all that stands in a row is a label, the office's name, a count or the day it was printed."""
    texts = ["".join(text.split()) for cell in row if (text := text_of(cell))]
    said = [text for text in texts if not (_DAY.fullmatch(text) or _DIGITS.fullmatch(text) or _TITLE.fullmatch(text))]
    if not said:
        return len(texts) == 1 and bool(_DAY.fullmatch(texts[0]) or _TITLE.fullmatch(texts[0]))
    return all(_OFFICES_OWN.fullmatch(text) for text in said)


def _says_too_little(filled: dict[Field, str], row: Row, layout: Layout) -> bool:
    """Tell whether only one of a day, a telephone and a count stands there: the office's, below its signature."""
    if len(filled) > 1 or Field.NAME in filled or Field.DATE_OF_BIRTH in filled or _named_place(row, layout):
        return False
    return len(filled.get(Field.DOCUMENT_NUMBER, "")) < _SHORTEST_NUMBER


def _numbers_columns(row: Row) -> bool:
    texts = [text for cell in row if (text := text_of(cell))]
    return len(texts) >= _FEWEST_MARKS and all(_MARK.fullmatch(text) for text in texts)


def _has_number(row: Row, layout: Layout) -> bool:
    """Tell whether a row has what may be a document number, which no total, signature or header has."""
    texts = [text_of(row[place]) for place in layout.columns.get(Field.DOCUMENT_NUMBER, ()) if place < len(row)]
    number = next((text for text in reversed(texts) if text), "")
    # What says what it is, as 打印时间：2026-09-30 10:00:00 does, has to be looked at with the rest of its row.
    return sum(map(str.isdigit, number)) >= _FEWEST_DIGITS and ":" not in number and "：" not in number


def text_of(cell: Cell) -> str:
    """Give a cell's text without blanks around it; whole numbers without `.0`."""
    if isinstance(cell, str):
        return cell[:LONGEST_CELL].strip()
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    return str(cell)[:LONGEST_CELL].strip()


def _named_place(row: Row, layout: Layout) -> bool:
    return any(text_of(row[place]) for place in layout.columns[Field.REGION] if place < len(row))


def _line(row: Row) -> str:
    return "\x00".join(text for cell in row if (text := "".join(text_of(cell).split())))
