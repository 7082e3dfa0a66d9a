"""What a guess at a password costs: the other tests hash at the least cost (tests/passwords.py)."""

import pytest

from tests.passwords import REAL_HASHER, REAL_NOBODY

MEMORY_CONSTRAINED = "$argon2id$v=19$m=65536,t=3,p=4$"
"""RFC 9106, section 4: the second recommended option."""


@pytest.mark.parametrize("password_hash", [REAL_HASHER.hash("invented"), REAL_NOBODY], ids=["an officer", "nobody"])
def test_a_guess_costs_what_rfc_9106_recommends_for_a_name_that_is_there_and_for_one_that_is_not(password_hash: str):
    assert password_hash.startswith(MEMORY_CONSTRAINED)
    assert REAL_HASHER.verify("invented", password_hash) is (password_hash != REAL_NOBODY)
