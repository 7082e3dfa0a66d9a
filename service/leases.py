"""Leases: who leads one job for a while, where many processes share a database."""

from datetime import datetime, timedelta

from sqlalchemy import or_, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Field, Session, SQLModel, col, delete

from federation.tables import UtcDateTime


class Lease(SQLModel, table=True):
    """A job that one process leads until a moment; after it, anyone may take it over."""

    __tablename__ = "leases"

    name: str = Field(primary_key=True)
    holder: str
    expires_at: datetime = Field(sa_type=UtcDateTime)


def take_lease(session: Session, name: str, holder: str, now: datetime, seconds: float) -> bool:
    """Take or extend the lease `name` for `holder`; False while another holds it."""
    expires_at = now + timedelta(seconds=seconds)
    free = or_(col(Lease.holder) == holder, col(Lease.expires_at) <= now)
    extended = (
        update(Lease)
        .where(col(Lease.name) == name, free)
        .values(holder=holder, expires_at=expires_at)
        .returning(col(Lease.name))
    )
    if session.execute(extended).first() is not None:
        return True
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    made = insert(Lease).values(name=name, holder=holder, expires_at=expires_at).on_conflict_do_nothing()
    return session.execute(made.returning(col(Lease.name))).first() is not None


def drop_lease(session: Session, name: str, holder: str) -> None:
    """Give the lease back before its time, so that another process need not wait."""
    session.execute(delete(Lease).where(col(Lease.name) == name, col(Lease.holder) == holder))
