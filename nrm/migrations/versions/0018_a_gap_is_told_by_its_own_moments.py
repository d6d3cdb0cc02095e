"""A gap is told by its own moments: how often it was told is what its escalations say"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("roster_gap") as gap:
        gap.drop_column("told")
    # What was told ahead already is due no more, and a gap that is open always has the moment it was told.
    gaps = sa.table("roster_gap", sa.column("due_at"), sa.column("from_at"), sa.column("closed_at"))
    op.execute(gaps.update().where(gaps.c.due_at.is_(None), gaps.c.closed_at.is_(None)).values(due_at=gaps.c.from_at))
