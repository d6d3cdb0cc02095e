"""Which places were free while somebody waited, and what was known of whoever got a place"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "night_look",
        sa.Column("night", sa.Date(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("night"),
    )
    op.create_index("unmet_cause_until", "unmet_cause", ["until"])
    op.add_column("case_course", sa.Column("unconditional", sa.Boolean(), nullable=True))
    op.add_column("case_course", sa.Column("indication", sa.String(length=7), nullable=True))
    op.add_column("case_course", sa.Column("destination", sa.String(length=30), nullable=True))
    # What the journal already says of where people went is read once more.
    op.execute("DELETE FROM case_wait")
    op.execute("DELETE FROM case_course")
    op.execute("UPDATE picture_state SET seq = 0")
