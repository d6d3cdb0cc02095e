"""In which municipality somebody was found, and whose area that is"""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "centre_municipality",
        sa.Column("municipality_code", sa.String(length=8), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("centre_code", sa.String(length=8), nullable=False),
        sa.Column("source", sa.String(length=120), nullable=False),
        sa.PrimaryKeyConstraint("municipality_code", "valid_from"),
    )
    op.create_index("ix_centre_municipality_centre_code", "centre_municipality", ["centre_code"])
    # Not known of whatever was asked before: nobody was asked for it.
    op.add_column("request", sa.Column("municipality_code", sa.String(length=8), nullable=True))
    op.add_column("case_course", sa.Column("municipality", sa.String(length=8), nullable=True))
    op.add_column("organisation", sa.Column("municipality_code", sa.String(length=8), nullable=True))


def downgrade() -> None:
    op.drop_column("organisation", "municipality_code")
    op.drop_column("case_course", "municipality")
    op.drop_column("request", "municipality_code")
    op.drop_table("centre_municipality")
