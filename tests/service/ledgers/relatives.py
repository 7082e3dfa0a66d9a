"""Relatives of the sample ledgers: the same people's fates in other headers, shapes and files, each row with its truth.

Seeded, so that a failure can be made again; the truth comes from what was meant, not from the code that reads it.
"""

import csv
import io
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta

from schemas.identity import resident_id_check_digit
from tests.service.ledgers.renderings import RENDERINGS, Grid, ShownAsMonth

TODAY = date(2026, 11, 22)
PLACES = {
    "790101": ("青禾县", {"790101101": "柳河镇", "790101102": "石桥镇", "790101201": "白马乡"}),
    "790202": ("云台县", {"790202101": "东坪镇", "790202201": "杨柳乡"}),
    "790303": ("澜江市", {"790303001": "临港街道", "790303002": "北仓街道", "790303101": "上塘镇"}),
}
HEADERS = {
    "name": ("姓名", "姓　名", "*姓名", "1.姓名", "人员姓名", "姓名/Name", "Full name"),
    "number": (
        "身份证号码",
        "公民身份号码",
        "证件号码（必填）",
        "身份证号（18位）",
        "有效证件号码",
        "ID No.",
        "身份证\n号码",
    ),
    "born": ("出生日期", "出生年月日", "Date of birth"),
    "phone": ("联系电话", "手机号码（11位）", "联系方式", "手机", "Mobile phone"),
    "address": ("现居住地址", "现住址（详细到门牌号）", "居住地址", "Current address"),
    "arrivals.moved": ("流入日期", "来本地时间", "流入时间（年月日）", "到达日期", "来我镇日期", "Arrival date"),
    "departures.moved": ("流出日期", "外出时间", "流出时间（年/月/日）", "离开日期", "Departure date"),
    "arrivals.place": ("户籍地", "户籍所在地（县、乡镇）", "户籍地址", "户口所在地", "Origin"),
    "departures.place": ("流入地", "流入地（现居住地）", "去向", "外出地点", "Destination"),
}
FORBIDDEN = (
    "性别", "民族", "婚姻状况", "子女数", "避孕节育措施", "孕检情况", "备注", "流入原因", "政治面貌", "文化程度",
    "配偶姓名", "配偶身份证号", "工作单位", "是否纳入重点管理", "Marital status", "Remarks", "三查结果（季度）",
    "户主姓名", "与户主关系", "宗教信仰", "最近一次\n妇检时间", "计生证号", "No. of children", "房东联系电话",
)  # fmt: skip
SECRET = "不应保留"
OTHERS = ("配偶", "配偶情况", "监护人", "户主", "父亲", "紧急联系人", "房东", "用人单位")
_BETWEEN: tuple[list[list[object]], ...] = ([[]], [["", ""]], [[99]], [["----"]], [["二、某某村"]], [["其中：男", 1]])
_DAYS: tuple[Callable[[date], object], ...] = (
    lambda day: day.isoformat(),
    lambda day: f"{day:%Y%m%d}",
    lambda day: f"{day.year}.{day.month}.{day.day}",
    lambda day: f"{day.year}/{day.month}/{day.day}",
    lambda day: f"{day.year}年{day.month}月{day.day}日",
    lambda day: f"{day.year}。{day.month}。{day.day}",
    lambda day: f"{day:%Y/%m/%d} 00:00:00",
    lambda day: f"{day.year}年{day.month}月{day.day}日 上午10时20分",
    lambda day: f"\u202d{day.isoformat()}\u202c",
    lambda day: "".join(chr(ord(one) + 0xFEE0) if one.isdigit() else one for one in day.isoformat()),
    lambda day: str((day - date(1899, 12, 30)).days),
)
_MONTHS: tuple[Callable[[date], str], ...] = (
    lambda day: f"{day:%Y.%m}",
    lambda day: f"{day:%Y-%m}",
    lambda day: f"{day.year}年{day.month}月",
    lambda day: f"{day:%Y%m}",
)
_PHONES: tuple[Callable[[str], str], ...] = (
    str,
    lambda phone: f"{phone[:3]}-{phone[3:7]}-{phone[7:]}",
    lambda phone: f"{phone[:3]} {phone[3:7]} {phone[7:]}",
    lambda phone: f"+86{phone}",
    lambda phone: f"(+86) {phone}",
    lambda phone: f"0086-{phone}",
    lambda phone: f"0{phone}",
    lambda phone: f"\u202d{phone}\u202c",
    lambda phone: f"{phone}.0",
    lambda phone: "".join(chr(ord(one) + 0xFEE0) for one in phone),
)
_NUMBERS: tuple[Callable[[str], str], ...] = (
    str,
    str.lower,
    lambda number: f"'{number}",
    lambda number: f"\t{number}",
    lambda number: f" {number} ",
    lambda number: f"\u202a{number}\u202c",
    lambda number: f"“{number}”",
    lambda number: f"{number}。",
    lambda number: f'="{number}"',
    lambda number: f"{number[:6]} {number[6:14]} {number[14:]}",
    lambda number: "".join(chr(ord(one) + 0xFEE0) for one in number),
)
_NAMES = (
    "吴强华",
    "诺布·卓玛",
    "诺布．卓玛",
    "欧阳春",
    "𠮷田",
    "阿依古丽•买买提",
    "单晓明",
    "Anna Smith",
    "张　三",
    "爨龙颜",
)


@dataclass
class Person:
    """One row: its cells by column, and what it must come to."""

    cells: dict[str, object]
    outcome: str = "ok"
    codes: tuple[str, ...] = ()
    kept: dict[str, object] = field(default_factory=dict)


@dataclass
class Relative:
    """A ledger with its truth."""

    kind: str
    file_name: str
    content: bytes
    people: list[Person]
    dropped: list[str]


def relative(seed: int, rows: int = 34) -> Relative:
    """Make one ledger from a seed."""
    chance = random.Random(seed)
    kind = ("arrivals", "departures")[seed % 2]
    people = _people(chance, kind, rows)
    if seed % 3 == 0:
        return _workbook(chance, kind, people, tuple(RENDERINGS)[seed // 3 % len(RENDERINGS)])
    return _text(chance, kind, people, ("utf-8", "utf-8-sig", "gb18030", "utf-16")[seed % 4])


def _people(chance: random.Random, kind: str, rows: int) -> list[Person]:
    made: list[Person] = []
    for place in range(rows):
        fate = _FATES[place % len(_FATES)] if place % 2 else _plain
        good = [one for one in made if one.outcome == "ok" and not one.codes]
        if place % 17 == 16:
            twin = chance.choice(good)
            made.append(Person(dict(twin.cells), "ok", (), dict(twin.kept)))
            continue
        person = _plain(chance, kind)
        made.append(person if fate is _plain else fate(chance, person))
    chance.shuffle(made)
    met: set[object] = set()
    for one in made:
        number = one.kept["number"]
        if one.outcome == "ok" and number and number in met:
            one.outcome, one.codes = "duplicate", ("duplicate_in_file",)
        elif one.outcome == "ok":
            met.add(number)
    return made


def _plain(chance: random.Random, kind: str) -> Person:
    home = "790303" if kind == "departures" else chance.choice(["790101", "790202"])
    county, towns = PLACES[home]
    town = chance.choice(list(towns))
    born = date(1950, 1, 1) + timedelta(days=chance.randrange(20_000))
    stem = f"{chance.choice(['790101', '790202'])}{born:%Y%m%d}{chance.randrange(1, 999):03}"
    number = stem + resident_id_check_digit(stem)
    moved = date(2024, 1, 1) + timedelta(days=chance.randrange(1000))
    month_only = chance.random() < 0.2
    phone = f"1{chance.choice('3589')}{chance.randrange(10**9):09}"
    name = chance.choice(_NAMES)
    cells: dict[str, object] = {
        "name": name,
        "number": chance.choice(_NUMBERS)(number),
        "born": born.isoformat(),
        "phone": chance.choice(_PHONES)(phone),
        "moved": chance.choice(_MONTHS)(moved) if month_only else chance.choice(_DAYS)(moved),
        "county": county,
        "town": towns[town],
        "address": f"{chance.randrange(1, 9)}村{chance.randrange(1, 99)}号",
    }
    kept = {
        "number": number,
        "moved": f"{moved:%Y-%m}" if month_only else moved.isoformat(),
        "phone": phone,
        "region": town,
        "born": born,
    }
    return Person(cells, kept=kept)


def _fate(outcome: str, code: str, **cells: object) -> Callable[[random.Random, Person], Person]:
    def change(chance: random.Random, person: Person) -> Person:
        for column, choices in cells.items():
            assert isinstance(choices, tuple)
            person.cells[column] = chance.choice(choices)
        person.outcome, person.codes = outcome, (code,)
        return person

    return change


def _wrong_check(chance: random.Random, person: Person) -> Person:
    number = str(person.kept["number"])
    wrong = chance.choice([one for one in "123456789X" if one != number[-1]])
    person.kept["number"] = person.cells["number"] = number[:-1] + wrong
    person.outcome, person.codes = "warning", ("checksum",)
    return person


def _child(chance: random.Random, person: Person) -> Person:
    born = TODAY.replace(year=TODAY.year - 14) + timedelta(days=chance.randrange(1, 300))
    stem = f"790101{born:%Y%m%d}{chance.randrange(1, 999):03}"
    person.cells |= {"number": stem + resident_id_check_digit(stem), "born": born.isoformat(), "moved": "2026-10-01"}
    person.outcome, person.codes = "error", ("under_age",)
    return person


def _without_document(chance: random.Random, person: Person) -> Person:
    person.cells["number"] = chance.choice(["", "无", "/", "—", "遗失"])
    person.kept["number"] = None
    person.codes = ("no_document",)
    return person


def _card_of_others(chance: random.Random, person: Person) -> Person:
    stem = f"{chance.choice(['810000', '830000', '911124'])}19900101{chance.randrange(1, 999):03}"
    number = stem + resident_id_check_digit(stem)
    person.cells |= {"number": number, "born": "1990-01-01"}
    person.kept |= {"number": number, "born": date(1990, 1, 1)}
    return person


_FATES: tuple[Callable[[random.Random, Person], Person], ...] = (
    _wrong_check,
    _child,
    _without_document,
    _card_of_others,
    _fate("warning", "fake_number", number=("000000000000000000", "111111111111111111", "123456789012345678")),
    _fate("warning", "phone", phone=("12345", "123-45-", "1380013800", "见备注", "1.38302E+10")),
    _fate("error", "name_missing", name=("", "  ", "无", "/")),
    _fate("error", "date", moved=("2026-02-30", "2026.13.1", "", "不详", "春节", "20260230", "二〇二六年二月三十日")),
    _fate("error", "date_in_future", moved=("2031-01-01", "20310101", "2031年1月1日", "2031.01")),
    _fate("error", "ambiguous", number=("7.90202E+17", "7.90202196807146E+17", "790202********5976", "########")),
    _fate("error", "ambiguous", moved=("03/04/2026", "26/3/5", "26年3月5日", "260305", "3/5/26")),
    _fate("error", "ambiguous", number=("同上", "〃"), phone=("13800000000",)),
    _fate(
        "error", "ambiguous", name=("同上", "〃", "王芳/李四", "王芳（户主）", "王芳13800000000", "张*", "<b>王芳</b>")
    ),
    _fate("error", "ambiguous", county=("青禾县/云台县", "云台县或青禾县", "青禾县→澜江市")),
    _fate(
        "ok",
        "formula_text",
        name=("=1+1", "＝1+1", "＠SUM(A1)", '=HYPERLINK("http://127.0.0.1/","x")', "=cmd|' /C calc'!A0", "@SUM(A1)"),
    ),
)


def _columns(chance: random.Random, kind: str) -> list[tuple[str, str]]:
    """Columns in some order, as (what they hold, header); forbidden ones hold nothing that may be kept."""
    names = ["name", "number", "born", "phone", "moved", "place", *(["address"] if kind == "arrivals" else [])]
    columns = [(name, chance.choice(HEADERS.get(name) or HEADERS[f"{kind}.{name}"])) for name in names]
    columns += [("", header) for header in chance.sample(FORBIDDEN, 8)]
    chance.shuffle(columns)
    return columns


def _cell(chance: random.Random, person: Person, column: str) -> object:
    if column in ("", "other"):
        return f"{SECRET}{chance.randrange(1000)}"
    if column == "place":
        return f"{person.cells['county']}{person.cells['town']}"
    return person.cells[column]


def _text(chance: random.Random, kind: str, people: list[Person], encoding: str) -> Relative:
    columns = _columns(chance, kind)
    lines = [[header for _, header in columns]]
    for person in people:
        lines.append([str(_cell(chance, person, column)) for column, _ in columns])
        if chance.random() < 0.1:
            lines.append([""] * len(columns))
        if len(lines) % 12 == 0:
            lines.append(lines[0])
    lines.append(["合 计", f"{len(people)}人", *[""] * (len(columns) - 2)])
    content = io.StringIO()
    csv.writer(content).writerows(lines)
    # A stray quotation mark, in a cell that nobody reads, may not swallow the people below it.
    written = content.getvalue().split("\r\n")
    stray = chance.choice([place for place, line in enumerate(written) if f",{SECRET}" in line and '"' not in line])
    written[stray] = written[stray].replace(f",{SECRET}", f',"{SECRET}', 1)
    return Relative(kind, f"{kind}.csv", "\r\n".join(written).encode(encoding), people, _dropped(columns))


def _workbook(chance: random.Random, kind: str, people: list[Person], ending: str) -> Relative:
    """A workbook as it is printed: titles, groups of columns, people of one household, the header on every page."""
    columns = _columns(chance, kind)
    upper = {"arrivals": "户籍地", "departures": "流入地"}[kind]
    places: list[str] = [""]
    head: list[list[object]] = [["序号"], [""]]
    merges: list[tuple[int, int, int, int]] = [(2, 0, 3, 0)]
    for column, header in columns:
        at = len(places)
        if column == "place":
            head[0] += [upper, ""]
            head[1] += ["县（市、区）", "乡镇（街道）"]
            merges.append((2, at, 2, at + 1))
            places += ["county", "town"]
        else:
            head[0].append(header)
            head[1].append("")
            merges.append((2, at, 3, at))
            places.append(column)
    for group in chance.sample(OTHERS, 2):
        merges.append((2, len(places), 2, len(places) + 2))
        head[0] += [group, "", ""]
        head[1] += ["姓名", "身份证号", "电话"]
        places += ["other"] * 3
        columns += [("", f"{group}/{header}") for header in ("姓名", "身份证号", "电话")]
    title: list[object] = ["流动人口登记台账"]
    marks: list[object] = [f"({number})" for number in range(len(places))]
    grid = Grid([title, [], *head, marks], [(0, 0, 0, len(places) - 1), *merges])
    for number, person in enumerate(people, start=1):
        cells = [_typed(_cell(chance, person, column)) for column in places[1:]]
        grid.lines.append([number, *cells])
        if person.outcome != "error" and len(str(person.kept["moved"])) == len("2026-03") and chance.random() < 0.5:
            year, month = str(person.kept["moved"]).split("-")
            grid.lines[-1][places.index("moved")] = ShownAsMonth(int(year), int(month), 1)
        _share(chance, grid, places, person, people[number - 2] if number > 1 else None)
        if chance.random() < 0.1:
            grid.lines += chance.choice(_BETWEEN)
        if number % 12 == 0:
            grid.lines += [["", "本页小计", f"{number}人"], ["第 1 页"], title, *head]
    grid.lines += [
        ["合　计", "", f"{len(people)}人"],
        ["", "填表人：某某        审核人：某某"],
        ["填表人", "某某", "审核人"],
    ]
    grid.lines += [["备注", "本表一式两份"], ["——以下空白——"]]
    return Relative(kind, f"{kind}.{ending}", RENDERINGS[ending](grid), people, ["序号", *_dropped(columns)])


def _share(chance: random.Random, grid: Grid, places: list[str], person: Person, before: Person | None) -> None:
    """Merge the town's cell with the one above it, as a household's: it counts for both."""
    row, column = len(grid.lines) - 1, places.index("town")
    if before is None or not grid.lines[row - 1] or grid.covers(row - 1, column) or chance.random() > 0.3:
        return
    if grid.lines[row - 1][0] == grid.lines[row][0] - 1 and before.cells["county"] == person.cells["county"]:
        grid.merges.append((row - 1, column, row, column))
        grid.lines[row][column] = ""
        person.kept["region"] = before.kept["region"]


def _typed(cell: object) -> object:
    """A number in a number cell, where it has no more digits than one holds."""
    text = str(cell)
    return int(text) if text.isascii() and text.isdigit() and 4 < len(text) < 12 else cell


def _dropped(columns: list[tuple[str, str]]) -> list[str]:
    return [" ".join(header.split()) for column, header in columns if not column]
