"""Invented people, as many as wanted, whose names are as unevenly spread as real ones.

Surnames come in about the shares they have in China (the first three make up a fifth of everybody), given names of one
or two characters by Zipf's law, so that the tokens of 王, `wang` and `ww` are as heavy as they would be. Numbers carry
division codes that do not exist.
"""

import random
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import accumulate

from schemas.calendar import PartialDate
from schemas.identity import DocumentType, PersonIdentity, resident_id_check_digit
from service.registry.people import Contact, NewPerson

# Per thousand people.
_SURNAMES = (
    "王72 李70 张67 刘51 陈44 杨31 黄24 赵22 吴20 周19 徐15 孙14 马13 朱13 胡12 郭12 何11 林11 "
    "高10 罗10 郑9 梁9 谢8 宋7 唐7 许7 邓7 冯7 韩6 曹6 曾6 彭6 肖6 蔡5 潘5 田5 董5 袁5 于5 余5 叶4 蒋4 "
    "杜4 苏4 魏4 程4 吕4 丁4 沈4 任4 姚4 卢4 傅4 钟4 姜3 崔3 谭3 廖3 范3 汪3 陆3 金3 石3 戴3 贾3 韦3 "
    "夏3 邱3 方3 侯3 邹2 熊2 孟2 秦2 白2 江2 阎2 薛2 尹2 段2 雷2 黎2 史2 龙2 陶2 贺2 顾2 毛1 郝1 龚1 "
    "邵1 万1 钱1 严1 单1 仇1 解1 欧阳1 司马1 尉迟1 万俟1 诸葛1 查1 覃1 区1"
)
_GIVEN = (
    "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉兰文建国志红梅春海波宁辉玲鑫飞斌鹏宇浩晨曦梓轩涵怡欣雨佳悦思"
    "雪莹婷倩颖琳慧萍燕凤云龙虎林森峰山松柏江河湖泉清源洁冰光亮星月阳天雷电风雅琴棋书画诗词歌舞龄荣贵富康福禄寿喜乐"
    "安顺和祥瑞吉庆德仁义礼智信忠孝廉勤俭恒毅坚韧锐敏捷俊彦博学渊泽润沐曜景行若兮语嫣茜彤珊瑚珍珠翠蓉蕾薇菊莲荷"
)
_TOWNSHIPS = 20


def invented(count: int, *, seed: int = 1) -> Iterator[tuple[int, NewPerson, PartialDate]]:
    """Give `count` people, each with the number of a township and the month of a move."""
    pick = random.Random(seed)
    surnames = [name.rstrip("0123456789") for name in _SURNAMES.split()]
    shares = list(accumulate(int(name.lstrip("".join(surnames))) for name in _SURNAMES.split()))
    given = list(dict.fromkeys(_GIVEN))
    zipf = list(accumulate(1 / (rank + 8) for rank in range(len(given))))
    townships = list(accumulate(1 / (rank + 4) for rank in range(_TOWNSHIPS)))
    first = date(1940, 1, 1)
    for _ in range(count):
        surname = pick.choices(surnames, cum_weights=shares)[0]
        name = surname + "".join(pick.choices(given, cum_weights=zipf, k=1 if pick.random() < 0.2 else 2))
        born = first + timedelta(days=pick.randrange(25_000))
        stem = f"7901{pick.randrange(100):02d}{born:%Y%m%d}{pick.randrange(1000):03d}"
        has_document = pick.random() < 0.95
        identity = PersonIdentity.model_construct(
            name=name,
            document_type=DocumentType.RESIDENT_ID if has_document else DocumentType.NONE,
            document_number=stem + resident_id_check_digit(stem) if has_document else None,
            date_of_birth=born,
        )
        phone = f"1{pick.randrange(30, 100)}{pick.randrange(10**8):08d}" if pick.random() < 0.9 else None
        township = pick.choices(range(_TOWNSHIPS), cum_weights=townships)[0]
        moved = PartialDate(f"{pick.randrange(2019, 2026)}-{pick.randrange(1, 13):02d}")
        yield township, NewPerson(identity, Contact(phone, None), "临港街道港前路 12 号 3 幢 402 室", "zh-CN"), moved
