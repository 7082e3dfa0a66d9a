"""Every name that is kept, taken, shown, sent or logged stands in `fields.toml`, with what it is for.

When this fails, it prints what to add. Think before adding: the register holds no field that the office does not need
(PIPL arts 6, 19), and none that could be used against the person (rule 1).
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

from tests.inventory.collect import in_code, parameters, template_fields
from tests.inventory.running import openapi, running

FIELDS = Path(__file__).with_name("fields.toml")


@cache
def listed() -> dict[str, dict[str, object]]:
    return tomllib.loads(FIELDS.read_text("utf-8"))


def compare(groups: Mapping[str, frozenset[str] | set[str]], kinds: set[str]) -> str:
    """What differs between the code and the list, ready to be pasted; empty when nothing does."""
    wanted = {group: set(names) for group, names in groups.items() if names}
    known = {group: set(names) for group, names in listed()["groups"].items() if group.split(".")[0] in kinds}  # type: ignore[call-overload]
    lines = []
    for group in sorted(wanted.keys() | known.keys()):
        new, gone = (
            wanted.get(group, set()) - known.get(group, set()),
            known.get(group, set()) - wanted.get(group, set()),
        )
        if new:
            lines.append(f"not listed: {group}: {', '.join(sorted(new))}")
        if gone:
            lines.append(f"no longer there: {group}: {', '.join(sorted(gone))}")
    return "\n".join(lines)


@pytest.mark.asvs("14.1.1", "15.3.1")
def test_each_name_in_the_code_is_listed_and_each_listed_name_is_in_the_code():
    kinds = {"tables", "models", "json", "forms", "log", "metrics"}
    assert {group.split(".")[0] for group in in_code()} == kinds
    differences = compare(in_code(), kinds)
    assert not differences, f"\n{differences}\n(add them to {FIELDS.name}, or take them out)"


async def test_each_parameter_of_the_running_node_is_listed(tmp_path):
    async with running(tmp_path / "node") as app:
        found = {"parameters": parameters(await openapi(app))}
    assert found["parameters"]
    differences = compare(found, {"parameters"})
    assert not differences, f"\n{differences}\n(add them to {FIELDS.name}, or take them out)"


def test_each_listed_name_has_a_purpose_in_a_few_words():
    purposes = listed()["purposes"]
    used = {name for names in listed()["groups"].values() for name in names}  # type: ignore[attr-defined]
    without = sorted(name for name in used if len(str(purposes.get(name, "")).split()) < 2)
    assert not without, f"say what these are for: {without}"
    assert sorted(purposes.keys() - used) == [], "purposes of names that stand nowhere"
    wordy = sorted(name for name, purpose in purposes.items() if len(str(purpose)) > 110)
    assert not wordy, f"a few words will do: {wordy}"


# --- the collectors themselves: what they would overlook, the list would not know -------------------------------------


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ('<input type="text" name="weight">', {"weight"}),
        ('<textarea\n id="x"\n name="remarks"></textarea>', {"remarks"}),
        ('{{ ui.field(form, "phone", _("Phone")) }}', {"phone"}),
        ('{{ ui.select(form, name="kind", label="…", options=[]) }}', {"kind"}),
        ('{{ ui.radios(form, "answer-" ~ claim, "…", []) }}', {"answer-{claim}"}),
        ('{% call ui.confirm(frame, "/x", "a", "b", values={"purpose": 1}) %}{% endcall %}', {"purpose"}),
        ('{{ ui.button(_("Save"), name="way", value="x") }}', {"way"}),
        ('{% if true %}{{ ui.textarea(form, "hidden_here", "…") }}{% endif %}', {"hidden_here"}),
    ],
)
def test_a_form_field_is_found_however_it_is_written(source, names):
    assert set(template_fields(source)) == names


def test_all_kinds_of_names_are_really_collected():
    groups = in_code()
    assert "protection_reason" in groups["tables.person"]
    assert "subject_identity" in groups["models.schemas.AboutPerson"]
    assert {"from", "to"} <= groups["models.schemas.NodeMaintenance"], "under its name in JSON"
    assert "pin" in groups["json.portal"], "what is sealed is collected, too"
    assert "password" in groups["forms.officers"]
    assert {"request", "route="} <= groups["log"]
    assert {"tonglu_requests", "door"} <= groups["metrics"]
