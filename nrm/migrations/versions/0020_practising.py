"""Practising: the exercise a database is for, its steps, how its houses answer"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    instant = sa.DateTime(timezone=True)
    op.create_table(
        "exercise",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("seed", sa.Integer(), nullable=False),
        sa.Column("clock_at", instant, nullable=False),
        sa.Column("pace", sa.Integer(), nullable=False),
        sa.Column("starts_at", instant, nullable=False),
        sa.Column("started_at", instant, nullable=True),
        sa.Column("skip_to", instant, nullable=True),
        sa.Column("ended_at", instant, nullable=True),
    )
    op.create_table(
        "exercise_step",
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("lasts_minutes", sa.Integer(), nullable=False),
        sa.Column("due_at", instant, nullable=False),
        sa.Column("put_in_by", sa.String(40), sa.ForeignKey("account.id"), nullable=True),
        sa.Column("played_at", instant, nullable=True),
        sa.Column("outcome", sa.String(10), nullable=True),
        sa.Column("until", instant, nullable=True),
        sa.Column("over_at", instant, nullable=True),
    )
    unplayed = sa.text("played_at IS NULL")
    op.create_index("exercise_step_due", "exercise_step", ["due_at"], sqlite_where=unplayed, postgresql_where=unplayed)
    op.create_table(
        "exercise_manner",
        sa.Column("organisation_id", sa.String(40), sa.ForeignKey("organisation.id"), primary_key=True),
        sa.Column("manner", sa.String(20), nullable=False),
    )
