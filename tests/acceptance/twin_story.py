"""What twins live through: people who come and go, a ledger, questions both ways, and the secret acts (rule 10)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from schemas.identity import resident_id_check_digit
from tests.acceptance.twin_world import HERE, HOME, Twin

Act = Callable[[Twin, "Cast"], Awaitable[None]]
STEM = "7901011990030712"
"""Sixteen digits; digit 17 is the secret of one test."""
OTHERS = ("吴强华", "蒋春阳", "李明哲", "邵一鸣", "欧阳清如", "单雄飞", "曾念慈", "罗景行", "高云")
COMMON = [{"purpose": f"share_with_peer:{HOME}", "way": "spoken", "witness": "李伟"}]


@dataclass
class Cast:
    """Who plays: the one with the secret, and somebody else."""

    digit: int = 3
    subject: str = ""
    subject_arrival: str = ""
    other: str = ""
    other_arrival: str = ""

    @property
    def number(self) -> str:
        stem = f"{STEM}{self.digit}"
        return stem + resident_id_check_digit(stem)


def facts(name: str, number: str, place: int = 0) -> dict[str, Any]:
    return {
        "name": name,
        "document_type": "resident_id",
        "document_number": number,
        "date_of_birth": f"{number[6:10]}-{number[10:12]}-{number[12:14]}",
        "phone": f"139000{place:05}",
        "email": f"p{place}@example.net",
    }


def numbered(place: int) -> str:
    stem = f"7901011970{place % 12 + 1:02}{place % 18 + 10:02}{place + 300:03}"
    return stem + resident_id_check_digit(stem)


def told(twin: Twin) -> dict[str, Any]:
    return {"version": "2026-11", "way": "spoken", "given_at": twin.clock.now().isoformat()}


async def arrive(one: Twin, person: dict[str, Any], *, refused: tuple[str, ...] = ()) -> Any:
    body = {
        "person": person,
        "origin_region": HOME,
        "arrived_on": "2026-09-01",
        "address": "临港街道5村21号",
        "notice": told(one),
        "consents": COMMON,
        "refused": list(refused),
    }
    return await one.told(f"registering {person['name']}", "POST", "/arrivals", body)


async def set_the_scene(one: Twin, cast: Cast, *, with_subject: bool = True) -> None:
    """Nine people came here, and the one with the secret; the peer knows two of them, and one left from here."""
    for place, name in enumerate(OTHERS):
        came = await arrive(one, facts(name, numbered(place), place))
        if place == 0:
            cast.other, cast.other_arrival = came["person_id"], came["id"]
    if with_subject:
        came = await arrive(one, facts("韩晨曦", cast.number, 97130))
        cast.subject, cast.subject_arrival = came["person_id"], came["id"]
    # Somebody else has what the one with the secret may have: routes of certificates and plans have something to show.
    kinds = [{"purpose": "remind:quarterly_check", "way": "paper"}]
    await one.do("POST", f"/people/{cast.other}/consents", {"consents": kinds, "refused": []})
    made = await one.do("POST", "/certificates", certificate(cast.other))
    planned = await one.do("POST", "/reminder-plans", plan(cast.other))
    one.known |= {"certificate_id": [made["id"]], "plan_id": [planned["id"]]}
    gone = await one.do(
        "POST",
        "/departures",
        {
            "person": facts("郑若兰", numbered(40), 40),
            "destination_region": HOME,
            "departed_on": "2026-08-28",
            "notice": told(one),
            "consents": COMMON,
            "refused": [],
        },
    )
    one.known["departure_id"] = [gone["id"]]
    one.known["problem"] = ["no_consent"]
    await one.peer.leaves(f"share_with_peer:{HERE}", **facts(OTHERS[0], numbered(0), 0))
    await one.peer.leaves(f"share_with_peer:{HERE}", **facts(OTHERS[1][0] + "错", numbered(1), 1))
    await one.peer.arrives(f"share_with_peer:{HERE}", origin=HERE, **facts("郑若兰", numbered(40), 40))


async def live_on(one: Twin, cast: Cast, *, about_subject: bool = True) -> None:
    """What both twins go through after the secret, the same for both."""
    one.entropy.next_step(10_000)
    # The office goes on: someone new, a ledger in which the person stands, a question about others.
    await arrive(one, facts("新来", numbered(60), 60))
    ledger = "姓名,身份证号码,户籍地,流入日期\n" + f"新到,{numbered(61)},青禾县,2026-10-01\n"
    upload = await one.call(
        "POST",
        "/api/v1/ledgers",
        files={"file": ("ledger.csv", ledger.encode("gb18030"))},
        data={"kind": "arrivals", "dry_run": "true"},
    )
    one.note("ledger", upload)
    one.known["import_id"] = [upload.json()["id"]]
    await one.told("ledger committed", "POST", f"/ledgers/{upload.json()['id']}/commit", {})
    asked = await one.told("asking", "POST", "/verifications", question(cast.other))
    await one.settle()
    requests = [asked["id"]]
    if about_subject and cast.subject:
        asked = await one.told("asking about the person", "POST", "/verifications", question(cast.subject))
        requests.append(asked["id"])
        await one.settle()
    # The peer asks about the person and about somebody else; whatever it asks, it is answered by an officer or a job.
    for name, number, place in (("韩晨曦", cast.number, 97130), ("郑若兰", numbered(40), 40)):
        if name == "韩晨曦" and not about_subject:
            continue
        left = await one.peer.leaves(f"share_with_peer:{HERE}", **facts(name, number, place))
        await one.peer.asks(left["person_id"], HERE, claims=["identity", "arrival_declared"])
        await one.settle()
    received = (await one.do("GET", "/verifications?direction=received"))["items"]
    requests += [item["id"] for item in received]
    for item in received:
        if item["state"] == "received":
            await one.told("opening a question", "GET", f"/verifications/{item['id']}")
            words = dict.fromkeys(item["claims"], "no_record")
            await one.told("answering", "POST", f"/verifications/{item['id']}/answer", {"answers": words})
    await one.settle()
    for month in ("2026-09", "2026-10"):
        await one.told("closing a month", "POST", "/reports/closings", {"month": month})
    # The day on which the first reminders of the quarter go out, in the middle of a working day.
    await one.live_until(datetime(2026, 12, 17, 3, 0, tzinfo=UTC))
    receipts = (await one.do("GET", f"/verifications/{requests[0]}"))["receipts"]
    agreements = [item["id"] for item in (await one.do("GET", "/agreements"))["items"]]
    one.known |= {
        "person_id": [cast.other],
        "arrival_id": [cast.other_arrival],
        "move_id": [cast.other_arrival],
        "request_id": requests,
        "message": receipts,
        "message_id": receipts,
        "agreement_id": agreements,
        "pair_id": [cast.other],
        "region": [HOME],
        "number": ["1", "2"],
        "parked_id": [cast.other],
        "export_id": [cast.other],
        "secret": ["nothing"],
        "path": ["/"],
        "name": ["李伟"],
        "officer_id": [one._officers["李伟"].id],
        "report_name": ["monthly_flows", "response_times", "register_quality", "privacy"],
    }


def question(person_id: str) -> dict[str, Any]:
    return {
        "person_id": person_id,
        "peer": HOME,
        "claims": ["identity", "departure_declared"],
        "purpose": "confirm_journey",
    }


# --- the secrets ------------------------------------------------------------------------------------------------------


async def open_record(one: Twin, cast: Cast) -> None:
    """The neutral act: an officer opens somebody's record."""
    await one.do("GET", f"/people/{cast.subject or cast.other}")


def certificate(person_id: str) -> dict[str, Any]:
    days = {"quarter": "2026Q4", "attended_on": "2026-11-20", "valid_until": "2027-02-20"}
    return {"person_id": person_id, "kind": "general_health", **days}


def plan(person_id: str) -> dict[str, Any]:
    kind = {"kind": "quarterly_check", "cadence": "quarterly", "channel": "email", "lead_days": [14, 3]}
    return {"person_id": person_id, **kind}


async def issue_certificate(one: Twin, cast: Cast) -> None:
    await one.do("POST", "/certificates", certificate(cast.subject))


async def refuse(one: Twin, cast: Cast) -> None:
    refused = [f"certificate_home:{HOME}", "remind:vaccination"]
    await one.do("POST", f"/people/{cast.subject}/consents", {"consents": [], "refused": refused})


async def register_who_refuses(one: Twin, cast: Cast) -> None:
    """Somebody registers and refuses all that may be refused: the answer is the same as to one who was not asked."""
    one.entropy.next_step(5_000)
    came = await arrive(
        one, facts("钟若水", numbered(70), 70), refused=(f"certificate_home:{HOME}", "remind:vaccination")
    )
    assert came["state"] == "declared"


async def register_who_was_not_asked(one: Twin, cast: Cast) -> None:
    one.entropy.next_step(5_000)
    await arrive(one, facts("钟若水", numbered(70), 70))


async def consent_to_reminders(one: Twin, cast: Cast) -> None:
    consents = [{"purpose": "remind:quarterly_check", "way": "paper"}]
    await one.do("POST", f"/people/{cast.subject}/consents", {"consents": consents, "refused": []})


async def plan_reminders(one: Twin, cast: Cast) -> None:
    await one.do("POST", "/reminder-plans", plan(cast.subject))


async def visit_own_page(one: Twin, cast: Cast) -> None:
    entered = await one.call(
        "POST",
        "/api/v1/me/session",
        by=None,
        json={"code": one.known["code"][0], "date_of_birth": "1990-03-07", "pin": "271828"},
    )
    assert entered.status_code == 200, entered.text
    token = {"Authorization": f"Bearer {entered.json()['token']}"}
    for path in ("/me", "/me/access-log", "/me/consents"):
        seen = await one.call("GET", f"/api/v1{path}", by=None, headers=token)
        assert seen.status_code == 200, seen.text


async def give_code(one: Twin, cast: Cast) -> None:
    issued = await one.do("POST", f"/people/{cast.subject}/access-code")
    one.known["code"] = [issued["code"]]


async def protect(one: Twin, cast: Cast) -> None:
    until = {"reason": "threat", "until": "2027-06-30"}
    await one.do("POST", f"/people/{cast.subject}/protect", until)


async def nothing(one: Twin, cast: Cast) -> None:
    """Nothing at all."""
