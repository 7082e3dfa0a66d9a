"""Each of these nodes does one thing wrong, and fails at the line that asks for it, and nowhere else."""

import pytest

from federation.conformance import CHAPTERS, all_lines
from federation.mock_peer import Lapse
from tests.conformance.worlds import try_mock

OWN_LINES: dict[Lapse, tuple[str, set[str]]] = {
    Lapse.NONCE_MISSING_TAKEN: ("signing", {"sig-nonce-missing"}),
    Lapse.COMPONENT_ADDED_TAKEN: ("signing", {"sig-component-added"}),
    Lapse.APPLICATION_IGNORED: ("signing", {"sig-tag"}),
    Lapse.LIFETIME_IGNORED: ("signing", {"sig-lifetime"}),
    Lapse.SHA_512_TAKEN: ("signing", {"digest-sha512"}),
    Lapse.REPLAY_TAKEN: ("signing", {"nonce-replayed"}),
    Lapse.CLOCK_IGNORED: ("signing", {"clock-beyond"}),
    Lapse.CLOCK_TOLD_TO_STRANGERS: ("signing", {"clock-not-to-strangers"}),
    Lapse.HOST_BELIEVED: ("signing", {"sig-host"}),
    Lapse.STRANGERS_TOLD_APART: ("beginning", {"stranger-alike"}),
    Lapse.STATUS_LIST_SMALL: ("beginning", {"status-list"}),
    Lapse.CODING_TAKEN: ("reading", {"coding-refused"}),
    Lapse.DUPLICATE_KEYS_TAKEN: ("reading", {"json-duplicate-key", "json-duplicate-inner"}),
    Lapse.FLOATS_TAKEN: ("reading", {"json-float"}),
    Lapse.UNKNOWN_FIELDS_TAKEN: ("reading", {"field-unknown-data"}),
    Lapse.LARGE_MESSAGE_TAKEN: ("reading", {"message-large"}),
    Lapse.BATCH_REFUSED_WHOLE: ("effects", {"poison-alone"}),
    Lapse.SOURCE_IGNORED: ("effects", {"source-wrong"}),
    Lapse.RECIPIENT_IGNORED: ("effects", {"recipient-wrong"}),
    Lapse.ID_REUSED_TAKEN: ("effects", {"id-reused"}),
    Lapse.DUPLICATE_TAKES_EFFECT: ("effects", {"duplicate-once"}),
    Lapse.RESULTS_UNORDERED: ("effects", {"receipt-order"}),
    Lapse.RECEIPT_DIGEST_WRONG: ("effects", {"receipt-digest"}),
    Lapse.PULL_EMPTY: ("pulling", {"pull-items"}),
    Lapse.GATE_OPEN: ("agreed", {"gate-unknown"}),
    Lapse.PURPOSE_IGNORED: ("agreed", {"gate-purpose"}),
    Lapse.QUOTA_IGNORED: ("agreed", {"gate-quota"}),
    Lapse.BINDING_IGNORED: ("agreed", {"seal-binding"}),
    Lapse.ZIP_TAKEN: ("agreed", {"seal-zip"}),
    Lapse.ABSENT_TOLD: ("agreed", {"neutral-receipt"}),
    Lapse.COMPARE_FEW_TAKEN: ("agreed", {"compare-few"}),
    Lapse.COMPARE_POINT_UNCHECKED: ("agreed", {"compare-points"}),
    Lapse.COMPARE_RAISED_SORTED: ("agreed", {"compare-rounds"}),
    Lapse.COMPARE_ANSWERED_ANEW: ("agreed", {"compare-again"}),
    Lapse.COMPARE_MISCOUNTED: ("agreed", {"compare-rounds"}),
    Lapse.COMPARE_MONTH_IGNORED: ("agreed", {"compare-month"}),
    Lapse.MAINTENANCE_IGNORED: ("news", {"maintenance-kept"}),
    Lapse.MAINTENANCE_UNBOUNDED: ("news", {"maintenance-bounds"}),
    Lapse.RETURNED_IGNORED: ("news", {"returned-again"}),
    Lapse.RETURNED_SENDS_ALL: ("news", {"returned-held"}),
    Lapse.MOVE_UNVERIFIED: ("news", {"moved-forged"}),
    Lapse.MOVE_OLD_TAKEN: ("news", {"moved-older"}),
    Lapse.HEAD_UNVERIFIED: ("news", {"log-forged"}),
    Lapse.COSIGNATURE_UNTIMED: ("news", {"log-cosigned"}),
    Lapse.CONTRADICTION_COSIGNED: ("news", {"log-contradicted"}),
    Lapse.KEYS_PROOF_IGNORED: ("keys", {"keys-forged", "keys-unbound"}),
    Lapse.KEYS_PROOF_UNBOUND: ("keys", {"keys-unbound"}),
    Lapse.KEYS_OLD_ENDED_AT_ONCE: ("keys", {"keys-overlap"}),
    Lapse.KEYS_OLD_TAKEN_BACK: ("keys", {"keys-back"}),
    Lapse.KEYS_COMPROMISED_TAKEN: ("keys", {"keys-compromised"}),
    Lapse.RATE_UNBOUNDED: ("bounds", {"rate-limited"}),
    Lapse.RATE_UNSIGNED: ("bounds", {"rate-limited"}),
    Lapse.RETRY_KEEPS_NONCE: ("sending", {"send-nonce"}),
    Lapse.RETRY_CHANGES_BYTES: ("sending", {"send-same-bytes"}),
    Lapse.TWO_IN_FLIGHT: ("sending", {"send-one-in-flight"}),
    Lapse.REDIRECT_FOLLOWED: ("sending", {"send-redirect"}),
    Lapse.UNSIGNED_BELIEVED: ("sending", {"send-200-unsigned"}),
    Lapse.GIVES_UP_ON_401: ("sending", {"send-401-unsigned"}),
    Lapse.SUBJECT_ORDER_LOST: ("sending", {"send-order"}),
    Lapse.ORDER_OF_RESULTS_IGNORED: ("sending", {"send-results-order"}),
    Lapse.LIMITS_IGNORED: ("sending", {"send-limits"}),
    Lapse.BATCH_PARKED_WHOLE: ("last", {"send-422-parks-one"}),
}
"""The chapter that finds a lapse, and its lines there."""

FOLLOW = {
    Lapse.TWO_IN_FLIGHT: {"send-413-halves", "send-duplicate", "send-order", "send-nonce"},
    Lapse.STRANGERS_TOLD_APART: {"keys-compromised"},
}
"""What else may fail with it, for it is about the same requests, or about the same answer: whoever's key we call
compromised is a stranger."""


def test_every_lapse_has_its_line() -> None:
    assert OWN_LINES.keys() == set(Lapse)
    ids = [line.id for line in all_lines()]
    assert len(ids) == len(set(ids))
    assert {one for _, lines in OWN_LINES.values() for one in lines} <= set(ids)


async def test_a_node_without_a_lapse_keeps_to_the_whole_protocol() -> None:
    outcomes = await try_mock()
    assert [(one.id, one.seen) for one in outcomes if not one.held] == []


@pytest.mark.parametrize("lapse", Lapse, ids=str)
async def test_a_faulty_node_fails_at_its_own_line(lapse: Lapse) -> None:
    chapter, own = OWN_LINES[lapse]
    failed = {one.id for one in await try_mock(lapse, chapters=[chapter]) if not one.held}
    assert failed - FOLLOW.get(lapse, set()) == own


@pytest.mark.long
@pytest.mark.parametrize("lapse", Lapse, ids=str)
async def test_a_faulty_node_fails_nowhere_else(lapse: Lapse) -> None:
    failed = {one.id for one in await try_mock(lapse) if not one.held}
    assert failed - FOLLOW.get(lapse, set()) == OWN_LINES[lapse][1]


def test_the_chapters_hold_every_line_once() -> None:
    assert sum(len(lines.all) for lines in CHAPTERS.values()) == len(all_lines())
