"""What the register that replaces the Excel file keeps besides: one function for each room."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    officers()
    registry()
    search()
    ledgers()
    work_items()
    reports()
    federation()


def officers() -> None:
    op.add_column("officer_account", sa.Column("provider_link", sa.LargeBinary(), nullable=True))
    op.create_index("ix_officer_account_provider_link", "officer_account", ["provider_link"], unique=True)
    for column in (
        sa.Column("address", sa.String(length=45), nullable=False, server_default=""),
        sa.Column("way", sa.String(length=8), nullable=False, server_default="password"),
        sa.Column("second", sa.Boolean(), nullable=False, server_default=sa.false()),
    ):
        op.add_column("officer_session", column)
    with op.batch_alter_table("officer_session", schema=None) as batch_op:
        for name in ("address", "way", "second"):
            batch_op.alter_column(name, server_default=None)
    op.add_column("sign_in_failures", sa.Column("of_name", sa.LargeBinary(), nullable=True))
    op.add_column("sign_in_failures", sa.Column("of_address", sa.LargeBinary(), nullable=True))
    op.create_index("ix_sign_in_failures_of_name", "sign_in_failures", ["of_name"], unique=False)
    op.create_table(
        "officer_totp",
        sa.Column("officer_id", sa.String(length=36), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("confirmed", sa.Boolean(), nullable=False),
        sa.Column("last_step", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["officer_id"], ["officer_account.id"]),
        sa.PrimaryKeyConstraint("officer_id"),
    )
    op.create_table(
        "officer_recovery_code",
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("officer_id", sa.String(length=36), nullable=False),
        sa.ForeignKeyConstraint(["officer_id"], ["officer_account.id"]),
        sa.PrimaryKeyConstraint("code_hash"),
    )
    op.create_index("ix_officer_recovery_code_officer_id", "officer_recovery_code", ["officer_id"], unique=False)
    op.create_table(
        "officer_passkey",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("officer_id", sa.String(length=36), nullable=False),
        sa.Column("credential_id", sa.LargeBinary(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sign_count", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["officer_id"], ["officer_account.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_officer_passkey_credential_id", "officer_passkey", ["credential_id"], unique=True)
    op.create_index("ix_officer_passkey_officer_id", "officer_passkey", ["officer_id"], unique=False)
    op.create_table(
        "sign_in_step",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("officer_id", sa.String(length=36), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("token_hash"),
    )


def registry() -> None:
    op.add_column("person", sa.Column("sound_birth_index", sa.LargeBinary(), nullable=True))
    op.create_index("ix_person_sound_birth", "person", ["sound_birth_index"], unique=False)
    for table in ("departure", "arrival"):
        op.add_column(table, sa.Column("declared_on", sa.String(length=10), nullable=True))
        op.add_column(table, sa.Column("settle_at", sa.DateTime(timezone=True), nullable=True))
        op.create_index(
            f"ix_{table}_unsettled",
            table,
            ["settle_at"],
            unique=False,
            sqlite_where=sa.text("settle_at IS NOT NULL"),
            postgresql_where=sa.text("settle_at IS NOT NULL"),
        )
    op.add_column("duplicate_pair", sa.Column("sealed", sa.LargeBinary(), nullable=True))
    op.create_table(
        "record_change",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("link", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_record_change_link", "record_change", ["link", "id"], unique=False)
    op.create_index("ix_record_change_at", "record_change", ["at"], unique=False)
    op.create_table(
        "parked_form",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("officer_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("parked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_parked_form_officer", "parked_form", ["officer_id", "id"], unique=False)
    op.create_index("ix_parked_form_at", "parked_form", ["parked_at"], unique=False)


def search() -> None:
    op.drop_index("ix_search_token_person", table_name="search_token")
    op.create_table(
        "daily_search",
        sa.Column("officer_id", sa.String(length=36), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("kind", sa.String(length=4), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("officer_id", "day", "kind"),
    )


def ledgers() -> None:
    for column in (
        sa.Column("source", sa.String(length=12), nullable=False, server_default="own_ledger"),
        sa.Column("source_region", sa.String(length=12), nullable=True),
        sa.Column("done", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=True),
    ):
        op.add_column("ledger_import", column)
    with op.batch_alter_table("ledger_import", schema=None) as batch_op:
        for name in ("source", "done"):
            batch_op.alter_column(name, server_default=None)
    for table in ("departure", "arrival"):
        op.create_index(f"ix_{table}_source", table, ["source_ledger", "id"], unique=False)
    op.create_table(
        "ledger_mapping",
        sa.Column("sender", sa.LargeBinary(), nullable=False),
        sa.Column("header", sa.LargeBinary(), nullable=False),
        sa.Column("columns", sa.String(), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("sender", "header"),
    )
    op.create_index("ix_ledger_mapping_used_at", "ledger_mapping", ["used_at"], unique=False)
    op.create_table(
        "ledger_export",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("area", sa.String(length=12), nullable=False),
        sa.Column("columns", sa.String(), nullable=False),
        sa.Column("wanted", sa.String(), nullable=False),
        sa.Column("file_type", sa.String(length=4), nullable=False),
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("full", sa.Boolean(), nullable=False),
        sa.Column("requested_by", sa.String(length=100), nullable=False),
        sa.Column("confirmed_by", sa.String(length=100), nullable=True),
        sa.Column("rows", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_ledger_export_area", "ledger_export", ["area", "id"], unique=False)
    op.create_index("ix_ledger_export_expires", "ledger_export", ["expires_at"], unique=False)


def work_items() -> None:
    op.add_column("work_item", sa.Column("not_for", sa.String(length=100), nullable=True))
    op.add_column("work_item", sa.Column("done_by", sa.String(length=100), nullable=True))
    op.add_column("work_item", sa.Column("peer", sa.String(length=12), nullable=True))
    op.add_column("work_item", sa.Column("for_supervisor", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "officer_away",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("until", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )


def reports() -> None:
    op.add_column("person", sa.Column("number_check", sa.String(length=12), nullable=True))
    op.create_table(
        "report_version",
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("counted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_by", sa.String(length=100), nullable=True),
        sa.PrimaryKeyConstraint("month", "version"),
    )
    op.create_table(
        "report_cell",
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("measure", sa.String(length=20), nullable=False),
        sa.Column("row", sa.String(length=12), nullable=False),
        sa.Column("column", sa.String(length=20), nullable=False),
        sa.Column("value", sa.Integer(), nullable=False),
        sa.Column("shown", sa.String(length=6), nullable=False),
        sa.PrimaryKeyConstraint("month", "version", "measure", "row", "column"),
    )


def federation() -> None:
    op.create_table(
        "kept_evidence",
        sa.Column("entry_id", sa.String(length=36), nullable=False),
        sa.Column("after", sa.DateTime(timezone=True), nullable=True),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("entry_id"),
        sa.UniqueConstraint("until"),
    )
    op.create_index("ix_exchange_recorded_at", "exchange", ["recorded_at"], unique=False)
    op.create_table(
        "message_copy",
        sa.Column("first_id", sa.String(length=36), nullable=False),
        sa.Column("message_id", sa.String(length=36), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("first_id"),
    )
    op.create_index("ix_message_copy_message_id", "message_copy", ["message_id"], unique=False)
    op.create_table(
        "request_notice",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_request_notice_created_at", "request_notice", ["created_at"], unique=False)
    op.create_index(
        "ix_request_notice_waiting",
        "request_notice",
        ["next_attempt_at"],
        unique=False,
        sqlite_where=sa.text("sealed IS NOT NULL"),
        postgresql_where=sa.text("sealed IS NOT NULL"),
    )
