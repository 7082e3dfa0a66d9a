"""The log in words: every action that any room records about a person has some, in both languages."""

import ast
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from schemas.regions import Divisions
from service.access_log import LogItem
from service.portal.requests import RequestKind
from service.portal.sentences import DID, FIELDS, line_of
from service.web.languages import Languages

SERVICE = Path(__file__).parents[3] / "service"
ABOUT_NO_PERSON = {
    "agreement",
    "ledger",
    "log",
    "node",
    "officer",
    "peer",
    "record",
    "job",
    "keys",
    "verification_request",
}
FORM = re.compile(r"[a-z_]+\.[a-z_]+")


def test_every_action_about_a_person_has_words():
    found = set(recorded_actions())
    assert len(found) > 25, "the search itself must find them"
    assert found - set(DID) == set()


def test_every_kind_of_request_has_words():
    assert {f"own_request.{kind.value}" for kind in RequestKind} <= set(DID)


@pytest.mark.parametrize("actor", ["officer", "peer", "person", "node"])
def test_a_sentence_says_who_did_what_with_which_facts_and_why(actor):
    item = LogItem(
        id="1", index=3, at=datetime(2026, 11, 23, 2, tzinfo=UTC), actor=actor, office="790303", officer="王芳",
        action="person.shown_in_full", purpose="counter", fields=("identity", "contact"), automatic=actor == "node",
    )  # fmt: skip
    line = line_of(item, Languages(), Divisions.load())
    who = {"officer": "澜江市的 王芳 ", "peer": "澜江市", "person": "您本人", "node": "澜江市的系统"}[actor]
    expected = f"{who}打开了您的完整记录。涉及：姓名、证件和出生日期、电话和电子邮箱。用途：本人在柜台。"
    if actor == "node":
        expected += "由系统自动办理。"
    assert line.sentence["zh-CN"] == expected
    assert "opened your record in full." in line.sentence["en"]
    assert "Seen or used: name, document and date of birth, phone and e-mail." in line.sentence["en"]


def test_an_action_without_words_is_shown_by_its_code():
    item = LogItem(
        id="1", index=None, at=datetime(2026, 11, 23, 2, tzinfo=UTC), actor="node", office="790303", officer="",
        action="new.thing", purpose="unheard_of", fields=("something",), automatic=False,
    )  # fmt: skip
    line = line_of(item, Languages(), Divisions.load())
    for sentence in line.sentence.values():
        for code in ("new.thing", "unheard_of", "something"):
            assert code in sentence


def test_every_field_that_is_logged_has_words():
    found = set(logged_fields())
    assert len(found) > 8
    assert found - set(FIELDS) == set()


def recorded_actions():
    """Texts of the form `noun.verb` handed to whatever writes the log, or kept in a table of actions."""
    for call in _log_calls():
        names = {keyword.arg: keyword.value for keyword in call.keywords}
        if not ({"person", "key", "purpose", "fields"} & set(names) or _called(call).startswith("unseal")):
            continue
        values = [names["action"]] if "action" in names else call.args[3:5]
        for value in values:
            yield from (text for text in _texts(value) if FORM.fullmatch(text) and _noun(text) not in ABOUT_NO_PERSON)


def logged_fields():
    for call in _log_calls():
        for keyword in call.keywords:
            if keyword.arg == "fields":
                yield from _texts(keyword.value)


def _log_calls():
    wanted = (
        "record",
        "record_under",
        "record_each",
        "unseal_person",
        "unseal_people",
        "_opened",
        "_key",
        "_open",
        "_log",
    )
    for path in SERVICE.rglob("*.py"):
        if "demo" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and _called(node) in wanted:
                yield node


def _called(call):
    return call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")


def _texts(node):
    return [one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str)]


def _noun(text):
    return text.partition(".")[0]
