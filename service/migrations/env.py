"""How alembic runs here: on the connection it is given, one transaction, names and types that fit both databases."""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import DateTime
from sqlalchemy.types import TypeDecorator
from sqlmodel.sql.sqltypes import AutoString


def render(kind: str, item: Any, autogen_context: AutogenContext) -> str | Literal[False]:
    """Write SQLAlchemy's own types into a draft: a revision outlives the classes it was drafted from."""
    if kind == "type" and isinstance(item, AutoString):
        return "sa.String()" if item.length is None else f"sa.String(length={item.length})"
    if kind == "type" and isinstance(item, TypeDecorator):
        inner = item.impl_instance
        if isinstance(inner, DateTime):
            return "sa.DateTime(timezone=True)"
        return f"sa.{inner!r}"
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=context.config.attributes.get("tables"),
    render_as_batch=True,
    render_item=render,
    transactional_ddl=True,
    compare_type=True,
)
context.run_migrations()
