"""By what a person is found: pieces of the name, readings, initials, tails."""

import pytest
from pypinyin import Style, pinyin

from schemas.identity import PersonIdentity
from schemas.readings import reading_of
from service.registry.searching.tokens import pieces_of, plans_of, spellings

UMLAUT = str.maketrans(dict.fromkeys("ǖǘǚǜü", "v"))


def found(query: str, name: str, number: str | None = None, phone: str | None = None) -> bool:
    """Whether a query's pieces are all among a person's."""
    identity = PersonIdentity(
        name=name, document_type="passport" if number else "none", document_number=number, date_of_birth=None
    )
    # A whole document number is no token: it is looked up as it is.
    pieces = pieces_of(identity, phone) | {("document", number)}
    return any(all(piece in pieces for piece in plan) for plan in plans_of(query))


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("韩晨曦", "韩晨曦"),
        ("晨曦", "韩晨曦"),
        ("hanchenxi", "韩晨曦"),
        ("hanch", "韩晨曦"),
        ("han chen xi", "韩晨曦"),
        ("hcx", "韩晨曦"),
        ("HCX", "韩晨曦"),
        ("ｈｃｘ", "韩晨曦"),
        ("shan", "单晓明"),
        ("dan", "单晓明"),
        ("zengli", "曾丽"),
        ("cengli", "曾丽"),
        ("lvbu", "吕布"),
        ("诺布．卓玛", "诺布·卓玛"),
        ("卓玛", "诺布·卓玛"),
        ("anna", "Anna María Smith"),
        ("annamar", "Anna María Smith"),
        ("ams", "Anna María Smith"),
        ("𠮷田", "𠮷田"),
        ("shanxiongxin", "单雄信"),
        ("dan xiong", "单雄信"),
        ("sxx", "单雄信"),
        ("dxx", "单雄信"),
        ("xiexiaoming", "解晓明"),
        ("qiu", "仇和"),
        ("yuchigong", "尉迟恭"),
        ("ycg", "尉迟恭"),
        ("weichi", "尉迟恭"),
        ("moqixing", "万俟兴"),
        ("mqx", "万俟兴"),
        ("hán chén xī", "韩晨曦"),
        ("han2chen2xi1", "韩晨曦"),
        ("han2 chen2 xi1", "韩晨曦"),
        ("h c x", "韩晨曦"),
        ("lǚbù", "吕布"),
        ("lü bu", "吕布"),
        ("lu:bu", "吕布"),
        ("ｌｖｂｕ", "吕布"),
        ("caixi", "蔡茜"),
        ("caiqian", "蔡茜"),
        ("诺布•卓玛", "诺布·卓玛"),
        ("诺布‧卓玛", "诺布・卓玛"),
        ("诺布 卓玛", "诺布·卓玛"),
        ("nuobuzhuoma", "诺布·卓玛"),
        ("smith", "Anna María Smith"),
        ("smith anna", "Anna María Smith"),
        ("maría", "Anna María Smith"),
        ("obrien", "Seán O’Brien"),
        ("o'brien", "Seán O’Brien"),
        ("иванов", "Иванов Пётр"),
        ("𪚥龘", "王𪚥龘"),
        ("tantai", "澹台灭明"),
        ("ttmm", "澹台灭明"),
        ("kanxiong", "阚雄"),
        ("bu", "卜式"),
        ("nai", "佴祺"),
        ("chanyu", "单于清"),
        ("jitian", "𠮷田"),
        ("zhuoma", "诺布·卓玛"),
        ("zm", "诺布·卓玛"),
        ("诺布ᐧ卓玛", "诺布·卓玛"),
        ("诺布。卓玛", "诺布·卓玛"),
        ("诺布-卓玛", "诺布·卓玛"),
        ("诺布·卓玛", "诺布—卓玛"),
        ("诺布—卓玛", "诺布—卓玛"),
        ("muller", "Anna Müller"),
        ("müller", "Anna Müller"),
        ("jean-paul", "Jean-Paul Sartre"),
        ("lyubu", "吕布"),
        ("zhsf", "张三丰"),
        ("单xiong", "单雄信"),
        ("单 xiongxin", "单雄信"),
        ("单xx", "单雄信"),
        ("shan雄信", "单雄信"),
        ("尉迟g", "尉迟恭"),
        ("shanxiong", "單雄信"),
        ("yuchi", "尉遲恭"),
        ("abudureyimu", "阿不都热依木"),
        ("maimaiti", "阿卜杜拉·买买提"),
        ("abudukadier", "阿卜都卡迪尔·娜茜茜乐乐"),
        ("wangheng", "王珩"),
    ],
)
def test_a_name_is_found_by(query, name):
    assert found(query, name)


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("韩曦", "韩晨曦"),
        ("chenxi", "韩晨曦"),
        ("hxc", "韩晨曦"),
        ("晨", "韩晨曦"),
        ("h", "韩晨曦"),
        ("smith maria jones", "Anna María Smith"),
        ("lu", "吕布"),
        ("bunuo", "诺布·卓玛"),
        ("buzhuoma", "诺布·卓玛"),
        ("shang", "张三丰"),
        ("单xiong", "山雄信"),
        ("shan雄信", "单信雄"),
    ],
)
def test_a_name_is_not_found_by(query, name):
    assert not found(query, name)


def test_tails_of_document_and_phone_are_found_by_exactly_four():
    assert found("4567", "韩晨曦", number="E1234567")
    assert found("E1234567", "韩晨曦", number="E1234567")
    assert found("1234", "韩晨曦", phone="13900001234")
    assert found("139 0000 1234", "韩晨曦", phone="13900001234")
    assert found("008613900001234", "韩晨曦", phone="13900001234")
    assert found("韩ch 1234", "韩晨曦", phone="13900001234")
    assert not found("韩ch 1235", "韩晨曦", phone="13900001234")
    assert plans_of("79010119900307123x") == [[("document", "79010119900307123X")]]
    assert found("123x", "韩晨曦", number="79010119900307123X")
    assert not found("567", "韩晨曦", number="E1234567")
    assert not found("3456", "韩晨曦", number="E1234567")


@pytest.mark.parametrize("query", ["ab " * 33, "1234 " * 20 + "王", "韩 1234 a b c d e", "1 " * 50 + "韩"])
def test_a_query_has_few_words(query):
    with pytest.raises(ValueError, match="too many words"):
        plans_of(query)


@pytest.mark.parametrize(
    "query", ["韩晨曦" * 33, "".join(map(chr, range(0x4E00, 0x4E64))), "1a23 b234 c345 d456 王五六"]
)
def test_a_query_looks_for_few_pieces_at_once(query):
    plans = plans_of(query)
    assert 0 < len(plans) <= 2**6
    assert max(map(len, plans)) <= 12


def test_a_long_name_is_found_whole():
    name = "".join(map(chr, range(0x4E00, 0x4E00 + 50)))
    assert found(name, name)
    assert not found(chr(0x4E99) + name[1:], name)


def test_a_surname_narrows_only_beside_another_word():
    assert plans_of("王") == []
    assert found("韩 1234", "韩晨曦", phone="13900001234")
    assert not found("王 1234", "韩晨曦", phone="13900001234")


def test_rare_characters_without_a_reading_have_no_spelling():
    assert spellings("\ue000\ue001") == ()


def test_a_character_is_read_as_the_library_reads_it_alone():
    characters = [
        chr(point) for point in (*range(0x4E00, 0xA000, 7), *range(0x3400, 0x4DC0, 31), *range(0x20000, 0x20400))
    ]
    for character in [*characters, *"吕女绿嗯呒单曾"]:
        found = pinyin(character, style=Style.TONE, errors="ignore")
        assert reading_of(character) == (found[0][0].translate(UMLAUT) if found else "")
