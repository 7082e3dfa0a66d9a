"""What a mock peer may do wrong always: the flaws that nodes really have, each of which one requirement forbids.

A ``MockPeer`` without lapses keeps to the whole protocol. With one it is a node that somebody wrote and forgot one
thing; the conformance suite must find exactly that.
"""

from enum import StrEnum


class Lapse(StrEnum):
    """One thing that the node does not do as the protocol says."""

    # taking requests
    NONCE_MISSING_TAKEN = "nonce_missing_taken"
    COMPONENT_ADDED_TAKEN = "component_added_taken"
    APPLICATION_IGNORED = "application_ignored"
    LIFETIME_IGNORED = "lifetime_ignored"
    SHA_512_TAKEN = "sha_512_taken"
    REPLAY_TAKEN = "replay_taken"
    CLOCK_IGNORED = "clock_ignored"
    CLOCK_TOLD_TO_STRANGERS = "clock_told_to_strangers"
    STRANGERS_TOLD_APART = "strangers_told_apart"
    HOST_BELIEVED = "host_believed"
    CODING_TAKEN = "coding_taken"
    RATE_UNBOUNDED = "rate_unbounded"
    RATE_UNSIGNED = "rate_unsigned"
    # reading messages
    DUPLICATE_KEYS_TAKEN = "duplicate_keys_taken"
    FLOATS_TAKEN = "floats_taken"
    UNKNOWN_FIELDS_TAKEN = "unknown_fields_taken"
    LARGE_MESSAGE_TAKEN = "large_message_taken"
    BATCH_REFUSED_WHOLE = "batch_refused_whole"
    SOURCE_IGNORED = "source_ignored"
    RECIPIENT_IGNORED = "recipient_ignored"
    # effects
    ID_REUSED_TAKEN = "id_reused_taken"
    DUPLICATE_TAKES_EFFECT = "duplicate_takes_effect"
    GATE_OPEN = "gate_open"
    PURPOSE_IGNORED = "purpose_ignored"
    QUOTA_IGNORED = "quota_ignored"
    BINDING_IGNORED = "binding_ignored"
    ZIP_TAKEN = "zip_taken"
    ABSENT_TOLD = "absent_told"
    # news of the other node
    MAINTENANCE_IGNORED = "maintenance_ignored"
    MAINTENANCE_UNBOUNDED = "maintenance_unbounded"
    RETURNED_IGNORED = "returned_ignored"
    RETURNED_SENDS_ALL = "returned_sends_all"
    MOVE_UNVERIFIED = "move_unverified"
    MOVE_OLD_TAKEN = "move_old_taken"
    KEYS_PROOF_IGNORED = "keys_proof_ignored"
    KEYS_PROOF_UNBOUND = "keys_proof_unbound"
    KEYS_OLD_ENDED_AT_ONCE = "keys_old_ended_at_once"
    KEYS_OLD_TAKEN_BACK = "keys_old_taken_back"
    KEYS_COMPROMISED_TAKEN = "keys_compromised_taken"
    HEAD_UNVERIFIED = "head_unverified"
    COSIGNATURE_UNTIMED = "cosignature_untimed"
    CONTRADICTION_COSIGNED = "contradiction_cosigned"
    # comparing journeys
    COMPARE_FEW_TAKEN = "compare_few_taken"
    COMPARE_POINT_UNCHECKED = "compare_point_unchecked"
    COMPARE_RAISED_SORTED = "compare_raised_sorted"
    COMPARE_ANSWERED_ANEW = "compare_answered_anew"
    COMPARE_MISCOUNTED = "compare_miscounted"
    COMPARE_MONTH_IGNORED = "compare_month_ignored"
    # answering
    RESULTS_UNORDERED = "results_unordered"
    RECEIPT_DIGEST_WRONG = "receipt_digest_wrong"
    PULL_EMPTY = "pull_empty"
    STATUS_LIST_SMALL = "status_list_small"
    # sending
    RETRY_KEEPS_NONCE = "retry_keeps_nonce"
    RETRY_CHANGES_BYTES = "retry_changes_bytes"
    TWO_IN_FLIGHT = "two_in_flight"
    REDIRECT_FOLLOWED = "redirect_followed"
    UNSIGNED_BELIEVED = "unsigned_believed"
    GIVES_UP_ON_401 = "gives_up_on_401"
    BATCH_PARKED_WHOLE = "batch_parked_whole"
    LIMITS_IGNORED = "limits_ignored"
    SUBJECT_ORDER_LOST = "subject_order_lost"
    ORDER_OF_RESULTS_IGNORED = "order_of_results_ignored"
