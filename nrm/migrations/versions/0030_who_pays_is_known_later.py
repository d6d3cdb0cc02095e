"""Who pays for a bridge may be known later"""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("bridge") as bridge:
        bridge.alter_column("municipality_code", existing_type=sa.String(8), nullable=True)
