"""How Chinese characters and names are read.

The library's table of characters is loaded by itself, without the library's table of phrases: a name is spelt character
by character, and the phrases cost every command that touches people half a second and 40 MB. A test holds that both
give the same.
"""

import re
from functools import cache
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, Final
from unicodedata import combining, normalize

HAN: Final = re.compile(r"[\u3007\u2e80-\u2fdf\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
"""One Chinese character."""

SURNAME_READINGS: Final = {
    "单": ("shan", "dan"), "曾": ("zeng", "ceng"), "解": ("xie",), "仇": ("qiu",), "查": ("zha",), "尉": ("yu", "wei"),
    "盖": ("ge", "gai"), "朴": ("piao",), "区": ("ou",), "秘": ("bi",), "重": ("chong",), "覃": ("qin", "tan"),
    "洗": ("xian",), "冼": ("xian",), "黑": ("he",), "繁": ("po",), "乐": ("yue", "le"), "召": ("shao",),
    "员": ("yun",), "翟": ("zhai", "di"), "种": ("chong",), "缪": ("miao",), "晟": ("cheng",), "折": ("she",),
    "尹": ("yin",), "牟": ("mu", "mou"), "宓": ("mi", "fu"), "隗": ("wei", "kui"), "乜": ("nie",), "万": ("wan",),
    "佴": ("nai",), "卜": ("bu",), "阚": ("kan",), "谌": ("chen", "shen"), "费": ("fei", "bi"), "薄": ("bo", "bao"),
    "祭": ("zhai",), "句": ("gou",), "藏": ("zang",), "强": ("qiang", "jiang"), "粘": ("nian",), "能": ("nai",),
    "郗": ("xi", "chi"), "郄": ("qie", "xi"), "郇": ("xun", "huan"), "么": ("yao",), "柏": ("bai", "bo"),
    "莘": ("shen", "xin"), "蔚": ("yu", "wei"), "都": ("du",), "适": ("kuo",), "贲": ("ben", "fei"), "龟": ("qiu",),
    "角": ("jue",), "黾": ("mian",), "镡": ("tan", "xin", "chan"), "隽": ("juan", "jun"), "颉": ("xie", "jie"),
    "盛": ("sheng", "cheng"), "长": ("zhang", "chang"), "行": ("xing", "hang"), "宿": ("su", "xiu"), "校": ("jiao",),
    "提": ("ti", "di"), "弹": ("tan", "dan"), "会": ("gui",), "衰": ("cui",), "给": ("ji",), "率": ("shuai",),
    "六": ("lu", "liu"), "贾": ("jia", "gu"), "褚": ("chu", "zhu"), "炅": ("gui",), "卡": ("qia", "ka"),
    "單": ("shan", "dan"), "蓋": ("ge", "gai"), "區": ("ou",), "種": ("chong",), "繆": ("miao",), "員": ("yun",),
    "樂": ("yue", "le"), "長": ("zhang", "chang"), "費": ("fei", "bi"), "適": ("kuo",), "賁": ("ben", "fei"),
    "龜": ("qiu",), "諶": ("chen", "shen"), "鐔": ("tan", "xin", "chan"), "雋": ("juan", "jun"), "會": ("gui",),
    "強": ("qiang", "jiang"), "賈": ("jia", "gu"), "闞": ("kan",),
}  # fmt: skip
"""Readings of characters as surnames, beside the one they usually have."""

COMPOUND_SURNAMES: Final = {
    "欧阳": "Ouyang", "司马": "Sima", "上官": "Shangguan", "诸葛": "Zhuge", "东方": "Dongfang", "皇甫": "Huangfu",
    "尉迟": "Yuchi", "公孙": "Gongsun", "慕容": "Murong", "司徒": "Situ", "令狐": "Linghu", "端木": "Duanmu",
    "长孙": "Zhangsun", "宇文": "Yuwen", "夏侯": "Xiahou", "独孤": "Dugu", "南宫": "Nangong", "轩辕": "Xuanyuan",
    "西门": "Ximen", "百里": "Baili", "呼延": "Huyan", "申屠": "Shentu", "太史": "Taishi", "濮阳": "Puyang",
    "澹台": "Tantai", "万俟": "Moqi", "单于": "Chanyu", "鲜于": "Xianyu", "赫连": "Helian", "淳于": "Chunyu",
    "钟离": "Zhongli", "闻人": "Wenren", "完颜": "Wanyan", "纳兰": "Nalan", "拓跋": "Tuoba",
}  # fmt: skip
"""The surnames of two characters, and how they are read, which is not always as their characters are."""

COMPOUND_PARTS: Final = {
    "万俟": ("mo", "qi"), "尉迟": ("yu", "chi"), "长孙": ("zhang", "sun"), "澹台": ("tan", "tai"),
    "单于": ("chan", "yu"), "子车": ("zi", "ju"), "库狄": ("she", "di"), "萬俟": ("mo", "qi"), "尉遲": ("yu", "chi"),
    "長孫": ("zhang", "sun"), "澹臺": ("tan", "tai"), "單于": ("chan", "yu"),
}  # fmt: skip
"""The compound surnames whose characters are not read as they usually are, character by character."""

GIVEN_READINGS: Final = {
    "茜": ("qian", "xi"), "乐": ("le", "yue"), "行": ("xing", "hang"), "长": ("chang", "zhang"), "露": ("lu", "lou"),
    "朝": ("chao", "zhao"), "重": ("zhong", "chong"), "盛": ("sheng", "cheng"), "娜": ("na", "nuo"),
    "莘": ("xin", "shen"), "曾": ("zeng", "ceng"), "单": ("dan", "shan"), "炅": ("jiong", "gui"),
    "柏": ("bai", "bo"), "卡": ("ka", "qia"), "绿": ("lv", "lu"), "颉": ("jie", "xie"),
    "仔": ("zi", "zai"), "阿": ("a", "e"), "晟": ("sheng", "cheng"), "翟": ("zhai", "di"), "尉": ("wei", "yu"),
    "卜": ("bu", "bo"), "都": ("du", "dou"), "什": ("shi", "shen"), "藏": ("zang", "cang"), "呷": ("ga", "xia"),
    "珩": ("heng", "hang"), "隽": ("jun", "juan"), "婼": ("ruo", "chuo"), "泊": ("bo", "po"), "参": ("can", "shen"),
    "筠": ("yun", "jun"), "菀": ("wan", "yu"), "箐": ("qing", "jing"), "荨": ("xun", "qian"), "莞": ("wan", "guan"),
    "省": ("sheng", "xing"),
    "樂": ("le", "yue"), "長": ("chang", "zhang"), "單": ("dan", "shan"), "綠": ("lv", "lu"), "頡": ("jie", "xie"),
}  # fmt: skip
"""Readings of characters in given names, where two are common."""

_NOT_IN_THE_TABLE = {"𠮷": "jí"}
"""Readings that the library's table lacks, of characters that stand in names (a variant of 吉)."""

_UMLAUT = str.maketrans(dict.fromkeys("ǖǘǚǜü", "v"))


def reading_of(character: str) -> str:
    """Give the usual reading of a character, with its tone mark and with `v` for ü; empty where it has none."""
    reading = _table().get(ord(character)) or _NOT_IN_THE_TABLE.get(character, "")
    return reading.partition(",")[0].translate(_UMLAUT)


def spelt_name(name: str) -> str:
    """Spell a Chinese name in Latin letters, surname first, without tones: 陈秀兰 is `Chen Xiulan` (GB/T 28039).

    The parts of a name with a dot are spelt apart (诺布·卓玛, `Nuobu Zhuoma`). Empty where a character has no reading,
    or where there is nothing to spell.
    """
    if "·" in name or len(name) < 2:
        return _joined(*map(_spelt, name.split("·")))
    if name[:2] in COMPOUND_SURNAMES and name[2:]:
        return _joined(COMPOUND_SURNAMES[name[:2]], _spelt(name[2:]))
    surname = SURNAME_READINGS[name[0]][0].capitalize() if name[0] in SURNAME_READINGS else _spelt(name[0])
    return _joined(surname, _spelt(name[1:]))


def _joined(*parts: str) -> str:
    return " ".join(parts) if all(parts) else ""


def _spelt(part: str) -> str:
    readings = [_toneless(reading_of(character)) for character in part]
    return "".join(readings).capitalize() if all(readings) else ""


def _toneless(reading: str) -> str:
    return "".join(letter for letter in normalize("NFD", reading) if not combining(letter)).replace("v", "ü")


@cache
def _table() -> dict[int, str]:
    library = find_spec("pypinyin")
    if library is None or library.origin is None:
        raise ModuleNotFoundError("pypinyin")
    spec = spec_from_file_location("tonglu_pinyin_of_characters", Path(library.origin).with_name("pinyin_dict.py"))
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError("pypinyin.pinyin_dict")
    module: Any = module_from_spec(spec)
    spec.loader.exec_module(module)
    table: dict[int, str] = module.pinyin_dict
    return table
