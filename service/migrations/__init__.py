"""The database's shape and its history: one script for both databases, run at every start under a lock.

All revisions that are due run in one transaction that holds the write lock, so of several processes that start at once
one migrates and the others find it done; a revision that fails leaves the database as it was.
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection

HERE = Path(__file__).parent


def migrate(database_url: str) -> None:
    """Bring the database at `database_url` to this version's shape; an empty one gets all its tables.

    Raises SettingInvalid when the database was written by a newer version, or cannot be opened.
    """
    from sqlalchemy.exc import OperationalError  # noqa: PLC0415 - a command that only prints help needs no database

    from schemas.problems import SettingInvalid  # noqa: PLC0415 - as above
    from service.engines import open_engines  # noqa: PLC0415 - as above

    # SQLite rebuilds a table to change it, which foreign keys must not hinder; they are checked in the end.
    engines = open_engines(database_url, readers=1, foreign_keys=False)
    try:
        with engines.write.begin() as connection:
            upgrade(connection)
    except OperationalError as error:
        raise SettingInvalid(f"database_url: the database cannot be opened: {error.orig}") from error
    finally:
        engines.dispose()


def upgrade(connection: "Connection") -> None:
    """Run what is due on a connection inside a transaction. Raises SettingInvalid for a newer database."""
    if revision(connection) == head():
        return
    from alembic import command  # noqa: PLC0415 - alembic is slow to import, and most starts do without it
    from alembic.util.exc import CommandError  # noqa: PLC0415 - as above

    from schemas.problems import SettingInvalid  # noqa: PLC0415 - as above

    try:
        command.upgrade(configuration(connection), "head")
    except CommandError as error:
        raise SettingInvalid(f"the database is of another version of Tonglu: {error}") from error
    if connection.dialect.name == "sqlite":
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
        if broken:
            raise SettingInvalid(f"the database has rows without what they refer to, in {broken[0][0]}")


def revision(connection: "Connection") -> str | None:
    """The revision that the database is at; None for an empty one."""
    from sqlalchemy import inspect, text  # noqa: PLC0415 - a command that only prints help needs no database

    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def head() -> str:
    """The newest revision of this version: revisions are numbered, one after the other."""
    return max(path.name[:4] for path in (HERE / "versions").glob("[0-9]*.py"))


def configuration(connection: "Connection | None" = None) -> "Config":
    """Alembic's configuration; there is no alembic.ini, for nothing in it would be an operator's to set."""
    from alembic.config import Config  # noqa: PLC0415 - alembic is slow to import

    config = Config()
    config.set_main_option("script_location", str(HERE))
    config.attributes["connection"] = connection
    return config
