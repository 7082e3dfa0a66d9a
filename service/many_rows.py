"""Inserting many rows at once, by the shortest way that each database has.

SQLAlchemy's ORM insert costs more than the insert itself when rows come by the hundred thousand, and so does building
a dictionary of parameters for each of them. On SQLite the rows go to `executemany` as plain tuples; on PostgreSQL
SQLAlchemy's own insert of many values in one statement is the fastest way there is without a COPY.
"""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Dialect, LargeBinary, Table, insert
from sqlalchemy.dialects import postgresql
from sqlmodel import Session, SQLModel

Row = dict[str, Any]


def insert_many(session: Session, model: type[SQLModel], rows: Sequence[Row]) -> None:
    """Insert rows that all have the same columns; nothing is read back, and the session does not learn of them.

    A column that is left out gets the database's default (none: NULL); defaults of the model do not count.
    """
    if not rows:
        return
    table = _table(model)
    connection = session.connection()
    if connection.dialect.name != "sqlite":
        connection.execute(insert(table), rows)
        return
    names = list(rows[0])
    prepare = {name: found for name in names if (found := _processor(table, name, connection.dialect)) is not None}
    if prepare:
        values = [tuple(prepare[name](row[name]) if name in prepare else row[name] for name in names) for row in rows]
    else:
        values = [tuple(row.values()) for row in rows]
    connection.exec_driver_sql(_statement("INSERT", table, names), values)


def insert_missing(
    session: Session, model: type[SQLModel], names: Sequence[str], values: Sequence[tuple[Any, ...]]
) -> None:
    """Insert rows, given as the values of these columns, but for those whose key is there already.

    The values are what the driver takes: text, whole numbers, bytes.
    """
    if not values:
        return
    table = _table(model)
    connection = session.connection()
    if connection.dialect.name != "sqlite":
        rows = [dict(zip(names, row, strict=True)) for row in values]
        connection.execute(postgresql.insert(table).on_conflict_do_nothing(), rows)
        return
    connection.exec_driver_sql(_statement("INSERT OR IGNORE", table, names), list(values))


def _table(model: type[SQLModel]) -> Table:
    table: Table = model.__table__  # type: ignore[attr-defined]  # SQLModel gives it to every table
    return table


def _statement(verb: str, table: Table, names: Sequence[str]) -> str:
    columns = ", ".join(f'"{name}"' for name in names)
    return f'{verb} INTO "{table.name}" ({columns}) VALUES ({", ".join("?" for _ in names)})'


def _processor(table: Table, name: str, dialect: Dialect) -> Callable[[Any], Any] | None:
    kind = table.c[name].type
    # Bytes need no wrapping, whatever SQLAlchemy thinks of old drivers.
    return None if isinstance(kind, LargeBinary) else kind.dialect_impl(dialect).bind_processor(dialect)
