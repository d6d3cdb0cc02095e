"""Office hours and the roster"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "office_closure",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("organisation_id", sa.String(), nullable=False),
        sa.Column("from_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.String(length=20), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisation.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_office_closure_organisation_id"), "office_closure", ["organisation_id"], unique=False)
    op.create_table(
        "office_holidays",
        sa.Column("organisation_id", sa.String(), nullable=False),
        sa.Column("holidays", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisation.id"],
        ),
        sa.PrimaryKeyConstraint("organisation_id"),
    )
    op.create_table(
        "office_period",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("organisation_id", sa.String(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("hours", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisation.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("organisation_id", "valid_from"),
    )
    op.create_table(
        "roster_line",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("role", sa.String(length=30), nullable=False),
        sa.Column("region_code", sa.String(), nullable=True),
        sa.Column("ranks", sa.Integer(), nullable=False),
        sa.Column("cover", sa.String(length=20), nullable=False),
        sa.Column("organisation_id", sa.String(), nullable=False),
        sa.Column("check_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisation.id"],
        ),
        sa.ForeignKeyConstraint(
            ["region_code"],
            ["region.code"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("role", "region_code"),
    )
    op.create_index(
        "roster_line_check",
        "roster_line",
        ["check_due_at"],
        unique=False,
        sqlite_where=sa.text("check_due_at IS NOT NULL"),
        postgresql_where=sa.text("check_due_at IS NOT NULL"),
    )
    op.create_index(
        "roster_line_national",
        "roster_line",
        ["role"],
        unique=True,
        sqlite_where=sa.text("region_code IS NULL"),
        postgresql_where=sa.text("region_code IS NULL"),
    )
    op.create_table(
        "region_arrangement",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("region_code", sa.String(), nullable=False),
        sa.Column("task", sa.String(length=20), nullable=False),
        sa.Column("organisation_id", sa.String(), nullable=False),
        sa.Column("note", sa.String(length=300), nullable=True),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("written_by", sa.String(length=40), nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisation.id"],
        ),
        sa.ForeignKeyConstraint(
            ["region_code"],
            ["region.code"],
        ),
        sa.ForeignKeyConstraint(
            ["written_by"],
            ["account.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_region_arrangement_region_code"), "region_arrangement", ["region_code"], unique=False)
    op.create_table(
        "roster_deputy",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("line_id", sa.String(), nullable=False),
        sa.Column("account_id", sa.String(length=40), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
        ),
        sa.ForeignKeyConstraint(
            ["line_id"],
            ["roster_line.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_roster_deputy_line_id"), "roster_deputy", ["line_id"], unique=False)
    op.create_table(
        "roster_feed",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("account_id", sa.String(length=40), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("window_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("window_reads", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("token_hash"),
    )
    op.create_index(
        "roster_feed_live",
        "roster_feed",
        ["account_id"],
        unique=True,
        sqlite_where=sa.text("revoked_at IS NULL"),
        postgresql_where=sa.text("revoked_at IS NULL"),
    )
    op.create_table(
        "roster_gap",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("line_id", sa.String(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("from_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("told", sa.Integer(), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["line_id"],
            ["roster_line.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "roster_gap_due",
        "roster_gap",
        ["due_at"],
        unique=False,
        sqlite_where=sa.text("due_at IS NOT NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_index(
        "roster_gap_open",
        "roster_gap",
        ["line_id", "rank", "from_at"],
        unique=True,
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_table(
        "roster_pattern",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("line_id", sa.String(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("weekdays", sa.Text(), nullable=False),
        sa.Column("starts", sa.Time(), nullable=False),
        sa.Column("ends", sa.Time(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("people", sa.Text(), nullable=False),
        sa.Column("turn_days", sa.Integer(), nullable=False),
        sa.Column("planned_until", sa.Date(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["line_id"],
            ["roster_line.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_roster_pattern_line_id"), "roster_pattern", ["line_id"], unique=False)
    op.create_table(
        "roster_slot",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("line_id", sa.String(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.String(length=40), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("source", sa.String(length=20), nullable=False),
        sa.Column("pattern_id", sa.String(), nullable=True),
        sa.Column("pattern_starts_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("agenda_key", sa.String(length=64), nullable=True),
        sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
        ),
        sa.ForeignKeyConstraint(
            ["line_id"],
            ["roster_line.id"],
        ),
        sa.ForeignKeyConstraint(
            ["pattern_id"],
            ["roster_pattern.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("line_id", "agenda_key"),
        sa.UniqueConstraint("pattern_id", "pattern_starts_at"),
    )
    op.create_index(
        "roster_slot_of_account",
        "roster_slot",
        ["account_id", "ends_at"],
        unique=False,
        sqlite_where=sa.text("cancelled_at IS NULL"),
        postgresql_where=sa.text("cancelled_at IS NULL"),
    )
    op.create_index(
        "roster_slot_of_line",
        "roster_slot",
        ["line_id", "ends_at"],
        unique=False,
        sqlite_where=sa.text("cancelled_at IS NULL"),
        postgresql_where=sa.text("cancelled_at IS NULL"),
    )
    op.create_table(
        "roster_swap",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("slot_id", sa.String(), nullable=False),
        sa.Column("offered_by", sa.String(length=40), nullable=False),
        sa.Column("offered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("taken_by", sa.String(length=40), nullable=True),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["offered_by"],
            ["account.id"],
        ),
        sa.ForeignKeyConstraint(
            ["slot_id"],
            ["roster_slot.id"],
        ),
        sa.ForeignKeyConstraint(
            ["taken_by"],
            ["account.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_roster_swap_slot_id"), "roster_swap", ["slot_id"], unique=False)
    op.create_index(
        "roster_swap_open",
        "roster_swap",
        ["slot_id"],
        unique=True,
        sqlite_where=sa.text("taken_at IS NULL AND withdrawn_at IS NULL"),
        postgresql_where=sa.text("taken_at IS NULL AND withdrawn_at IS NULL"),
    )
