"""The course of each request, read from the journal"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    instant = sa.DateTime(timezone=True)
    op.create_table(
        "case_course",
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("submitted_at", instant, nullable=False),
        sa.Column("region", sa.String(length=8), nullable=False),
        sa.Column("urgency", sa.String(length=10), nullable=False),
        sa.Column("persons", sa.Integer(), nullable=False),
        sa.Column("profile", sa.String(length=15), nullable=False),
        sa.Column("office", sa.Boolean(), nullable=True),
        sa.Column("follow_on", sa.Boolean(), nullable=False),
        sa.Column("in_group", sa.Boolean(), nullable=False),
        *(
            sa.Column(name, instant, nullable=True)
            for name in ("norm_at", "asked_at", "answered_at", "accepted_at", "arrived_at", "closed_at")
        ),
        sa.Column("outcome", sa.String(length=20), nullable=True),
        sa.Column("pool", sa.String(length=12), nullable=True),
        sa.Column("placed_region", sa.String(length=8), nullable=True),
        sa.ForeignKeyConstraint(["request_id"], ["request.id"]),
        sa.PrimaryKeyConstraint("request_id"),
    )
    op.create_index("ix_case_course_submitted_at", "case_course", ["submitted_at"])
    op.create_table(
        "case_wait",
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("since", instant, nullable=False),
        sa.Column("until", instant, nullable=True),
        sa.ForeignKeyConstraint(["request_id"], ["request.id"]),
        sa.PrimaryKeyConstraint("request_id", "number"),
    )
    op.create_index("case_wait_span", "case_wait", ["since", "until"])
    # One row from the start, so that moving the mark is always one guarded update; and everything is read once more.
    op.execute("DELETE FROM picture_state")
    op.execute("INSERT INTO picture_state (id, seq) VALUES (1, 0)")
