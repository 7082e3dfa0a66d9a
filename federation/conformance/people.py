"""Invented people, with division codes that do not exist: what the suite asks a node about."""

from datetime import date, timedelta

from schemas.identity import PersonIdentity, resident_id_check_digit

SURNAMES = "韩柳宋唐"
GIVEN_NAMES = "晨曦若谷明远知秋"


def invented(number: int, division: str = "790101") -> PersonIdentity:
    """The ``number``-th invented person: a name, a resident ID of an invented division, a date of birth."""
    born = date(1980, 1, 1) + timedelta(days=37 * number)
    stem = f"{division}{born:%Y%m%d}{100 + number % 900:03d}"
    given = GIVEN_NAMES[number * 2 % len(GIVEN_NAMES) :][:2]
    return PersonIdentity.model_validate(
        {
            "name": SURNAMES[number % len(SURNAMES)] + given,
            "document_type": "resident_id",
            "document_number": stem + resident_id_check_digit(stem),
            "date_of_birth": born.isoformat(),
        }
    )


JOURNEYS = [invented(number) for number in range(120, 140)]
"""Whoever wants comparing tried in earnest registers these at the node first, as departures to the suite's region."""

KNOWN = invented(0)
"""Whoever wants the neutral receipt tried in earnest registers this person at the node first."""
