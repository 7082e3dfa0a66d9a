"""The invented people of the demo, and the ledger that 澜江's officer keeps of them.

Nobody here is real: the division codes 79xxxx do not exist, so no number belongs to anyone.
"""

import io
from dataclasses import dataclass
from datetime import date, timedelta

import xlsxwriter

from schemas.identity import resident_id_check_digit

HOME_TOWNS = {
    "790101101": ("青禾县", "柳河镇"),
    "790101102": ("青禾县", "石桥镇"),
    "790101201": ("青禾县", "白马乡"),
    "790202101": ("云台县", "东坪镇"),
    "790202201": ("云台县", "杨柳乡"),
}
"""Townships that people come from: code → county and township as a ledger writes them."""

LEDGER_TITLE = "澜江市临港街道流动人口（流入）登记台账"
LEDGER_HEADERS = ("序号", "姓名", "身份证号码", "婚姻状况", "户籍地", "", "现居住地址", "流入日期", "联系电话", "备注")
SECOND_HEADERS = ("", "", "", "", "县（市、区）", "乡镇（街道）", "", "", "", "")


@dataclass(frozen=True)
class Invented:
    """One invented person: where from, when born and moved, how to reach."""

    name: str
    home: str
    born: date
    serial: int
    phone: str
    moved_days_ago: int
    address: str

    @property
    def document_number(self) -> str:
        """A resident ID number with a right check digit (GB 11643) in a county that does not exist."""
        stem = f"{self.home[:6]}{self.born:%Y%m%d}{self.serial:03d}"
        return stem + resident_id_check_digit(stem)

    def moved_on(self, today: date) -> date:
        """The day of the move, told from today."""
        return today - timedelta(days=self.moved_days_ago)


MATCHED = Invented("陈小禾", "790101101", date(1991, 4, 12), 412, "13900790101", 40, "临港街道春晖里3幢201")
"""青禾 holds the very same facts: its node answers by itself."""

MISSPELT = Invented("周知远", "790101102", date(1986, 9, 30), 517, "13900790102", 33, "临港街道海棠路18号")
"""青禾's ledger has another spelling of this name: an officer must look."""

MISSPELT_AT_HOME = "周志远"

BY_LETTER = Invented("郑若兰", "790202101", date(1979, 1, 5), 628, "13900790103", 21, "北仓街道仓前路7号")
"""From 云台, which has no node: the request goes by letter."""

OTHERS = (
    Invented("罗景行", "790101201", date(1968, 11, 2), 331, "13900790104", 210, "上塘镇塘东村12号"),
    Invented("单雄飞", "790202201", date(1994, 6, 18), 753, "13900790105", 120, "临港街道春晖里5幢402"),
    Invented("曾念慈", "790101101", date(1972, 2, 27), 264, "13900790106", 95, "北仓街道仓前路31号"),
    Invented("阿依努尔·买买提", "790202101", date(1999, 8, 8), 888, "13900790107", 64, "临港街道海棠路2号"),
    Invented("高𫖯", "790101102", date(1983, 12, 21), 195, "13900790108", 51, "上塘镇塘西村4号"),
    Invented("欧阳清如", "790101201", date(1959, 3, 14), 146, "13900790109", 17, "临港街道春晖里1幢103"),
)


def arrivals_ledger(today: date) -> bytes:
    """澜江's workbook (`.xlsx`) as a township keeps it: title, two header rows, columns that Tonglu drops."""
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as workbook:
        sheet = workbook.add_worksheet("流入台账")
        sheet.merge_range(0, 0, 0, len(LEDGER_HEADERS) - 1, LEDGER_TITLE)
        for column, (first, second) in enumerate(zip(LEDGER_HEADERS, SECOND_HEADERS, strict=True)):
            sheet.write_string(2, column, first)
            sheet.write_string(3, column, second)
        sheet.merge_range(2, 4, 2, 5, "户籍地")
        for number, person in enumerate((MATCHED, MISSPELT, BY_LETTER, *OTHERS), start=1):
            county, township = HOME_TOWNS[person.home]
            moved = person.moved_on(today)
            cells = (
                str(number),
                person.name,
                person.document_number,
                "未填",
                county,
                township,
                person.address,
                f"{moved:%Y}.{moved.month}.{moved.day}",
                person.phone,
                "租房",
            )
            for column, cell in enumerate(cells):
                sheet.write_string(3 + number, column, cell)
        sheet.write_string(4 + number, 0, "合计")
        sheet.write_string(4 + number, 1, f"{number}人")
    return buffer.getvalue()
