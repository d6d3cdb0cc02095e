"""Situations in which somebody had no place, and what would have helped"""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    instant = sa.DateTime(timezone=True)
    op.create_table(
        "situation_houses",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_table(
        "situation",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("at", instant, nullable=False),
        sa.Column("houses", sa.String(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("unplaced", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.ForeignKeyConstraint(["houses"], ["situation_houses.digest"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_situation_at", "situation", ["at"])
    op.create_index("ix_situation_houses", "situation", ["houses"])
    new = sa.text("state = 'new'")
    op.create_index("situation_new", "situation", ["at"], sqlite_where=new, postgresql_where=new)
    op.create_table(
        "remedy_line",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("key", sa.String(length=160), nullable=False),
        sa.Column("remedy", sa.Text(), nullable=False),
        sa.Column("claims", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key"),
    )
    op.create_table(
        "remedy_gain",
        sa.Column("line_id", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("requests", sa.Text(), nullable=False),
        sa.Column("persons", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["line_id"], ["remedy_line.id"]),
        sa.PrimaryKeyConstraint("line_id", "day"),
    )
    op.create_index("ix_remedy_gain_day", "remedy_gain", ["day"])
    op.create_table(
        "replay_state",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("drawn_until", sa.Date(), nullable=True),
        sa.Column("told_on", sa.Date(), nullable=True),
        sa.CheckConstraint("id = 1", name="replay_state_single"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "remedy_answer",
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("scope", sa.String(length=8), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("days", "scope", "rank"),
    )
    # Read at every look at the national picture: who came in lately, and since when anybody did.
    op.create_index("request_created", "request", ["created_at"])
