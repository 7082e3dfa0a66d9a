"""The compact table of who was named so far holds what a dictionary would, and no more memory than it says."""

import random

from service.ledgers.judging.marks import Marks


def test_it_answers_as_a_dictionary_would_whatever_collides():
    chance = random.Random(1)
    marks, told = Marks(), {}
    keys = [chance.randrange(1, 800) << chance.choice([0, 12, 40]) for _ in range(4_000)]
    for number, key in enumerate(keys):
        assert marks.get(key) == told.get(key)
        marks.add(key, number)
        told.setdefault(key, number)
    assert len(marks) == len(told)
    assert all(marks.get(key) == number for key, number in told.items())
    assert marks.get(2**63 - 1) is None


def test_an_entry_costs_at_most_54_bytes_and_no_growth_more_than_a_thirtieth_of_them():
    chance = random.Random(2)
    marks, before = Marks(), 0
    for number in range(1, 20_001):
        marks.add(chance.randrange(1, 2**63), number)
        places = sum(len(part._marks) for part in marks._parts)
        assert number < 5_000 or places - before <= places / 30
        before = places
    assert places * 16 <= 20_000 * 54
