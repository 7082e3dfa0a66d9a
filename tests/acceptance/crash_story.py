"""The story that the crash runs play: small, and with something of everything that must survive.

Each step is played through the API of two nodes; no step reads a person's record, since reading writes log entries and
a step that is repeated after a crash would write more of them than one that is not.
"""

import signal
from datetime import UTC, date, datetime, timedelta
from typing import Any

from schemas.calendar import WorkingCalendar
from schemas.quarters import Quarter
from service.consents.notices import CURRENT_VERSION
from service.demo.people import MATCHED, MISSPELT, MISSPELT_AT_HOME, Invented
from tests.acceptance.crash_world import HERE, HOME, Kill, World

Ids = dict[str, str]


def today() -> date:
    return (datetime.now(UTC) + timedelta(hours=8)).date()


def notice() -> dict[str, str]:
    return {"version": CURRENT_VERSION, "way": "spoken", "given_at": datetime.now(UTC).isoformat(timespec="seconds")}


def sharing(peer: str) -> dict[str, str]:
    return {"purpose": f"share_with_peer:{peer}", "way": "spoken", "witness": "second"}


def register_departures(world: World, ids: Ids) -> None:
    for key, person, name in (("matched", MATCHED, MATCHED.name), ("misspelt", MISSPELT, MISSPELT_AT_HOME)):
        facts = {
            "name": name,
            "document_type": "resident_id",
            "document_number": person.document_number,
            "date_of_birth": person.born.isoformat(),
            "phone": person.phone,
        }
        body = {
            "person": facts,
            "destination_region": HERE,
            "departed_on": person.moved_on(today()).isoformat(),
            "notice": notice(),
            "consents": [sharing(HERE)],
            "refused": [],
        }
        ids[f"{key}_departure"] = world.post(HOME, "/departures", body)["id"]


def preview_ledger(world: World, ids: Ids) -> None:
    lines = ["姓名,身份证号码,户籍地,流入日期,联系电话,备注"]
    lines += [
        f"{person.name},{person.document_number},青禾县,{person.moved_on(today())},{person.phone},随便写写"
        for person in (MATCHED, MISSPELT)
    ]
    done = world.upload(HERE, "/ledgers", "\n".join(lines).encode("gb18030"), kind="arrivals", dry_run="true")
    assert done["counts"]["ok"] == 2, done
    ids["ledger"] = done["id"]


def commit_ledger(world: World, ids: Ids) -> None:
    world.post(HERE, f"/ledgers/{ids['ledger']}/commit")
    world.until(HERE, "SELECT count(*) FROM ledger_import WHERE state = 'committed'", 1)
    for key, person in (("matched", MATCHED), ("misspelt", MISSPELT)):
        ids[key] = found(world, person)


def found(world: World, person: Invented) -> str:
    hits = world.post(HERE, "/search", {"q": person.document_number[-4:]})["items"]
    assert len(hits) == 1, hits
    return str(hits[0]["person_id"])


def give_notice(world: World, ids: Ids) -> None:
    for key in ("matched", "misspelt"):
        world.post(HERE, f"/people/{ids[key]}/notice", notice())
        world.post(HERE, f"/people/{ids[key]}/consents", {"consents": [sharing(HOME)], "refused": []})


def ask(world: World, ids: Ids, key: str) -> None:
    body = {
        "person_id": ids[key],
        "peer": HOME,
        "claims": ["identity", "departure_declared"],
        "purpose": "confirm_journey",
    }
    asked = world.post(HERE, "/verifications", body)
    ids[f"{key}_request"], ids[f"{key}_case"] = asked["id"], asked["case"]


def await_answer(world: World, ids: Ids, key: str) -> None:
    request, departure = ids[f"{key}_request"], ids[f"{key}_departure"]
    world.until(HERE, f"SELECT state FROM verification_request WHERE id = '{request}'", "answered")
    world.until(HERE, f"SELECT state FROM arrival WHERE person_id = '{ids[key]}'", "confirmed")
    world.until(HOME, f"SELECT state FROM departure WHERE id = '{departure}'", "confirmed")


def ask_and_be_answered(world: World, ids: Ids) -> None:
    ask(world, ids, "matched")
    await_answer(world, ids, "matched")


def ask_an_officer(world: World, ids: Ids) -> None:
    ask(world, ids, "misspelt")
    waiting = (
        f"SELECT id FROM verification_request WHERE \"case\" = '{ids['misspelt_case']}' AND matched_at IS NOT NULL"
    )
    world.until(HOME, f"SELECT count(*) FROM ({waiting}) AS waiting", 1)
    ids["misspelt_received"] = world.value(HOME, waiting)


def officer_answers(world: World, ids: Ids) -> None:
    words = {"identity": "confirmed", "departure_declared": "confirmed"}
    world.post(HOME, f"/verifications/{ids['misspelt_received']}/answer", {"answers": words})
    await_answer(world, ids, "misspelt")


def plan_reminders(world: World, ids: Ids) -> None:
    person = ids["matched"]
    consents = [{"purpose": "remind:quarterly_check", "way": "paper"}]
    world.post(HERE, f"/people/{person}/consents", {"consents": consents, "refused": []})
    world.post(HERE, f"/people/{person}", {"email": "crash@demo.invalid"}, method="PATCH")
    plan = {
        "person_id": person,
        "kind": "quarterly_check",
        "cadence": "quarterly",
        "channel": "email",
        "lead_days": [14, 3],
    }
    world.post(HERE, "/reminder-plans", plan)


def reminders_are_sent(world: World, ids: Ids) -> None:
    """The reminder run lives the day of the first reminder, in a process of its own, which may be the one to die."""
    node, kill = world.nodes[HERE], world.kill
    at = f"{reminder_day()}T10:30:00+08:00"
    if kill is not None and kill.point.startswith("reminders."):
        kill.armed.touch()
        died = world.tick_until_death("reminders", at)
        assert died == -signal.SIGKILL
        assert kill.reached.read_text() == kill.point
        kill.armed.unlink()
        world.lapse_leases(HERE)
    node.told("tick", node.directory, "reminders", "--at", at)
    world.until(HERE, "SELECT count(*) FROM reminder WHERE state = 'sent'", 1)


def reminder_day() -> date:
    """Fourteen days before the end of this quarter, or of the next one where that day is past; a working day."""
    quarter = Quarter.of(today())
    if quarter.last_day - timedelta(days=14) <= today():
        quarter = quarter.next()
    calendar = WorkingCalendar.load()
    day = quarter.last_day - timedelta(days=14)
    return day if calendar.is_working_day(day) else calendar.next_working_day(day)


STEPS = (
    register_departures,
    preview_ledger,
    commit_ledger,
    give_notice,
    ask_and_be_answered,
    ask_an_officer,
    officer_answers,
    plan_reminders,
    reminders_are_sent,
)

PLACES: dict[str, tuple[str, Any]] = {
    "database.before_commit": (HERE, ask_and_be_answered),
    "database.after_commit": (HERE, ask_and_be_answered),
    "inbox.committed": (HOME, ask_and_be_answered),
    "delivery.claimed": (HERE, ask_and_be_answered),
    "delivery.answered": (HERE, ask_and_be_answered),
    "matching.claimed": (HOME, ask_an_officer),
    "log.sequencing": (HOME, register_departures),
    "import.batch": (HERE, commit_ledger),
    "reminders.claimed": (HERE, reminders_are_sent),
    "reminders.sent": (HERE, reminders_are_sent),
}
"""For each point: which node dies there, and in which step it is armed."""


def play(world: World, point: str | None) -> dict[str, dict[str, int]]:
    """Play the story, let a node die at `point`, and count the rows when all is settled."""
    region, armed_in = PLACES[point] if point else (None, None)
    kill = Kill.of(world, region, point) if region and point else None
    in_a_tick = point is not None and point.startswith("reminders.")
    ids: Ids = {}
    try:
        world.start(None if in_a_tick else kill)
        world.kill = kill
        for step in STEPS:
            armed = kill is not None and step is armed_in and not in_a_tick
            if kill is not None and armed:
                # Nothing else is under way, so that the point is passed by what the step does.
                world.settle()
                kill.armed.touch()
            step(world, ids)
            if armed:
                world.await_death()
        world.settle()
        if kill is not None:
            assert kill.reached.read_text() == point, "the point was never reached"
        return world.counts()
    finally:
        world.end()


def log_verifies(world: World) -> None:
    for node in world.nodes.values():
        node.told("log", "verify", node.directory)
