"""Inserting many rows at once, by the shortest way that each database has.

SQLAlchemy's ORM insert costs more than the insert itself when rows come by the hundred thousand, and so does building
a dictionary of parameters for each of them. On SQLite the rows go to `executemany` as plain tuples; on PostgreSQL
SQLAlchemy's own insert of many values in one statement is the fastest way there is without a COPY.
"""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Dialect, Insert, LargeBinary, Table, insert
from sqlalchemy.dialects import postgresql
from sqlmodel import Session, SQLModel

Row = dict[str, Any]


def insert_many(session: Session, model: type[SQLModel], rows: Sequence[Row]) -> None:
    """Insert rows that all have the same columns; nothing is read back, and the session does not learn of them.

    A column that is left out gets the database's default (none: NULL); defaults of the model do not count.
    """
    _insert(session, model, rows, "INSERT", insert)


def insert_missing(session: Session, model: type[SQLModel], rows: Sequence[Row]) -> None:
    """Insert rows as `insert_many` does, but for those whose key is there already."""
    _insert(session, model, rows, "INSERT OR IGNORE", lambda table: postgresql.insert(table).on_conflict_do_nothing())


def _insert(
    session: Session, model: type[SQLModel], rows: Sequence[Row], verb: str, statement_for: Callable[[Table], Insert]
) -> None:
    if not rows:
        return
    table: Table = model.__table__  # type: ignore[attr-defined]  # SQLModel gives it to every table
    connection = session.connection()
    if connection.dialect.name != "sqlite":
        connection.execute(statement_for(table), rows)
        return
    names = list(rows[0])
    prepare = {name: found for name in names if (found := _processor(table, name, connection.dialect)) is not None}
    if prepare:
        values = [tuple(prepare[name](row[name]) if name in prepare else row[name] for name in names) for row in rows]
    else:
        values = [tuple(row.values()) for row in rows]
    columns = ", ".join(f'"{name}"' for name in names)
    marks = ", ".join("?" for _ in names)
    statement = f'{verb} INTO "{table.name}" ({columns}) VALUES ({marks})'
    connection.exec_driver_sql(statement, values)


def _processor(table: Table, name: str, dialect: Dialect) -> Callable[[Any], Any] | None:
    kind = table.c[name].type
    # Bytes need no wrapping, whatever SQLAlchemy thinks of old drivers.
    return None if isinstance(kind, LargeBinary) else kind.dialect_impl(dialect).bind_processor(dialect)
