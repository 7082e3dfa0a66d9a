"""How names are spelt for whoever does not read Chinese."""

import pytest

from schemas.readings import reading_of, spelt_name


@pytest.mark.parametrize(
    ("name", "spelt"),
    [
        ("陈秀兰", "Chen Xiulan"),
        ("单雄信", "Shan Xiongxin"),
        ("曾国强", "Zeng Guoqiang"),
        ("吕绿", "Lü Lü"),
        ("欧阳文博", "Ouyang Wenbo"),
        ("欧阳", "Ou Yang"),
        ("尉迟敬德", "Yuchi Jingde"),
        ("诺布·卓玛", "Nuobu Zhuoma"),
        ("罗", "Luo"),
    ],
)
def test_a_name_is_spelt_surname_first_without_tones(name: str, spelt: str) -> None:
    assert spelt_name(name) == spelt


@pytest.mark.parametrize("name", ["José Luo", "罗\ue000", "", "Chen"])
def test_what_has_no_reading_is_not_spelt(name: str) -> None:
    assert spelt_name(name) == ""


def test_a_character_is_read_with_its_tone() -> None:
    assert (reading_of("兰"), reading_of("绿"), reading_of("x")) == ("lán", "lv", "")
