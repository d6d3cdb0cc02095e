"""What was published of persons, as it was published"""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    instant = sa.DateTime(timezone=True)
    op.create_table(
        "release",
        sa.Column("period", sa.String(length=7), nullable=False),
        sa.Column("released_at", instant, nullable=False),
        sa.Column("as_of", instant, nullable=False),
        sa.Column("definition_version", sa.Integer(), nullable=False),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.Column("numbers", sa.Text(), nullable=False),
        sa.Column("withheld", sa.Boolean(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("period"),
    )
    if op.get_bind().dialect.name == "sqlite":
        for act in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER release_no_{act.lower()} BEFORE {act} ON release "
                "BEGIN SELECT RAISE(ABORT, 'release is append-only'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION release_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'release is append-only'; END $$"
    )
    op.execute(
        "CREATE TRIGGER release_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON release "
        "FOR EACH STATEMENT EXECUTE FUNCTION release_append_only()"
    )
