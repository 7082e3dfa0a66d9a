"""Names, documents, dates of birth and phone numbers. All people and numbers are invented."""

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.identity import (
    DocumentType,
    PersonIdentity,
    age_on,
    birth_date_of,
    document_number_fits,
    document_type_of,
    fold_name,
    is_placeholder_number,
    mask_document_number,
    mask_name,
    normalise_document_number,
    normalise_name,
    normalise_phone,
    resident_id_checksum_ok,
)

GOOD = "790202196807145976"


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("  王明 ", "王明"),
        ("张　三", "张三"),
        ("张 三\n", "张三"),
        ("诺布·卓玛", "诺布·卓玛"),
        ("诺布．卓玛", "诺布．卓玛"),
        ("𠮷野𬀩", "𠮷野𬀩"),
        ("\ue863", "\ue863"),
        ("Anna  Maria Weiß", "Anna Maria Weiß"),
        ("王\u200b明\ufeff", "王明"),
        ('=HYPERLINK("http://127.0.0.1/","x")', '=HYPERLINK("http://127.0.0.1/","x")'),
        ("+1", "+1"),
        ("𠮷" * 50, "𠮷" * 50),
        ("ئالىم", "ئالىم"),
    ],
)
def test_names_are_kept_as_they_were_typed(typed, kept):
    assert normalise_name(typed) == kept


@pytest.mark.parametrize(
    "typed",
    ["", "   ", "\u200b", "王\x00明", "王\t明", "王\n明", "\u202e明王", "王\ud800", "王\u2028明", "长" * 51, "\x7f王"],
)
def test_empty_long_and_controlled_names_are_refused(typed):
    with pytest.raises(ValueError, match="a name"):
        normalise_name(typed)


@given(st.text(alphabet=st.characters(codec="gb18030", exclude_categories=["Cc", "Cs", "Cf", "Zl", "Zp"]), max_size=50))
@settings(derandomize=True, max_examples=300)
def test_every_character_of_gb18030_is_fit_for_a_name(text):
    if text.strip():
        kept = normalise_name(text)
        assert normalise_name(kept) == kept
        assert kept.encode("gb18030").decode("gb18030") == kept


@pytest.mark.parametrize("dot", list("·•‧∙⋅・･．.﹒․⸱·ꞏ"))
def test_look_alike_dots_fold(dot):
    assert fold_name(f"诺布{dot}卓玛") == "诺布·卓玛"
    assert fold_name(f"诺布 {dot} 卓玛") == "诺布·卓玛"


def test_width_case_and_variants_fold():
    assert fold_name("Ａｎｎａ　MARIA") == "anna maria"
    assert fold_name("張\U000e0100三") == "張三"
    assert fold_name("Zoe\u0301") == fold_name("Zo\u00e9")
    assert fold_name("王明") != fold_name("王鸣")


@given(st.text(max_size=50))
@settings(derandomize=True, max_examples=500)
def test_folding_twice_changes_nothing(text):
    assert fold_name(fold_name(text)) == fold_name(text)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("79010119660208600x", "79010119660208600X"),
        (" 790101 19660208 600Ｘ", "79010119660208600X"),
        ("７９０１０１１９６６０２０８６００X", "79010119660208600X"),
        ("ab-123 456", "AB123456"),
    ],
)
def test_numbers_are_kept_in_half_width_capitals(typed, kept):
    assert normalise_document_number(typed) == kept


@pytest.mark.parametrize("number", [GOOD, "79010119660208600X", "79010119930125347X", "790101198509080809"])
def test_right_check_characters(number):
    assert resident_id_checksum_ok(number)


@pytest.mark.parametrize("number", ["790101199706233731", "790202197606229271", "790101", "", "X" * 18, "７" * 18])
def test_wrong_check_characters(number):
    assert not resident_id_checksum_ok(number)


@given(st.integers(0, 10**17 - 1), st.integers(0, 16), st.integers(1, 9))
@settings(derandomize=True, max_examples=200)
def test_one_wrong_digit_is_always_noticed(body, place, shift):
    digits = f"{body:017}"
    number = next(digits + check for check in "0123456789X" if resident_id_checksum_ok(digits + check))
    wrong = number[:place] + str((int(number[place]) + shift) % 10) + number[place + 1 :]
    assert not resident_id_checksum_ok(wrong)


@pytest.mark.parametrize(
    "number", ["0" * 18, "1" * 18, "9" * 17 + "X", "123456789012345678", "790101000000000000", "000000000"]
)
def test_made_up_numbers_are_noticed(number):
    assert is_placeholder_number(number)


@pytest.mark.parametrize("number", [GOOD, "E12345678", "", "000", "79010119660208600X"])
def test_other_numbers_are_not_called_made_up(number):
    assert not is_placeholder_number(number)


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (GOOD, DocumentType.RESIDENT_ID),
        ("790202680714597", DocumentType.RESIDENT_ID),
        ("810000199001011234", DocumentType.HMT_RESIDENCE_PERMIT),
        ("820000199001011234", DocumentType.HMT_RESIDENCE_PERMIT),
        ("83000019900101123X", DocumentType.HMT_RESIDENCE_PERMIT),
        ("911156199001011234", DocumentType.FOREIGN_PERMANENT_RESIDENT_CARD),
        ("USA110090010112", DocumentType.FOREIGN_PERMANENT_RESIDENT_CARD),
        ("USA1100900101123", None),
        ("E12345678", None),
        ("", None),
    ],
)
def test_a_numbers_form_tells_its_document(number, kind):
    assert document_type_of(number) is kind


def test_numbers_fit_their_documents():
    assert document_number_fits(DocumentType.PASSPORT, "E12345678")
    assert not document_number_fits(DocumentType.PASSPORT, "E1")
    assert document_number_fits(DocumentType.RESIDENT_ID, GOOD)
    assert not document_number_fits(DocumentType.RESIDENT_ID, "810000199001011234")
    assert document_number_fits(DocumentType.HMT_RESIDENCE_PERMIT, "810000199001011234")
    assert not document_number_fits(DocumentType.NONE, GOOD)


@pytest.mark.parametrize(
    ("kind", "number", "born"),
    [
        (DocumentType.RESIDENT_ID, GOOD, date(1968, 7, 14)),
        (DocumentType.RESIDENT_ID, "790202680714597", date(1968, 7, 14)),
        (DocumentType.RESIDENT_ID, "790202980714997", date(1898, 7, 14)),
        (DocumentType.HMT_RESIDENCE_PERMIT, "810000199001011234", date(1990, 1, 1)),
        (DocumentType.FOREIGN_PERMANENT_RESIDENT_CARD, "911156199001011234", date(1990, 1, 1)),
        (DocumentType.FOREIGN_PERMANENT_RESIDENT_CARD, "USA110090010112", None),
        (DocumentType.RESIDENT_ID, "790202196802305976", None),
        (DocumentType.RESIDENT_ID, "0" * 18, None),
        (DocumentType.RESIDENT_ID, "7902", None),
        (DocumentType.PASSPORT, "E12345678", None),
        (DocumentType.NONE, None, None),
    ],
)
def test_the_date_of_birth_is_read_from_the_number(kind, number, born):
    assert birth_date_of(kind, number) == born


def test_masks_hide_the_last_two_digits_always():
    assert mask_document_number("790101199001011234") == "790101********12**"
    assert mask_document_number("790202680714597") == "790202*********"
    assert mask_document_number("E12345678") == "E1*******"
    assert mask_document_number("AB12") == "****"
    assert mask_document_number(None) == ""


@given(st.text(alphabet="0123456789ABCX", min_size=1, max_size=32))
@settings(derandomize=True, max_examples=200)
def test_no_mask_tells_the_last_two(number):
    masked = mask_document_number(number)
    assert len(masked) == len(number)
    assert set(masked[-2:]) == {"*"}


def test_masked_names_show_one_character():
    assert [mask_name(name) for name in ("王", "王明", "王小明", "诺布·卓玛")] == ["王*", "王*", "王**", "诺**"]


def test_age_is_counted_in_full_years():
    assert age_on(date(2000, 11, 22), date(2014, 11, 21)) == 13
    assert age_on(date(2000, 11, 22), date(2014, 11, 22)) == 14
    assert age_on(date(2008, 2, 29), date(2026, 2, 28)) == 17
    assert age_on(date(2008, 2, 29), date(2026, 3, 1)) == 18


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("138 3016 6131", "13830166131"),
        ("138-3016-6131", "13830166131"),
        ("+86 13830166131", "13830166131"),
        ("8613830166131", "13830166131"),
        ("１３８３０１６６１３１", "13830166131"),
        ("0871-6123 4567", "087161234567"),
        ("(0871)61234567", "087161234567"),
        ("+852 9123 4567", "+85291234567"),
        ("0049 170 1234567", "+491701234567"),
        ("12345", None),
        ("12345678901", None),
        ("", None),
        ("无", None),
        ("138301661310", None),
    ],
)
def test_phone_numbers(typed, kept):
    assert normalise_phone(typed) == kept


def test_a_person_is_normalised_frozen_and_compared():
    one = PersonIdentity(
        name=" 诺布．卓玛 ",
        document_type=DocumentType.RESIDENT_ID,
        document_number="79020219680714597 6",
        date_of_birth=date(1968, 7, 14),
    )
    other = PersonIdentity.model_validate_json(
        '{"name":"诺布·卓玛","document_type":"resident_id","document_number":"790202196807145976",'
        '"date_of_birth":"1968-07-14"}'
    )
    assert one != other
    assert one.matches(other)
    assert PersonIdentity.model_validate(one.to_wire()) == one
    with pytest.raises(ValidationError):
        one.name = "x"


def test_without_a_document_there_is_no_number():
    person = PersonIdentity(name="王明", document_type=DocumentType.NONE)
    assert person.to_wire() == {"name": "王明", "document_type": "none"}


@pytest.mark.parametrize(
    "change",
    [
        {"document_type": "none"},
        {"document_number": None},
        {"document_number": "  "},
        {"document_number": "1234/5678"},
        {"document_number": "1" * 33},
        {"document_type": "driving_licence"},
        {"name": ""},
        {"sex": "x"},
        {"date_of_birth": 0},
        {"date_of_birth": "19680714"},
    ],
)
def test_unfit_people_are_refused_without_an_echo(change):
    fit = {"name": "王明", "document_type": "resident_id", "document_number": GOOD}
    with pytest.raises(ValidationError) as refused:
        PersonIdentity.model_validate(fit | change)
    assert GOOD not in str(refused.value)
    assert "王明" not in str(refused.value)
