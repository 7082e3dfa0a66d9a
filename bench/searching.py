"""The one box, among a million people: how long until the 20 hits stand there, logged and committed.

The questions are those of random people of the register: full name, a part of it, pinyin and the beginning of it,
initials, the tails of document and phone, a surname with a tail; and the heaviest that there are. Each kind is asked by
an officer of the largest township (50 thousand to 170 thousand people) and by one of the whole region.
"""

import gc
import random
import statistics
import time
from collections.abc import Iterator
from itertools import islice
from typing import Any

from bench.full_register import REGION, full_register, officer_of, open_register
from bench.invented import invented
from bench.slices import Result
from schemas.identity import fold_name
from service.context import Node
from service.officers.rules import Officer
from service.registry.searching import limits
from service.registry.searching.search import search_people
from service.registry.searching.tokens import spellings

PEOPLE = 1_000_000
EACH = 60
MOST_SECONDS = 0.020
HEAVIEST = ("王伟", "wang", "ww", "li", "zhang", "王 wang", "li 王", "刘 li")


def measure(*, people: int = PEOPLE, each: int = EACH) -> list[Result]:
    node = open_register(full_register(people))
    # As `serve` does when it is ready.
    gc.freeze()
    # Many days' searches in one.
    limits.MOST_SEARCHES_A_DAY["area"] = 10**9
    try:
        return [
            _row(node, officer_of(node, area), people, f"officer of {words}", each)
            for area, words in ((f"{REGION}001", "the largest township"), (REGION, "the whole region of 20 townships"))
        ]
    finally:
        node.database.close()


def questions(count: int, seed: int = 7) -> Iterator[tuple[str, str]]:
    """Kinds and questions, of people who stand in the register: it was made from the same seed."""
    pick = random.Random(seed)
    for _, person, _ in islice(invented(count * 3), 0, None, 3):
        name = person.identity.name
        spelt, initials = spellings(fold_name(name))[0]
        yield "name", name
        yield "part of a name", name[-2:]
        yield "pinyin", spelt
        yield "beginning of pinyin", spelt[: pick.randint(2, max(2, len(spelt) - 1))]
        yield "initials", initials
        if person.identity.document_number:
            yield "last four of the document", person.identity.document_number[-4:]
            yield "surname and last four", f"{name[0]} {person.identity.document_number[-4:]}"
        if person.contact.phone:
            yield "phone tail", person.contact.phone[-4:]
        yield "the heaviest", pick.choice(HEAVIEST)


def _row(node: Node, officer: Officer, people: int, who: str, each: int) -> Result:
    wall: dict[str, list[float]] = {}
    busy: list[float] = []
    for kind, question in questions(each):
        begun = time.perf_counter()
        busy.append(node.database.write_sync(lambda s, q=question: _search(s, node, q, officer)))
        wall.setdefault(kind, []).append(time.perf_counter() - begun)
    every = sorted(taken for kind in wall.values() for taken in kind)
    p99, busy_p99 = _percentile(every, 0.99), _percentile(sorted(busy), 0.99)
    kinds = "; ".join(
        f"{kind} {_ms(statistics.median(one))}/{_ms(_percentile(sorted(one), 0.99))}" for kind, one in wall.items()
    )
    return Result(
        row=f"search to the 20 hits, logged and committed, {people:,} people, {who}: p99",
        baseline="20 ms",
        bar=1.0,
        ratio=MOST_SECONDS / p99,
        lowest=MOST_SECONDS / every[-1],
        highest=MOST_SECONDS / every[0],
        ours_per_second=1 / p99,
        baseline_per_second=1 / MOST_SECONDS,
        note=(
            f"p99 {_ms(p99)} ms, of which {_ms(busy_p99)} ms of processor time; p50/p99 in ms for each kind: {kinds}; "
            "a busy machine shows in the difference of the two p99"
        ),
    )


def _search(session: Any, node: Node, question: str, officer: Officer) -> float:
    begun = time.thread_time()
    search_people(session, node, question, by=officer)
    return time.thread_time() - begun


def _percentile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f}"


if __name__ == "__main__":
    print(measure())
