"""What is kept of a closed month: numbers of records and of offices' work, and nothing about anybody."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from service.database import UtcDateTime


class ReportVersion(SQLModel, table=True):
    """A month that was counted: version 0 when it was closed, 1 and on where later corrections were counted.

    ``closed_by`` is the supervisor who closed it, nobody where the node did.
    """

    __tablename__ = "report_version"

    month: str = Field(primary_key=True, max_length=7)
    version: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    counted_at: datetime = Field(sa_type=UtcDateTime)
    closed_by: str | None = Field(default=None, max_length=100)


class ReportCell(SQLModel, table=True):
    """One number of a closed month: of version 0 a count, of later ones by how much that changed since.

    ``row`` and ``column`` are codes (an office's area, a peer region, a class of the measure); empty, the total.
    ``shown`` is decided with all other cells of the table when it is counted (:mod:`service.reports.suppression`) and
    never after: ``yes``, ``small`` (under ten) or ``hidden`` (so that a small one cannot be computed).
    """

    __tablename__ = "report_cell"

    month: str = Field(primary_key=True, max_length=7)
    version: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    measure: str = Field(primary_key=True, max_length=20)
    row: str = Field(primary_key=True, max_length=12)
    column: str = Field(primary_key=True, max_length=20)
    value: int
    shown: str = Field(max_length=6)
