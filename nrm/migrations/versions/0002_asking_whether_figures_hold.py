"""Asking whether figures hold, and the link that answers"""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.add_column("location", sa.Column("asked_at", moment, nullable=True))
    op.add_column("location", sa.Column("remind_due_at", moment, nullable=True))
    op.create_index(
        "location_remind_due",
        "location",
        ["remind_due_at"],
        unique=False,
        sqlite_where=sa.text("remind_due_at IS NOT NULL"),
        postgresql_where=sa.text("remind_due_at IS NOT NULL"),
    )
    # Whoever is already there: let the worker look at once when a reminder is due.
    locations = sa.table("location", sa.column("remind_due_at", moment))
    op.execute(locations.update().values(remind_due_at=datetime(1970, 1, 1, tzinfo=UTC)))
    op.create_table(
        "asking",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("location_id", sa.String(length=40), nullable=False),
        sa.Column("occasion", sa.String(length=10), nullable=False),
        sa.Column("about", sa.String(length=40), nullable=False),
        sa.Column("asked_at", moment, nullable=False),
        sa.Column("asked_by", sa.String(length=40), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("expires_at", moment, nullable=False),
        sa.Column("used_at", moment, nullable=True),
        sa.Column("confirmation_id", sa.String(length=40), nullable=True),
        sa.ForeignKeyConstraint(
            ["confirmation_id"],
            ["confirmation.id"],
        ),
        sa.ForeignKeyConstraint(
            ["location_id"],
            ["location.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("token_hash"),
    )
    op.create_index(op.f("ix_asking_location_id"), "asking", ["location_id"], unique=False)
    op.create_index(
        "asking_reminder",
        "asking",
        ["location_id", "about", "occasion"],
        unique=True,
        sqlite_where=sa.text("occasion <> 'asked'"),
        postgresql_where=sa.text("occasion <> 'asked'"),
    )


def downgrade() -> None:
    op.drop_table("asking")
    op.drop_index("location_remind_due", "location")
    op.drop_column("location", "remind_due_at")
    op.drop_column("location", "asked_at")
