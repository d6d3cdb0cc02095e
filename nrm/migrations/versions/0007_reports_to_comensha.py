"""Reports to CoMensha"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "report",
        sa.Column("request_id", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.String(length=20), nullable=True),
        sa.Column("reporter_id", sa.String(), nullable=True),
        sa.Column("pseudonymous", sa.Boolean(), nullable=False),
        sa.Column("found_on", sa.Date(), nullable=True),
        sa.Column("criteria_version", sa.Integer(), nullable=False),
        sa.Column("criteria", sa.Text(), nullable=False),
        sa.Column("sent", sa.Text(), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sent_by", sa.String(length=40), nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("confirmed_by", sa.String(length=40), nullable=True),
        sa.Column("reference", sa.String(length=20), nullable=True),
        sa.Column("changed_by", sa.String(length=40), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["request_id"], ["request.id"]),
        sa.ForeignKeyConstraint(["reporter_id"], ["organisation.id"]),
        sa.ForeignKeyConstraint(["sent_by"], ["account.id"]),
        sa.ForeignKeyConstraint(["confirmed_by"], ["account.id"]),
        sa.ForeignKeyConstraint(["changed_by"], ["account.id"]),
        sa.PrimaryKeyConstraint("request_id"),
    )
    waits = sa.text("state IN ('to_do', 'agreed')")
    op.create_index("report_due", "report", ["due_at"], sqlite_where=waits, postgresql_where=waits)
    op.create_index("ix_report_reporter_id", "report", ["reporter_id"])
