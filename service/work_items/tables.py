"""The rows of the officers' tasks."""

from datetime import date, datetime

from sqlalchemy import Index, false
from sqlmodel import Field, SQLModel

from service.database import UtcDateTime


class WorkItem(SQLModel, table=True):
    """Something an officer must do (待办).

    It comes from a message, a request or agreement between offices, an import, a duplicate found, an officer's own
    conduct or the person's act; never from time passing on a person (rule 11). ``about`` is the id of the case, the
    ledger, the pair … that ``kind`` says; ``area`` the offices that may take it; ``due_provisional`` tells that the
    holiday list of that year is not loaded yet.

    ``not_for`` is the officer whom the task concerns, so that another one does it; ``done_by`` who said that it is
    done (nobody where it closed with the work itself). ``peer`` is the region that it has to do with;
    ``for_supervisor`` hides it from clerks: it is about a colleague, or about a record that they may not open.
    """

    __tablename__ = "work_item"
    __table_args__ = (
        Index("ix_work_item_about", "about", "kind"),
        Index("ix_work_item_state", "state", "due_on", "id"),
    )

    id: str = Field(primary_key=True, max_length=36)
    kind: str = Field(max_length=20)
    about: str = Field(max_length=36)
    area: str = Field(max_length=12)
    state: str = Field(default="open", max_length=6)
    due_on: date | None = None
    due_provisional: bool = False
    assignee: str | None = Field(default=None, max_length=100)
    created_at: datetime = Field(sa_type=UtcDateTime)
    done_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    not_for: str | None = Field(default=None, max_length=100)
    done_by: str | None = Field(default=None, max_length=100)
    peer: str | None = Field(default=None, max_length=12)
    for_supervisor: bool = Field(default=False, sa_column_kwargs={"server_default": false()})


class OfficerAway(SQLModel, table=True):
    """An officer who is not at work until a day, included: nobody hands tasks over to them meanwhile."""

    __tablename__ = "officer_away"

    name: str = Field(primary_key=True, max_length=100)
    until: date
