"""An outsider's check of two running nodes: it knows the published contract and nothing of the code.

    tonglu demo --json | python tests/acceptance/outsider.py
    python tests/acceptance/outsider.py            # starts `tonglu demo --json` itself

It brings its own people and its own ledger, goes in an order of its own, cuts the line between the nodes
by killing one (SIGKILL) while requests are under way, starts it again with `tonglu serve DIR`, and expects
to see the same story: answers, receipts, confirmed journeys, a certificate, a reminder, the person's own
page and a log that verifies. Only the standard library is used, and `tonglu` from the PATH.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from outsider_node import TODAY, TONGLU, Node, Person, started, until


def say(text: str) -> None:
    print(text, flush=True)


def tell_and_ask(here: Node, home: Node, person_id: str) -> dict[str, Any]:
    here.post(f"/people/{person_id}/notice", here.notice())
    consents = [here.consent(f"share_with_peer:{home.region}")]
    here.post(f"/people/{person_id}/consents", {"consents": consents, "refused": []})
    return ask(here, home, person_id)


def ask(here: Node, home: Node, person_id: str) -> dict[str, Any]:
    asked: dict[str, Any] = here.post(
        "/verifications",
        {
            "person_id": person_id,
            "peer": home.region,
            "claims": ["identity", "departure_declared"],
            "purpose": "confirm_journey",
        },
    )
    return asked


def received(node: Node, case: str) -> dict[str, Any]:
    found = [item for item in node.get("/verifications?direction=received")["items"] if item["case"] == case]
    assert len(found) <= 1, "the same request stands twice"
    return found[0] if found else {}


def arrival_of(node: Node, person_id: str) -> dict[str, Any]:
    items = node.get("/arrivals?limit=200")["items"]
    return next(dict(item) for item in items if item["person_id"] == person_id)


def register_departure(home: Node, here: Node, person: Person, name: str = "") -> dict[str, Any]:
    body = {
        "person": person.body(**({"name": name} if name else {})),
        "destination_region": here.region,
        "departed_on": person.moved.isoformat(),
        "notice": home.notice(),
        "consents": [home.consent(f"share_with_peer:{here.region}")],
        "refused": [],
    }
    key = str(uuid4())
    first: dict[str, Any] = home.post("/departures", body, key=key)
    again = home.post("/departures", body, key=key)
    assert first["id"] == again["id"], "the same Idempotency-Key makes one departure"
    return first


def import_ledger(here: Node, people: list[Person], counties: dict[str, str]) -> dict[str, str]:
    """A ledger of the outsider's own, other columns and order than any sample; returns person ids by number."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "流入.csv"
        lines = ["手机号码,子女情况,证件号码,来本地日期,姓名,户籍地"]
        lines += [
            f"{p.phone},canary-{number},'{p.number},{p.moved:%Y/%m/%d},{p.name},{counties[p.number[:6]]}"
            for number, p in enumerate(people)
        ]
        path.write_bytes("\n".join(lines).encode("gb18030"))
        dry = json.loads(
            here.command("ledger", "import", here.dir, str(path), "--kind", "arrivals", "--dry-run", "--json")
        )
        assert dry["counts"]["ok"] == len(people), dry
        assert "子女情况" in dry["dropped_columns"], dry
        real = json.loads(here.command("ledger", "import", here.dir, str(path), "--kind", "arrivals", "--json"))
        assert real["counts"] == dry["counts"], real
        again = json.loads(here.command("ledger", "import", here.dir, str(path), "--kind", "arrivals", "--json"))
        assert again["counts"]["duplicate"] == len(people), again
    ids = {}
    for person in people:
        hits = here.post("/search", {"q": person.number[-4:]})["items"]
        assert len(hits) == 1, hits
        ids[person.number] = str(hits[0]["person_id"])
    return ids


def certificate_and_reminder(here: Node, home: Node, person: Person, ids: tuple[str, str], mails: Path) -> None:
    person_id, home_id = ids
    here.call("PATCH", f"/people/{person_id}", {"email": "outsider@demo.invalid"})
    purposes = ["remind:quarterly_check", f"certificate_home:{home.region}"]
    consents = [{"purpose": purpose, "way": "paper"} for purpose in purposes]
    here.post(f"/people/{person_id}/consents", {"consents": consents, "refused": []})
    today = TODAY
    made = here.post(
        "/certificates",
        {
            "person_id": person_id,
            "kind": "vaccination",
            "quarter": f"{today.year}Q{(today.month + 2) // 3}",
            "attended_on": today.isoformat(),
            "valid_until": (today + timedelta(days=60)).isoformat(),
        },
    )
    path = f"/certificates/{made['id']}?person_id={person_id}"
    done = until(lambda: here.get(path), lambda seen: seen["state"] == "delivered", "the certificate is delivered")
    assert person.name not in done["certificate"], "what is not disclosed is not in the text"
    assert "vaccination" not in done["certificate"]
    for node in (here, home):
        until(
            lambda node=node: node.post("/certificates/verify", {"certificate": done["certificate"]}),
            lambda seen: seen["result"] == "valid",
            "the certificate verifies",
        )
    assert home.get(f"/people/{home_id}/certificates")["items"], "it lies in the folder at home"
    here.post(f"/certificates/{made['id']}/revoke?person_id={person_id}")
    assert here.post("/certificates/verify", {"certificate": done["certificate"]})["result"] == "revoked"
    here.refused("GET", f"/certificates/{made['id']}?person_id={uuid4()}")

    before = len(list(mails.glob("*.eml")))
    here.post(
        "/reminder-plans",
        {
            "person_id": person_id,
            "kind": "quarterly_check",
            "cadence": "quarterly",
            "channel": "email",
            "lead_days": [14, 3],
        },
    )
    month = 3 * ((today.month - 1) // 3) + 3
    last_day = date(today.year + month // 12, month % 12 + 1, 1) - timedelta(days=1)
    if last_day - timedelta(days=14) <= today:
        month, year = (3, last_day.year + 1) if month == 12 else (month + 3, last_day.year)
        last_day = date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)
    for delay in range(11):
        day = last_day - timedelta(days=14 - delay)
        here.command("tick", here.dir, "reminders", "--at", f"{day}T10:30:00+08:00")
        if len(list(mails.glob("*.eml"))) > before:
            break
    assert len(list(mails.glob("*.eml"))) == before + 1, "one reminder"


def story(told: dict[str, Any], seed: int) -> None:
    dice = random.Random(seed)
    here, home = (Node(node) for node in told["nodes"])
    mails = Path(told["mail_dir"])
    exact, cut_off, misspelt, unknown = (Person(dice, home.region) for _ in range(4))

    say("the doors are shut to strangers")
    assert here.refused("GET", "/arrivals", token="nobody") == 401
    assert here.refused("POST", "/session", {"name": here.officer, "password": "wrong"}, token=None) == 401
    future = {"person": unknown.body(), "origin_region": home.region, "arrived_on": "2999-01-01"}
    assert here.refused("POST", "/arrivals", future | {"notice": here.notice(), "consents": [], "refused": []}) == 422

    say("departures at home, a ledger here")
    departures = {person.number: register_departure(home, here, person) for person in (exact, cut_off)}
    departures[misspelt.number] = register_departure(home, here, misspelt, misspelt.name[0] + "一")
    ids = import_ledger(here, [unknown, misspelt, cut_off, exact], {home.region: "青禾县"})
    assert arrival_of(here, ids[exact.number])["state"] == "to_be_told"
    without = {"person_id": ids[unknown.number], "peer": home.region, "claims": ["identity"]}
    assert here.refused("POST", "/verifications", without | {"purpose": "confirm_journey"}) == 409, "no consent yet"

    say("an answer by itself")
    asked = tell_and_ask(here, home, ids[exact.number])
    path = f"/verifications/{asked['id']}"
    done = until(lambda: here.get(path), lambda seen: seen["state"] == "answered", "answered by itself")
    assert done["automatic"], done
    assert set(done["answers"].values()) == {"confirmed"}, done
    assert (
        here.refused("POST", "/verifications", without | {"person_id": ids[exact.number], "purpose": "confirm_journey"})
        == 409
    ), "asked once in 30 days"

    say("the line is cut: the peer is killed, asked meanwhile, started again")
    home.kill()
    asked_dead = tell_and_ask(here, home, ids[cut_off.number])
    assert here.get(f"/verifications/{asked_dead['id']}")["state"] == "queued"
    say("… and this node, too, with the request in its outbox")
    here.kill()
    home.serve()
    here.serve()
    done = until(
        lambda: here.get(f"/verifications/{asked_dead['id']}"),
        lambda seen: seen["state"] == "answered",
        "answered after the restart",
    )
    assert received(home, asked_dead["case"])["state"] == "answered"

    say("two that wait for an officer")
    asked_misspelt = tell_and_ask(here, home, ids[misspelt.number])
    asked_unknown = tell_and_ask(here, home, ids[unknown.number])
    for asked_one in (asked_misspelt, asked_unknown):
        until(lambda a=asked_one: received(home, a["case"]), bool, "the request is there")
    until(
        lambda: [item for item in home.get("/work-items")["items"] if item["kind"] == "answer_request"],
        lambda items: len(items) >= 2,
        "two work items",
    )
    home.post(
        f"/verifications/{received(home, asked_misspelt['case'])['id']}/answer",
        {"answers": {"identity": "confirmed", "departure_declared": "confirmed"}},
    )
    home.post(
        f"/verifications/{received(home, asked_unknown['case'])['id']}/answer",
        {"answers": {"identity": "no_record", "departure_declared": "no_record"}},
    )
    for asked_one, word in ((asked_misspelt, "confirmed"), (asked_unknown, "no_record")):
        done = until(
            lambda a=asked_one: here.get(f"/verifications/{a['id']}"),
            lambda seen: seen["state"] == "answered",
            "the officer's answer",
        )
        assert set(done["answers"].values()) == {word}, done
        assert not done["automatic"], done

    say("both registers agree")
    for person in (exact, cut_off, misspelt):
        until(
            lambda p=person: arrival_of(here, ids[p.number])["state"], lambda s: s == "confirmed", "arrival confirmed"
        )
        departure = until(
            lambda p=person: home.get(f"/departures/{departures[p.number]['id']}"),
            lambda seen: seen["state"] == "confirmed",
            "departure confirmed",
        )
        assert departure["journey"] == arrival_of(here, ids[person.number])["journey"], "one journey"
    assert arrival_of(here, ids[unknown.number])["state"] == "unconfirmed"

    say("each receipt verifies by itself")
    script = Path(__file__).parent.parent / "vectors" / "verify_receipt.py"
    for node, request in ((here, here.get(path)), (home, received(home, asked["case"]))):
        assert len(request["receipts"]) >= 2, request
        for message in request["receipts"]:
            receipt = node.get(f"/receipts?message={message}")
            for text, code in ((json.dumps(receipt), 0), (json.dumps(receipt | {"digest": "0" * 64}), 1)):
                run = subprocess.run(
                    [sys.executable, str(script)], input=text.encode(), capture_output=True, check=False
                )
                assert run.returncode == code, run.stderr.decode()

    say("a certificate, a reminder")
    home_id = departures[exact.number]["person_id"]
    certificate_and_reminder(here, home, exact, (ids[exact.number], home_id), mails)

    say("the person looks")
    code = here.post(f"/people/{ids[exact.number]}/access-code")["code"]
    wrong = {"code": code, "date_of_birth": "1950-01-01", "pin": "271828"}
    assert here.refused("POST", "/me/session", wrong, token=None) in (401, 403, 422)
    opened = here.call("POST", "/me/session", wrong | {"date_of_birth": exact.born.isoformat()}, token=None)
    mine = here.call("GET", "/me", token=opened["token"])
    assert exact.name in json.dumps(mine, ensure_ascii=False)
    assert here.call("GET", "/me/access-log", token=opened["token"])["items"], "who looked"

    say("the logs verify")
    for node in (here, home):
        node.command("log", "verify", node.dir)
    say("the outsider saw what was promised")


def main() -> None:
    demo = None
    if sys.stdin.isatty() or "--start" in sys.argv:
        demo = subprocess.Popen([TONGLU, "demo", "--json"], stdout=subprocess.PIPE)
        assert demo.stdout is not None
        line = demo.stdout.readline()
    else:
        line = sys.stdin.buffer.readline()
    try:
        story(json.loads(line), seed=int(os.environ.get("OUTSIDER_SEED", "7")))
    finally:
        for process in started:
            process.terminate()
        for process in started:
            # Its port is free for whoever comes next only once it is gone.
            process.wait(timeout=30)
        if demo:
            demo.terminate()
            demo.wait(timeout=30)


if __name__ == "__main__":
    main()
