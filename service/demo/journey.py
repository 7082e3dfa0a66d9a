"""The steps of the story between two offices: a ledger, a question, its answer, receipts, a confirmed journey."""

from service.demo.api import Api
from service.demo.people import BY_LETTER, MATCHED, MISSPELT, MISSPELT_AT_HOME, arrivals_ledger
from service.demo.scene import Facts, Story, expect, find, notice, person_draft, wait_for
from service.demo.stage import HERE, HOME, PAPER


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
