"""Issuing, suspending, resuming and revoking; and that no row tells whose a certificate is."""

import dataclasses
from datetime import date

import pytest
import sqlalchemy
from sqlmodel import select

from schemas.certificates import CertificateState, Disclosable
from schemas.problems import DateInFuture, DateOfBirthMissing, Forbidden, InvalidInput, NotFound, WrongState
from service.certificates import queries, sd_jwt
from service.certificates.actions import change_certificate
from service.certificates.effects import on_erased
from service.certificates.receiving import purge
from service.certificates.tables import Certificate
from service.certificates.verify import check_certificate
from service.officers.rules import Role
from service.registry.tables import Person
from tests.service.certificates.conftest import DRAFT
from tests.service.own_node import arrive


def test_an_issued_certificate_shows_quarter_and_days_and_nothing_else(here, person_id, issue):
    view = issue(person_id)
    assert view.state is CertificateState.ISSUED
    shown = sd_jwt.reveal(sd_jwt.parse(view.text))
    assert set(shown) == {"vct", "iss", "quarter", "attended_on", "valid_until", "status"}
    assert shown["iss"] == "/regions/790303"
    for secret in ("韩晨曦", "general_health", "1990-03-07"):
        assert secret not in str(sd_jwt.parse(view.text).payload)


def test_the_holder_decides_what_it_discloses(here, person_id, issue):
    view = issue(person_id, dataclasses.replace(DRAFT, disclose=frozenset({Disclosable.NAME, Disclosable.KIND})))
    shown = sd_jwt.reveal(sd_jwt.parse(view.text))
    assert (shown["name"], shown["kind"]) == ("韩晨曦", "general_health")
    assert "date_of_birth" not in shown


def test_the_holder_may_choose_anew_each_time(here, person_id, issue):
    made = issue(person_id)
    key = _key(here, person_id)
    view = here.read(
        lambda session: queries.own_certificate(session, here.node, key, made.id, [Disclosable.DATE_OF_BIRTH])
    )
    assert sd_jwt.reveal(sd_jwt.parse(view.text))["date_of_birth"] == "1990-03-07"
    assert here.read(lambda session: check_certificate(session, here.node, view.text)).result == "valid"


def test_one_whose_date_of_birth_is_not_known_looks_the_same(here, issue):
    unknown = arrive(here, name="刘一", document_type="none", document_number=None)
    known = issue(arrive(here))
    view = issue(unknown)
    assert len(sd_jwt.parse(view.text).payload["_sd"]) == len(sd_jwt.parse(known.text).payload["_sd"]) == 3
    with pytest.raises(DateOfBirthMissing):
        issue(unknown, dataclasses.replace(DRAFT, disclose=frozenset({Disclosable.DATE_OF_BIRTH})))


@pytest.mark.parametrize(
    ("changes", "error", "field"),
    [
        ({"attended_on": date(2026, 11, 24)}, DateInFuture, None),
        ({"valid_until": date(2026, 11, 20)}, InvalidInput, "valid_until"),
        ({"valid_until": date(2039, 1, 1)}, InvalidInput, "valid_until"),
        ({"attended_on": date(2026, 9, 30)}, InvalidInput, "quarter"),
    ],
)
def test_days_that_cannot_be_are_refused(person_id, issue, changes, error, field):
    with pytest.raises(error) as refused:
        issue(person_id, dataclasses.replace(DRAFT, **changes))
    if field:
        assert [one["field"] for one in refused.value.facts["errors"]] == [field]


def test_without_the_right_person_a_certificate_is_not_found(here, person_id, issue):
    view = issue(person_id)
    other = arrive(here, name="刘一", document_number="790101198502021219")
    for whose in (other, "", "no-such-person"):
        with pytest.raises(NotFound):
            here.write(
                lambda session, whose=whose: queries.certificate_of(session, here.node, whose, view.id, by=here.officer)
            )
        with pytest.raises(NotFound):
            _change(here, whose, view.id, "revoked")


def test_an_officer_who_sees_no_people_sees_no_certificates(here, person_id, issue):
    administrator = dataclasses.replace(here.officer, roles=frozenset({Role.ADMINISTRATOR}))
    with pytest.raises((Forbidden, NotFound)):
        here.write(lambda session: queries.certificates_of(session, here.node, person_id, by=administrator))


def test_suspended_resumed_revoked_and_never_back(here, person_id, issue):
    view = issue(person_id)
    states = {}
    for change in ("suspended", "issued", "suspended", "revoked"):
        states[change] = _change(here, person_id, view.id, change).state
        result = here.read(lambda session: check_certificate(session, here.node, view.text)).result
        assert result == {"suspended": "suspended", "issued": "valid", "revoked": "revoked"}[change]
    assert states == {"suspended": "suspended", "issued": "issued", "revoked": "revoked"}
    for change in ("suspended", "issued", "revoked"):
        with pytest.raises(WrongState):
            _change(here, person_id, view.id, change)


def test_resuming_what_was_never_suspended_is_refused(here, person_id, issue):
    with pytest.raises(WrongState):
        _change(here, person_id, issue(person_id).id, "issued")


def test_a_certificate_expires_by_itself_after_its_last_day(here, person_id, issue):
    view = issue(person_id)
    here.clock.advance(days=89)
    assert _check(here, view.text) == "valid"
    here.clock.advance(days=1)
    assert _check(here, view.text) == "expired"
    listed = here.write(lambda session: queries.certificates_of(session, here.node, person_id, by=here.officer))
    assert [one.state for one in listed] == ["expired"]


def test_no_column_tells_whose_a_certificate_is_or_what_kind(here, person_id, issue):
    issue(person_id)

    def everything(session):
        text = []
        for row in session.execute(sqlalchemy.text("SELECT * FROM certificate")).mappings():
            text += [value if isinstance(value, bytes) else str(value).encode() for value in map(_plain, row.values())]
        return b"\n".join(text)

    content = here.read(everything)
    for secret in (person_id, "韩晨曦", "general_health", "2026Q4", "2026-11-20", "chenxi"):
        assert secret.encode() not in content


def test_erasing_a_person_takes_their_certificates_along(here, person_id, issue):
    view = issue(person_id)
    other = arrive(here, name="刘一", document_number="790101198502021219")
    kept = issue(other)
    here.write(lambda session: on_erased(session, here.node, session.get_one(Person, person_id)))
    assert [row.id for row in here.read(lambda session: session.exec(select(Certificate)).all())] == [kept.id]
    assert _check(here, view.text) == "valid", "the certificate is the person's, and still counts"


def test_an_issued_certificate_goes_two_years_after_its_last_day(here, person_id, issue):
    issue(person_id)
    here.clock.set(here.clock.now().replace(year=2029, month=2, day=18))
    assert here.write(lambda session: purge(session, here.node)) == 0
    here.clock.advance(days=3)
    assert here.write(lambda session: purge(session, here.node)) == 1


def _change(side, person_id, certificate_id, change):
    return side.write(
        lambda session: change_certificate(session, side.node, person_id, certificate_id, change, by=side.officer)
    )


def _check(side, text):
    return side.read(lambda session: check_certificate(session, side.node, text)).result


def _key(side, person_id):
    person = side.read(lambda session: session.get_one(Person, person_id))
    return side.node.vault.open_key(person.wrapped_key)


def _plain(value):
    return bytes(value) if isinstance(value, memoryview) else value
