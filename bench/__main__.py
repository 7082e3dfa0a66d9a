"""Run the benchmarks, or some; write `bench/results.json` and the table in `docs/benchmarks.md`."""

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import (
    durability,
    endpoint,
    idle_memory,
    import_memory,
    ledger_import,
    lookups,
    many_peers,
    reads,
    round_trips,
    searching,
    single_trips,
    workbook_reading,
)
from bench.slices import Result

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
TABLE = HERE.parent / "docs" / "benchmarks.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
ROOMS: dict[str, Callable[[], list[Result]]] = {
    "endpoint": endpoint.measure,
    "round_trips": round_trips.measure,
    "single_trips": single_trips.measure,
    "durability": durability.measure,
    "many_peers": many_peers.measure,
    "ledger_import": ledger_import.measure,
    "workbook_reading": workbook_reading.measure,
    "lookups": lookups.measure,
    "searching": searching.measure,
    "reads": reads.measure,
    "idle_memory": idle_memory.measure,
    "import_memory": import_memory.measure,
}


def machine() -> str:
    model = platform.processor() or platform.machine()
    return f"{os.cpu_count()} cores, {model}, {platform.system()}, Python {platform.python_version()}"


def table(document: dict[str, Any]) -> str:
    """The rows of all rooms that were ever measured, each with its day and machine."""
    lines = [
        "| work | baseline in the same run | bar | median ratio | lowest–highest | ours/s | baseline/s | measured |",
        "|---|---|---|---|---|---|---|---|",
    ]
    notes, machines = [], []
    for room in ROOMS:
        measured = document.get(room)
        if measured is None:
            continue
        machines.append(measured["machine"])
        for row in measured["results"]:
            mark = "" if row["reached"] else " (below the bar)"
            lines.append(
                f"| {row['row']} | {row['baseline']} | {row['bar']:g}× | {row['ratio']:.2f}×{mark} "
                f"| {row['lowest']:.2f}–{row['highest']:.2f} | {row['ours_per_second']:,.0f} "
                f"| {row['baseline_per_second']:,.0f} | {measured['on']} |"
            )
            notes += [f"- {row['row']}: {row['note']}"] if row["note"] else []
    where = "; ".join(dict.fromkeys(machines))
    return "\n".join([f"Measured on {where}.", "", *lines, "", *dict.fromkeys(notes)]).rstrip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rooms", nargs="*", choices=[[], *ROOMS], help="which ones; all by default")
    rooms = parser.parse_args().rooms or list(ROOMS)
    document = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    for room in rooms:
        print(f"{room} …", file=sys.stderr, flush=True)
        results = [result.document() for result in ROOMS[room]()]
        document[room] = {"on": datetime.now(UTC).date().isoformat(), "machine": machine(), "results": results}
        # A long run that is cut keeps what it has measured.
        RESULTS.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        page = TABLE.read_text(encoding="utf-8")
        before, _, rest = page.partition(BEGIN)
        TABLE.write_text(f"{before}{BEGIN}\n{table(document)}\n{END}{rest.partition(END)[2]}", encoding="utf-8")
    print(table(document))


if __name__ == "__main__":
    main()
