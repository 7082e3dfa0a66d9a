"""Notices, consents and refusals of one person, and what their rows do not tell."""

from datetime import date, timedelta

import pytest
from sqlmodel import select

from schemas.claims import ConsentPurpose, Way
from schemas.clock import rfc3339
from schemas.problems import DoNotAskBefore, WrongState
from service.consents import notices
from service.consents.consents import (
    ConsentDraft,
    NoticeDraft,
    consents_of,
    give_consents,
    live_consent,
    live_share_consent,
    notices_of,
    record_notice,
    withdraw_consent,
)
from service.consents.folder import drop_sheets
from service.consents.refusals import (
    check_may_ask,
    do_not_ask,
    forget_refusals,
    purge_refusals,
    record_refusals,
    twelve_months_after,
)
from service.consents.tables import Consent, ConsentRefusal

KEY = bytes(range(32))
SHARE, REMIND = ConsentPurpose("share_with_peer:790101"), ConsentPurpose("remind:quarterly_check")


@pytest.fixture
def told(node):
    """A person, by their key, who was given the notice."""
    draft = NoticeDraft(version=notices.CURRENT_VERSION, way=Way.SPOKEN, given_at=rfc3339(node.now()))
    node.database.write_sync(lambda session: record_notice(session, node, KEY, draft))
    return node


def give(node, *purposes):
    drafts = [ConsentDraft(purpose=purpose, way=Way.PAPER) for purpose in purposes]
    return node.database.write_sync(lambda session: give_consents(session, node, KEY, drafts))


def live(node, purpose, key=KEY):
    return node.database.read_sync(lambda session: live_consent(session, node, key, purpose))


def test_nobody_consents_to_what_they_were_not_told(node):
    with pytest.raises(WrongState):
        give(node, REMIND)


def test_a_consent_keeps_time_way_and_wording(told):
    [given] = give(told, REMIND)
    assert (given.purpose, given.way, given.given_at) == (REMIND, Way.PAPER, told.now())
    assert given.notice_version == notices.CURRENT_VERSION
    record = given.to_record()
    assert (record.purpose, record.way, record.notice_version) == (REMIND, Way.PAPER, notices.CURRENT_VERSION)
    assert give(told, REMIND) == []
    assert [one.version for one in told.database.read_sync(lambda s: notices_of(s, told, KEY))] == ["2026-11"]


def test_a_withdrawn_consent_no_longer_stands_and_stays_told(told):
    give(told, REMIND, SHARE)
    assert told.database.write_sync(lambda session: withdraw_consent(session, told, KEY, REMIND))
    assert not told.database.write_sync(lambda session: withdraw_consent(session, told, KEY, REMIND))
    assert live(told, REMIND) is None
    assert live(told, SHARE) is not None
    assert [one.is_live for one in told.database.read_sync(lambda s: consents_of(s, told, KEY))] == [False, True]
    assert len(give(told, REMIND)) == 1


def test_a_consent_is_for_its_own_peer_and_person(told):
    give(told, ConsentPurpose("share_with_peer:790101003"))

    def shared(peer, key=KEY):
        return told.database.read_sync(lambda session: live_share_consent(session, told, key, peer))

    assert shared("790101") is not None
    assert shared("790202") is None
    assert shared("790101003001") is None
    assert shared("790101", bytes(32)) is None
    give(told, ConsentPurpose("certificate_home:790202"))
    assert shared("790202") is None


def test_after_a_refusal_nobody_asks_for_twelve_months(told, clock):
    told.database.write_sync(lambda session: record_refusals(session, told, KEY, [REMIND]))

    def asked():
        told.database.read_sync(lambda session: check_may_ask(session, told, KEY, [REMIND]))

    with pytest.raises(DoNotAskBefore) as refused:
        asked()
    assert refused.value.facts["date"] == "2027-11-23"
    clock.advance(days=100)
    told.database.write_sync(lambda session: record_refusals(session, told, KEY, [REMIND, SHARE]))
    found = told.database.read_sync(lambda session: do_not_ask(session, told, KEY))
    assert found == {REMIND: date(2027, 11, 23), SHARE: date(2028, 3, 3)}
    told.database.write_sync(lambda session: forget_refusals(session, told, KEY, [SHARE]))
    clock.advance(days=265)
    asked()


def test_a_refusal_made_on_leap_day_ends_on_the_first_of_march():
    assert twelve_months_after(date(2028, 2, 29)) == date(2029, 3, 1)


def test_refusals_go_after_twelve_months(told):
    told.database.write_sync(lambda session: record_refusals(session, told, KEY, [REMIND]))
    due = told.today() + timedelta(days=365)
    assert told.database.write_sync(lambda session: purge_refusals(session, due - timedelta(days=1))) == 0
    assert told.database.write_sync(lambda session: purge_refusals(session, due)) == 1


def test_rows_do_not_tell_who_refused_nor_that_anybody_did(told):
    for key, refused in ((KEY, []), (bytes(32), [REMIND, SHARE])):
        told.database.write_sync(lambda session, k=key, r=refused: record_refusals(session, told, k, r))
    rows = told.database.read_sync(lambda session: session.exec(select(ConsentRefusal)).all())
    assert len({len(row.sealed) for row in rows}) == 1
    assert {row.purge_on for row in rows} == {date(2027, 11, 23)}
    assert not any(column in ConsentRefusal.model_fields for column in ("person_id", "purpose", "id"))


def test_erasing_drops_both_sheets(told):
    give(told, REMIND)
    told.database.write_sync(lambda session: record_refusals(session, told, KEY, [SHARE]))
    told.database.write_sync(lambda session: drop_sheets(session, told, KEY))
    for table in (Consent, ConsentRefusal):
        assert not told.database.read_sync(lambda session, one=table: session.exec(select(one)).all())


def test_the_notice_is_whole_in_both_languages():
    wording = notices.current()
    assert set(wording.notice) == {"zh-CN", "en"}
    assert len(wording.notice["zh-CN"]) == len(wording.notice["en"])
    assert set(wording.questions) == {"share_with_peer", "remind", "certificate_home"}
    assert notices.is_known(notices.CURRENT_VERSION)
    assert not notices.is_known("1999-01")


async def test_the_notice_in_force_is_told(anonymous):
    answer = await anonymous.get("/api/v1/notices/current")
    assert answer.json() == {"version": notices.CURRENT_VERSION}
