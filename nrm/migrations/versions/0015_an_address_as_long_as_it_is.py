"""An address as long as it is: what a browser gives to push to it does not fit in 200 characters"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("message") as message:
        message.alter_column("recipient", existing_type=sa.String(200), type_=sa.Text(), existing_nullable=False)
