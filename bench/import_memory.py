"""What a node holds in memory while it imports a million people: the real commands, in a process of their own."""

from bench.ledger_import import memory
from bench.slices import Result

PEOPLE = 1_000_000
MOST_MEGABYTES = 300.0


def measure(*, people: int = PEOPLE) -> list[Result]:
    """The row of the table: the node's own process; its note tells that of the processes that help it."""
    ours, beside = memory(people)
    ratio = MOST_MEGABYTES / ours
    return [
        Result(
            row=f"memory of a node importing {people:,} people",
            baseline=f"{MOST_MEGABYTES:.0f} MB",
            bar=1.0,
            ratio=ratio,
            lowest=ratio,
            highest=ratio,
            ours_per_second=ours,
            baseline_per_second=MOST_MEGABYTES,
            note=(
                "the columns of rates hold megabytes; the highest resident set of the process that compares, keeps and "
                "inserts; beside it one that reads the file, and after that one that makes people ready, of which the "
                f"larger had {beside} MB at most"
            ),
        )
    ]


if __name__ == "__main__":
    print(measure())
