"""The steps of the story that serve the person: reminders, a certificate, their own page, and a log that verifies."""

from datetime import date, datetime, timedelta
from email import message_from_bytes, policy

from service.demo.api import Api
from service.demo.people import MATCHED
from service.demo.scene import Facts, Story, expect, wait_for
from service.demo.stage import HERE, HOME


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
