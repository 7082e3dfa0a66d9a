"""The error tree against the protocol's list of problems."""

import pytest

from schemas import problems
from schemas.problems import FederationError, LocalError, MessageRefused, TongluError, problem_document

REQUEST = {
    "unauthenticated": (401, "after_fixing"),
    "clock_skew": (401, "after_fixing"),
    "replayed": (409, "now"),
    "digest_mismatch": (400, "now"),
    "malformed": (400, "never"),
    "too_large": (413, "after_fixing"),
    "unsupported_coding": (415, "after_fixing"),
    "rate_limited": (429, "later"),
    "peer_suspended": (403, "later"),
    "unavailable": (503, "later"),
}
MESSAGE = {
    "invalid_message": "never",
    "unknown_type": "never",
    "wrong_recipient": "never",
    "wrong_source": "never",
    "no_agreement": "never",
    "purpose_not_agreed": "never",
    "id_reused": "never",
    "unknown_seal_key": "after_fixing",
    "quota_exceeded": "later",
    "internal": "later",
}
LOCAL = {
    "no_consent": 409,
    "no_agreement": 409,
    "asked_recently": 409,
    "date_of_birth_missing": 409,
    "do_not_ask_before": 409,
    "witness_required": 422,
    "under_age": 422,
    "daily_limit": 403,
    "password_change_required": 403,
    "not_found": 404,
    "forbidden": 403,
    "invalid_input": 422,
    "conflict": 409,
    "sign_in_failed": 401,
    "sign_in_required": 401,
    "too_many_attempts": 429,
    "csrf_failed": 403,
    "date_in_future": 422,
    "wrong_state": 409,
    "import_built_upon": 409,
    "ledger_unreadable": 422,
    "idempotency_mismatch": 422,
    "upload_gone": 409,
}


def below(root):
    return {cls.code: cls for cls in root.__subclasses__()}


def every(root=TongluError):
    for cls in root.__subclasses__():
        yield cls
        yield from every(cls)


def test_problems_of_whole_requests_are_those_of_the_protocol():
    assert {code: (cls.status, cls.retry) for code, cls in below(FederationError).items()} == REQUEST


def test_problems_of_single_messages_are_those_of_the_protocol():
    assert {code: cls.retry for code, cls in below(MessageRefused).items()} == MESSAGE


def test_local_problems_have_their_status():
    found = below(LocalError)
    assert {code: found[code].status for code in LOCAL} == LOCAL


def test_every_problem_has_a_sentence_a_status_and_a_retry_class():
    for cls in every():
        assert cls.message.endswith("."), cls
        assert 400 <= cls.status <= 599, cls
        assert cls.retry in {"now", "later", "after_fixing", "never"}, cls
        assert cls.code == cls.code.lower(), cls


def test_a_code_means_one_thing_in_one_branch():
    for root in (FederationError, MessageRefused, LocalError):
        codes = [cls.code for cls in every(root)]
        assert len(codes) == len(set(codes)), root


def test_the_docstring_is_the_message_and_facts_fill_it():
    error = problems.ClockSkew(offset_seconds=-301)
    assert error.detail == "The clocks differ by -301 seconds."
    assert error.msgid == "The clocks differ by %(offset_seconds)s seconds."
    assert str(error) == "clock_skew: The clocks differ by -301 seconds."


def test_a_detail_of_its_own_replaces_the_docstring():
    assert problems.WrongState("The request was answered.").detail == "The request was answered."


def test_a_percent_sign_or_a_missing_fact_does_no_harm():
    assert problems.WrongState("100 % of %(what)s").detail == "100 % of what"


def test_the_problem_document_is_rfc_9457():
    document = problem_document(problems.InvalidInput(errors=[{"field": "name", "message": "x"}]), "/api/v1/arrivals")
    assert document == {
        "type": "/problems/invalid_input",
        "title": "Invalid input",
        "status": 422,
        "detail": "Something in the form needs correcting.",
        "retry": "after_fixing",
        "instance": "/api/v1/arrivals",
        "errors": [{"field": "name", "message": "x"}],
    }


def test_facts_never_replace_the_members_of_the_standard():
    assert problem_document(problems.NotFound(status=200, type="x"))["status"] == 404


def test_problems_are_caught_by_their_branch():
    with pytest.raises(LocalError):
        raise problems.UnknownPeer
