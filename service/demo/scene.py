"""What the steps of the demo's story share: both nodes, the officers signed in, and how a step looks and waits."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from service.demo.api import Api
from service.demo.people import Invented
from service.demo.stage import HERE, HOME, RunningNode, Stage

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
