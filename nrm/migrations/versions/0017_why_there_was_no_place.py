"""Why there was no place, kept with the case"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    instant = sa.DateTime(timezone=True)
    op.create_table(
        "picture_state",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.CheckConstraint("id = 1", name="picture_state_single"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "unmet_cause",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("cause", sa.String(length=20), nullable=False),
        sa.Column("detail", sa.String(length=60), nullable=False),
        sa.Column("blockers", sa.Text(), nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=True),
        sa.Column("since", instant, nullable=False),
        sa.Column("until", instant, nullable=True),
        sa.ForeignKeyConstraint(["request_id"], ["request.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_unmet_cause_request_id", "unmet_cause", ["request_id"])
    for name, column, unique, where in (
        ("unmet_cause_live", "request_id", True, "until IS NULL"),
        ("unmet_cause_ended", "since", False, "outcome IS NOT NULL"),
    ):
        condition = sa.text(where)
        op.create_index(
            name, "unmet_cause", [column], unique=unique, sqlite_where=condition, postgresql_where=condition
        )
