"""People found together: the requests of a group know each other"""

from alembic import op

revision = "0005"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # As text: Alembic would add the foreign key as a constraint of its own, which SQLite cannot do to a table that stands.
    op.execute("ALTER TABLE request ADD COLUMN group_id VARCHAR(40) REFERENCES request (id)")
    op.execute("ALTER TABLE request ADD COLUMN together BOOLEAN NOT NULL DEFAULT false")
    op.create_index("ix_request_group_id", "request", ["group_id"])
