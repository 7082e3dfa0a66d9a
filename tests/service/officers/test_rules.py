"""Who may do what, and what a password is."""

from datetime import UTC, datetime, timedelta

import pytest

from schemas.problems import Forbidden, InvalidInput
from service.officers.rules import Officer, Role, check_new_password, parse_roles, require, wait_after

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


@pytest.mark.asvs("6.2.5")
@pytest.mark.parametrize("new", ["eight888", "春天的柳树正发芽呢", "wangfang keeps a red bicycle"])
def test_a_password_that_will_do(new: str) -> None:
    check_new_password("wangfang", "the old one", new)


def test_waits_double_up_to_a_quarter_of_an_hour() -> None:
    waits = [wait_after(5, failures, NOW) for failures in (4, 5, 6, 7, 9, 10, 1000)]
    assert waits == [None, *(NOW + timedelta(seconds=seconds) for seconds in (30, 60, 120, 480, 900, 900))]
