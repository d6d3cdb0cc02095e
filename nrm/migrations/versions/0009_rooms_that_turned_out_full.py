"""Rooms that turned out full although listed free"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("unit", sa.Column("doubted_at", sa.DateTime(timezone=True), nullable=True))
