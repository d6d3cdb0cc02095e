"""Houses paid for jointly, crisis beds"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("unit", sa.Column("use", sa.String(length=10), nullable=False, server_default="own"))
    op.add_column("stay", sa.Column("other_group", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "designation",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("unit_id", sa.String(length=40), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("displaces", sa.String(length=20), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "designation_open",
        "designation",
        ["unit_id"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "agreement",
        sa.Column("location_id", sa.String(length=40), nullable=False),
        sa.Column("lend_after_hours", sa.Integer(), nullable=True),
        sa.Column("first_days_max", sa.Integer(), nullable=True),
        sa.Column("ring_fenced", sa.Integer(), nullable=False),
        sa.Column("contract_ends_on", sa.Date(), nullable=True),
        sa.Column("funding_ends_on", sa.Date(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["location_id"], ["location.id"]),
        sa.PrimaryKeyConstraint("location_id"),
    )
    op.create_table(
        "share",
        sa.Column("location_id", sa.String(length=40), nullable=False),
        sa.Column("municipality_code", sa.String(length=8), nullable=False),
        sa.Column("parts", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["location_id"], ["agreement.location_id"]),
        sa.PrimaryKeyConstraint("location_id", "municipality_code"),
    )
