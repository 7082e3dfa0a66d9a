"""The rows of an import: what was uploaded (sealed, for a day) and what came of it (counts, for good).

No column holds a name of a file, a header or a cell in clear: a file may be called after a person.
"""

from datetime import datetime

from sqlalchemy import Index, LargeBinary
from sqlmodel import Field, SQLModel

from service.database import UtcDateTime


class LedgerImport(SQLModel, table=True):
    """One ledger that was uploaded.

    ``state``: ``columns`` (waits for an officer to say which column is which) → ``uploaded`` (being read) →
    ``checked`` (rows lie sealed, nothing is registered) → ``importing`` (batches are being registered) →
    ``committed`` → ``undoing`` → ``undone``; ``failed`` where the file broke off while it was read. ``moved_at`` is
    when the last rows were done, ``done`` how many rows of the present state's work are, ``started_at`` when
    registering began. ``source`` is whose ledger it is: ``own_ledger`` or ``other_office`` (then ``source_region``).
    ``file_mark`` is a keyed hash of the file, to find an import that was cut off. ``summary`` (columns kept and
    dropped) and the batches' rows are sealed and go at ``expires_at``; of a committed import the counts stay, of
    another nothing.
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
    source: str = Field(default="own_ledger", max_length=12)
    source_region: str | None = Field(default=None, max_length=12)
    done: int = 0
    moved_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    started_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class LedgerMapping(SQLModel, table=True):
    """Which columns an officer chose for the ledgers of one sender, to be preset the next time.

    ``sender`` is a keyed hash of the receiving area, the kind and the source, ``header`` one of the file's column
    names. ``columns`` holds for each chosen column a keyed hash of its name and the field it fills ("" for none): no
    name of a column, let alone a cell.
    """

    __tablename__ = "ledger_mapping"

    sender: bytes = Field(primary_key=True, sa_type=LargeBinary)
    header: bytes = Field(primary_key=True, sa_type=LargeBinary)
    columns: str
    used_at: datetime = Field(sa_type=UtcDateTime, index=True)


class LedgerExport(SQLModel, table=True):
    """A ledger that an officer wants out of the register. Goes at ``expires_at``, whether it was fetched or not.

    ``columns`` and ``wanted`` (the closed filters) are JSON of codes. ``full`` (whole document and phone numbers) needs
    ``confirmed_by``, a second officer. ``made_at`` is when it was fetched last, ``rows`` how many moves were in it.
    """

    __tablename__ = "ledger_export"
    __table_args__ = (Index("ix_ledger_export_area", "area", "id"), Index("ix_ledger_export_expires", "expires_at"))

    id: str = Field(primary_key=True, max_length=36)
    kind: str = Field(max_length=10)
    area: str = Field(max_length=12)
    columns: str
    wanted: str
    file_type: str = Field(max_length=4)
    purpose: str = Field(max_length=16)
    full: bool = False
    requested_by: str = Field(max_length=100)
    confirmed_by: str | None = Field(default=None, max_length=100)
    rows: int | None = None
    created_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    confirmed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    made_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class LedgerBatch(SQLModel, table=True):
    """Some of a ledger's rows with their outcomes, sealed; registered together or not at all (``done``)."""

    __tablename__ = "ledger_batch"

    import_id: str = Field(primary_key=True, max_length=36)
    number: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    sealed: bytes = Field(sa_type=LargeBinary)
    done: bool = False
