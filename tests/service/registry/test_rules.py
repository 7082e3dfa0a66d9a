"""What may be registered."""

from datetime import UTC, date, datetime, timedelta

import pytest

from schemas.calendar import PartialDate
from schemas.identity import DocumentType, resident_id_check_digit
from schemas.problems import DateInFuture, InvalidInput, UnderAge
from service.registry import rules

TODAY = date(2026, 11, 23)


def check(**changes):
    person = {
        "name": "韩晨曦",
        "document_type": DocumentType.RESIDENT_ID,
        "document_number": "79010119900307123X",
        "date_of_birth": None,
        "phone": None,
        "email": None,
        "today": TODAY,
    }
    return rules.check_person(**(person | changes))


def fields(refused: pytest.ExceptionInfo[InvalidInput]) -> list[str]:
    return [error["field"] for error in refused.value.facts["errors"]]


def test_a_birth_date_fills_itself_from_the_number():
    assert check().identity.date_of_birth == date(1990, 3, 7)


def test_a_wrong_check_character_warns_and_is_kept():
    checked = check(document_number="790101199003071230")
    assert checked.warnings == ("checksum",)
    assert checked.identity.document_number == "790101199003071230"


def test_another_date_of_birth_than_the_numbers_warns_and_makes_nobody_older():
    checked = check(date_of_birth=date(1990, 7, 3))
    assert (checked.warnings, checked.identity.date_of_birth) == (("birth_date",), date(1990, 7, 3))
    stem = "79010120200307123"
    child = stem + resident_id_check_digit(stem)
    with pytest.raises(UnderAge):
        check(document_number=child, date_of_birth=date(1990, 3, 7))


def test_a_made_up_number_warns():
    assert check(document_number="000000000000000000").warnings == ("fake_number",)


def test_nobody_needs_a_document():
    checked = check(document_type=DocumentType.NONE, document_number=None, date_of_birth=date(1990, 3, 7))
    assert checked.warnings == ("no_document",)
    with pytest.raises(InvalidInput) as refused:
        check(document_type=DocumentType.NONE, document_number="123456")
    assert fields(refused) == ["person.document_number"]
    with pytest.raises(InvalidInput) as refused:
        check(document_number=None)
    assert fields(refused) == ["person.document_number"]


def test_all_errors_are_told_at_once_and_quote_nothing():
    with pytest.raises(InvalidInput) as refused:
        check(name="  ", document_number="秘密", phone="secret", email="secret")
    assert fields(refused) == ["person.name", "person.document_number", "person.phone", "person.email"]
    assert "secret" not in str(refused.value.facts)


def test_what_officers_type_is_taken():
    checked = check(name=" 韩　晨曦 ", document_number="７９０１０１ 19900307 123ｘ", phone="+86 139-0000-1234")
    assert checked.identity.name == "韩晨曦"
    assert checked.identity.document_number == "79010119900307123X"
    assert checked.phone == "13900001234"


def test_under_14_no_record_is_made():
    assert check(document_type=DocumentType.NONE, document_number=None, date_of_birth=date(2012, 11, 23))
    with pytest.raises(UnderAge):
        check(document_type=DocumentType.NONE, document_number=None, date_of_birth=date(2012, 11, 24))


def test_a_birth_in_the_future_is_refused():
    with pytest.raises(DateInFuture):
        check(document_type=DocumentType.NONE, document_number=None, date_of_birth=date(2026, 11, 24))


def test_a_move_lies_in_the_past_and_between_two_regions():
    rules.check_moved(PartialDate("2026-11"), "arrived_on", TODAY)
    rules.check_moved(PartialDate("2026-11-23"), "arrived_on", TODAY)
    for future in ("2026-11-24", "2026-12"):
        with pytest.raises(DateInFuture):
            rules.check_moved(PartialDate(future), "arrived_on", TODAY)
    rules.check_other_region("790303", "790101", "origin_region")
    for near in ("790303", "790303001", "79"):
        with pytest.raises(InvalidInput):
            rules.check_other_region("790303", near, "origin_region")


def test_an_end_lies_between_the_move_and_today():
    rules.check_ended(PartialDate("2026-09"), "2026-09-15", "ended_on", TODAY)
    with pytest.raises(InvalidInput):
        rules.check_ended(PartialDate("2026-08"), "2026-09-15", "ended_on", TODAY)
    with pytest.raises(DateInFuture):
        rules.check_ended(PartialDate("2026-11-24"), "2026-09-15", "ended_on", TODAY)


def test_an_expected_return_lies_after_the_departure():
    rules.check_expected_return(PartialDate("2026-09-15"), PartialDate("2026-09"))
    with pytest.raises(InvalidInput):
        rules.check_expected_return(PartialDate("2026-09-15"), PartialDate("2026-08"))


def test_a_save_can_be_taken_back_for_ten_minutes():
    saved = datetime(2026, 11, 23, 2, tzinfo=UTC)
    assert rules.may_undo(saved, saved + timedelta(minutes=10))
    assert not rules.may_undo(saved, saved + timedelta(minutes=10, seconds=1))


@pytest.mark.parametrize("email", ["a\x00@example.net", "a\x7f@example.net", "a\u202e@example.net", "a\n@example.net"])
def test_an_address_for_mail_has_no_hidden_characters(email: str):
    with pytest.raises(InvalidInput) as refused:
        check(email=email)
    assert fields(refused) == ["person.email"]
