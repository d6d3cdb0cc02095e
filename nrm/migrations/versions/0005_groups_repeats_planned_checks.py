"""People found together, people asked for twice, planned checks"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # As text: Alembic would add the foreign key as a constraint of its own, which SQLite cannot do to a table that stands.
    op.execute("ALTER TABLE request ADD COLUMN group_id VARCHAR(40) REFERENCES request (id)")
    op.execute("ALTER TABLE request ADD COLUMN together BOOLEAN NOT NULL DEFAULT false")
    op.create_index("ix_request_group_id", "request", ["group_id"])
    op.create_table(
        "person_mark",
        sa.Column("request_id", sa.String(length=40), nullable=False),
        sa.Column("pseudonym", sa.String(length=64), nullable=False),
        sa.Column("marked_by", sa.String(length=40), nullable=False),
        sa.Column("marked_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["request_id"], ["request.id"]),
        sa.ForeignKeyConstraint(["marked_by"], ["account.id"]),
        sa.PrimaryKeyConstraint("request_id", "pseudonym"),
    )
    op.create_index("ix_person_mark_pseudonym", "person_mark", ["pseudonym"])
    op.create_index("ix_person_mark_marked_by", "person_mark", ["marked_by"])
    op.create_table(
        "repeat",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("first_id", sa.String(length=40), nullable=False),
        sa.Column("second_id", sa.String(length=40), nullable=False),
        sa.Column("noticed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.String(length=40), nullable=True),
        sa.ForeignKeyConstraint(["first_id"], ["request.id"]),
        sa.ForeignKeyConstraint(["second_id"], ["request.id"]),
        sa.ForeignKeyConstraint(["ended_by"], ["account.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("first_id", "second_id"),
    )
    op.create_table(
        "pre_alert",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("region_code", sa.String(length=8), nullable=False),
        sa.Column("from_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("persons", sa.Integer(), nullable=False),
        sa.Column("organisation_id", sa.String(length=40), nullable=False),
        sa.Column("announced_by", sa.String(length=40), nullable=False),
        sa.Column("announced_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["region_code"], ["region.code"]),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"]),
        sa.ForeignKeyConstraint(["announced_by"], ["account.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_pre_alert_until_at", "pre_alert", ["until_at"])
    op.create_index("ix_pre_alert_organisation_id", "pre_alert", ["organisation_id"])
