"""Ways to reach people, and what is known of a message after it was handed over"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "contact_point",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("account_id", sa.String(40), sa.ForeignKey("account.id"), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("code_hash", sa.String(64), nullable=True),
        sa.Column("code_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("code_tries", sa.Integer(), nullable=False),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("worked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.String(200), nullable=True),
    )
    live = sa.text("removed_at IS NULL")
    op.create_index(
        "contact_point_live",
        "contact_point",
        ["account_id", "kind", "address"],
        unique=True,
        sqlite_where=live,
        postgresql_where=live,
    )
    with op.batch_alter_table("message") as message:
        message.add_column(sa.Column("account_id", sa.String(40), nullable=True))
        message.add_column(sa.Column("contact_point_id", sa.String(40), nullable=True))
        message.add_column(sa.Column("reference", sa.String(120), nullable=True))
        message.add_column(sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True))
        message.add_column(sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True))
        message.add_column(sa.Column("acknowledged_over", sa.String(10), nullable=True))
        message.add_column(sa.Column("answer_noted_at", sa.DateTime(timezone=True), nullable=True))
        message.create_foreign_key("message_account", "account", ["account_id"], ["id"])
        message.create_foreign_key("message_contact_point", "contact_point", ["contact_point_id"], ["id"])
    op.create_index("ix_message_account_id", "message", ["account_id"])
    unnoted = sa.text("acknowledged_at IS NOT NULL AND answer_noted_at IS NULL")
    op.create_index("message_answered", "message", ["acknowledged_at"], sqlite_where=unnoted, postgresql_where=unnoted)
