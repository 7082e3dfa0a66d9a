"""Run all benchmarks; write `bench/results.json` and the table in `docs/benchmarks.md`."""

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from bench import durability, endpoint, many_peers, round_trips, single_trips
from bench.slices import Result

HERE = Path(__file__).parent
TABLE = HERE.parent / "docs" / "benchmarks.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
ROOMS: dict[str, Callable[[], list[Result]]] = {
    "endpoint": endpoint.measure,
    "round_trips": round_trips.measure,
    "single_trips": single_trips.measure,
    "durability": durability.measure,
    "many_peers": many_peers.measure,
}


def machine() -> str:
    model = platform.processor() or platform.machine()
    return f"{os.cpu_count()} cores, {model}, {platform.system()}, Python {platform.python_version()}"


def table(results: list[Result], measured_on: str) -> str:
    lines = [
        f"Measured on {measured_on}: {machine()}.",
        "",
        "| work | baseline in the same run | bar | median ratio | lowest–highest | ours/s | baseline/s |",
        "|---|---|---|---|---|---|---|",
    ]
    for result in results:
        mark = "" if result.reached else " (below the bar)"
        lines.append(
            f"| {result.row} | {result.baseline} | {result.bar:g}× | {result.ratio:.2f}×{mark} "
            f"| {result.lowest:.2f}–{result.highest:.2f} | {result.ours_per_second:,.0f} "
            f"| {result.baseline_per_second:,.0f} |"
        )
    notes = [f"- {result.row}: {result.note}" for result in results if result.note]
    return "\n".join([*lines, *(["", *notes] if notes else [])])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rooms", nargs="*", choices=[[], *ROOMS], help="which ones; all by default")
    rooms = parser.parse_args().rooms or list(ROOMS)
    results: list[Result] = []
    for room in rooms:
        print(f"{room} …", file=sys.stderr, flush=True)
        results += ROOMS[room]()
    measured_on = datetime.now(UTC).date().isoformat()
    text = table(results, measured_on)
    print(text)
    if set(rooms) != set(ROOMS):
        return
    document = {"on": measured_on, "machine": machine(), "results": [result.document() for result in results]}
    (HERE / "results.json").write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    page = TABLE.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    TABLE.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}", encoding="utf-8")


if __name__ == "__main__":
    main()
