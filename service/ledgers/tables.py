"""The rows of an import: what was uploaded (sealed, for a day) and what came of it (counts, for good).

No column holds a name of a file, a header or a cell in clear: a file may be called after a person.
"""

from datetime import datetime

from sqlalchemy import Index, LargeBinary
from sqlmodel import Field, SQLModel

from service.database import UtcDateTime


class LedgerImport(SQLModel, table=True):
    """One ledger that was uploaded.

    ``state``: ``uploaded`` (still being read) → ``checked`` (rows lie sealed, nothing is registered) → ``importing``
    (batches are being registered) → ``committed`` → ``undone``. ``file_mark`` is a keyed hash of the file, to find an
    import that was cut off. ``summary`` (columns kept and dropped) and the batches' rows are sealed and go at
    ``expires_at``; of a committed import the counts stay, of another nothing.
    """

    __tablename__ = "ledger_import"
    __table_args__ = (Index("ix_ledger_import_entered", "area", "id"), Index("ix_ledger_import_expires", "expires_at"))

    id: str = Field(primary_key=True, max_length=36)
    kind: str = Field(max_length=10)
    state: str = Field(max_length=9)
    area: str = Field(max_length=12)
    registered_by: str = Field(max_length=100)
    file_mark: bytes = Field(sa_type=LargeBinary)
    ok: int
    warning: int
    error: int
    duplicate: int
    registered: int = 0
    summary: bytes | None = Field(default=None, sa_type=LargeBinary)
    created_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    committed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    undone_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class LedgerBatch(SQLModel, table=True):
    """Some of a ledger's rows with their outcomes, sealed; registered together or not at all (``done``)."""

    __tablename__ = "ledger_batch"

    import_id: str = Field(primary_key=True, max_length=36)
    number: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    sealed: bytes = Field(sa_type=LargeBinary)
    done: bool = False
