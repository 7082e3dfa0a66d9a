"""`make migration M="what changes"`: draft the next revision from what the tables say, against all earlier ones.

The draft is compared on a fresh SQLite file. Read it before it is committed: alembic sees a renamed column as one that
went and one that came.
"""

import sys
import tempfile
from pathlib import Path

from alembic import command

from service.engines import open_engines
from service.migrations import HERE, configuration, upgrade
from service.migrations.metadata import all_tables


def draft(message: str) -> Path:
    """Write ``versions/NNNN_<message>.py`` and return its path."""
    number = sum(1 for _ in (HERE / "versions").glob("[0-9]*.py")) + 1
    with tempfile.TemporaryDirectory() as directory:
        engines = open_engines(f"sqlite:///{directory}/draft.sqlite", readers=1, foreign_keys=False)
        with engines.write.begin() as connection:
            if number > 1:
                upgrade(connection)
        with engines.write.begin() as connection:
            config = configuration(connection)
            config.attributes["tables"] = all_tables()
            made = command.revision(config, message, autogenerate=True, rev_id=f"{number:04}")
        engines.dispose()
    if made is None or isinstance(made, list):
        raise RuntimeError("alembic drafted no single revision")
    return Path(made.path)


if __name__ == "__main__":
    if len(sys.argv) != 2 or not sys.argv[1].strip():
        sys.exit('what changes? make migration M="…"')
    print(draft(sys.argv[1].strip()))  # noqa: T201 - the path is what the caller wants to open
