"""The course of a placement"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "bridge",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("municipality_code", sa.String(length=8), nullable=False),
        sa.Column("cents_per_night", sa.Integer(), nullable=True),
        sa.Column("safe", sa.String(length=7), nullable=False),
        sa.Column("first_night", sa.Date(), nullable=False),
        sa.Column("expected_last_night", sa.Date(), nullable=True),
        sa.Column("last_night", sa.Date(), nullable=True),
        sa.Column("recorded_by", sa.String(length=40), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deadline_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("end_cause", sa.String(length=10), nullable=True),
        sa.ForeignKeyConstraint(
            ["recorded_by"],
            ["account.id"],
        ),
        sa.ForeignKeyConstraint(
            ["request_id"],
            ["request.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "bridge_live",
        "bridge",
        ["request_id"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index("bridge_nights", "bridge", ["first_night"], unique=False)
    op.create_index(op.f("ix_bridge_request_id"), "bridge", ["request_id"], unique=False)
    op.create_table(
        "feedback",
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("step", sa.String(length=10), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outcome", sa.String(length=15), nullable=True),
        sa.ForeignKeyConstraint(
            ["request_id"],
            ["request.id"],
        ),
        sa.PrimaryKeyConstraint("request_id", "step"),
    )
    op.create_table(
        "settlement",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("legal_code", sa.String(length=8), nullable=False),
        sa.Column("paying_code", sa.String(length=8), nullable=False),
        sa.Column("tariff", sa.String(length=10), nullable=False),
        sa.Column("tariff_since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["request_id"],
            ["request.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("request_id"),
    )
    op.create_index(op.f("ix_settlement_paying_code"), "settlement", ["paying_code"], unique=False)
    op.create_table(
        "signal",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("fired_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("over_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["request_id"],
            ["request.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("request_id", "kind", "number"),
    )
    op.create_index(
        "signal_due",
        "signal",
        ["due_at"],
        unique=False,
        sqlite_where=sa.text("fired_at IS NULL AND over_at IS NULL"),
        postgresql_where=sa.text("fired_at IS NULL AND over_at IS NULL"),
    )
    op.create_table(
        "transfer",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("from_organisation_id", sa.String(), nullable=False),
        sa.Column("to_organisation_id", sa.String(), nullable=False),
        sa.Column("offered_by", sa.String(length=40), nullable=False),
        sa.Column("offered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("taken_by", sa.String(length=40), nullable=True),
        sa.ForeignKeyConstraint(
            ["from_organisation_id"],
            ["organisation.id"],
        ),
        sa.ForeignKeyConstraint(
            ["offered_by"],
            ["account.id"],
        ),
        sa.ForeignKeyConstraint(
            ["request_id"],
            ["request.id"],
        ),
        sa.ForeignKeyConstraint(
            ["taken_by"],
            ["account.id"],
        ),
        sa.ForeignKeyConstraint(
            ["to_organisation_id"],
            ["organisation.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_transfer_request_id"), "transfer", ["request_id"], unique=False)
    op.create_index(op.f("ix_transfer_to_organisation_id"), "transfer", ["to_organisation_id"], unique=False)
    op.create_index(
        "transfer_live",
        "transfer",
        ["request_id"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "aftercare",
        sa.Column("stay_id", sa.String(), nullable=False),
        sa.Column("item", sa.String(length=20), nullable=False),
        sa.Column("owner", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=15), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.Column("changed_by", sa.String(length=40), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["changed_by"],
            ["account.id"],
        ),
        sa.ForeignKeyConstraint(
            ["stay_id"],
            ["stay.id"],
        ),
        sa.PrimaryKeyConstraint("stay_id", "item"),
    )
    op.create_table(
        "blockage",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("stay_id", sa.String(), nullable=False),
        sa.Column("cause", sa.String(length=30), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.String(length=40), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["by"],
            ["account.id"],
        ),
        sa.ForeignKeyConstraint(
            ["stay_id"],
            ["stay.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "blockage_live",
        "blockage",
        ["stay_id"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index(op.f("ix_blockage_stay_id"), "blockage", ["stay_id"], unique=False)
    op.create_table(
        "extension",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("stay_id", sa.String(), nullable=False),
        sa.Column("was", sa.Date(), nullable=True),
        sa.Column("becomes", sa.Date(), nullable=False),
        sa.Column("reason", sa.String(length=20), nullable=True),
        sa.Column("by", sa.String(length=40), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["by"],
            ["account.id"],
        ),
        sa.ForeignKeyConstraint(
            ["stay_id"],
            ["stay.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_extension_stay_id"), "extension", ["stay_id"], unique=False)
    op.create_table(
        "getting_there",
        sa.Column("stay_id", sa.String(), nullable=False),
        sa.Column("driver", sa.String(length=12), nullable=False),
        sa.Column("escort", sa.Boolean(), nullable=False),
        sa.Column("interpreter", sa.String(length=8), nullable=True),
        sa.Column("handover_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("recorded_by", sa.String(length=40), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["recorded_by"],
            ["account.id"],
        ),
        sa.ForeignKeyConstraint(
            ["stay_id"],
            ["stay.id"],
        ),
        sa.PrimaryKeyConstraint("stay_id"),
    )
    op.create_table(
        "handover_summary",
        sa.Column("stay_id", sa.String(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("needs", sa.Text(), nullable=False),
        sa.Column("wishes", sa.Text(), nullable=False),
        sa.Column("written_by", sa.String(length=40), nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["stay_id"],
            ["stay.id"],
        ),
        sa.ForeignKeyConstraint(
            ["written_by"],
            ["account.id"],
        ),
        sa.PrimaryKeyConstraint("stay_id"),
    )
    # As text, because SQLite adds a column with what it refers to only in one piece.
    op.execute("ALTER TABLE request ADD COLUMN continues_id VARCHAR REFERENCES request (id)")
    op.create_index("request_continues", "request", ["continues_id"], unique=True)
    op.add_column("stay", sa.Column("end_reason", sa.String(length=30), nullable=True))
    op.create_index(
        "stay_arrived",
        "stay",
        ["request_id"],
        unique=False,
        sqlite_where=sa.text("status = 'arrived'"),
        postgresql_where=sa.text("status = 'arrived'"),
    )
    op.create_index(
        "stay_no_destination",
        "stay",
        ["request_id"],
        unique=False,
        sqlite_where=sa.text("destination = 'unknown'"),
        postgresql_where=sa.text("destination = 'unknown'"),
    )


def downgrade() -> None:
    raise NotImplementedError("what the journal tells about is never taken back")
