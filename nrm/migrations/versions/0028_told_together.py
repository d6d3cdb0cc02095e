"""What statements and releases counted exactly: whatever comes out later is laid beside it"""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("statement", sa.Column("counted", sa.Text(), nullable=True))
    op.add_column("release", sa.Column("counted", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("release", "counted")
    op.drop_column("statement", "counted")
