"""Who may do what, and what a password is."""

from datetime import UTC, datetime, timedelta

import pytest

from schemas.problems import Forbidden, InvalidInput
from service.officers.rules import Officer, Role, check_new_password, parse_roles, require, wait_after

PLACES = ("澜江市", "澜江市", "临港街道")
NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


def officer(*roles: Role, area: str = "790303") -> Officer:
    return Officer("1", "王芳", frozenset(roles), area, "zh-CN")


def test_roles_add_up() -> None:
    both = officer(Role.CLERK, Role.AUDITOR)
    assert both.has(Role.CLERK)
    assert both.has(Role.SUPERVISOR, Role.AUDITOR)
    assert not both.has(Role.SUPERVISOR)
    require(both, Role.SUPERVISOR, Role.AUDITOR)
    with pytest.raises(Forbidden):
        require(both, Role.ADMINISTRATOR)


@pytest.mark.parametrize(
    ("role", "sees"),
    [(Role.CLERK, True), (Role.SUPERVISOR, True), (Role.AUDITOR, False), (Role.ADMINISTRATOR, False)],
)
def test_who_sees_people_at_all(role: Role, *, sees: bool) -> None:
    assert officer(role).sees_people is sees


def test_each_sees_only_the_own_area() -> None:
    township = officer(Role.CLERK, area="790303001")
    assert township.sees("790303001")
    assert township.sees("790303001002")
    assert not township.sees("790303002")
    assert not township.sees("790303")


def test_an_officer_is_named_in_the_log_by_name_and_office() -> None:
    actor = officer(Role.CLERK, area="790303001").as_actor
    assert (actor.kind, actor.name, actor.office) == ("officer", "王芳", "790303001")


@pytest.mark.parametrize("names", [[], ["boss"], ["clerk", "boss"]])
def test_unknown_and_missing_roles_are_refused(names: list[str]) -> None:
    with pytest.raises(InvalidInput):
        parse_roles(names)


@pytest.mark.asvs("6.1.2", "6.2.1", "6.2.4", "6.2.11", "6.2.12")
@pytest.mark.parametrize(
    "new",
    [
        "short",
        "x" * 201,
        "the old one",
        "wangfang",
        "WangFang123",
        "Qwertyuiop",
        "iloveyou",
        "tonglu2026",
        "同路同路2026",
    ],
)
def test_a_password_that_will_not_do(new: str) -> None:
    with pytest.raises(InvalidInput):
        check_new_password("wangfang", "the old one", new)


@pytest.mark.asvs("6.1.2", "6.2.11", "6.2.12")
@pytest.mark.parametrize(
    "passwords",
    [
        "Tonglu2026 T0nglu2026 P@ssw0rd2026 Admin@2026 admin888! 流动人口2026 liudong2026",
        "王芳王芳2026 wangfang1990 WangFang!! WangFangWangFang WF123456 wf19900307",
        "澜江澜江2026 Lanjiang2026 lanjiangshi1 lingang888 临港临港2026 lgjd2026 LJ20261234",
        "!QAZ@WSX qwer!234 aaaabbbb 7ujm6yhn zxcv1234567 ａｂｃｄ１２３４",
        "abcabcabc 王王王王王王王王 20262026",
        "19900307 07031990 1990-03-07 2026.11.23 1990.03.07ab",
        "13900001234 790101199003071230 79010119900307123X 5201314520",
    ],
    ids=["words", "name", "places", "keys", "repeated", "dates", "numbers"],
)
def test_what_somebody_guesses_who_knows_the_office(passwords: str) -> None:
    for new in passwords.split():
        with pytest.raises(InvalidInput):
            check_new_password("王芳", "the old one", new, places=PLACES)


@pytest.mark.asvs("6.2.5")
@pytest.mark.parametrize(
    "new",
    [
        "eight888",
        "春天的柳树正发芽呢",
        "wangfang keeps a red bicycle",
        "临港的春天来得特别早",
        "临港的路我天天走",
        "correct horse battery",
        "since 1990-03-07 in town",
        "Xk7#pq2z",
        "tonglu-road-by-the-sea",
        "4-9-2-3-5-7-8-1-6",
    ],
)
def test_a_password_that_will_do(new: str) -> None:
    for name in ("wangfang", "王芳"):
        check_new_password(name, "the old one", new, places=PLACES)


def test_waits_double_up_to_a_quarter_of_an_hour() -> None:
    waits = [wait_after(5, failures, NOW) for failures in (4, 5, 6, 7, 9, 10, 1000)]
    assert waits == [None, *(NOW + timedelta(seconds=seconds) for seconds in (30, 60, 120, 480, 900, 900))]
