"""What ledgers of any shape, holds and checks of the register need besides: one function for each room."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    officers()
    registry()
    ledgers()


def registry() -> None:
    op.create_index(
        "ix_person_hold_until",
        "person",
        ["hold_until"],
        unique=False,
        sqlite_where=sa.text("hold_until IS NOT NULL"),
        postgresql_where=sa.text("hold_until IS NOT NULL"),
    )
    op.create_table(
        "legal_hold",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("person_id", sa.String(length=36), nullable=False),
        sa.Column("code", sa.String(length=24), nullable=False),
        sa.Column("until", sa.Date(), nullable=False),
        sa.Column("state", sa.String(length=9), nullable=False),
        sa.Column("office", sa.String(length=12), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("proposed_by", sa.String(length=100), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_by", sa.String(length=100), nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.String(length=100), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("erase_asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_legal_hold_person", "legal_hold", ["person_id"], unique=False)
    op.create_index("ix_legal_hold_state", "legal_hold", ["state", "until"], unique=False)
    op.create_table(
        "register_mark",
        sa.Column("name", sa.String(length=20), nullable=False),
        sa.Column("value", sa.String(length=36), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )


def officers() -> None:
    op.add_column("officer_account", sa.Column("password_given_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "sign_in_place",
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )


def ledgers() -> None:
    op.add_column("ledger_import", sa.Column("started_at", sa.DateTime(timezone=True), nullable=True))
