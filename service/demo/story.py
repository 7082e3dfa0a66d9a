"""The story that Tonglu exists for, played through the JSON API of two real nodes.

Each step acts as an officer or the person would, then reads back from *both* nodes what became of it. A
step that does not come out as it should raises `StepFailed` with what was seen instead.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from email import message_from_bytes, policy
from typing import Any

from service.demo.api import Api, ApiError
from service.demo.people import BY_LETTER, MATCHED, MISSPELT, MISSPELT_AT_HOME, Invented, arrivals_ledger
from service.demo.stage import HERE, HOME, PAPER, RunningNode, Stage

PATIENCE_SECONDS = 20.0
"""How long a step waits for what a node does by itself before it counts as failed."""

Facts = dict[str, Any]


class StepFailed(Exception):
    """A step of the story did not come out as it should."""


@dataclass
class Story:
    """What the steps share: the two nodes, the officers signed in, and the ids met so far."""

    stage: Stage
    today: date
    here: Api
    home: Api
    ids: dict[str, str] = field(default_factory=dict)
    consent_wording: str = ""

    @property
    def here_node(self) -> RunningNode:
        """澜江's node: where it runs and who may sign in."""
        return self.stage.nodes[HERE]

    @property
    def home_node(self) -> RunningNode:
        """青禾's node: where it runs and who may sign in."""
        return self.stage.nodes[HOME]


@dataclass(frozen=True)
class Step:
    """One step: its title in Chinese and in English, and what it does. It returns what was read back, by region."""

    zh: str
    en: str
    play: Callable[[Story], dict[str, Facts]]


def expect(condition: bool, what: str, seen: object = None) -> None:
    """Go on when it holds. Raises StepFailed with what was seen instead."""
    if not condition:
        raise StepFailed(f"{what}: {json.dumps(seen, ensure_ascii=False, default=str)}" if seen is not None else what)


def wait_for(read: Callable[[], Any], good: Callable[[Any], bool], what: str) -> Any:
    """Read until it is good. Raises StepFailed, with what was last read, when patience ends."""
    ends_at = time.monotonic() + PATIENCE_SECONDS
    while True:
        seen = read()
        if good(seen):
            return seen
        if time.monotonic() > ends_at:
            raise StepFailed(f"{what}: {json.dumps(seen, ensure_ascii=False, default=str)}")
        time.sleep(0.05)


def person_draft(person: Invented, name: str | None = None) -> Facts:
    """The `person` of a registration, as the API takes it."""
    return {
        "name": name or person.name,
        "document_type": "resident_id",
        "document_number": person.document_number,
        "date_of_birth": person.born.isoformat(),
        "phone": person.phone,
        "language": "zh-CN",
    }


def find(api: Api, person: Invented) -> str:
    """The person's id, found as an officer finds it: by the document's last four. Raises StepFailed."""
    hits = api.post("/search", {"q": person.document_number[-4:]})["items"]
    expect(len(hits) == 1, "search by the document's last four finds one person", hits)
    return str(hits[0]["person_id"])


def notice(story: Story) -> Facts:
    """The notice in its current wording, given by word of mouth just now."""
    return {
        "version": story.consent_wording,
        "way": "spoken",
        "given_at": datetime.now().astimezone().isoformat(timespec="seconds"),
    }


def import_ledger(story: Story) -> dict[str, Facts]:
    """A preview first, then the import; the people in it are found again by search."""
    content = arrivals_ledger(story.today)
    preview = story.here.upload("/ledgers", "arrivals.xlsx", content, {"kind": "arrivals", "dry_run": "true"})
    expect(preview["counts"]["error"] == 0, "no row of the ledger is refused", preview)
    story.here.post(f"/ledgers/{preview['id']}/commit")
    done = wait_for(
        lambda: story.here.get(f"/ledgers/{preview['id']}"),
        lambda ledger: ledger["state"] == "committed",
        "the import is committed",
    )
    arrivals = story.here.get("/arrivals?limit=50")["items"]
    expect(
        all(item["state"] == "to_be_told" for item in arrivals), "people from a ledger are still to be told", arrivals
    )
    for key, person in (("matched", MATCHED), ("misspelt", MISSPELT), ("by_letter", BY_LETTER)):
        story.ids[key] = find(story.here, person)
    return {
        HERE: {"counts": done["counts"], "dropped_columns": done["dropped_columns"], "arrivals": len(arrivals)},
        HOME: {"arrivals": len(story.home.get("/arrivals")["items"])},
    }


def register_at_home(story: Story) -> dict[str, Facts]:
    """青禾 keeps the other half: two people declared that they go to 澜江, and left it to 澜江 to ask."""
    for key, person, name in (("matched", MATCHED, None), ("misspelt", MISSPELT, MISSPELT_AT_HOME)):
        made = story.home.post(
            "/departures",
            {
                "person": person_draft(person, name),
                "destination_region": HERE,
                "departed_on": person.moved_on(story.today).isoformat(),
                "notice": notice(story),
                "consents": [],
                "refused": [],
            },
        )
        story.ids[f"{key}_departure"] = made["id"]
        story.ids[f"{key}_at_home"] = made["person_id"]
    departures = story.home.get("/departures")["items"]
    states = {item["id"]: item["state"] for item in departures}
    return {
        HOME: {"departures": sorted(states[story.ids[key]] for key in ("matched_departure", "misspelt_departure"))},
        HERE: {"arrivals": len(story.here.get("/arrivals?limit=50")["items"])},
    }


def give_notice(story: Story) -> dict[str, Facts]:
    """Tell three people, record that they agree, with a second officer as witness."""
    seen = {}
    for key, peer in (("matched", HOME), ("misspelt", HOME), ("by_letter", PAPER)):
        person_id = story.ids[key]
        story.here.post(f"/people/{person_id}/notice", notice(story))
        story.here.post(
            f"/people/{person_id}/consents",
            {
                "consents": [
                    {
                        "purpose": f"share_with_peer:{peer}",
                        "way": "spoken",
                        "witness": story.here_node.second_officer,
                    }
                ],
                "refused": [],
            },
        )
        person = story.here.get(f"/people/{person_id}")
        seen[key] = [arrival["state"] for arrival in person["arrivals"]]
        story.ids[f"{key}_arrival"] = person["arrivals"][0]["id"]
        expect(seen[key] == ["declared"], "after the notice the arrival is declared", person)
    return {HERE: {"arrivals": seen}, HOME: {"verifications": _received(story)}}


def _received(story: Story) -> list[str]:
    return [item["state"] for item in story.home.get("/verifications?direction=received")["items"]]


def ask(story: Story, key: str, peer: str = HOME) -> Facts:
    """Ask a peer to confirm someone's journey; remembers the request and its case."""
    asked: Facts = story.here.post(
        "/verifications",
        {
            "person_id": story.ids[key],
            "peer": peer,
            "claims": ["identity", "departure_declared"],
            "purpose": "confirm_journey",
        },
    )
    story.ids[f"{key}_verification"] = asked["id"]
    story.ids[f"{key}_case"] = asked["case"]
    return asked


def sent(story: Story, key: str) -> Facts:
    """The request as the asker sees it."""
    answer: Facts = story.here.get(f"/verifications/{story.ids[f'{key}_verification']}")
    return answer


def received(story: Story, key: str) -> Facts:
    """The same request as the answerer sees it. Raises StepFailed unless it stands there once."""
    items = story.home.get("/verifications?direction=received")["items"]
    found = [item for item in items if item["case"] == story.ids[f"{key}_case"]]
    expect(len(found) == 1, "the request stands once at the other node", items)
    request: Facts = found[0]
    return request


def automatic_answer(story: Story) -> dict[str, Facts]:
    """An exact match is answered by the other node itself."""
    ask(story, "matched")
    done = wait_for(lambda: sent(story, "matched"), lambda seen: seen["state"] == "answered", "an answer by itself")
    expect(done["automatic"] is True, "the answer says that it was automatic", done)
    expect(set(done["answers"].values()) == {"confirmed"}, "every claim is confirmed", done)
    there = received(story, "matched")
    expect(there["state"] == "answered" and there["automatic"] is True, "answered there too", there)
    return {HERE: _brief(done), HOME: _brief(there)}


def officers_answer(story: Story) -> dict[str, Facts]:
    """No exact match: an officer of the other node compares and answers."""
    ask(story, "misspelt")
    waiting = wait_for(
        lambda: story.home.get("/work-items")["items"],
        lambda items: any(item["kind"] == "answer_request" for item in items),
        "a work item waits for an officer",
    )
    request = received(story, "misspelt")
    expect("answers" not in request or not request["answers"], "nothing was answered by itself", request)
    story.home.post(
        f"/verifications/{request['id']}/answer",
        {"answers": {"identity": "confirmed", "departure_declared": "confirmed"}},
    )
    done = wait_for(lambda: sent(story, "misspelt"), lambda seen: seen["state"] == "answered", "the officer's answer")
    expect(done["automatic"] is False, "an officer's answer is not called automatic", done)
    return {HERE: _brief(done), HOME: {"work_items": len(waiting), **_brief(received(story, "misspelt"))}}


def _brief(seen: Facts) -> Facts:
    return {key: seen.get(key) for key in ("state", "answers", "automatic")}


def both_hold_receipts(story: Story) -> dict[str, Facts]:
    """Each side holds the signed receipt of what it sent and of what it took."""
    proof: dict[str, Facts] = {}
    for name, api, verification in (
        (HERE, story.here, sent(story, "matched")),
        (HOME, story.home, received(story, "matched")),
    ):
        expect(len(verification["receipts"]) >= 2, "receipts of the request and of the answer", verification)
        digests = {}
        for message_id in verification["receipts"]:
            receipt = api.get(f"/receipts?message={message_id}")
            digests[message_id] = receipt["digest"]
            story.stage.verify_receipt(receipt)
        proof[name] = {"receipts": digests}
    expect(proof[HERE] == proof[HOME], "both nodes hold proof of the same bytes", proof)
    return proof


def journey_confirmed(story: Story) -> dict[str, Facts]:
    """The arrival here and the departure there are confirmed, under one journey."""
    seen: dict[str, Facts] = {HERE: {}, HOME: {}}
    for key in ("matched", "misspelt"):
        arrival = wait_for(
            lambda key=key: story.here.get(f"/arrivals/{story.ids[f'{key}_arrival']}"),  # type: ignore[misc]
            lambda item: item["state"] == "confirmed",
            "the arrival is confirmed",
        )
        departure = wait_for(
            lambda key=key: story.home.get(f"/departures/{story.ids[f'{key}_departure']}"),  # type: ignore[misc]
            lambda item: item["state"] == "confirmed",
            "the departure is confirmed",
        )
        seen[HERE][key] = {"state": arrival["state"], "journey": arrival["journey"]}
        seen[HOME][key] = {"state": departure["state"], "journey": departure["journey"]}
    expect(seen[HERE] == seen[HOME], "one journey on both nodes", seen)
    return seen


def letter(story: Story) -> dict[str, Facts]:
    """The same request to a region without a node, under an agreement on paper that two officers recorded."""
    story.here.post("/peers", {"region": PAPER, "name": "云台县", "paper": True})
    agreement = story.here.post("/agreements", {"peer": PAPER, "document_reference": "澜江函〔2026〕12号"})
    second = Api(story.here.base_url)
    second.sign_in(story.here_node.second_officer, story.here_node.second_password)
    second.post(f"/agreements/{agreement['id']}/sign")
    asked = ask(story, "by_letter", PAPER)
    content = story.here.raw(f"/verifications/{asked['id']}/letter.pdf")
    expect(content.startswith(b"%PDF-"), "the request is a letter to print")
    path = story.stage.directory / "letter.pdf"
    path.write_bytes(content)
    return {
        HERE: {"state": sent(story, "by_letter")["state"], "letter_bytes": len(content), "letter": str(path)},
        HOME: {"verifications": len(story.home.get("/verifications?direction=received")["items"])},
    }


def reminders_wanted(story: Story) -> dict[str, Facts]:
    """A plan that the person asked for; the other node knows nothing of it."""
    person_id = story.ids["matched"]
    story.here.post(
        f"/people/{person_id}/consents",
        {"consents": [{"purpose": "remind:quarterly_check", "way": "spoken"}], "refused": []},
    )
    # The plan writes to an e-mail address; the ledger had none.
    story.here.patch(f"/people/{person_id}", {"email": "chen.xiaohe@demo.invalid"})
    plan = story.here.post(
        "/reminder-plans",
        {
            "person_id": person_id,
            "kind": "quarterly_check",
            "cadence": "quarterly",
            "channel": "email",
            "lead_days": [14, 3],
        },
    )
    story.ids["plan"] = plan["id"]
    plans = story.here.get(f"/people/{person_id}/reminder-plans")["items"]
    there = story.home.get(f"/people/{story.ids['matched_at_home']}/reminder-plans")["items"]
    expect(len(plans) == 1 and not there, "one plan, on this node alone", {"here": plans, "home": there})
    return {HERE: {"plans": len(plans), "cadence": plans[0]["cadence"]}, HOME: {"plans": len(there)}}


def certificate(story: Story) -> dict[str, Facts]:
    """Issued, delivered into the person's folder at home, verified from its text alone; a changed one is found out."""
    person_id = story.ids["matched"]
    story.here.post(
        f"/people/{person_id}/consents",
        {"consents": [{"purpose": f"certificate_home:{HOME}", "way": "spoken"}], "refused": []},
    )
    quarter = f"{story.today.year}Q{(story.today.month - 1) // 3 + 1}"
    made = story.here.post(
        "/certificates",
        {
            "person_id": person_id,
            "kind": "general_health",
            "quarter": quarter,
            "attended_on": story.today.isoformat(),
            "valid_until": (story.today + timedelta(days=90)).isoformat(),
            "disclose": ["name"],
        },
    )
    done = wait_for(
        lambda: story.here.get(f"/certificates/{made['id']}?person_id={person_id}"),
        lambda seen: seen["state"] == "delivered",
        "the certificate is delivered home",
    )
    folder = wait_for(
        lambda: story.home.get(f"/people/{story.ids['matched_at_home']}/certificates")["items"],
        lambda items: len(items) == 1,
        "it lies in that person's folder at home",
    )
    picture = story.here.raw(f"/certificates/{made['id']}/qr.svg?person_id={person_id}")
    expect(b"<svg" in picture[:400], "the certificate has a QR code")
    text = done["certificate"]
    verified = {}
    for name, api in ((HERE, story.here), (HOME, story.home)):
        verified[name] = wait_for(
            lambda api=api: api.post("/certificates/verify", {"certificate": text}),  # type: ignore[misc]
            lambda seen: seen["result"] == "valid",
            "the certificate verifies offline",
        )
    forged = story.home.post("/certificates/verify", {"certificate": _altered(text)})
    expect(forged["result"] == "altered", "a changed certificate is found out", forged)
    return {
        HERE: {"state": done["state"], "verified": verified[HERE]["result"]},
        HOME: {"folder": len(folder), "verified": verified[HOME]["result"], "changed_copy": forged["result"]},
    }


def _altered(text: str) -> str:
    """The same certificate with one character of its signature changed."""
    token, tilde, disclosures = text.partition("~")
    middle = token.rindex(".") + 10
    other = "A" if token[middle] != "A" else "B"
    return token[:middle] + other + token[middle + 1 :] + tilde + disclosures


def reminder_sent(story: Story) -> dict[str, Facts]:
    """Let the reminder run live the day that the plan names: 14 days before the quarter's last day, or next to it."""
    on = _first_reminder_day(story.today)
    for delay in range(12):  # on a holiday a reminder moves to the next working day
        at = datetime.combine(on + timedelta(days=delay), datetime.min.time()).replace(hour=10).astimezone()
        story.stage.tick(HERE, "reminders", at)
        if story.stage.mails():
            break
    mails = story.stage.mails()
    expect(len(mails) == 1, "one reminder was sent", len(mails))
    story.stage.tick(HERE, "reminders", at)
    expect(len(story.stage.mails()) == 1, "a second run of that day sends nothing", len(story.stage.mails()))
    message = message_from_bytes(mails[0].read_bytes(), policy=policy.default)
    reminders = story.here.get(f"/reminders?person_id={story.ids['matched']}")["items"]
    return {
        HERE: {"mail": str(message["Subject"]), "reminders": [item["state"] for item in reminders]},
        HOME: {"plans": len(story.home.get(f"/people/{story.ids['matched_at_home']}/reminder-plans")["items"])},
    }


def _first_reminder_day(today: date) -> date:
    last_day = _quarter_end(today)
    if last_day - timedelta(days=14) <= today:
        last_day = _quarter_end(last_day + timedelta(days=1))
    return last_day - timedelta(days=14)


def _quarter_end(day: date) -> date:
    month = 3 * ((day.month - 1) // 3) + 3
    first_of_next = date(day.year + (month == 12), month % 12 + 1, 1)
    return first_of_next - timedelta(days=1)


def own_page(story: Story) -> dict[str, Facts]:
    """The person signs in with the code, and reads what is held and who looked, on both nodes."""
    seen = {}
    for name, api, key in ((HERE, story.here, "matched"), (HOME, story.home, "matched_at_home")):
        person_id = story.ids[key]
        code = api.post(f"/people/{person_id}/access-code")["code"]
        person = Api(api.base_url)
        person.token = person.post(
            "/me/session", {"code": code, "date_of_birth": MATCHED.born.isoformat(), "pin": "271828"}
        )["token"]
        mine = person.get("/me")
        expect(mine["person"]["name"] == MATCHED.name, "the person sees their own record", list(mine))
        looked = wait_for(
            lambda person=person: person.get("/me/access-log")["items"],  # type: ignore[misc]
            lambda items: len(items) > 0,
            "the person sees who looked",
        )
        seen[name] = {"lines": len(looked), "last": looked[0]}
    return seen


def log_verifies(story: Story) -> dict[str, Facts]:
    """Both logs are whole."""
    seen = {}
    for name, api in ((HERE, story.here), (HOME, story.home)):
        story.stage.tick(name, "log", datetime.now().astimezone())
        checkpoint = api.raw("/log/checkpoint").decode().splitlines()
        seen[name] = {"log": story.stage.verify_log(name), "checkpoint": checkpoint[0], "entries": int(checkpoint[1])}
    return seen


STEPS = (
    Step(
        "青禾登记两人外出（告知并单独同意）", "青禾 registers two departures, with notice and consent", register_at_home
    ),
    Step("澜江导入流入台账", "澜江 imports its ledger of arrivals", import_ledger),
    Step("告知、登记同意", "Give notice, record consents", give_notice),
    Step("请青禾核实：完全相符，自动答复", "Ask 青禾: an exact match is answered by itself", automatic_answer),
    Step("再请核实一人：由青禾工作人员答复", "Ask about another: an officer of 青禾 answers", officers_answer),
    Step("双方都有对方签名的回执", "Both nodes hold each other's signed receipts", both_hold_receipts),
    Step("流入和流出都已确认，同一行程", "Arrival and departure are confirmed: one journey", journey_confirmed),
    Step("没有节点的云台：同一请求打印成函", "云台 has no node: the same request as a letter", letter),
    Step("本人要求每季度提醒", "The person asks for quarterly reminders", reminders_wanted),
    Step("凭证：签发、送达、离线核验", "A certificate: issued, delivered home, verified offline", certificate),
    Step("发送批次：发出一条提醒", "The reminder run sends one reminder", reminder_sent),
    Step("本人打开自己的页面，看到谁看过", "The person opens their own page and sees who looked", own_page),
    Step("访问记录验证无误", "The access log verifies", log_verifies),
)


def play(story: Story, tell: Callable[[int, Step, dict[str, Facts]], None]) -> None:
    """Play every step in order; `tell` is called after each with what was read back.

    Raises:
        StepFailed: a step did not come out; its message names the step and what was seen.
    """
    for number, step in enumerate(STEPS, start=1):
        try:
            facts = step.play(story)
        except (ApiError, StepFailed, KeyError) as error:
            raise StepFailed(f"{number} {step.zh} · {step.en}: {error}") from error
        tell(number, step, facts)
