"""Rows about a notice given, consents and refusals.

Each person has at most one row in each table, found by a one-way link (HMAC under the person's own key) and sealed,
padded JSON within: nobody can list who refused, count refusals, or tell a refusal from a question never asked. Both
rows are written whenever a notice is recorded, empty or not, so that not even the number of rows tells.
"""

from datetime import date

from sqlalchemy import LargeBinary
from sqlmodel import Field, SQLModel


class Consent(SQLModel, table=True):
    """One person's notices and consents, current and withdrawn (PIPL arts 13, 15, 17)."""

    __tablename__ = "consent"

    link: bytes = Field(primary_key=True, sa_type=LargeBinary)
    sealed: bytes = Field(sa_type=LargeBinary)


class ConsentRefusal(SQLModel, table=True):
    """What one person refused: kept 12 months, only so that nobody asks again (rule 2)."""

    __tablename__ = "consent_refusal"

    link: bytes = Field(primary_key=True, sa_type=LargeBinary)
    sealed: bytes = Field(sa_type=LargeBinary)
    purge_on: date = Field(index=True)
