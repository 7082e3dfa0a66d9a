"""Ledgers that nobody has seen before come to their truth, row by row, and nothing of a dropped column is read."""

import pytest

from service.ledgers.files.extraction import extract
from service.ledgers.files.fields import LedgerKind
from service.ledgers.judging.checking import check_rows
from tests.service.ledgers.relatives import SECRET, TODAY, relative

SEEDS = range(24)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_relative_of_the_samples_comes_to_its_truth(tmp_path, divisions, seed):
    made = relative(seed)
    path = tmp_path / made.file_name
    path.write_bytes(made.content)
    extraction = extract(path)
    rows = list(check_rows(extraction.rows, extraction.kind, today=TODAY, divisions=divisions))
    found = [(str(row.verdict.outcome), tuple(map(str, row.verdict.codes)), row.raw) for row in rows]
    told = [(one.outcome, one.codes, one.cells) for one in made.people]
    wrong = [(a, b) for a, b in zip(found, told, strict=True) if a[:2] != b[:2]]
    assert not wrong
    assert extraction.kind is LedgerKind(made.kind)
    assert extraction.dropped == made.dropped
    assert SECRET not in str([row.raw for row in rows])
    for row, person in zip(rows, made.people, strict=True):
        candidate = row.verdict.candidate
        if candidate is not None and person.outcome == "ok":
            identity = candidate.identity
            assert (identity.document_number, str(candidate.moved_on)) == (person.kept["number"], person.kept["moved"])
            assert (candidate.phone, candidate.region) == (person.kept["phone"], person.kept["region"])
            assert identity.date_of_birth == person.kept["born"]
